"""The formats of an export: JSON Lines, CSV and Parquet. Where a column holds more than one value, CSV and Parquet have it as JSON."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from identity.profiles.exports.records import Record

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
UNFINISHED = ".new"  # behind the name of a file that is not whole yet
_NUMBERS = {"orders"}
_encode = msgspec.json.Encoder().encode


class BadTarget(Exception):
    """The export cannot be written there, or so; the message says why."""


class Text(Protocol):
    """Takes text: an open file, standard output."""

    def write(self, text: str, /) -> object: ...


Blocks = Iterable[Sequence[Record]]
Report = Callable[[int], None]  # hears how many profiles are written


def write_text(
    out: Text, format_: str, blocks: Blocks, columns: Sequence[str], report: Report
) -> int:
    """Write JSON Lines or CSV; return how many profiles."""
    write = {"jsonl": _jsonl, "csv": _csv}[format_](out, columns)
    done = 0
    for block in blocks:
        write(block)
        done += len(block)
        report(done)
    return done


def write_file(
    path: Path, format_: str, blocks: Blocks, columns: Sequence[str], report: Report
) -> int:
    """Write a file, readable by its owner alone; it is there once it is whole. Raises BadTarget."""
    try:
        with _fresh(path) as fresh:
            if format_ == "parquet":
                return _parquet(fresh, blocks, columns, report)
            with fresh.open("w", encoding="utf-8", newline="") as file:
                return write_text(file, format_, blocks, columns, report)
    except OSError as error:
        raise BadTarget(f"{path}: {error.strerror}") from error


@contextmanager
def _fresh(path: Path) -> Iterator[Path]:
    """Yield a name beside it that becomes `path` at the end, or nothing."""
    fresh = path.with_name(path.name + UNFINISHED)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        yield fresh
        if not fresh.exists():
            raise BadTarget(
                f"{path}: somebody was erased meanwhile who may be in it. Export again"
            )
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


Write = Callable[[Sequence[Record]], None]


def _jsonl(out: Text, _columns: Sequence[str]) -> Write:
    def write(block: Sequence[Record]) -> None:
        out.write("".join(f"{_encode(record).decode()}\n" for record in block))

    return write


def _csv(out: Text, columns: Sequence[str]) -> Write:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)

    def write(block: Sequence[Record]) -> None:
        writer.writerows([_cell(record[name]) for name in columns] for record in block)

    return write


def _cell(value: Any) -> Any:
    return _encode(value).decode() if isinstance(value, dict | list) else value


def _parquet(path: Path, blocks: Blocks, columns: Sequence[str], report: Report) -> int:
    try:
        import pyarrow as arrow  # noqa: PLC0415 - an optional dependency
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise BadTarget("Parquet needs pyarrow: pip install pyarrow") from error
    kinds = dict.fromkeys(_NUMBERS, arrow.int64())
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in columns])
    done = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for block in blocks:
            listed = {name: [_cell(record[name]) for record in block] for name in columns}
            writer.write_table(arrow.table(listed, schema=schema))
            done += len(block)
            report(done)
    return done
