"""Makes keys: write keys of sources, keys of API clients."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from dmp_site import apikeys
from dmp_site.management.base import Documented
from identity.clock import Instant, now
from identity.errors import DomainError
from identity.touchpoints import sources

ACTOR = "command:createkey"


class Command(Documented):
    help = (
        "Make a key and print it; it is not stored and cannot be shown again.\n\n"
        "--source makes a write key, with which a site, an app or a server sends touchpoints; the source is made unless there\n"
        "is one of that name. --api makes a key for the REST API with the scopes given (thing:read, thing:write, *:read, *).\n"
        "--channel limits an API key to the deliveries of one channel.\n\n"
        "Example: manage.py createkey --source shop --kind site\n"
        "Example: manage.py createkey --api dashboard --scope '*:read'\n"
        "Example: manage.py createkey --api print-shop --scope deliveries:read --scope deliveries:write --channel letter"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--source", metavar="NAME", help="make a write key for this source")
        what.add_argument("--api", metavar="NAME", help="make an API key of this name")
        parser.add_argument(
            "--kind",
            choices=["site", "app", "server", "crm", "ads"],
            default="site",
            help="kind of a source that is made",
        )
        parser.add_argument("--scope", action="append", default=[], help="may be given again")
        parser.add_argument("--channel", default="", help="the only channel of an API key")
        parser.add_argument("--quiet", action="store_true", help="print the key and nothing else")

    def handle(self, *_: Any, **options: Any) -> None:
        moment = now()
        try:
            with transaction.atomic():
                clear, said = (
                    _source(options, moment) if options["source"] else _api(options, moment)
                )
        except DomainError as error:
            raise CommandError(error.message) from error
        if not options["quiet"]:
            self.stdout.write(said)
        self.stdout.write(clear)


def _source(options: dict[str, Any], moment: Instant) -> tuple[str, str]:
    if options["scope"] or options["channel"]:
        raise CommandError("--scope and --channel belong to --api: a write key can only write")
    source = sources.ensure(options["source"], options["kind"], moment, actor=ACTOR)
    _key, clear = sources.create_key(source.pk, moment, actor=ACTOR)
    return clear, f"Write key of the source {source.name}; it is shown this once:"


def _api(options: dict[str, Any], moment: Instant) -> tuple[str, str]:
    key, clear = apikeys.create(
        options["api"], options["scope"], moment, actor=ACTOR, channel=options["channel"]
    )
    return clear, f"API key {key.name} ({', '.join(key.scopes)}); it is shown this once:"
