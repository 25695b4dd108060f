"""Whatever is appended, claimed, settled, pruned and reopened in whatever order: each row comes once, in order, live first."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity.clock import Instant
from identity.touchpoints.inbox.port import NewRow
from identity.touchpoints.models import Lane
from identity.touchpoints.types import Mode
from tests.soaking import examples
from tests.stores import empty_inbox

pytestmark = pytest.mark.django_db(transaction=True)  # a writer has a connection of its own
MODES = st.sampled_from(list(Mode))
STEPS = st.one_of(
    st.tuples(st.just("append"), st.lists(MODES, min_size=1, max_size=6)),
    st.tuples(st.just("claim"), st.fixed_dictionaries({mode: st.integers(1, 4) for mode in Mode})),
    st.tuples(
        st.just("forget"), st.fixed_dictionaries({mode: st.integers(1, 4) for mode in Mode})
    ),
    st.tuples(st.just("prune"), st.none()),
    st.tuples(st.just("reopen"), st.none()),
)


@dataclass
class World:
    """An inbox and what has to come out of it."""

    directory: Path
    ticks: Any = field(default_factory=lambda: itertools.count(1_700_000_000_000))
    waiting: dict[Mode, list[bytes]] = field(default_factory=lambda: {mode: [] for mode in Mode})
    settled: dict[Mode, int] = field(default_factory=lambda: dict.fromkeys(Mode, 0))
    horizon: Instant = 0
    number: int = 0

    def __post_init__(self) -> None:
        self.inbox = empty_inbox(self.directory)
        Lane.objects.update_or_create(pk=1, defaults={"live_position": 0, "history_position": 0})
        self.open()

    def open(self) -> None:
        self.writer = self.inbox.writer(lambda: next(self.ticks))
        self.reader = self.inbox.reader()

    def append(self, modes: list[Mode]) -> None:
        rows = [NewRow(1, mode, f"{self.number + n}".encode()) for n, mode in enumerate(modes)]
        first = self.writer.append(rows, next(self.ticks))
        assert first == self.number + 1
        self.number += len(rows)
        for row in rows:
            self.waiting[row.mode].append(row.payload)

    def claim(self, limits: dict[Mode, int], *, settle: bool = True) -> None:
        claim = self.reader.claim(limits, next(self.ticks))
        expected = Mode.LIVE if self.waiting[Mode.LIVE] else Mode.HISTORY
        first = self.waiting[expected][: limits[expected]]
        assert [row.payload for row in claim.rows] == first
        assert all(row.mode is claim.mode for row in claim.rows)
        if claim.mode is Mode.LIVE:
            assert all(row.received_at >= self.horizon for row in claim.rows)
        if settle and claim.rows:
            self.reader.settle(claim)
            self.horizon = max(self.horizon, claim.horizon)
            self.waiting[claim.mode] = self.waiting[claim.mode][len(first) :]
            self.settled[claim.mode] = claim.rows[-1].number

    def forget(self, limits: dict[Mode, int]) -> None:
        """Claim and settle nothing, as a lane that dies."""
        self.claim(limits, settle=False)

    def prune(self, _nothing: None) -> None:
        self.writer.prune(
            keep_from_live=self.settled[Mode.LIVE] + 1,
            keep_from_history=self.settled[Mode.HISTORY] + 1,
        )
        self.reader.check()

    def reopen(self, _nothing: None) -> None:
        self.writer.close()
        self.open()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(30),
)
@given(st.lists(STEPS, max_size=25))
def test_each_row_comes_once_in_order_and_live_first(steps: list[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as directory:
        world = World(Path(directory))
        try:
            for name, argument in steps:
                getattr(world, name)(argument)
            while any(world.waiting.values()):
                world.claim(dict.fromkeys(Mode, 3))
            assert (world.reader.backlog().live, world.reader.backlog().history) == (0, 0)
        finally:
            world.writer.close()
