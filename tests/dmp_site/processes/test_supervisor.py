"""The supervisor and its children as real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dmp_site.processes import supervisor
from dmp_site.processes.lifeline import VARIABLE
from dmp_site.processes.supervisor import Child, Supervisor, manage

pytestmark = pytest.mark.process


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return status != "Z"


class Supervised:
    """The supervisor under test, and who it started."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.dmp_site.processes.supervised", str(directory)]
        )
        wait_until(lambda: len(self.starts("one")) == len(self.starts("two")) == 1)

    def starts(self, name: str) -> list[list[int]]:
        """Return the process ids of each start of a child, and of what it forked."""
        file = self.directory / name
        lines = file.read_text().splitlines() if file.exists() else []
        return [[int(pid) for pid in line.split()] for line in lines]

    def everyone(self) -> list[int]:
        return [pid for name in ("one", "two") for start in self.starts(name) for pid in start]


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    made = Supervised(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()
    wait_until(lambda: not any(alive(pid) for pid in made.everyone()))


def test_a_child_that_dies_is_started_again_and_what_it_forked_is_ended(
    supervised: Supervised,
) -> None:
    pid, forked = supervised.starts("one")[0]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(supervised.starts("one")) == 2)
    wait_until(lambda: not alive(forked))
    assert len(supervised.starts("two")) == 1


def test_a_child_that_hangs_is_killed_and_started_again(supervised: Supervised) -> None:
    pid, _ = supervised.starts("two")[0]
    flag = supervised.directory / "hung-two"
    flag.touch()
    wait_until(lambda: not alive(pid))
    flag.unlink()
    wait_until(lambda: len(supervised.starts("two")) >= 2)


def test_what_cannot_be_started_is_tried_again_and_ends_nobody(supervised: Supervised) -> None:
    sign, draft = supervised.directory / "came", supervised.directory / "draft"
    draft.write_text(f"#!/bin/sh\ntouch {sign}\n")
    draft.chmod(0o700)
    draft.rename(supervised.directory / "late")
    wait_until(sign.exists, seconds=60)
    assert supervised.process.poll() is None


def test_sigterm_ends_all_of_it(supervised: Supervised) -> None:
    supervised.process.send_signal(signal.SIGTERM)
    assert supervised.process.wait(20) == 0
    # It waits for its children; whom they left behind the system ends a moment after the signal.
    wait_until(lambda: not any(alive(pid) for pid in supervised.everyone()), seconds=5)


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Give back what a supervisor that runs in this process takes over."""
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


DEAF = "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"


def ended_within(directory: Path, count: int) -> float:
    """Return the seconds in which a supervisor ended this many children that do not listen."""
    signs = [directory / f"{number} of {count}" for number in range(count)]
    running = Supervisor(
        [Child(sign.name, [sys.executable, "-c", DEAF, str(sign)]) for sign in signs]
    )
    told = []

    def tell() -> None:
        wait_until(lambda: all(sign.exists() for sign in signs))
        told.append(time.monotonic())
        running.stop.set()

    running.run(ready=tell)
    assert all(child.process and not alive(child.process.pid) for child in running.children)
    return time.monotonic() - told[0]


@pytest.mark.usefixtures("own_signals")
def test_children_that_do_not_end_are_waited_for_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_WITHIN", 2.0)
    assert ended_within(tmp_path, 6) < 3 * ended_within(tmp_path, 1)


def test_after_the_supervisors_sudden_death_its_children_end_within_five_seconds(
    supervised: Supervised,
) -> None:
    supervised.process.kill()
    supervised.process.wait()
    wait_until(lambda: not any(alive(pid) for pid in supervised.everyone()), seconds=5)


def test_a_child_that_is_still_loading_ends_with_its_supervisor_too(tmp_path: Path) -> None:
    (tmp_path / "slow_settings.py").write_text("import time; time.sleep(60)")
    lifeline, held = os.pipe()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        "DJANGO_SETTINGS_MODULE": "slow_settings",
        VARIABLE: str(lifeline),
    }
    child = subprocess.Popen(
        manage("check"), env=environment, pass_fds=[lifeline], start_new_session=True
    )
    time.sleep(1)
    assert child.poll() is None
    os.close(held)
    assert child.wait(10) == -signal.SIGTERM
    os.close(lifeline)
