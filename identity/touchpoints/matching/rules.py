"""Which pairs of records are looked at, and what a model is trained on, from what a file's columns are. No Splink.

Two records in a block agree in some columns, or in how these begin. All pairs of all records would be too many.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from identity.touchpoints.matching.columns import Kind


class Piece(NamedTuple):
    """A column, or its first characters (0: all of it)."""

    column: str
    first: int = 0


Block = tuple[Piece, ...]
_Wanted = Sequence[tuple[Kind, int]]

_G, _F, _D, _P = Kind.GIVEN_NAME, Kind.FAMILY_NAME, Kind.BIRTH_DATE, Kind.POSTCODE
# As in Splink's example for records of persons.
_BLOCKS: Sequence[_Wanted] = (
    ((_G, 3), (_F, 4)),
    ((_F, 0), (_D, 0)),
    ((_G, 0), (_D, 0)),
    ((_P, 0), (_G, 0)),
    ((_P, 0), (_F, 0)),
    ((_D, 0), (Kind.PLACE, 0)),
    ((_P, 3), (_D, 0)),
    ((_P, 3), (_G, 0)),
    ((_P, 3), (_F, 0)),
    ((_G, 2), (_F, 2), (_D, 4)),
    ((Kind.EMAIL, 0),),
    ((Kind.PHONE, 0),),
)
# Pairs that are nearly always one person: how many there are tells how often two records are.
_SURE: Sequence[_Wanted] = (
    ((_G, 0), (_F, 0), (_D, 0)),
    ((_G, 2), (_F, 0), (_P, 2)),
    ((_D, 0), (_P, 0)),
    ((Kind.EMAIL, 0),),
    ((Kind.PHONE, 0), (_F, 0)),
)
# A model learns of the columns that a block does not hold, so that every column needs a block without it.
_TRAINING: Sequence[_Wanted] = (
    ((_G, 0), (_F, 0)),
    ((_D, 0),),
    ((Kind.EMAIL, 0),),
    ((Kind.PHONE, 0),),
    ((_P, 0),),
    ((_F, 0),),
)
_SESSIONS = 2


def blocks(columns: Mapping[str, Kind]) -> list[Block]:
    return list(_made(_BLOCKS, columns)) or list(_made(_TRAINING, columns))


def sure(columns: Mapping[str, Kind]) -> list[Block]:
    return list(_made(_SURE, columns)) or blocks(columns)


def training(columns: Mapping[str, Kind]) -> list[Block]:
    """Return blocks that together leave every column out once."""
    chosen: list[Block] = []
    for block in _made(_TRAINING, columns):
        held = {piece.column for piece in block}
        if len(chosen) < _SESSIONS and not any(held & {p.column for p in one} for one in chosen):
            chosen.append(block)
    return chosen


def _made(wanted: Sequence[_Wanted], columns: Mapping[str, Kind]) -> Iterator[Block]:
    """Yield each block that the columns allow; one that wants a place is made for each of them."""
    of = {kind: [name for name, each in columns.items() if each is kind] for kind in Kind}
    for block in wanted:
        if not all(of[kind] for kind, _ in block):
            continue
        for place in of[Kind.PLACE] if any(kind is Kind.PLACE for kind, _ in block) else [""]:
            yield tuple(
                Piece(place if kind is Kind.PLACE else of[kind][0], first) for kind, first in block
            )
