"""What a graph store holds, row by row: to copy it into another store, and to tell whether two hold the same. No Django, no driver.

A row is read as it is stored, counters and marks included, so nothing is worked out afresh when it is loaded elsewhere.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from identity.clock import Instant
from identity.graph import bodies
from identity.graph.types import VERDICTS
from identity.touchpoints.types import Touchpoint

_MODULUS = 2**256
_encode = msgspec.json.Encoder().encode


class Part(StrEnum):
    """What a store is made of, in the order in which it is loaded: the later ones refer to identifiers."""

    IDENTIFIERS = "identifiers"
    TOUCHPOINTS = "touchpoints"
    LINKS = "links"


class StoredIdentifier(NamedTuple):
    """An identifier; see identity.graph.models for what each value means."""

    key: str
    kind: str
    first_number: int | None
    degree: int
    quarantined: bool
    turned: int | None


class StoredTouchpoint(NamedTuple):
    """A touchpoint under its number; `body` says which identifiers it carries (identity.graph.bodies)."""

    number: int
    id: str
    source: int
    at: Instant
    received_at: Instant
    aside: bool
    body: str

    def decoded(self) -> Touchpoint:
        return bodies.decode(
            number=self.number,
            uid=self.id,
            source=self.source,
            at=self.at,
            received_at=self.received_at,
            body=self.body,
        )


class StoredLink(NamedTuple):
    """The evidence of one source for one pair; `a` and `b` are keys of identifiers."""

    a: str
    b: str
    source: int
    first_seen: Instant
    last_seen: Instant
    counted: int
    same: bool
    strength: float
    conducts: bool
    first_number: int


Row: TypeAlias = StoredIdentifier | StoredTouchpoint | StoredLink
ROWS: dict[Part, type[Row]] = {
    Part.IDENTIFIERS: StoredIdentifier,
    Part.TOUCHPOINTS: StoredTouchpoint,
    Part.LINKS: StoredLink,
}


class Page(NamedTuple):
    """Some rows of one part; `after` leads to the next page of the same store."""

    rows: Sequence[Row]
    after: str


class Mark(NamedTuple):
    """By what an installation knows its graph again, and the epoch of the lane that may write."""

    uuid: UUID
    epoch: int


class Contents(ABC):
    """The whole of one graph store. Nothing else may write to it while it is copied. Errors as in identity.graph.port.

    `emptied_by`: the statement with which people delete all that is there, theirs included.
    """

    emptied_by: str

    @abstractmethod
    def page(self, part: Part, *, after: str, size: int) -> Page:
        """Return up to `size` rows behind `after` ("" at the beginning); none when that was all."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what loading needs (constraints), but no mark: a graph that is half loaded must not be taken for one."""

    @abstractmethod
    def load(self, part: Part, rows: Sequence[Row]) -> None:
        """Store rows of another store in one transaction. Loading the same again changes nothing."""

    @abstractmethod
    def mark(self) -> Mark | None:
        """Return the mark, None when the store has none."""

    @abstractmethod
    def adopt(self, mark: Mark) -> None:
        """Take this mark, whatever there was: from now on this is that installation's graph."""

    @abstractmethod
    def clear(self) -> None:
        """Delete the mark first, then everything else of ours; a call that was cut short is simply made again."""

    @abstractmethod
    def holds(self) -> Sequence[str]:
        """Return the names of what is there, some of them when they are many: marks, and what is not ours, too. None when it is empty."""

    def pages(self, part: Part, *, after: str = "", size: int) -> Iterator[Page]:
        """Yield every page of a part, behind `after`."""
        while (page := self.page(part, after=after, size=size)).rows:
            yield page
            after = page.after


@dataclass(slots=True)
class Digest:
    """A sum over rows: the same for the same rows in any order, whatever store they are read from."""

    total: int = 0
    count: int = 0

    def add(self, *values: Any) -> None:
        self.total = (self.total + int.from_bytes(hashlib.sha256(_encode(values)).digest())) % (
            _MODULUS
        )
        self.count += 1

    def with_all_of(self, other: "Digest") -> "Digest":
        """Return the digest of both sets of rows together."""
        return Digest((self.total + other.total) % _MODULUS, self.count + other.count)

    def __str__(self) -> str:
        return f"{self.total:064x}"


@dataclass(slots=True)
class Sums:
    """What a store holds, counted and added up, part by part. `decided`: those of the links that people made, which are few."""

    parts: dict[Part, Digest] = field(default_factory=lambda: {part: Digest() for part in Part})
    decided: list[StoredLink] = field(default_factory=list)

    def add(self, part: Part, rows: Sequence[Row]) -> None:
        for row in rows:
            self.parts[part].add(part, *row)
            if isinstance(row, StoredLink) and row.source in VERDICTS:
                self.decided.append(row)

    @property
    def counts(self) -> dict[Part, int]:
        return {part: digest.count for part, digest in self.parts.items()}

    @property
    def digest(self) -> Digest:
        """Return the digest of all parts together."""
        total = Digest()
        for digest in self.parts.values():
            total = total.with_all_of(digest)
        return total

    def differing(self, other: "Sums") -> list[Part]:
        """Return the parts that are not the same in both stores."""
        return [part for part, digest in self.parts.items() if digest != other.parts[part]]


def add_up(
    contents: Contents,
    *,
    size: int = 5_000,
    progress: Callable[[Sums], None] = lambda _: None,
    show: Callable[[Sequence[Row]], None] = lambda _: None,
) -> Sums:
    """Read everything once, `size` rows at a time. `show`: is shown them all, to add up something else of them."""
    sums = Sums()
    for part in Part:
        for page in contents.pages(part, size=size):
            sums.add(part, page.rows)
            show(page.rows)
            progress(sums)
    return sums
