"""What the parts of an erasure have in common: what the lane lends, who is erased, how far it is, and what is counted."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple

from dmp_site.erasing.cleanings import Cleaning
from identity.graph import policies
from identity.graph.port import GraphStore
from identity.privacy import tombstones, vault
from identity.privacy.models import Erasure
from identity.profiles import assignment
from identity.sql import Rows, fetch
from identity.touchpoints.types import BatchContext, Identifier

SLICE = 500  # rows, touchpoints, identifiers or links in one transaction


class Tools(NamedTuple):
    """What the lane lends. `part` opens a transaction that leaves the command open, `last` the one that finishes it.

    `cleanings`: the file that each erasure is at, kept from one part to the next for as long as the lane lives.
    """

    graph: GraphStore
    context: BatchContext
    part: Callable[[], AbstractContextManager[None]]
    last: Callable[[], AbstractContextManager[None]]
    cleanings: dict[int, Cleaning]


def identifiers(row: Erasure) -> frozenset[Identifier]:
    return frozenset(map(Identifier.of, row.keys))


def values(row: Erasure, tools: Tools) -> list[str]:
    """Return the identifiers as people write them, the clear ones out of the vault."""
    clear = vault.reveal(
        [(key, vault.VALUE) for key in row.keys],
        actor=row.asked_by,
        why=f"erasure {row.pk}",
        now=tools.context.now,
    )
    personal = {key for key, _ in clear}
    return [
        *clear.values(),
        *(each.value for each in identifiers(row) if each.key not in personal),
    ]


def bury(row: Erasure, keys: Collection[str]) -> None:
    """Take these identifiers into the erasure, with the profiles that they founded, and set the tombstones.

    A household's identifier gets none: whoever else lives there may still be to come.
    """
    new = sorted(set(keys) - set(row.keys))
    uids = founded(new)
    policy = policies.current()
    alone = [key for key in new if not policy.is_household(Identifier.of(key))]
    tombstones.place([*alone, *map(tombstones.profile_key, uids)], row.pk)
    row.keys = sorted({*row.keys, *new})
    row.uids = sorted({*row.uids, *uids})
    row.identifiers = len(row.keys)


def founded(keys: Collection[str]) -> list[str]:
    """Return the ids of the profiles that there are of these founders; behind a tombstone, of those founded since."""
    known = Rows("known", uid="text")
    rows = fetch(
        f"SELECT p.uid FROM {known} JOIN identity_profile AS p ON p.uid = known.uid",
        known.of((uid,) for uid in assignment.uids_of(map(Identifier.of, keys))),
    )
    return [uid for (uid,) in rows]


def count(row: Erasure, found: Mapping[str, int]) -> None:
    row.removed = dict(+(Counter(row.removed) + Counter(found)))


def go_on(row: Erasure, phase: str, /, **cursor: object) -> None:
    """Store how far it is, in the caller's transaction."""
    row.phase, row.cursor = phase, cursor
    row.save()
