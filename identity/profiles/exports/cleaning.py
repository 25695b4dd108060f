"""Takes rows out of files that the product wrote: each is written afresh beside itself, and takes its place once it is whole.

That is done in slices: whoever has other work than one long file does it in between.
"""

import csv
import fcntl
import os
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from glob import escape
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from identity.profiles.exports.files import UNFINISHED, BadTarget

Record = Mapping[str, Any]
Slices = Generator[int, None, int]  # yields how many rows were looked at; returns how many went
_FRESH = ".erasing-"
_decode = msgspec.json.Decoder().decode


class Changed(Exception):
    """Somebody else wrote the file meanwhile: what was done is of an older one."""


def clean(path: Path, format_: str, goes: Callable[[Record], bool], slice_: int) -> Slices:
    """Take out the rows of which `goes` says so, some at a time. Raises Changed, BadTarget, OSError, ValueError.

    Whoever stops in between leaves the file as it was, and what is beside it to `tidy`.
    """
    cleaner = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}[format_]
    with path.open("rb") as file, _fresh(path) as (fresh, out):
        opened = _mark(os.fstat(file.fileno()))
        rows = removed = 0
        with closing(cleaner(file, out, goes, slice_)) as slices:
            for seen, gone in slices:
                rows, removed = rows + seen, removed + gone
                _settle(out)
                yield rows
        _settle(out)
        if removed:
            fcntl.flock(file, fcntl.LOCK_EX)  # an import may be appending to it
            if _present(path) != opened:
                raise Changed
            fresh.replace(path)
    return removed


def tidy(path: Path, *, unfinished: bool) -> None:
    """Delete what lies beside a file because whoever wrote it died: it holds people too. `unfinished`: an export as well.

    One that is still being written fails then, and says why: it has read people as they were.
    """
    for left in path.parent.glob(f"{escape(path.name)}{_FRESH}*"):
        left.unlink(missing_ok=True)
    if unfinished:
        path.with_name(path.name + UNFINISHED).unlink(missing_ok=True)


@contextmanager
def _fresh(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Yield a file that only this cleaning knows: one that was frozen in it, and replaced, wakes up with its own."""
    number, name = tempfile.mkstemp(prefix=f"{path.name}{_FRESH}", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as out:
            yield Path(name), out
    finally:
        Path(name).unlink(missing_ok=True)


def _settle(out: IO[bytes]) -> None:
    """Bring to the disk what is written: at the end of a long file that would be one long wait."""
    out.flush()
    os.fsync(out.fileno())


def _mark(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _present(path: Path) -> tuple[int, int, int] | None:
    try:
        return _mark(path.stat())
    except FileNotFoundError:
        return None


# --- Formats: each yields how many rows a slice had, and how many of them went -------------------------------------------

_Each = TypeVar("_Each")
_Goes = Callable[[Record], bool]
_Counts = Generator[tuple[int, int], None, None]


def _jsonl(file: IO[bytes], out: IO[bytes], goes: _Goes, slice_: int) -> _Counts:
    for lines in _slices(file, slice_):
        kept = [line for line in lines if not (line.strip() and goes(_decode(line)))]
        out.writelines(kept)
        yield len(lines), len(lines) - len(kept)


def _csv(file: IO[bytes], out: IO[bytes], goes: _Goes, slice_: int) -> _Counts:
    with _text(file) as lines, _text(out) as fresh:
        reader = csv.reader(lines)
        writer = csv.writer(fresh, lineterminator="\n")
        names = next(reader, [])
        writer.writerow(names)
        for rows in _slices(reader, slice_):
            kept = [row for row in rows if not goes(dict(zip(names, row, strict=True)))]
            writer.writerows(kept)
            fresh.flush()
            yield len(rows), len(rows) - len(kept)


@contextmanager
def _text(file: IO[bytes]) -> Iterator[TextIOWrapper]:
    """Yield an open file as text; it stays open."""
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        yield text
    finally:
        text.detach()


def _parquet(file: IO[bytes], out: IO[bytes], goes: _Goes, slice_: int) -> _Counts:
    try:
        import pyarrow as arrow  # noqa: PLC0415 - an optional dependency
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise BadTarget("Parquet needs pyarrow: pip install pyarrow") from error
    with (
        parquet.ParquetFile(file) as source,
        parquet.ParquetWriter(out, source.schema_arrow) as writer,
    ):
        for batch in source.iter_batches(batch_size=slice_):
            kept = [not goes(row) for row in batch.to_pylist()]
            writer.write_batch(batch.filter(arrow.array(kept, type=arrow.bool_())))
            yield len(kept), kept.count(False)


def _slices(rows: Iterable[_Each], size: int) -> Iterator[list[_Each]]:
    remaining = iter(rows)
    while some := list(islice(remaining, size)):
        yield some
