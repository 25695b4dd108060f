"""Bringing what is stored to the policy in force, slice by slice: the lane alone does it, and live traffic helps.

First the graph store looks at each identifier again: a hub by the new thresholds turns. Around it there may be very many, so all
of them are only marked (see identity.profiles.unsettled), and then grouped. Then the identifiers follow that were last looked at under
an older policy. Where it stands is kept with the policy, so a lane that dies loses the slice in hand, which gives the same when it is
done again.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from identity.clock import Instant
from identity.graph.policy import Policy
from identity.graph.port import GraphStore
from identity.graph.types import Neighbourhood
from identity.profiles import unsettled
from identity.profiles.unsettled import Deferred
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier

HUBS, TURNED, PROFILES = "hubs", "turned", "profiles"  # the steps, in their order


class Left(NamedTuple):
    """Where the work on a version stands. `deferred`: profiles that slices before left to a later one."""

    version: int
    step: str
    cursor: str
    deferred: Deferred


class Slice(NamedTuple):
    """What one slice looked at; `after` is where it goes on, None when the step is through as far as the slice tells.

    `around`: those to be marked, in the first step. `identifiers`: those that are brought to the policy, in the others.
    """

    around: Sequence[Identifier]
    identifiers: Sequence[Identifier]
    neighbourhoods: Sequence[Neighbourhood]
    looked: int
    after: str | None


def left() -> Left | None:
    """Return what there is to do for the policy in force; None when everything was brought to it. One statement."""
    rows = fetch(
        "SELECT version, step, cursor, deferred, settled_at FROM identity_identitypolicy"
        " WHERE applied_at IS NOT NULL ORDER BY version DESC LIMIT 1"
    )
    if not rows or rows[0][4] is not None:
        return None
    version, step, cursor, deferred, _ = rows[0]
    return Left(version, step, cursor, unsettled.read(msgspec.json.decode(deferred)))


def pass_on(version: int) -> None:
    """Leave what an earlier version has deferred to this one, which is applied before that was through. In the lane's transaction."""
    execute(
        "UPDATE identity_identitypolicy SET deferred = COALESCE((SELECT before.deferred FROM identity_identitypolicy AS before"
        " WHERE before.applied_at IS NOT NULL AND before.version < %s ORDER BY before.version DESC LIMIT 1), deferred)"
        " WHERE version = %s",
        [version, version],
    )


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
        return Slice(turned.around, (), (), turned.looked, turned.after)
    if work.step == TURNED:
        some = unsettled.some(limit)
        return Slice((), some, graph.neighbourhoods(some), len(some), None)
    rows = fetch(
        "SELECT id, key FROM identity_identifier WHERE id > %s AND policy < %s ORDER BY id LIMIT %s",
        [int(work.cursor or 0), work.version, limit],
    )
    some = [Identifier.of(key) for _, key in rows]
    after = str(rows[-1][0]) if len(rows) == limit else None
    return Slice((), some, graph.neighbourhoods(some), len(rows), after)


def prepare(work: Left, taken: Slice, policy: Policy) -> None:
    """Mark those around what turned, or take the marks of those away that are grouped next. In the transaction that does so."""
    if work.step == HUBS:
        unsettled.mark(taken.around)
    else:
        unsettled.settle(taken.identifiers, policy)


def keep(work: Left, done: Slice, deferred: Deferred, now: Instant) -> None:
    """Store where it goes on. In the transaction that brought the slice's profiles to the policy. `deferred`: what it left to a later one."""
    if done.identifiers:
        given = Rows("given", key="text")
        execute(
            "UPDATE identity_identifier SET policy = %s WHERE policy < %s AND key IN"
            f" (SELECT key FROM {given})",
            [work.version, work.version, *given.of((each.key,) for each in done.identifiers)],
        )
    step = _next(work.step, done, deferred)
    execute(
        "UPDATE identity_identitypolicy SET step = %s, cursor = %s, deferred = %s, processed = processed + %s,"
        " settled_at = %s WHERE version = %s",
        [
            step or work.step,
            done.after or "",
            msgspec.json.encode(unsettled.written(deferred)).decode(),
            done.looked,
            None if step else now,
            work.version,
        ],
    )


def _next(step: str, done: Slice, deferred: Deferred) -> str | None:
    """Return the step that the next slice is of; None when all is through."""
    if done.after is not None:
        return step
    if deferred or (step != PROFILES and unsettled.some(1)):
        return TURNED
    return None if step == PROFILES else PROFILES
