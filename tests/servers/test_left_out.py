"""Where a server cannot be had, a run on it says so in one line: well on a developer's machine, badly with CI set."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.installation import ROOT
from tests.places import NEO4J, POSTGRES

TEST = "tests/identity/test_clock.py"
LINE = "Left out: the tests on STORES=neo4j, for want of Java 17 or 21 (Debian: apt install openjdk-17-jre-headless)\n"
# A server that starts says so.
WATCHED = """
from tests.servers.program import Program
Program.start = lambda self: print("started", self.name)
import tests.environment
"""
pytestmark = pytest.mark.slow
OLD = "#!/bin/sh\necho 'openjdk version \"11.0.20\" 2023-07-18' >&2\n"


@pytest.fixture
def java_11(tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text(OLD)
    program.chmod(0o755)
    return tmp_path


def run(arguments: Sequence[str], **more: str) -> tuple[int, str]:
    """Run Python as somebody does who has started no server yet; return its status and what it printed."""
    ours = {POSTGRES, NEO4J, "CI", "PYTEST_XDIST_WORKER"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**environment, "STORES": "neo4j", **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.stderr == ""
    return result.returncode, result.stdout


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("1", 1)])
def test_a_run_without_java_says_so_in_one_line(ci: str, status: int) -> None:
    asked = ["-m", "pytest", "-q", TEST]
    assert run(asked, CI=ci, JAVA_HOME="/nowhere") == (status, LINE)


def test_a_java_that_is_too_old_is_none_and_nothing_is_started_for_it(java_11: Path) -> None:
    assert run(["-c", WATCHED], JAVA_HOME=str(java_11)) == (0, LINE)
