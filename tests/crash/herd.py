"""Several `worker --role all` of one installation, of which one is the lane."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.installation import Installation

WORKERS = (1, 2, 4)  # how many are tried


class Herd:
    """Workers that one starts, and of which one kills the lane."""

    def __init__(self, home: Installation) -> None:
        self._home = home
        self._workers: dict[int, subprocess.Popen[bytes]] = {}

    def fill(self, size: int) -> None:
        """Start workers until there are so many; return when one of them is the lane and the others stand by."""
        while len(self._workers) < size:
            self._start()
        self._home.wait_for(lambda: self._home.lane() in self._workers, "a lane among the workers")
        self._home.wait_for(self._all_send, "all workers to be up")

    def kill_lane(self) -> None:
        lane = self._workers.pop(self._home.lane())
        os.kill(lane.pid, signal.SIGKILL)
        lane.wait()

    def replace(self, *, by_new: bool) -> float:
        """Kill the lane at work; return the seconds until the next batch was committed. `by_new`: nobody stood by, so start one."""
        self._moves("the lane to work")
        began = time.monotonic()
        self.kill_lane()
        before = self._home.position()
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
