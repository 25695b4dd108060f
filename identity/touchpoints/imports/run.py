"""Sends a file through the loopback door: in batches, with back-pressure, from where an interrupted import stopped."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from identity.touchpoints.door import Door, Full
from identity.touchpoints.imports.bad_rows import BadRows
from identity.touchpoints.imports.files import Read
from identity.touchpoints.imports.mapping import BadRow, Translator
from identity.touchpoints.inbox.port import InboxAway
from identity.touchpoints.types import Mode

BATCH = 500
_PATIENCE = 60  # tries to reach a collector that is away
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 5.0


@dataclass
class Progress:
    """Rows read and sent, and those that went to the file of bad rows."""

    done: int = 0
    bad: int = 0


class Checkpoint:
    """How many rows of one import are stored, in a file beside it. Another file, mapping or source begins anew."""

    def __init__(self, path: Path, what: str) -> None:
        self._path, self._what = path, what

    def load(self) -> Progress:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Any])
        except (FileNotFoundError, msgspec.MsgspecError):
            return Progress()
        if found.get("import") != self._what:
            return Progress()
        return Progress(int(found["done"]), int(found["bad"]))

    def save(self, progress: Progress) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_bytes(
            msgspec.json.encode({"import": self._what, "done": progress.done, "bad": progress.bad})
        )
        fresh.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


def fingerprint(file: Path, *others: str) -> str:
    """Tell one import from another: the file's size and time, and what it is read with."""
    state = file.stat()
    said = [str(file.resolve()), state.st_size, state.st_mtime_ns, *others]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


@dataclass
class Import:
    """One run. `wait` sleeps, `report` hears of progress after each batch.

    Bad rows are written to `bad_file`; `begun` is called once it is there, before anything is written to it.
    """

    door: Door
    source: int
    mode: Mode
    translator: Translator
    checkpoint: Checkpoint
    bad_file: Path
    begun: Callable[[], None] = lambda: None
    report: Callable[[Progress], None] = lambda _: None
    wait: Callable[[float], None] = time.sleep
    _progress: Progress = field(default_factory=Progress)

    def run(self, rows: Iterator[Read]) -> Progress:
        """Send all rows that are not sent yet. Raises InboxAway when the collector stays away, BadFile, DoorRefuses."""
        self._progress = self.checkpoint.load()
        for row in islice(rows, self._progress.done):
            self._translated(row)  # rows of the same content are counted from the beginning
        bad = BadRows(self.bad_file)
        bad.begin(anew=not self._progress.done)
        self.begun()
        while batch := list(islice(rows, BATCH)):
            refused = self._send(batch)
            bad.append(refused)
            self._progress.bad += len(refused)
            self._progress.done += len(batch)
            self.checkpoint.save(self._progress)
            self.report(self._progress)
        self.checkpoint.remove()
        return self._progress

    def _send(self, batch: list[Read]) -> list[dict[str, Any]]:
        """Return what was refused of it, as the file of bad rows has it."""
        first = self._progress.done + 1
        bad: list[dict[str, Any]] = []
        events: list[dict[str, Any]] = []
        numbers: list[int] = []
        for number, row in enumerate(batch, first):
            event = self._translated(row)
            if isinstance(event, BadRow):
                bad.append(_refused(number, str(event), row))
            else:
                events.append(event)
                numbers.append(number)
        for refused in self._post(events) if events else []:
            number = numbers[refused.index]
            reason = f"{refused.code}: {refused.message}"
            bad.append(_refused(number, reason, batch[number - first]))
        return bad

    def _translated(self, row: Read) -> dict[str, Any] | BadRow:
        if isinstance(row, BadRow):
            return row
        try:
            return self.translator.event(row)
        except BadRow as reason:
            return reason

    def _post(self, events: list[dict[str, Any]]) -> Any:
        """Post, waiting as long as there is no room, and a while for a collector that is away."""
        pause, tries = _FIRST_WAIT, 0
        while True:
            try:
                return self.door.post(events, source=self.source, mode=self.mode)
            except Full as full:
                self.wait(full.wait)
            except InboxAway:
                tries += 1
                if tries > _PATIENCE:
                    raise
                self.wait(pause)
                pause = min(_LONGEST_WAIT, pause * 2)


def _refused(number: int, reason: str, row: Read) -> dict[str, Any]:
    return {"row": number, "reason": reason, "content": None if isinstance(row, BadRow) else row}
