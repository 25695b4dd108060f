"""Has a model guess which records of a file are about one person."""

import hashlib
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from identity.clock import Instant, now
from identity.errors import DomainError
from identity.management.base import Documented
from identity.privacy import personal_files
from identity.privacy.keys import KeysMissing
from identity.privacy.models import PersonalFile
from identity.touchpoints import door, sources
from identity.touchpoints.imports import files
from identity.touchpoints.imports.mapping import AsEvents
from identity.touchpoints.imports.run import Checkpoint, Import, Progress
from identity.touchpoints.inbox.port import InboxAway
from identity.touchpoints.matching import columns, events, limits, model, records
from identity.touchpoints.types import Mode

ACTOR = "command:link_records"
BAD_ROWS = PersonalFile.Kind.BAD_ROWS


class Command(Documented):
    help = (
        "Guess which records of a CSV, JSON Lines or Parquet file are about one person, and send each guess to the collector (which\n"
        "has to run) as a link with its probability, from a source of its own. Needs Splink; see docs/matching.md.\n\n"
        "The model learns from the file itself. Names, dates of birth, addresses stay in this process. A guess joins only what no\n"
        "evidence keeps apart; forget_source takes all guesses back. Giving the same command again counts nothing twice.\n\n"
        "Example: manage.py link_records customers.csv --namespace record_id --key number\n"
        "Example: manage.py link_records customers.csv --namespace record_id --key number --columns columns.yaml --threshold 0.5\n"
        "Example: manage.py link_records customers.csv --namespace record_id --key number --most birth_date=2 --dry-run"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--namespace", required=True, metavar="NAME", help="of the records' identifiers"
        )
        parser.add_argument(
            "--key", required=True, metavar="COLUMN", help="the column that holds them"
        )
        parser.add_argument(
            "--columns",
            type=Path,
            metavar="FILE",
            help="what the columns hold, if their names do not tell",
        )
        parser.add_argument(
            "--threshold",
            type=_probability,
            default=0.95,
            help="send no guess below (default: 0.95)",
        )
        parser.add_argument(
            "--most",
            type=_limit,
            action="append",
            default=[],
            metavar="COLUMN=N",
            help="so many values of a column may one person have; may be given again",
        )
        parser.add_argument(
            "--source",
            default="Splink",
            metavar="NAME",
            help="made unless it exists (default: Splink)",
        )
        parser.add_argument(
            "--format",
            choices=sorted(set(files.FORMATS.values())),
            help="when the name does not tell",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say how many guesses, send none"
        )
        parser.add_argument("--quiet", action="store_true", help="no progress")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            self._link(options, now())
        except (
            DomainError,
            columns.BadColumns,
            records.BadRecords,
            model.NoModel,
            files.BadFile,
            door.DoorRefuses,
            KeysMissing,
        ) as error:
            raise CommandError(str(error)) from error
        except InboxAway as error:
            raise CommandError(f"{error}. Give the same command again to go on.") from error

    def _link(self, options: dict[str, Any], moment: Instant) -> None:
        file: Path = options["file"]
        if not file.is_file():
            raise files.BadFile(f"{file} is not there")
        model.require()
        events.require(options["namespace"])
        found = self._guessed(options)
        if options["dry_run"]:
            return
        source = sources.model(options["source"], moment, actor=ACTOR)
        made = list(events.events(found, options["namespace"]))
        what = hashlib.sha256(msgspec.json.encode([source.pk, made])).hexdigest()
        bad_file = file.with_name(file.name + ".guesses.bad.jsonl")
        with door.opened() as opened:
            done = Import(
                door=opened,
                source=source.pk,
                mode=Mode.HISTORY,
                translator=AsEvents(),
                checkpoint=Checkpoint(file.with_name(file.name + ".guesses.checkpoint"), what),
                bad_file=bad_file,
                # Once it is there: an erasure would strike off a file that it does not find.
                begun=lambda: personal_files.note(bad_file, BAD_ROWS, "jsonl", moment),
                report=lambda progress: self._say(options, _sent(progress, len(made))),
            ).run(iter(made))
        said = _("%(sent)d links sent from the source %(source)s") % {
            "sent": done.done - done.bad,
            "source": source.name,
        }
        self.stdout.write(said + (f"; {done.bad}: {bad_file}" if done.bad else ""))

    def _guessed(self, options: dict[str, Any]) -> dict[tuple[str, str], float]:
        """Return the pairs that the model takes for one person, and say how many there are."""
        explained = columns.load(options["columns"]) if options["columns"] else None
        rows = files.rows(options["file"], options["format"])
        read = records.read(rows, options["key"], explained)
        most = dict(options["most"])
        if unknown := sorted(set(most) - set(read.values)):
            raise columns.BadColumns(f"--most: {', '.join(unknown)} is no column that is compared")
        named = ", ".join(f"{name} ({kind.value})" for name, kind in read.columns.items())
        self._say(
            options,
            _("%(count)d records, compared by %(columns)s")
            % {"count": len(read.keys), "columns": named},
        )
        guesses = model.guess(
            read.values, read.columns, options["threshold"], lambda step: self._say(options, step)
        )
        kept = limits.within(guesses, read.values, most)
        said = _(
            "%(records)d records read, %(bad)d of them bad; %(guesses)d guesses, %(kept)d of them within the limits"
        )
        self.stdout.write(
            said
            % {
                "records": len(read.keys) + read.bad,
                "bad": read.bad,
                "guesses": len(guesses),
                "kept": len(kept),
            }
        )
        return events.pairs(kept, read.keys)

    def _say(self, options: dict[str, Any], text: str) -> None:
        if not options["quiet"]:
            sys.stderr.write(f"{text}\n")


def _sent(progress: Progress, of: int) -> str:
    return f"{progress.done} of {of}"


def _probability(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1:
        raise ArgumentTypeError("a probability above 0 and below 1")
    return found


def _limit(text: str) -> tuple[str, int]:
    column, _equals, most = text.rpartition("=")
    if not (column and most.isascii() and most.isdigit() and int(most)):
        raise ArgumentTypeError("COLUMN=N, such as birth_date=2")
    return column, int(most)
