"""Two runs of one journey under one profile: the one that entered first goes on, the other waits for a split."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from journeys.enrolments.models import State
from journeys.enrolments.runs import Line, Run
from journeys.types import FALLBACK

MERGED = "merged"


def settle(runs: Sequence[Run]) -> tuple[list[Run], list[Line]]:
    """Suspend and resume runs as their people were merged and split. Return those that changed, and what to tell.

    `runs` are all the open ones of the profiles in hand. A suspended run resumes when its rival belongs to somebody else.
    """
    changed: list[Run] = []
    for run in runs:
        if run.state == State.SUSPENDED and run.rival_profile != run.profile:
            _resume(run)
            changed.append(run)
    for rivals in _together(runs).values():
        first, *others = sorted(rivals, key=lambda run: (run.entered_at, run.id))
        for run in others:
            run.state, run.reason = State.SUSPENDED.value, MERGED
            run.rival, run.rival_profile = first.id, first.profile
            changed.append(run)
    moved = {run.id: run for run in changed}
    return list(moved.values()), [_line(run) for run in moved.values()]


def sends(runs: Iterable[Run]) -> dict[str, bool]:
    """Return the keys of everything that these runs may have asked to send -> whether it is to be held back."""
    return {
        f"{run.id}:{node}:{visit}{other}": run.state == State.SUSPENDED
        for run in runs
        for node, count in run.place.visits.items()
        for visit in range(1, count + 1)
        for other in ("", FALLBACK)
    }


def _resume(run: Run) -> None:
    """Go on at the same place; what was due meanwhile is due now."""
    run.state, run.reason, run.rival, run.rival_profile = State.ACTIVE.value, "", None, None
    run.wake_at = run.place.wake_at


def _together(runs: Iterable[Run]) -> dict[tuple[int, int, str], list[Run]]:
    """Sort the active runs by profile, journey and key."""
    found: dict[tuple[int, int, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.state == State.ACTIVE:
            found[run.profile, run.journey, run.key].append(run)
    return found


def _line(run: Run) -> Line:
    suspended = run.state == State.SUSPENDED
    reason = f"{MERGED}: run {run.rival} entered first" if suspended else "goes on after a split"
    return Line(run.id, run.place.node, run.place.visits.get(run.place.node, 0), "", reason)
