"""What long jobs there are, and what one step of each does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dmp_site import trials
from dmp_site.models import Job
from identity.clock import DAY, Instant
from identity.touchpoints.models import Batch, LaneCommand, Refusal
from journeys.enrolments import keeping

STEP = 1_000  # rows deleted in one transaction, few enough not to hold up the lane


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: rows more than before, where the next goes on, whether that was the last. `total`: rows, where they are known."""

    processed: int
    done: bool
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    total: int | None = None


class Stepper(Protocol):
    """Does one step, in a transaction of some milliseconds that also stores the checkpoint it returns."""

    def __call__(
        self, payload: Mapping[str, Any], checkpoint: Mapping[str, Any], now: Instant, /
    ) -> Step: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job. `every` minutes it starts by itself; 0 = only when asked.

    `reads`: a step writes nothing but its checkpoint and asks the graph store, so it runs outside the transaction that stores that.
    """

    title: str | Promise
    step: Stepper
    every: int = 0
    reads: bool = False


def prune(_payload: Mapping[str, Any], _checkpoint: Mapping[str, Any], now: Instant) -> Step:
    """Delete records of the machinery older than the retention: batches, executed commands, refusals, jobs that are over.

    Then what no journey asks for any more.
    """
    before = now - settings.KEEP_RECORDS_DAYS * DAY
    for old in _old_records(before):
        deleted = _delete(old)
        if deleted:
            return Step(deleted, done=False)
    forgotten = keeping.prune(now, STEP)
    return Step(forgotten, done=not forgotten)


def _old_records(before: Instant) -> list[QuerySet[Any]]:
    return [
        Batch.objects.filter(now__lt=before),
        LaneCommand.objects.filter(done_at__lt=before),
        Refusal.objects.filter(last_at__lt=before),
        Job.objects.filter(changed_at__lt=before).exclude(state__in=Job.OPEN),
    ]


def _delete(rows: QuerySet[Model]) -> int:
    model: Any = rows.model
    oldest = list(rows.order_by("pk").values_list("pk", flat=True)[:STEP])
    return int(model.objects.filter(pk__in=oldest).delete()[0]) if oldest else 0


def try_policy(payload: Mapping[str, Any], checkpoint: Mapping[str, Any], _now: Instant) -> Step:
    """Look what the identity policy of the payload would change, a block of the graph further."""
    before = checkpoint.get("found", {}).get("identifiers", 0)
    found = trials.step(payload["document"], checkpoint)
    return Step(
        found["found"]["identifiers"] - before,
        done=found["after"] is None,
        checkpoint=found,
        total=None if checkpoint else trials.total(),
    )


KINDS: Mapping[str, Kind] = {
    "prune": Kind(_("Delete old records"), prune, every=60),
    trials.KIND: Kind(_("Try an identity policy"), try_policy, reads=True),
}
