"""The product's own lane, with a clock that stands at the time at which the rows in hand were received."""

import time

from django.conf import settings

from benchmarks.road.times import BATCH, moment
from dmp_site.processes import lane as process
from dmp_site.processes.care import Care
from dmp_site.processes.clockwork import DUE, Clockwork
from dmp_site.processes.garbage import collect_seldom
from dmp_site.processes.lock import FileLock
from dmp_site.processes.outages import foreseen
from identity import graph
from identity.sql import fetch
from identity.touchpoints import inbox, lane
from identity.touchpoints.types import Mode


class Steady(Care):
    """Takes full batches however long they last, as the yardsticks do."""

    def took(self, seconds: float, rows: int, *, awaited: bool) -> None:
        """Learn nothing from it."""


class Product:
    """Takes touchpoints through stages 1 to 6, as `worker --role lane` does; `steady`: in full batches."""

    def __init__(self, *, steady: bool = False) -> None:
        lock = FileLock(settings.DATA_DIR / "lane.lock")
        if not lock.acquire():
            raise RuntimeError("another lane works here")
        store = graph.store()
        epoch = lane.take_over("benchmark", moment(0))
        store.raise_epoch(epoch)
        care: type[Care] = Steady if steady else Care
        self.loop = process.LaneLoop(
            graph=store,
            inbox=inbox.reader(),
            lock=lock,
            attempts=process.attempts_at(settings.DATA_DIR),
            epoch=epoch,
            clock=lambda: self._moment,
            care={mode: care.of(store.batch) for mode in Mode},
            _clockwork=Clockwork(foreseen, care(most=DUE, pace=DUE, few=DUE)),
        )
        store.patience = store.most_patience  # for the first batch: the server may be cold
        self._moment = moment(0)
        collect_seldom()

    def step(self) -> int:
        """Do one round of the lane, and wait as it does for a server that is still too cold; return how many touchpoints are done."""
        self._moment = moment(_position() // BATCH + 1)
        time.sleep(self.loop.turn())
        return _position()

    def rest(self) -> None:
        """Do what there is to do without touchpoints: published audiences come into force."""
        while self.loop.step():
            pass


def _position() -> int:
    ((position,),) = fetch("SELECT live_position FROM identity_lane")
    return int(position)
