"""The road of the yardsticks: the same batches, the same clock, one transaction each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from activation.audiences import live
from activation.channels import registry
from activation.deliveries.handover import rules
from activation.deliveries.types import SendRequest
from activation.pressure import book
from benchmarks.orm import folding, knowing, reacting, recording, refreshing, resolving, sending
from benchmarks.orm.rows import Keeper
from benchmarks.road.times import BATCH, moment
from dmp_site.processes.clockwork import DUE
from identity.profiles.types import Facts
from identity.touchpoints import decode, inbox
from identity.touchpoints.inbox.port import Claim
from identity.touchpoints.models import Batch, Lane
from identity.touchpoints.types import BatchContext, Mode
from journeys.enrolments import plans
from journeys.enrolments.models import Enrolment


@dataclass
class OrmLane:
    """Takes one batch per step. What people set up is read once, at the beginning."""

    keep: Keeper
    number: int = 0

    def __post_init__(self) -> None:
        self._reader = inbox.reader()
        self._live = live.load()
        self._plan = plans.current()
        self._set = sending.Set(book.load(), registry.descriptions(), rules())
        self._epoch = Lane.objects.get(pk=1).epoch

    def step(self) -> int:
        """Take one batch; return how many touchpoints are done."""
        self.number += 1
        claim = self._reader.claim(dict.fromkeys(Mode, BATCH), moment(self.number))
        context = BatchContext(
            now=moment(self.number), horizon=claim.horizon, mode=Mode.LIVE, epoch=self._epoch
        )
        if claim.rows:
            self._process(claim, context)
        self._tick(context)
        return claim.rows[-1].number if claim.rows else 0

    def _process(self, claim: Claim, context: BatchContext) -> None:
        keep = self.keep
        touchpoints = decode.decode(claim.rows)
        with transaction.atomic():
            contested = resolving.contested(keep, touchpoints)
            recorded = recording.record(keep, touchpoints, contested)
            resolved = resolving.resolve(keep, touchpoints, recorded, context)
            folding.fold(keep, resolved)
            people = knowing.facts(keep, resolved.people)
            changes = refreshing.refresh(keep, self._live, resolved, people, context)
            arrivals = resolved.arrivals
            requests = reacting.react(keep, self._plan, arrivals, changes, people, context=context)
            self._send(requests, people, context)
            Batch.objects.create(
                kind="touchpoints",
                epoch=self._epoch,
                now=context.now,
                horizon=context.horizon,
                mode=context.mode,
                first_number=claim.rows[0].number,
                last_number=claim.rows[-1].number,
                touchpoints=len(claim.rows),
                versions={},
            )
            self._reader.settle(claim)

    def _tick(self, context: BatchContext) -> None:
        """Wake who is due; no window of an audience ends while the benchmark lasts."""
        with transaction.atomic():
            rows, profiles = reacting.wake(context, DUE)
            if rows:
                people = knowing.facts(self.keep, set(profiles.values()))
                requests = reacting.go_on(
                    self.keep, self._plan, rows, people, context=context, answers={}
                )
                self._send(requests, people, context)

    def _send(
        self,
        requests: Sequence[SendRequest],
        people: Mapping[int, Facts],
        context: BatchContext,
    ) -> None:
        while requests:
            answers = sending.dispatch(self.keep, self._set, requests, people, context)
            rows = self.keep.find(Enrolment, "pk", answers)
            requests = reacting.go_on(
                self.keep, self._plan, rows, people, context=context, answers=answers
            )
