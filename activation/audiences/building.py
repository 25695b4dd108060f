"""Building audiences that were published, a slice at a time, and clearing away what is no longer needed.

A published version comes into force in three steps: its predicates become known (from then on touchpoints are matched as they
come), the touchpoints stored earlier are looked through, and then every profile is looked at. Until the second step is done the
version before stays in force. The lane alone does this; each slice is one transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec
from django.db import transaction

from activation.audiences import live as lives
from activation.audiences import matching, membership, membership_rows, refresh
from activation.audiences.live import LiveAudience
from activation.audiences.rules import Did, to_json
from activation.audiences.types import MembershipChange
from identity.clock import MINUTE, Instant
from identity.profiles import facts, stored
from identity.profiles.types import Cause
from identity.sql import Rows, execute, fetch
from identity.touchpoints import lane
from identity.touchpoints.types import BatchContext

SWEEP_EVERY = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class _Build:
    """An audience and how far it is. `version` is in force, `target` ought to be (None: neither)."""

    audience: int
    target: int | None
    target_rule: str | None
    version: int | None
    version_rule: str | None
    cursor: int | None

    def dids(self) -> list[Did]:
        rules = [self.target_rule, self.version_rule]
        return [
            did
            for rule in rules
            if rule not in {None, "null"}
            for did in lives.compiled(str(rule)).dids
        ]


@dataclass(frozen=True, slots=True)
class _Predicate:
    id: int
    key: str
    filled: bool
    cursor: int
    retired: bool
    swept_at: Instant


@dataclass(frozen=True, slots=True)
class _Plan:
    builds: list[_Build]
    predicates: list[_Predicate]


def populate(context: BatchContext, limit: int) -> bool:
    """Do one slice of at most `limit` rows of each work, building and clearing; return whether there was anything to do.

    Call it outside a transaction: it may ask the graph store, and opens its own.
    """
    plan = _read_plan()
    built = any(step(plan, context, limit) for step in (_know, _fill, _put_in_force, _evaluate))
    cleared = any(step(plan, context, limit) for step in (_empty, _retire, _sweep))
    return built or cleared


def _read_plan() -> _Plan:
    builds = fetch(
        "SELECT a.id, CASE WHEN a.state = 'live' THEN t.id END, CASE WHEN a.state = 'live' THEN t.rule END,"
        " b.version_id, v.rule, b.cursor"
        " FROM activation_build AS b JOIN activation_audience AS a ON a.id = b.audience_id"
        " LEFT JOIN activation_audienceversion AS t ON t.id = a.version_id"
        " LEFT JOIN activation_audienceversion AS v ON v.id = b.version_id ORDER BY a.id"
    )
    predicates = fetch(
        'SELECT id, "key", filled, cursor, retired, swept_at FROM activation_predicate ORDER BY id'
    )
    return _Plan(
        [_Build(*row) for row in builds],
        [
            _Predicate(row[0], row[1], bool(row[2]), row[3], bool(row[4]), row[5])
            for row in predicates
        ],
    )


# --- Bringing a version into force ---


def _know(plan: _Plan, context: BatchContext, _limit: int) -> bool:
    """Make the predicates of rules known that are not known yet, or were about to go."""
    known = {one.key for one in plan.predicates if not one.retired}
    wanted = {did.key: did for build in plan.builds for did in build.dids()}
    missing = [did for key, did in wanted.items() if key not in known]
    if not missing:
        return False
    rows = Rows("wanted", key="text", did="text", event="text", at_least="bigint", span="bigint")
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        execute(
            'INSERT INTO activation_predicate ("key", did, event, at_least, "window", filled, cursor, retired, swept_at)'
            f' SELECT "key", did, event, at_least, span, %s, 0, %s, %s FROM {rows} WHERE true'
            ' ON CONFLICT ("key") DO UPDATE SET retired = excluded.retired, filled = excluded.filled, cursor = 0',
            [False, False, context.now, *rows.of(_row(did) for did in missing)],
        )
    return True


def _row(did: Did) -> tuple[str, str, str, int, Instant]:
    form = msgspec.json.encode(to_json(did), order="deterministic").decode()
    return did.key, form, did.event, did.at_least, did.window


def _fill(plan: _Plan, context: BatchContext, limit: int) -> bool:
    """Look through stored touchpoints for predicates that are new; those that stand at the same place go on together."""
    open_ = [one for one in plan.predicates if not one.filled and not one.retired]
    if not open_:
        return False
    cursor = min(one.cursor for one in open_)
    group = {one.id for one in open_ if one.cursor == cursor}
    slice_ = stored.scan(after=cursor, limit=limit)
    moment = context.moment
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        predicates = lives.predicates()
        found = matching.find(
            slice_.arrivals, {row: one for row, one in predicates.items() if row in group}
        )
        if found:
            matching.keep({owner: moment for owner, _ in found}, found, predicates)
        rows = Rows("going", id="bigint")
        execute(
            "UPDATE activation_predicate SET filled = %s, cursor = %s"
            f" WHERE id IN (SELECT id FROM {rows})",
            [
                slice_.after is None,
                cursor if slice_.after is None else slice_.after,
                *rows.of((one,) for one in group),
            ],
        )
    return True


def _put_in_force(plan: _Plan, context: BatchContext, _limit: int) -> bool:
    """Let published versions decide whose predicates are filled; now every profile has to be looked at."""
    filled = {one.key for one in plan.predicates if one.filled and not one.retired}
    ready = [
        (build.audience, build.target)
        for build in plan.builds
        if build.target not in {None, build.version}
        and all(did.key in filled for did in build.dids())
    ]
    if not ready:
        return False
    rows = Rows("ready", audience="bigint", version="bigint")
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        execute(
            "UPDATE activation_build SET version_id = ready.version, cursor = 0, failed = ''"
            f" FROM {rows} WHERE audience_id = ready.audience",
            rows.of(ready),
        )
    return True


def _evaluate(plan: _Plan, context: BatchContext, limit: int) -> bool:
    """Look at the next profiles for the audiences that stand furthest back."""
    places = [
        one.cursor for one in plan.builds if one.cursor is not None and one.target is not None
    ]
    if not places:
        return False
    cursor = min(places)
    group = [
        one.audience for one in plan.builds if one.cursor == cursor and one.target is not None
    ]
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        profiles = stored.profiles(after=cursor, limit=limit)
        _look_at(profiles, group, context)
        _advance(group, profiles[-1] if len(profiles) == limit else None, context.now)
    return True


def _look_at(profiles: Collection[int], audiences: Collection[int], context: BatchContext) -> None:
    if not profiles:
        return
    live = lives.load()
    moment = context.moment
    people = facts.of(profiles)
    looks = refresh.look_at(people, dict.fromkeys(people, moment), live, {})

    def why(_profile: int, audience: LiveAudience | None) -> tuple[Instant, Cause]:
        return context.now, Cause.HAND if audience is None else Cause.RULE

    membership.settle(looks, live, why, only=audiences)


def _advance(audiences: Collection[int], cursor: int | None, now: Instant) -> None:
    rows = Rows("going", audience="bigint")
    built = now if cursor is None else None
    execute(
        f"UPDATE activation_build SET cursor = %s, built_at = %s WHERE audience_id IN (SELECT audience FROM {rows})",
        [cursor, built, *rows.of((one,) for one in audiences)],
    )


# --- Clearing away ---


def _empty(plan: _Plan, context: BatchContext, limit: int) -> bool:
    """Take the members out of an audience that is no longer live; if it comes back, it is built afresh."""
    over = next(
        (one for one in plan.builds if one.target is None and one.version is not None), None
    )
    if over is None:
        return False
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        members = fetch(
            "SELECT profile_id FROM activation_membership WHERE audience_id = %s"
            " ORDER BY since, profile_id LIMIT %s",
            [over.audience, limit],
        )
        membership_rows.store(
            [
                MembershipChange(over.audience, profile, False, context.now, Cause.RULE)  # noqa: FBT003
                for (profile,) in members
            ]
        )
        execute(
            "UPDATE activation_build SET cursor = 0, version_id = CASE WHEN %s THEN NULL ELSE version_id END"
            " WHERE audience_id = %s",
            [len(members) < limit, over.audience],
        )
    return True


def _retire(plan: _Plan, context: BatchContext, limit: int) -> bool:
    """Let go of a predicate that no rule uses, its matches first."""
    used = {did.key for build in plan.builds for did in build.dids()}
    over = next((one for one in plan.predicates if one.key not in used), None)
    if over is None:
        return False
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        gone = _delete_matches(over.id, None, limit)
        if gone < limit:
            execute("DELETE FROM activation_predicate WHERE id = %s", [over.id])
        else:
            execute("UPDATE activation_predicate SET retired = %s WHERE id = %s", [True, over.id])
    return True


def _sweep(plan: _Plan, context: BatchContext, limit: int) -> bool:
    """Delete matches that have left the window of people who never came back.

    The clock may be behind, after a jump or an outage: who it still has to look at is looked at as of the instant that was set for
    them, and needs what counted then.
    """
    moment = context.moment
    if not any(one.swept_at <= moment - SWEEP_EVERY for one in plan.predicates):
        return False
    ((first,),) = fetch("SELECT MIN(due_at) FROM activation_recheck")
    moment = moment if first is None else min(moment, first)
    stale = next((one for one in plan.predicates if one.swept_at <= moment - SWEEP_EVERY), None)
    if stale is None:
        return False
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        if _delete_matches(stale.id, moment, limit) < limit:
            execute(
                "UPDATE activation_predicate SET swept_at = %s WHERE id = %s", [moment, stale.id]
            )
    return True


def _delete_matches(predicate: int, moment: Instant | None, limit: int) -> int:
    """Delete up to `limit` matches of a predicate, the oldest first: all, or those that have left its window at `moment`."""
    outside = (
        ""
        if moment is None
        else ' AND m.at <= %s - (SELECT p."window" FROM activation_predicate AS p WHERE p.id = m.predicate_id)'
    )
    return execute(
        "DELETE FROM activation_match WHERE (owner_id, predicate_id, touchpoint) IN ("
        "SELECT m.owner_id, m.predicate_id, m.touchpoint FROM activation_match AS m"
        f" WHERE m.predicate_id = %s{outside} ORDER BY m.at, m.owner_id, m.touchpoint LIMIT %s)",
        [predicate, *([] if moment is None else [moment]), limit],
    )
