"""A run of the tests on servers: one that cannot be had is named in one line, and nobody shares Neo4j's one database."""

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
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return result.returncode, result.stdout


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("1", 1)])
def test_a_run_without_java_says_so_in_one_line(ci: str, status: int) -> None:
    asked = ["-m", "pytest", "-q", TEST]
    assert run(asked, CI=ci, JAVA_HOME="/nowhere") == (status, LINE)


def test_a_java_that_is_too_old_is_none_and_nothing_is_started_for_it(java_11: Path) -> None:
    assert run(["-c", WATCHED], JAVA_HOME=str(java_11)) == (0, LINE)


def test_several_workers_on_the_one_database_of_neo4j_are_refused() -> None:
    """No server has to be started for that."""
    there = {POSTGRES: "postgresql://127.0.0.1:1/none", NEO4J: "bolt://127.0.0.1:1"}
    status, said = run(["-m", "pytest", "-q", "-n", "2", TEST], **there)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "without -n" in said
    assert run(["-m", "pytest", "-q", "-n", "1", TEST], **there)[0] == 0
