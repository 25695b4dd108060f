"""A server process of ours: started in a group of its own, waited for, frozen, killed, and gone with the process that started it."""

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.ports import free_port

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Missing(Exception):
    """What a server needs is not on this machine; the text says what."""


class Program:
    """One server in a directory of its own. Subclasses say how it is made, started and asked."""

    name = ""
    patience = 120.0  # seconds until it must answer

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()  # a forked child must not end it
        atexit.register(self.remove)

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def user(self) -> str | None:
        """Return as whom it runs; None: as we do."""
        return None

    def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError with its last words when it never does."""
        with (self.home / "output.log").open("ab") as output:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.home,
                user=self.user(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call
            )
        self.wait_until(self.answers, f"{self.name} to answer")

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            if condition():
                return
            time.sleep(0.1)
        raise RuntimeError(f"waited in vain for {what}:\n{self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what it printed or logged."""
        return (self.home / "output.log").read_text(errors="replace")[-3000:]

    def signal(self, number: int) -> None:
        """Send a signal to the server and to all processes that it started."""
        if self.process is not None:
            for pid in _family(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self._gone()

    def stop(self) -> None:
        """End it as its administrator would."""
        if self.process is not None:
            self.thaw()
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGINT)
            self._gone()

    def _gone(self) -> None:
        if self.process is not None:
            self.process.wait(self.patience)
            self.process = None

    def remove(self) -> None:
        """Kill it and delete its directory."""
        if os.getpid() == self._owner:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.kill()
            shutil.rmtree(self.home, ignore_errors=True)


def _family(head: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found = [head]
    for each in found:
        found += children.get(each, [])
    return found


def _die_with_parent() -> None:
    """Ask the kernel to kill the server when the thread that started it is gone, however it went."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
