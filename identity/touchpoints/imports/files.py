"""Reads files row by row, whatever their size: CSV, JSON Lines, Parquet."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from identity.touchpoints.imports.mapping import BadRow

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
LONGEST_CELL = 1_000_000


class BadFile(Exception):
    """A file that cannot be read at all; the message says why."""


Read = dict[str, Any] | BadRow  # a row, or why there is none


def rows(path: Path, format_: str | None = None) -> Iterator[Read]:
    """Yield the rows of a file; a row that cannot be read is yielded as the reason. Raises BadFile."""
    known = format_ or FORMATS.get(path.suffix.lower())
    if known is None:
        raise BadFile(f"{path}: say --format, its name does not tell ({', '.join(FORMATS)} do)")
    try:
        yield from {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[known](path)
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}") from error


def _csv(path: Path) -> Iterator[Read]:
    """Yield rows until something is no CSV: nobody knows where the next row begins, and what a cell holds might be taken for one."""
    csv.field_size_limit(LONGEST_CELL)
    with path.open(encoding="utf-8-sig", errors="strict", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        first = 1
        try:
            _header = reader.fieldnames  # reads it
            first = reader.line_num + 1
            for row in reader:
                complete = None not in row and None not in row.values()
                yield row if complete else BadRow("it has another number of cells than the header")
                first = reader.line_num + 1
        except csv.Error as error:
            raise BadFile(f"{path} is not CSV from line {first} on: {error}") from error
        except UnicodeDecodeError as error:
            raise BadFile(f"{path} is not UTF-8 (line {reader.line_num + 1})") from error


def _jsonl(path: Path) -> Iterator[Read]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                yield decode(line)
            except (ValueError, RecursionError) as error:
                yield BadRow(f"it is no JSON object: {error}")


def _parquet(path: Path) -> Iterator[Read]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise BadFile("Parquet needs pyarrow: pip install pyarrow") from error
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=2_000):
                yield from batch.to_pylist()
    except ArrowException as error:
        raise BadFile(f"{path}: {error}") from error
