"""What the lane was working on when it died.

A row or a command that kills the process (not one that raises) would kill every next lane too. So the lane notes its batch,
or the row id of its command, in a small file before each attempt. It is not synced: it has to outlive the process, not the machine.
"""

import contextlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from identity.touchpoints.types import Mode


class Attempt(NamedTuple):
    """A batch that was begun: its mode, the numbers of its first and last row, and how many rows it had.

    `waited`: it was a crowd's turn.
    """

    mode: Mode
    first: int
    last: int
    rows: int
    waited: bool = False


class Attempts:
    """The note beside the data, one per lane."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, attempt: Attempt | int) -> None:
        self._path.write_bytes(msgspec.json.encode(attempt))

    def end(self) -> None:
        self._path.unlink(missing_ok=True)

    def left(self) -> Attempt | int | None:
        """Return the batch, or the row id of the command, in which the previous lane died; None when it ended well."""
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            return msgspec.json.decode(self._path.read_bytes(), type=Attempt | int)
        return None
