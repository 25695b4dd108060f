"""Takes a person's identifiers out of rows that hang on nobody, but name people in their texts: jobs, commands, what was set aside.

Nothing says whose these rows are, so such tables are walked whole by their row ids, some rows at a time. Jobs and commands have a retention;
what was set aside waits for people or for a crowd's turn.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.db.models import Model

from dmp_site.erasing.aside import Known, theirs
from dmp_site.models import Job
from identity.privacy.masking import masked
from identity.touchpoints.models import LaneCommand, Refusal, SetAside

SLICE = 1_000  # rows looked at in one transaction
COMMANDS = "identity.lanecommand"  # the last place: what is asked for meanwhile is looked at once more in the end
_MARK = {"erased": True}


def forget_refusals(touchpoints: Collection[str]) -> None:
    """Let refusals not name these touchpoints as their last."""
    details = [f"touchpoint {each}" for each in touchpoints]
    Refusal.objects.filter(detail__in=details).update(detail="")


# --- Rows that name identifiers -----------------------------------------------------------------------------------------


def scrub(place: str, after: int, known: Known) -> tuple[int, int | None]:
    """Scrub the next rows of a place behind the row id `after`; return how many changed, and where to go on (None: that was all)."""
    model, change = PLACES[place]
    rows: list[Any] = list(model._default_manager.filter(pk__gt=after).order_by("pk")[:SLICE])  # noqa: SLF001
    changed = sum(change(row, known) for row in rows)
    return changed, rows[-1].pk if len(rows) == SLICE else None


def _command(row: LaneCommand, known: Known) -> bool:
    if not names(row.payload, known.keys) and not _mentions(row.error, known.keys):
        return False
    left = {name: _without(value, known.keys) for name, value in row.payload.items()}
    row.payload = left if not names(left, known.keys) else dict(_MARK)
    row.error = "" if _mentions(row.error, known.keys) else row.error
    row.save(update_fields=["payload", "error"])
    return True


def _job(row: Job, known: Known) -> bool:
    """Take the identifiers out of what a job found and failed with. One that is not over begins again: it holds what it has read already."""
    shown = known.keys | {masked(key) for key in known.keys}
    if _mentions(row.error, shown):
        row.error = ""
    elif not names([row.payload, row.checkpoint], shown):
        return False
    row.payload = _emptied(row.payload, shown)
    if row.state in Job.OPEN:
        row.checkpoint, row.processed = {}, 0
        row.state, row.token, row.lease_until = Job.State.WAITING, "", 0
    else:
        row.checkpoint = _emptied(row.checkpoint, shown)
    row.save()
    return True


def _set_aside(row: SetAside, known: Known) -> bool:
    """Delete a row that waits for a human if it is this person's, be it one that cannot be read. Of another's only what it failed with may name them."""
    if theirs(row, known) is not None:
        row.delete()
    elif _mentions(row.error, known.keys):
        row.error = ""
        row.save(update_fields=["error"])
    else:
        return False
    return True


def aside(after: int, known: Known) -> list[str]:
    """Return the ids of the touchpoints that the next rows set aside would be, if they are this person's: the graph may hold them."""
    rows = SetAside.objects.filter(pk__gt=after).order_by("pk")[:SLICE]
    return [row.touchpoint for row in rows if row.touchpoint and theirs(row, known)]


PLACES: Mapping[str, tuple[type[Model], Callable[[Any, Known], bool]]] = {
    "identity.setaside": (SetAside, _set_aside),
    "dmp_site.job": (Job, _job),
    COMMANDS: (LaneCommand, _command),
}


def names(value: Any, keys: frozenset[str]) -> bool:
    """Tell whether a JSON value holds one of the keys, as a text or as the name of a member."""
    if isinstance(value, str):
        return value in keys
    if isinstance(value, Mapping):
        return any(name in keys or names(each, keys) for name, each in value.items())
    return isinstance(value, list | tuple) and any(names(each, keys) for each in value)


def _mentions(text: str, keys: frozenset[str]) -> bool:
    return any(key in text for key in keys)


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [each for each in value if not names(each, keys)]
    return "" if names(value, keys) else value


def _emptied(value: Any, keys: frozenset[str]) -> Any:
    """Return a JSON value without the keys, wherever they stand."""
    if isinstance(value, Mapping):
        return {name: _emptied(each, keys) for name, each in value.items() if name not in keys}
    if isinstance(value, list):
        return [_emptied(each, keys) for each in value if not _is_one(each, keys)]
    return "" if _is_one(value, keys) else value


def _is_one(value: Any, keys: frozenset[str]) -> bool:
    return isinstance(value, str) and value in keys
