"""How long nothing is committed when the lane is killed: among 1, 2 and 4 `worker --role all`, under load.

With one worker the next one is started at the moment of the kill, as a supervisor would; with more, another one stands by.
`python -m tests.crash.failover` prints the times for each kind of stores.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.stream import Shop
from tests.crash import servers
from tests.crash.load import Load
from tests.installation import Installation, installation_at
from tests.places import KINDS, Place
from tests.servers.program import Missing

WORKERS = (1, 2, 4)
_RATE = 500  # touchpoints a second


class Herd:
    """Workers of one installation, of which one is the lane."""

    def __init__(self, home: Installation) -> None:
        self._home = home
        self._workers: dict[int, subprocess.Popen[bytes]] = {}

    def fill(self, size: int) -> None:
        """Start workers until there are so many; return when one of them is the lane and the others stand by."""
        while len(self._workers) < size:
            self._start()
        self._home.wait_for(lambda: self._home.lane() in self._workers, "a lane among the workers")
        self._home.wait_for(self._all_send, "all workers to be up")

    def replace(self, *, by_new: bool) -> float:
        """Kill the lane; return the seconds until the next batch was committed. `by_new`: nobody stood by, so start one."""
        self._moves("the lane to work")
        lane = self._workers.pop(self._home.lane())
        os.kill(lane.pid, signal.SIGKILL)
        began, before = time.monotonic(), self._home.position()
        lane.wait()
        if by_new:
            self._start()
        self._home.wait_for(lambda: self._home.position() > before, "the next batch")
        return time.monotonic() - began

    def _start(self) -> None:
        worker = self._home.start("worker", "--role", "all")
        self._workers[worker.pid] = worker

    def _all_send(self) -> bool:
        """Tell whether each has loaded: it shares the lock of what runs then."""
        return all(
            any("running.lock" in link for link in _open_files(pid)) for pid in self._workers
        )

    def _moves(self, what: str) -> None:
        before = self._home.position()
        self._home.wait_for(lambda: self._home.position() > before, what)


def _open_files(pid: int) -> list[str]:
    folder = Path(f"/proc/{pid}/fd")
    found = []
    for each in folder.iterdir():
        try:
            found.append(str(each.readlink()))
        except OSError:  # closed meanwhile
            continue
    return found


def measure(place: Place, directory: Path, *, kills: int = 1) -> Mapping[int, Sequence[float]]:
    """Return the seconds of each kill by the number of workers. Raises AssertionError when a touchpoint was lost or came twice."""
    with installation_at(place, directory) as home:
        home.manage("setup")
        home.start("worker", "--role", "collector")
        home.wait_for(lambda: home.answers(home.collector), "the collector")
        key = home.write_key("shop")
        load = Load(home.collector, key, Shop(400, seed=1).touchpoints(2_000_000), _RATE)
        herd = Herd(home)
        seconds: dict[int, list[float]] = {size: [] for size in WORKERS}
        load.start()
        try:
            for size in WORKERS:
                for _ in range(kills):
                    herd.fill(size)
                    seconds[size].append(herd.replace(by_new=size == 1))
        except BaseException:
            load.give_up()
            raise
        load.stop()
        home.wait_for(lambda: home.waiting() == 0, "the inbox to be empty")
        assert place.touchpoints() == len(load.acknowledged)
        contacts = sum(event["type"] != "identify" for event in load.sent)
        counted = home.ask("SELECT sum(count) FROM identity_contactcount")
        assert counted == contacts, f"{counted} counted, {contacts} sent"
        assert home.ask("SELECT count(*) FROM identity_setaside") == 0
    return seconds


def say(kind: str, seconds: Mapping[int, Sequence[float]]) -> str:
    times = ", ".join(f"{size} workers {max(taken):.1f} s" for size, taken in seconds.items())
    return f"{kind}: kill -9 of the lane until the next batch: {times}"


def main() -> None:
    for kind in KINDS:
        with tempfile.TemporaryDirectory(prefix="filrouge-failover-") as directory:
            try:
                with servers.own(kind, Path(directory)) as stores:
                    said = say(kind, measure(stores.place, Path(directory)))
            except Missing as missing:
                said = f"Left out: {kind}, for want of {missing}"
        sys.stdout.write(f"{said}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
