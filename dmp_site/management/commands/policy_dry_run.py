"""Says what another identity policy would change, over the whole graph; changes nothing."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from dmp_site import trials
from dmp_site.management.base import Documented
from dmp_site.trials import starting
from identity.errors import DomainError
from identity.profiles.policies import services


class Command(Documented):
    help = (
        "Walk the whole graph, divide every neighbourhood under the policy in force and under the draft, and say how many\n"
        "profiles would merge and split, which would be the largest, and what hangs on who would move. Nothing is changed.\n\n"
        "The draft is edited in the console or over the REST API; a file of JSON stands in for it.\n\n"
        "Example: manage.py policy_dry_run draft.json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", nargs="?", type=Path, help="a policy as JSON, instead of the draft"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            found = self._try(self._document(options["file"]))
        except DomainError as error:
            raise CommandError(str(error)) from error
        for label, value in starting.told(found):
            self.stdout.write(f"{value:>12,}  {label}")
        for example in found["examples"]:
            before, after = (starting.one_line(example[when]) for when in ("before", "after"))
            self.stdout.write(f"\n- {before}\n+ {after}")

    @staticmethod
    def _document(file: Path | None) -> Any:
        if file is None:
            return services.drafted().document
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(f"{file}: it is no JSON that can be read ({error})") from error

    def _try(self, document: Any) -> dict[str, Any]:
        checkpoint: dict[str, Any] = {}
        total = trials.total()
        while checkpoint.get("after", "") is not None:
            checkpoint = trials.step(document, checkpoint)
            looked = checkpoint["found"]["identifiers"]
            self.stderr.write(f"\r{looked:,} of about {total:,} identifiers", ending="")
            self.stderr.flush()
        self.stderr.write("")
        found: dict[str, Any] = checkpoint["found"]
        return found
