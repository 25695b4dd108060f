"""Who is let out or moved by a person's decision, a slice at a time: journeys that are stopped, and migration maps."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from identity.sql import execute, fetch
from identity.touchpoints.types import BatchContext
from journeys.enrolments import runs as store
from journeys.enrolments.models import State
from journeys.enrolments.plans import Plan
from journeys.enrolments.runs import Line, Run

STOPPED = "the journey was stopped"
FORGOTTEN = "the person is forgotten"
MIGRATED = "left with the new version"

# Written as in the index `enrolment_inside`, so that SQLite takes it.
_INSIDE = "SELECT id FROM journeys_enrolment WHERE version_id {} AND NOT (state = 'done')"
_VERSIONS = "IN (SELECT id FROM journeys_journeyversion WHERE journey_id = %s)"


def leave(plan: Plan, context: BatchContext, limit: int) -> int:
    """Let out or move up to `limit` people; return how many. With nothing to do it costs one statement."""
    for journey, state in plan.states.items():
        if state == "ejecting" and (moved := _eject(journey, context, limit)):
            return moved
        if state in {"ejecting", "draining"}:
            _stop_if_empty(journey)
    for relocation in fetch(
        "SELECT r.id, r.version_id, r.node, r.to_version_id, r.to_node"
        " FROM journeys_relocation AS r WHERE NOT r.done ORDER BY r.id"
    ):
        if moved := _relocate(relocation, context, limit):
            return moved
    return 0


def _eject(journey: int, context: BatchContext, limit: int) -> int:
    rows = fetch(f"{_INSIDE.format(_VERSIONS)} ORDER BY id LIMIT %s", [journey, limit])
    runs = store.by_id(row[0] for row in rows)
    lines = [_out(run, STOPPED) for run in runs]
    store.save(runs, context.now)
    store.write(lines, context.now)
    return len(runs)


def nobodys(runs: Sequence[Run], context: BatchContext) -> int:
    """Let out whose identifier was forgotten; return how many."""
    lines = [_out(run, FORGOTTEN) for run in runs]
    store.save(runs, context.now)
    store.write(lines, context.now)
    return len(runs)


def _stop_if_empty(journey: int) -> None:
    execute(
        "UPDATE journeys_journey SET state = 'stopped' WHERE id = %s AND state IN ('ejecting', 'draining')"
        f" AND NOT EXISTS ({_INSIDE.format(_VERSIONS)})",
        [journey, journey],
    )


def _relocate(relocation: Sequence[Any], context: BatchContext, limit: int) -> int:
    id_, version, node, to_version, to_node = relocation
    rows = fetch(
        f"{_INSIDE.format('= %s')} AND node = %s ORDER BY id LIMIT %s", [version, node, limit]
    )
    if not rows:
        execute("UPDATE journeys_relocation SET done = true WHERE id = %s", [id_])
        return 0
    runs = store.by_id(row[0] for row in rows)
    lines = [
        _move(run, to_version, to_node, context) if to_node else _out(run, MIGRATED)
        for run in runs
    ]
    store.save(runs, context.now)
    store.write(lines, context.now)
    return len(runs)


def _move(run: Run, version: int, node: str, context: BatchContext) -> Line:
    """Put the person before a node of another version, to arrive there at the next look."""
    line = Line(run.id, run.place.node, _visit(run), "", f"moved to {node} of the new version")
    run.version, run.place, run.wake_at = (
        version,
        replace(run.place, node=node, waiting=None),
        context.now,
    )
    return line


def _out(run: Run, reason: str) -> Line:
    line = Line(run.id, run.place.node, _visit(run), "", reason)
    run.place = replace(run.place, waiting=None, ended=reason)
    run.state, run.reason, run.wake_at = State.DONE.value, reason, None
    return line


def _visit(run: Run) -> int:
    return run.place.visits.get(run.place.node, 0)
