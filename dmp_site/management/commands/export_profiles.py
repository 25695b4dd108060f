"""Exports profiles to a file."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from activation.audiences import selectors as audiences
from dmp_site.management.base import Documented
from identity.clock import SECOND, now
from identity.errors import DomainError
from identity.privacy import personal_files
from identity.privacy.keys import KeysMissing
from identity.privacy.models import PersonalFile
from identity.profiles.exports import files, records
from identity.profiles.exports.files import BadTarget, Blocks
from identity.profiles.exports.records import COLUMNS, PERSONAL, Record, Reveal, Whose

ACTOR = "command:export_profiles"


class Command(Documented):
    help = (
        "Write profiles as JSON Lines, CSV or Parquet: identifiers, traits, consent, orders, revenue (see docs/export.md).\n\n"
        "Personal data stays out: e-mail addresses and phone numbers are shown as the keyed hashes they are stored as. --clear\n"
        "adds what the vault holds; each value is an entry of the vault's access log, with the reason that --why gives. A file\n"
        "is readable by its owner alone, and there once it is whole. It runs beside everything else and reads block by block:\n"
        "every profile is as it was when its block was read. Where a file was written is remembered: an erasure looks into it.\n\n"
        "Example: manage.py export_profiles --output people.jsonl\n"
        "Example: manage.py export_profiles --audience big-spenders --output spenders.csv\n"
        "Example: manage.py export_profiles --output people.parquet --clear --why 'access request 4711'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="standard output unless given"
        )
        parser.add_argument(
            "--format",
            choices=sorted(set(files.FORMATS.values())),
            help="when the name does not tell; jsonl on standard output",
        )
        parser.add_argument("--audience", metavar="SLUG", help="only who is in this audience now")
        parser.add_argument(
            "--clear", action="store_true", help="with personal data, out of the vault"
        )
        parser.add_argument(
            "--why", default="", metavar="REASON", help="goes to the access log; no personal data"
        )
        parser.add_argument("--quiet", action="store_true", help="no progress")

    def handle(self, *_: Any, **options: Any) -> None:
        why = options["why"].strip()
        if options["clear"] != bool(why):
            raise CommandError("--clear needs a reason (--why REASON), and --why is for --clear")
        try:
            done = self._export(options, Reveal(ACTOR, why) if options["clear"] else None)
        except DomainError as error:
            raise CommandError(error.message) from error
        except (BadTarget, KeysMissing) as error:
            raise CommandError(str(error)) from error
        if not options["quiet"]:
            self.stderr.write(f"{done} profiles written")

    def _export(self, options: dict[str, Any], reveal: Reveal | None) -> int:
        output: Path | None = options["output"]
        format_ = _format(output, options["format"])
        blocks: Blocks = records.blocks(self._whose(options["audience"]), reveal=reveal)
        columns = [*COLUMNS, PERSONAL] if reveal else [*COLUMNS]
        report = (lambda _: None) if options["quiet"] else _Report()
        if output is not None:
            blocks = _registered(output, format_, blocks)
            return files.write_file(output, format_, blocks, columns, report)
        if format_ == "parquet":
            raise BadTarget("Parquet needs a file: --output FILE")
        return files.write_text(self.stdout, format_, blocks, columns, report)

    def _whose(self, slug: str | None) -> Whose:
        if slug is None:
            return records.everybody
        audience = audiences.named(slug)
        if audiences.is_building(audience):
            self.stderr.write("The audience is being built: not everybody is in it yet.")
        return lambda after, limit: audiences.member_profiles(
            audience.pk, after=after, limit=limit
        )


def _registered(output: Path, format_: str, blocks: Blocks) -> Iterator[Sequence[Record]]:
    """Remember the file once it is begun, before anybody is read: an erasure would strike off a file that it does not find.

    One that passed the file by before that is open, so that the blocks leave out whom it is about.
    """
    personal_files.note(output, PersonalFile.Kind.EXPORT, format_, now())
    yield from blocks


class _Report:
    """Says how far an export is, once a second."""

    def __init__(self) -> None:
        self._started = self._said = now()

    def __call__(self, done: int) -> None:
        moment = now()
        if moment - self._said >= SECOND:
            self._said = moment
            rate = done * SECOND // (moment - self._started)
            sys.stderr.write(f"{done} profiles, {rate} per second\n")


def _format(output: Path | None, said: str | None) -> str:
    if said or output is None:
        return said or "jsonl"
    known = files.FORMATS.get(output.suffix.lower())
    if known is None:
        names = ", ".join(files.FORMATS)
        raise BadTarget(f"{output}: say --format, its name does not tell ({names} do)")
    return known
