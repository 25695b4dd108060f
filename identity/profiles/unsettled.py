"""Identifiers around which evidence was taken away, and which were not grouped afresh yet.

Evidence is taken away slice by slice, and each slice marks whom it was linked with. When all of it is gone the marked ones are grouped,
again in slices, those of one profile together. So a neighbourhood is read once, however many slices took from it: grouping it settles all
that are marked in it. And a profile that falls apart is read once, when none of its own is marked any more: until then it is
deferred. Live traffic settles what it touches.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import msgspec

from identity.clock import Instant
from identity.errors import DomainError
from identity.graph.policy import Policy
from identity.profiles.occasions import REBUILD, Doing, Occasion
from identity.sql import Rows, execute, fetch
from identity.touchpoints import commands
from identity.touchpoints.forgetting import GROUPS
from identity.touchpoints.types import Identifier

SETTLE = GROUPS  # a lane command: group a slice of the marked ones; the next slice is a command of its own
SLICE = 500  # marked identifiers in one transaction of the lane
MARK = 0  # in the place of a policy's version

Deferred = Mapping[int, Instant | None]  # see identity.profiles.types.Resolved


class Work(NamedTuple):
    """What a SETTLE command says. `source`: it is forgotten when all is settled. `identifier`: the row of the one that is forgotten. Else 0: links were added up again."""

    deferred: Deferred
    source: int = 0
    identifier: int = 0

    @property
    def occasion(self) -> Occasion:
        if self.source:
            return Occasion(Doing.FORGET_SOURCE, self.source)
        return Occasion(Doing.FORGET_IDENTIFIER, self.identifier) if self.identifier else REBUILD


def mark(identifiers: Collection[Identifier]) -> None:
    """Note that these have to be grouped afresh; one statement, in the caller's transaction."""
    given = Rows("given", key="text")
    execute(
        f"UPDATE identity_identifier SET policy = {MARK}"
        f" WHERE NOT forgotten AND key IN (SELECT key FROM {given})",
        given.of((each.key,) for each in identifiers),
    )


def some(limit: int) -> list[Identifier]:
    """Return up to `limit` marked identifiers, those of one profile together."""
    rows = fetch(
        f"SELECT key FROM identity_identifier WHERE policy = {MARK} ORDER BY profile_id, id LIMIT %s",
        [limit],
    )
    return [Identifier.of(key) for (key,) in rows]


def settle(identifiers: Collection[Identifier], policy: Policy) -> None:
    """Take the marks away; in the transaction that groups them, before it does: one that is in no neighbourhood would keep its own."""
    given = Rows("given", key="text")
    execute(
        f"UPDATE identity_identifier SET policy = %s WHERE policy = {MARK} AND key IN (SELECT key FROM {given})",
        [policy.version, *given.of((each.key,) for each in identifiers)],
    )


def profiles(rows: Collection[int]) -> frozenset[int]:
    """Return those of these profiles that have a marked identifier."""
    given = Rows("given", id="bigint")
    found = fetch(
        f"SELECT given.id FROM {given} WHERE EXISTS (SELECT 1 FROM identity_identifier AS i"
        f" WHERE i.profile_id = given.id AND i.policy = {MARK})",
        given.of((row,) for row in rows),
    )
    return frozenset(row for (row,) in found)


# --- The lane's command -------------------------------------------------------------------------------------------------


def ask(work: Work, actor: str, now: Instant) -> int:
    """Ask the lane for the next slice."""
    said = work._asdict() | {"deferred": written(work.deferred)}
    return commands.enqueue(SETTLE, said, actor, now)


def asked_for(payload: Mapping[str, Any]) -> Work:
    """Read a SETTLE command. Raises DomainError."""
    try:
        return Work(
            read(payload["deferred"]), int(payload["source"]), int(payload.get("identifier", 0))
        )
    except (KeyError, ValueError) as error:
        raise DomainError("bad_command", str(error)) from error


def written(deferred: Deferred) -> list[tuple[int, Instant | None]]:
    """Return it as JSON has it, where the name of a member is a text."""
    return sorted(deferred.items())


def read(said: Any) -> Deferred:
    """Return what `written` wrote. Raises ValueError."""
    return dict(msgspec.convert(said, list[tuple[int, Instant | None]]))
