"""Bringing what is stored to the policy in force, slice by slice: the lane alone does it, and live traffic helps.

First the graph store looks at each identifier again: a hub by the new thresholds turns, with everybody around it. Then the
identifiers follow that were last looked at under an older policy. Where it stands is kept with the policy, so a lane that dies loses
the slice in hand, which gives the same when it is done again.
"""

from collections.abc import Sequence
from typing import NamedTuple

from identity.clock import Instant
from identity.graph.port import GraphStore
from identity.graph.types import Neighbourhood
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier

HUBS, PROFILES = "hubs", "profiles"  # the steps, in their order


class Left(NamedTuple):
    """Where the work on a version stands."""

    version: int
    step: str
    cursor: str


class Slice(NamedTuple):
    """What one slice looked at, `keys` only in the second step; `after` is where it goes on, None when the step is through."""

    neighbourhoods: Sequence[Neighbourhood]
    keys: Sequence[str]
    looked: int
    after: str | None


def left() -> Left | None:
    """Return what there is to do for the policy in force; None when everything was brought to it. One statement."""
    rows = fetch(
        "SELECT version, step, cursor, settled_at FROM identity_identitypolicy"
        " WHERE applied_at IS NOT NULL ORDER BY version DESC LIMIT 1"
    )
    return Left(*rows[0][:3]) if rows and rows[0][3] is None else None


def begin_again() -> None:
    """Let what is under way begin once more: the graph is in another store now, where the place to go on means nothing."""
    execute(
        "UPDATE identity_identitypolicy SET step = %s, cursor = '', processed = 0 WHERE settled_at IS NULL",
        [HUBS],
    )


def take(work: Left, graph: GraphStore, limit: int, *, epoch: int) -> Slice:
    """Look at up to `limit` identifiers. Outside a transaction: it asks the graph store."""
    if work.step == HUBS:
        turned = graph.turn(after=work.cursor, limit=limit, epoch=epoch)
        return Slice(turned.neighbourhoods, (), turned.looked, turned.after)
    rows = fetch(
        "SELECT id, key FROM identity_identifier WHERE id > %s AND policy < %s ORDER BY id LIMIT %s",
        [int(work.cursor or 0), work.version, limit],
    )
    keys = [key for _, key in rows]
    found = graph.neighbourhoods([Identifier.of(key) for key in keys])
    return Slice(found, keys, len(rows), str(rows[-1][0]) if len(rows) == limit else None)


def keep(work: Left, done: Slice, now: Instant) -> None:
    """Store where it goes on. In the transaction that brought the slice's profiles to the policy."""
    if done.keys:
        given = Rows("given", key="text")
        execute(
            "UPDATE identity_identifier SET policy = %s WHERE policy < %s AND key IN"
            f" (SELECT key FROM {given})",
            [work.version, work.version, *given.of((key,) for key in done.keys)],
        )
    step = PROFILES if done.after is None else work.step
    through = done.after is None and work.step == PROFILES
    execute(
        "UPDATE identity_identitypolicy SET step = %s, cursor = %s, processed = processed + %s,"
        " settled_at = %s WHERE version = %s",
        [step, done.after or "", done.looked, now if through else None, work.version],
    )
