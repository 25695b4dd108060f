"""Starts everything as child processes, starts again what dies, kills a lane that hangs, and ends all of it together."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from dmp_site.processes.lifeline import VARIABLE

log = logging.getLogger(__name__)

STOP_WITHIN = 10.0  # seconds the children may take to end after SIGTERM
_LOOK = 0.25  # seconds between looks at the children
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 30.0
_STEADY = 60.0  # a child that lived this many seconds starts again at once

Hung = Callable[[float, float, int], bool]  # (moment, started, process id)


def never(_moment: float, _started: float, _pid: int) -> bool:
    """Say of a child without a heartbeat that it does not hang."""
    return False


@dataclass
class Child:
    """One process to keep alive. `hung(moment, started, process id)` says whether it has to be killed although it runs.

    Moments are seconds of the monotonic clock: the other one may be set while we watch.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    hung: Hung = never
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_after: float = 0.0
    wait: float = _FIRST_WAIT
    starts: int = 0


class Supervisor:
    """Keeps children alive until `stop` is set. `output` takes what they print, instead of this process's own."""

    def __init__(self, children: Sequence[Child], output: IO[bytes] | None = None) -> None:
        self.children = list(children)
        self._output = output
        self._onlooker = _Onlooker(self.children)
        self.stop = threading.Event()
        self._read_end, self._write_end = os.pipe()

    def run(self, *, ready: Callable[[], None] | None = None) -> None:
        """Start all, watch until told to stop, then end all."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self.stop.set())
        try:
            for child in self.children:
                self._start(child)
            self._onlooker.start()
            if ready:
                threading.Thread(target=ready, daemon=True).start()
            while not self.stop.wait(_LOOK):
                for child in self.children:
                    self._look_after(child)
        finally:
            self.end()

    def end(self) -> None:
        """Ask every child to end, in reverse order of their start, and make sure that it does."""
        for child in reversed(self.children):
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN  # one for all of them
        for child in self.children:
            _wait_for(child, deadline)
            _signal(child, signal.SIGKILL)  # or what it left in its group
        for child in self.children:
            if child.process is not None:
                child.process.wait()

    def _start(self, child: Child) -> None:
        try:
            child.process = self._begin(child)
        except OSError as error:  # no memory or no process to be had just now
            log.warning("%s cannot be started: %s", child.name, error)
            child.wait = min(_LONGEST_WAIT, child.wait * 2)
            child.start_after = time.monotonic() + child.wait
            return
        child.started = time.monotonic()
        child.starts += 1
        log.info("%s started, process %d", child.name, child.process.pid)

    def _begin(self, child: Child) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own commands
            child.command,
            env={**os.environ, **child.environment, VARIABLE: str(self._read_end)},
            pass_fds=[self._read_end],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=None if self._output is None else subprocess.STDOUT,
        )

    def _look_after(self, child: Child) -> None:
        moment = time.monotonic()
        if child.process is None:
            if moment >= child.start_after:
                self._start(child)
        elif (code := child.process.poll()) is not None:
            _signal(child, signal.SIGKILL)  # what it may have left in its group
            self._plan_restart(child, code, moment)
        elif self._onlooker.hangs(child.process):
            log.error("%s hangs; killed", child.name)
            _signal(child, signal.SIGKILL)

    @staticmethod
    def _plan_restart(child: Child, code: int, moment: float) -> None:
        steady = moment - child.started >= _STEADY
        child.wait = _FIRST_WAIT if steady else min(_LONGEST_WAIT, child.wait * 2)
        child.start_after = moment if child.starts == 1 or steady else moment + child.wait
        child.process = None
        log.error("%s ended with status %d; starting it again", child.name, code)


class _Onlooker:
    """Asks, in a thread of its own, which children hang: a database that hangs must not keep us from starting what died, or from ending.

    The thread is a daemon, and no executor's: it must not keep the process from ending either.
    """

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = children
        self._found: set[subprocess.Popen[bytes]] = set()

    def start(self) -> None:
        threading.Thread(target=self._run, name="onlooker", daemon=True).start()

    def hangs(self, process: subprocess.Popen[bytes]) -> bool:
        return process in self._found

    def _run(self) -> None:
        while True:
            try:
                self._found = set(self._hanging())
            except Exception:  # it looks again, and who may hang is not killed for our fault
                log.exception("Who hangs could not be found out")
            time.sleep(_LOOK)

    def _hanging(self) -> Iterator[subprocess.Popen[bytes]]:
        for child in self._children:
            process, started = child.process, child.started
            if process is not None and child.hung(time.monotonic(), started, process.pid):
                yield process


def _wait_for(child: Child, deadline: float) -> None:
    if child.process is None:
        return
    try:
        child.process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        log.warning("%s did not end within %.0f s; killed", child.name, STOP_WITHIN)


def _signal(child: Child, number: int) -> None:
    if child.process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, number)


def manage(*arguments: str) -> list[str]:
    """Return the command line that runs `manage.py` with these arguments."""
    return [sys.executable, "-m", "dmp_site.processes.start", *arguments]
