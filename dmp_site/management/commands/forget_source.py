"""Takes what a source brought out of the evidence for who is who."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from dmp_site.management.base import Documented
from identity.clock import now
from identity.errors import DomainError
from identity.touchpoints import forgetting
from identity.touchpoints.models import Source

ACTOR = "command:forget_source"


class Command(Documented):
    help = (
        "Forget a source: switch it off for good, and let all links that it brought disappear.\n\n"
        "Its touchpoints stay stored and go on counting for their owners, but are no evidence of who is who any more; profiles\n"
        "that it had merged come apart and have their old ids again. The lane does it in slices, between which it takes what\n"
        "comes in; --progress says how far it is. This cannot be undone.\n\n"
        "Example: manage.py forget_source 'old CRM'\n"
        "Example: manage.py forget_source 'old CRM' --progress"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="name or number of the source")
        parser.add_argument("--progress", action="store_true", help="only say how far it is")

    def handle(self, *_: Any, **options: Any) -> None:
        source = _source(options["source"])
        try:
            if not options["progress"]:
                command = forgetting.ask(source.pk, actor=ACTOR, now=now())
                self.stdout.write(f"Asked of the lane: command {command}.")
                return
            row = forgetting.progress(source.pk)
        except DomainError as error:
            raise CommandError(error.message) from error
        state = "done" if row.done_at else f"at number {row.position} of {row.until}"
        self.stdout.write(f"{source.name}: {state}, {row.touchpoints} touchpoints.")


def _source(name: str) -> Source:
    """Return the source of this name or number."""
    found = list(Source.objects.filter(name=name)[:2])
    if not found and name.isascii() and name.isdigit():
        found = list(Source.objects.filter(pk=int(name)))
    if len(found) != 1:
        raise CommandError(f"there is {'no' if not found else 'more than one'} source {name!r}")
    return found[0]
