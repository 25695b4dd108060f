"""Writes down all that is known about a person."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from dmp_site.erasing import bundle
from dmp_site.erasing.api import home
from dmp_site.management import who
from dmp_site.management.base import Documented
from identity.clock import now
from identity.errors import DomainError
from identity.graph import store
from identity.privacy import personal_files, tombstones
from identity.privacy.keys import KeysMissing
from identity.privacy.models import PersonalFile

ACTOR = "command:person_bundle"


class Command(Documented):
    help = (
        "Write all that is known about a person as JSON: identifiers, clear values, touchpoints, links, and the rows of every\n"
        "table that hangs on the profile, touchpoints that were set aside. What waits in the inbox is counted, not told.\n\n"
        "A bundle is an entry of the audit log, and each clear value one of the vault's access log, with the reason that --why\n"
        "gives. A file is readable by its owner alone, and is deleted when the person is erased. An e-mail address or a phone\n"
        "number is read from standard input, or from a file.\n\n"
        "Example: manage.py person_bundle email --why 'access request 4711' --output person.json < address.txt\n"
        "Example: manage.py person_bundle user_id 4711 --why 'access request 4711'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        who.add_arguments(parser)
        parser.add_argument(
            "--why",
            required=True,
            metavar="REASON",
            help="goes to the audit log and the access log; no personal data",
        )
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="standard output unless given"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            profile = home(*who.named(options))
            with transaction.atomic():
                found = bundle.of(profile, store(), actor=ACTOR, why=options["why"], now=now())
        except DomainError as error:
            raise CommandError(error.message) from error
        except KeysMissing as error:
            raise CommandError(str(error)) from error
        said = bundle.encode(found)
        if options["output"] is None:
            self.stdout.write(said.decode())
        else:
            _write(options["output"], said)
            _take_back_if_erased(options["output"], profile.uid)


def _write(path: Path, said: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            # Once it is there: an erasure would strike off a file that it does not find.
            personal_files.note(path, PersonalFile.Kind.BUNDLE, "json", now())
            file.write(said)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error


def _take_back_if_erased(path: Path, uid: str) -> None:
    """Delete the file if the person's erasure has begun: it may have looked for the file already. One that begins now finds it."""
    if tombstones.buries(uid):
        path.unlink(missing_ok=True)
        raise CommandError(f"{path}: not written, the person is being erased")
