"""A graph as a file: JSON Lines, compressed. The first line names the graph, the last one the digest, between them one row each."""

import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.utils.translation import gettext

from identity.errors import DomainError
from identity.graph.contents import ROWS, Contents, Part, Row, Sums, add_up
from identity.graph.port import GraphMissing

PAGE = 2_000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def dump(contents: Contents, target: Path, renew: Callable[[], None]) -> None:
    """Write everything; `renew` is called between pages. Raises StoreAway, GraphMissing, OSError."""
    mark = contents.mark()
    if mark is None:
        raise GraphMissing(
            "the graph store was never made, or was emptied: there is nothing to copy"
        )
    sums = Sums()
    with target.open("wb") as raw:
        os.fchmod(raw.fileno(), 0o600)
        with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=3, mtime=0) as file:
            file.write(_encode(["graph", str(mark.uuid)]) + b"\n")
            for part in Part:
                for page in contents.pages(part, size=PAGE):
                    sums.add(part, page.rows)
                    file.write(b"".join(_encode([part, *row]) + b"\n" for row in page.rows))
                    renew()
            file.write(_encode(["digest", str(sums.digest)]) + b"\n")
        raw.flush()
        os.fsync(raw.fileno())


def load(contents: Contents, source: Path) -> UUID:
    """Load everything into an empty store and compare the digest; return the graph's uuid, with which the store is not marked yet.

    Raises DomainError, having emptied the store again.
    """
    contents.prepare()
    with gzip.open(source, "rb") as file:
        lines = map(_decode, file)
        _graph, uuid = next(lines)
        written = ""
        for part, rows, digest in _pages(lines):
            contents.load(part, rows)
            written = digest or written
    loaded = str(add_up(contents).digest)
    if loaded != written:
        contents.clear()
        raise DomainError(
            "differs",
            gettext(
                "the graph that was loaded (%(loaded)s) is not the one of the backup (%(written)s)"
            )
            % {"loaded": loaded, "written": written},
        )
    return UUID(uuid)


def _pages(lines: Iterator[list[Any]]) -> Iterator[tuple[Part, list[Row], str]]:
    """Yield rows of one part together, with the digest when it was come to."""
    part, rows = Part.IDENTIFIERS, list[Row]()
    for name, *values in lines:
        if name == "digest":
            yield part, rows, values[0]
            return
        if name != part or len(rows) >= PAGE:
            yield part, rows, ""
            part, rows = Part(name), []
        rows.append(ROWS[part]._make(values))
