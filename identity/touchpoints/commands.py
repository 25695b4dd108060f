"""Asking the lane for what only the lane may do (one writer per person: no races by construction)."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F

from identity.clock import Instant
from identity.sql import Rows, fetch
from identity.touchpoints import lane
from identity.touchpoints.models import LaneCommand

TRIES = 3  # lanes that may die in one command


def enqueue(kind: str, payload: Mapping[str, Any], actor: str, now: Instant) -> int:
    """Store a command; the lane executes commands in the order of their ids. The payload holds no clear PII."""
    with transaction.atomic():
        row = LaneCommand.objects.create(
            kind=kind, payload=dict(payload), actor=actor, created_at=now
        )
    return row.pk


def waiting(limit: int) -> list[LaneCommand]:
    """Return the oldest commands that were not executed yet."""
    return list(LaneCommand.objects.filter(done_at=None).order_by("pk")[:limit])


def oldest(kinds: Collection[str]) -> Instant | None:
    """Return when the first command of these kinds was asked for that was not executed yet; None when none waits."""
    rows = Rows("kinds", kind="text")
    found = fetch(
        f"SELECT min(created_at) FROM identity_lanecommand WHERE done_at IS NULL AND kind IN (SELECT kind FROM {rows})",
        rows.of((each,) for each in kinds),
    )
    return found[0][0] if found else None


def finish(command: int, now: Instant, error: str = "", *, broke: bool = False) -> None:
    """Mark a command as executed, or as refused with the reason; `broke`: it failed in a way that nobody foresaw."""
    LaneCommand.objects.filter(pk=command).update(
        done_at=now, error=error.replace("\0", "")[:500], broke=broke
    )


def went_on(command: int) -> None:
    """Forget the tries of a command that is done in parts and has done one. In the caller's transaction."""
    LaneCommand.objects.filter(pk=command, tries__gt=0).update(tries=0)


def suspect(command: int, *, epoch: int) -> None:
    """Note that a lane died in this command: from now on its tries are counted, and that was the first."""
    with lane.fenced(epoch):
        LaneCommand.objects.filter(pk=command, done_at=None, tries=0).update(tries=1)


def trying(command: int, *, epoch: int) -> bool:
    """Write that one more attempt on a suspect begins; False, and nothing written, when its tries are used up."""
    with lane.fenced(epoch):
        open_ = LaneCommand.objects.filter(pk=command, tries__lt=TRIES)
        return bool(open_.update(tries=F("tries") + 1))


def give_back(command: int, *, epoch: int) -> None:
    """Take back the try that was written last: the attempt met an outage. The command stays a suspect."""
    with lane.fenced(epoch):
        LaneCommand.objects.filter(pk=command, tries__gt=1).update(tries=F("tries") - 1)


def note_failure(kind: str, payload: Mapping[str, Any], error: str, now: Instant) -> None:
    """Store work of the lane's own that failed, beside what people asked for: executed, with the error."""
    LaneCommand.objects.create(
        kind=kind,
        payload=dict(payload),
        actor="lane",
        created_at=now,
        done_at=now,
        error=error.replace("\0", "")[:500],
        broke=True,
    )
