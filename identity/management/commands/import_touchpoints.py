"""Imports touchpoints from a file."""

import hashlib
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from identity.clock import SECOND, Instant, now
from identity.errors import DomainError
from identity.management.base import Documented
from identity.privacy import personal_files
from identity.privacy.keys import KeysMissing
from identity.privacy.models import PersonalFile
from identity.touchpoints import door, sources
from identity.touchpoints.imports import files, mapping
from identity.touchpoints.imports.mapping import AsEvents, Translator
from identity.touchpoints.imports.run import Checkpoint, Import, Progress, fingerprint
from identity.touchpoints.inbox.port import InboxAway
from identity.touchpoints.types import Mode

ACTOR = "command:import_touchpoints"
BAD_ROWS = PersonalFile.Kind.BAD_ROWS


class Command(Documented):
    help = (
        "Import touchpoints from a CSV, JSON Lines or Parquet file, through the collector (which has to run).\n\n"
        "A mapping file (YAML or JSON, see docs/import.md) says what the columns mean; without one every row of a JSON Lines\n"
        "file is a Segment event as it is. A row has the same messageId each time, from the key columns of the mapping or from\n"
        "its content, so that importing a file again counts nothing twice. An interrupted import goes on where it stopped when\n"
        "the same command is given again. Rows that cannot be taken are written, with the reason, to FILE.bad.jsonl.\n\n"
        "Rows are history by default: they fold into profiles and audiences, but start no journey and send nothing.\n\n"
        "Example: manage.py import_touchpoints customers.csv --mapping customers.yaml --source crm\n"
        "Example: manage.py import_touchpoints events.jsonl --source shop --mode live"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--source", required=True, metavar="NAME", help="made (kind crm) unless it exists"
        )
        parser.add_argument("--mapping", type=Path, metavar="FILE", help="what the columns mean")
        parser.add_argument(
            "--mode", choices=[mode.value for mode in Mode], default=Mode.HISTORY.value
        )
        parser.add_argument(
            "--format",
            choices=sorted(set(files.FORMATS.values())),
            help="when the name does not tell",
        )
        parser.add_argument(
            "--bad", type=Path, metavar="FILE", help="bad rows (default: FILE.bad.jsonl)"
        )
        parser.add_argument("--quiet", action="store_true", help="no progress")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            progress = self._import(options, now())
        except (
            DomainError,
            mapping.BadMapping,
            files.BadFile,
            door.DoorRefuses,
            KeysMissing,
        ) as error:
            raise CommandError(str(error)) from error
        except InboxAway as error:
            raise CommandError(
                f"{error}; what was read is stored. Give the same command again to go on."
            ) from error
        done = _("%(done)d rows read, %(bad)d of them bad") % {
            "done": progress.done,
            "bad": progress.bad,
        }
        self.stdout.write(done + (f": {_bad_file(options)}" if progress.bad else ""))

    def _import(self, options: dict[str, Any], moment: Instant) -> Progress:
        file: Path = options["file"]
        if not file.is_file():
            raise files.BadFile(f"{file} is not there")
        source = sources.ensure(options["source"], "crm", moment, actor=ACTOR)
        what = fingerprint(file, _digest(options["mapping"]), str(source.pk), options["mode"])
        bad_file = _bad_file(options)
        with door.opened() as opened:
            return Import(
                door=opened,
                source=source.pk,
                mode=Mode(options["mode"]),
                translator=_translator(options["mapping"]),
                checkpoint=Checkpoint(file.with_name(file.name + ".checkpoint"), what),
                bad_file=bad_file,
                # Once it is there: an erasure would strike off a file that it does not find.
                begun=lambda: personal_files.note(bad_file, BAD_ROWS, "jsonl", moment),
                report=(lambda _: None) if options["quiet"] else _Report(moment),
            ).run(files.rows(file, options["format"]))


class _Report:
    """Says how far an import is, once a second."""

    def __init__(self, started: Instant) -> None:
        self._started = self._said = started

    def __call__(self, progress: Progress) -> None:
        moment = now()
        if moment - self._said >= SECOND:
            self._said = moment
            rate = progress.done * SECOND // (moment - self._started)
            sys.stderr.write(f"{progress.done} rows, {rate} per second, {progress.bad} bad\n")


def _translator(path: Path | None) -> Translator:
    return AsEvents() if path is None else mapping.load(path)


def _digest(path: Path | None) -> str:
    return (
        "" if path is None or not path.is_file() else hashlib.sha256(path.read_bytes()).hexdigest()
    )


def _bad_file(options: dict[str, Any]) -> Path:
    file: Path = options["file"]
    return options["bad"] or file.with_name(file.name + ".bad.jsonl")
