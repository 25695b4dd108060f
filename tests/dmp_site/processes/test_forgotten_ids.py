"""Whatever is forgotten while touchpoints come in, profiles and their ids are those of the evidence that is left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmp_site.on_graph import ON_GRAPH
from dmp_site.pipeline import Fence
from identity.graph import documents
from identity.graph.models import IdentityPolicy
from identity.graph.policy import Policy
from identity.models import LaneCommand
from identity.profiles import forgetting, models, unsettled
from identity.touchpoints import commands
from identity.touchpoints import forgetting as sources
from identity.touchpoints.types import Identifier
from tests.identity.graph.evidence import SMALL, Event, events, touchpoint
from tests.identity.profiles.identities import Stages, assignment, context, expected, uid_of
from tests.soaking import examples
from tests.stores import forget, undone

pytestmark = pytest.mark.django_db
BAD = 2  # the source that is forgotten
NOW = 5_000


@dataclass
class Lane:
    """Takes events, and between them does the commands that people and slices before them asked for."""

    stages: Stages = field(default_factory=Stages)
    taken: list[Event] = field(default_factory=list)
    is_switched_off: bool = False

    def take(self, batch: Sequence[Event]) -> None:
        """Take touchpoints as the pipeline does: a source that is forgotten is switched off, who is forgotten is left out."""
        batch = [each for each in batch if not (self.is_switched_off and each.source == BAD)]
        if batch:
            whole = [touchpoint(each, SMALL) for each in batch]
            self.stages.run(*forgetting.left_out(whole, policy=SMALL))
        left = [without(each, self.forgotten()) for each in batch]
        self.taken += [each for each in left if not SMALL.refusal(each.identifiers, each.same)]

    def forget(self, identifier: Identifier) -> None:
        rows = models.Identifier.objects.filter(key=identifier.key, forgotten=False)
        if rows.exists():
            commands.enqueue(forgetting.FORGET, {"identifier": identifier.key}, "tests", NOW)

    def forget_source(self) -> None:
        if not self.is_switched_off:
            self.is_switched_off = True
            commands.enqueue(sources.FORGET, {"source": BAD, "after": 0}, "tests", NOW)

    def work(self) -> bool:
        """Do the oldest command, as a lane that dies behind the graph's commit and does it once more; return whether there was one."""
        waiting = commands.waiting(1)
        for command in waiting:
            with suppress(Died):
                self._do(command, self._dying)
            self._do(command, partial(self._fence, command.pk))
        return bool(waiting)

    def _do(self, command: LaneCommand, fence: Fence) -> None:
        do = ON_GRAPH[command.kind]
        do(command.kind, command.payload, context(NOW), graph=self.stages.store, fence=fence)

    @contextmanager
    def _dying(self) -> Iterator[None]:
        with transaction.atomic():
            yield
            raise Died

    @contextmanager
    def _fence(self, command: int) -> Iterator[None]:
        with transaction.atomic():
            yield
            commands.finish(command, NOW)

    def forgotten(self) -> set[Identifier]:
        keys = models.Identifier.objects.filter(forgotten=True).values_list("key", flat=True)
        return {Identifier.of(key) for key in keys}

    def left(self) -> list[Event]:
        """Return the evidence that is left."""
        return [
            without(each, self.forgotten())
            for each in self.taken
            if not (self.is_switched_off and each.source == BAD)
        ]


class Died(Exception):
    """The lane, before its transaction in the Django database."""


def without(event: Event, gone: set[Identifier]) -> Event:
    return replace(
        event,
        identifiers=tuple(each for each in event.identifiers if each not in gone),
        same=tuple(pair for pair in event.same if gone.isdisjoint(pair)),
    )


def apply(policy: Policy) -> None:
    times = dict.fromkeys(("created_at", "changed_at", "applied_at", "settled_at"), NOW)
    document = documents.write(policy)
    IdentityPolicy.objects.create(version=policy.version, document=document, **times)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(200, soak=2_000),
)
@given(stream=events(), slice_=st.integers(1, 3), data=st.data())
def test_what_is_forgotten_leaves_the_profiles_and_ids_of_what_is_left(
    stream: list[Event], slice_: int, data: st.DataObject
) -> None:
    known = sorted({each for event in stream for each in event.identifiers})
    with undone(), pytest.MonkeyPatch.context() as small:
        forget()
        for room in (forgetting, sources, unsettled):
            small.setattr(room, "SLICE", slice_)
        apply(SMALL)
        lane, rest = Lane(), list(stream)
        while rest:
            size = data.draw(st.integers(1, 4), "batch")
            lane.take(rest[:size])
            rest = rest[size:]
            for _ in range(data.draw(st.integers(0, 3), "commands")):
                lane.work()
            said = data.draw(st.sampled_from(["", "", "identifier", "source"]), "forget")
            if said == "source":
                lane.forget_source()
            elif said:
                lane.forget(data.draw(st.sampled_from(known)))
        while lane.work():
            pass
        assert not LaneCommand.objects.exclude(error="").exists()
        found, gone = assignment(), {each.key for each in lane.forgotten()}
        right = expected(lane.left())
        alone = {key for key in found if key not in right and key not in gone}
        assert {key: uid for key, uid in found.items() if key not in gone} == right | {
            key: uid_of(Identifier.of(key)) for key in alone
        }
        others = set(right.values()) | {found[key] for key in alone}
        assert others.isdisjoint(found[key] for key in gone), "who is forgotten is with nobody"
