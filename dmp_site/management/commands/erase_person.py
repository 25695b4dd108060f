"""Erases a person."""

import json
import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from dmp_site.management import who
from dmp_site.management.base import Documented
from identity.clock import now
from identity.errors import DomainError
from identity.privacy import erasures
from identity.privacy.keys import KeysMissing
from identity.privacy.models import Erasure
from identity.profiles import selectors

ACTOR = "command:erase_person"
_LOOK = 0.2  # seconds between looks at how far it is


class Command(Documented):
    help = (
        "Erase a person from every store: touchpoints, profile, messages, journeys, history, files (see docs/operations.md).\n\n"
        "There is no way back. The lane does it, part by part, and goes on after a restart. What happened before and comes late\n"
        "is refused; who comes back is somebody new. With --wait the certificate is printed once it is done; --certificate\n"
        "prints it later. An e-mail address or a phone number is read from standard input, or from a file: what stands on a\n"
        "command line is seen by others.\n\n"
        "Example: manage.py erase_person email --wait < address.txt\n"
        "Example: manage.py erase_person user_id 4711\n"
        "Example: manage.py erase_person --certificate 12"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        who.add_arguments(parser)
        parser.add_argument("--wait", action="store_true", help="until it is done")
        parser.add_argument(
            "--timeout", type=float, default=600, metavar="SECONDS", help="of --wait (600)"
        )
        parser.add_argument(
            "--certificate", type=int, metavar="NUMBER", help="of an erasure; nobody is erased"
        )
        parser.add_argument(
            "--resume", type=int, metavar="NUMBER", help="go on with one that the lane gave up"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            row = self._row(options)
        except DomainError as error:
            raise CommandError(error.message) from error
        except KeysMissing as error:
            raise CommandError(str(error)) from error
        if options["wait"]:
            row = self._wait(row, options["timeout"])
        if options["wait"] or options["certificate"] is not None:
            self.stdout.write(json.dumps(erasures.certificate(row), indent=1))
        else:
            self.stdout.write(f"erasure {row.pk}")

    @staticmethod
    def _row(options: dict[str, Any]) -> Erasure:
        if options["certificate"] is not None:
            return erasures.one(options["certificate"])
        if options["resume"] is not None:
            return erasures.resume(options["resume"], actor=ACTOR, now=now())
        identifier, profile = who.named(options)
        if profile:
            profile = selectors.find(profile).profile.uid
        return erasures.ask(identifier=identifier, profile=profile, actor=ACTOR, now=now())

    @staticmethod
    def _wait(row: Erasure, seconds: float) -> Erasure:
        until = time.monotonic() + seconds
        while row.state != Erasure.State.DONE:
            if time.monotonic() > until:
                raise CommandError(
                    f"erasure {row.pk} is not done yet (at: {row.phase or 'waiting'}): does a lane work? It goes on by itself"
                )
            time.sleep(_LOOK)
            row.refresh_from_db()
        return row
