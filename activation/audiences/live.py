"""What the lane evaluates at this moment: audiences in force, and the predicates that they share."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from activation.audiences import reading
from activation.audiences.compiling import Compiled, compile_filters, compile_rule
from activation.audiences.rules import Did
from identity.clock import Instant
from identity.sql import Rows, execute, fetch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveAudience:
    """An audience in force. Profiles above `cursor` have not been looked at under this version yet; None: all have been."""

    id: int
    rule: Compiled
    cursor: int | None

    def awaits(self, profile: int) -> bool:
        """Tell whether the building of the audience has yet to come to this profile."""
        return self.cursor is not None and profile > self.cursor


@dataclass(frozen=True, slots=True)
class LivePredicate:
    """A predicate whose matches are kept."""

    id: int
    key: str
    event: str
    at_least: int
    window: Instant
    holds: Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Live:
    """One batch's view; every stage function that evaluates audiences is given one."""

    ruled: tuple[LiveAudience, ...]
    manual: tuple[int, ...]
    predicates: Mapping[int, LivePredicate]

    def only(self, audiences: Collection[int]) -> "Live":
        """Return the same with these audiences alone."""
        return replace(
            self,
            ruled=tuple(one for one in self.ruled if one.id in audiences),
            manual=tuple(one for one in self.manual if one in audiences),
        )

    @cached_property
    def temporal(self) -> tuple[LiveAudience, ...]:
        """Return the audiences that the clock alone can change."""
        return tuple(one for one in self.ruled if one.rule.dids or one.rule.relative)

    @cached_property
    def relative(self) -> bool:
        """Tell whether any rule compares with a moment that moves with the clock."""
        return any(one.rule.relative for one in self.ruled)


def load() -> Live:
    """Read what is in force, in two statements; rules compile once per process and text."""
    rows = fetch(
        "SELECT audience.id, audience.kind, version.rule, build.cursor"
        " FROM activation_build AS build"
        " JOIN activation_audience AS audience ON audience.id = build.audience_id"
        " JOIN activation_audienceversion AS version ON version.id = build.version_id"
        " WHERE audience.state = 'live' AND build.failed = '' ORDER BY audience.id"
    )
    ruled = tuple(
        LiveAudience(row, compiled(rule), cursor)
        for row, kind, rule, cursor in rows
        if kind == "rule"
    )
    return Live(
        ruled=ruled,
        manual=tuple(row[0] for row in rows if row[1] == "manual"),
        predicates=predicates(),
    )


def built() -> dict[int, Instant]:
    """Return since when everybody has been looked at under each audience's version in force."""
    return dict(
        fetch(
            "SELECT audience_id, built_at FROM activation_build WHERE cursor IS NULL AND built_at IS NOT NULL"
        )
    )


def fail(reasons: Mapping[int, str]) -> None:
    """Ask these audiences' rules no more: they raised. Who is a member stays one; the others go on."""
    for audience, reason in reasons.items():
        log.error("The rule of audience %d cannot be evaluated: %s", audience, reason)
    rows = Rows("broken", audience="bigint", reason="text")
    execute(
        f"UPDATE activation_build SET failed = broken.reason FROM {rows} WHERE audience_id = broken.audience",
        rows.of((audience, reason[:300]) for audience, reason in reasons.items()),
    )


def predicates() -> dict[int, LivePredicate]:
    """Read the predicates that count touchpoints, whether those stored earlier have been looked through or not."""
    rows = fetch(
        'SELECT id, "key", did, event, at_least, "window" FROM activation_predicate'
        " WHERE NOT retired"
    )
    return {
        row: LivePredicate(row, key, event, at_least, window, _filters(did))
        for row, key, did, event, at_least, window in rows
    }


@lru_cache(maxsize=2_000)
def compiled(rule: str) -> Compiled:
    """Compile the JSON text of a stored rule, once per process."""
    return compile_rule(reading.parse(msgspec.json.decode(rule)))


@lru_cache(maxsize=2_000)
def _filters(did: str) -> Callable[[Mapping[str, Any]], bool]:
    leaf = reading.parse(msgspec.json.decode(did))
    return compile_filters(leaf.where if isinstance(leaf, Did) else ())
