"""Takes rows out of files that the product wrote: each is written afresh beside itself, and takes its place once it is whole."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from identity.profiles.exports.files import BadTarget

Record = Mapping[str, Any]
_BLOCK = 10_000  # rows of Parquet held at once
_decode = msgspec.json.Decoder().decode


def clean(path: Path, format_: str, goes: Callable[[Record], bool]) -> int:
    """Take out the rows of which `goes` says so; return how many. Raises BadTarget, OSError."""
    cleaner = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}[format_]
    with _fresh(path) as fresh:
        removed = cleaner(path, fresh, goes)
        if removed:
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
            fresh.replace(path)
    return removed


@contextmanager
def _fresh(path: Path) -> Iterator[Path]:
    fresh = path.with_name(path.name + ".new")
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


def _jsonl(path: Path, fresh: Path, goes: Callable[[Record], bool]) -> int:
    removed = 0
    with path.open("rb") as lines, fresh.open("wb") as out:
        for line in lines:
            if line.strip() and goes(_decode(line)):
                removed += 1
            else:
                out.write(line)
    return removed


def _csv(path: Path, fresh: Path, goes: Callable[[Record], bool]) -> int:
    removed = 0
    with (
        path.open(encoding="utf-8", newline="") as lines,
        fresh.open("w", encoding="utf-8", newline="") as out,
    ):
        reader = csv.reader(lines)
        writer = csv.writer(out, lineterminator="\n")
        names = next(reader, [])
        writer.writerow(names)
        for row in reader:
            if goes(dict(zip(names, row, strict=True))):
                removed += 1
            else:
                writer.writerow(row)
    return removed


def _parquet(path: Path, fresh: Path, goes: Callable[[Record], bool]) -> int:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise BadTarget("Parquet needs pyarrow: pip install pyarrow") from error
    removed = 0
    with (
        parquet.ParquetFile(path) as file,
        parquet.ParquetWriter(fresh, file.schema_arrow) as out,
    ):
        for batch in file.iter_batches(batch_size=_BLOCK):
            kept = [not goes(row) for row in batch.to_pylist()]
            removed += kept.count(False)
            out.write_batch(batch.filter(_mask(kept)))
    return removed


def _mask(kept: Iterable[bool]) -> Any:
    import pyarrow as arrow  # noqa: PLC0415

    return arrow.array(kept, type=arrow.bool_())
