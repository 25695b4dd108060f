"""`link_records` as a person runs it, through a real collector. What becomes of its guesses: tests/dmp_site/processes/test_lane_guesses.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.identity.touchpoints.matching import FAKE
from tests.identity.touchpoints.process import Collector, collector
from tests.installation import ROOT

pytestmark = [pytest.mark.process, pytest.mark.stores]

SOURCE = "from identity.models import Source; print(*Source.objects.get(name='Splink').write_keys.all(), Source.objects.get(name='Splink').kind)"


def run(server: Collector, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "link_records", *arguments],
        env=server.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_guesses_go_to_the_inbox_and_nowhere_else(tmp_path: Path) -> None:
    pytest.importorskip("splink", reason="needs Splink: pip install -r requirements/matching.txt")
    folder, data = tmp_path / "files", tmp_path / "data"
    folder.mkdir()
    data.mkdir()
    file = folder / "customers.csv"
    file.write_bytes(FAKE.read_bytes())
    asked = (str(file), "--namespace", "email", "--key", "email")
    with collector(data) as server:
        first = run(server, *asked)
        assert first.returncode == 0, first.stderr
        assert "records, compared by" in first.stderr
        assert not [text for text in (first.stdout, first.stderr) if "@" in text]
        rows = server.rows()
        assert server.shell(SOURCE) == "model"
        again = run(server, *asked, "--quiet")
        assert (again.returncode, again.stderr) == (0, "")
        assert [row["event"] for row in server.rows()] == [row["event"] for row in rows] * 2
    assert len(rows) > 20
    assert {row["mode"] for row in rows} == {"history"}
    assert len({row["event"]["messageId"] for row in rows}) == len(rows)
    assert {path.name for path in folder.iterdir()} == {
        file.name,
        "customers.csv.guesses.bad.jsonl",
    }


def test_the_help_has_an_example(tmp_path: Path) -> None:
    said = run(Collector(tmp_path), "--help").stdout
    assert "Example: manage.py link_records" in said


def test_without_splink_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "splink.py").write_text("raise ImportError")
    (tmp_path / "file.csv").write_text("a\n1\n")
    server = Collector(tmp_path)
    server.environment["PYTHONPATH"] = str(tmp_path)
    failed = run(server, str(tmp_path / "file.csv"), "--namespace", "email", "--key", "a")
    assert failed.returncode == 1
    assert "pip install -r requirements/matching.txt" in failed.stderr
