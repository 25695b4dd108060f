"""`import_touchpoints` as a person runs it, through a real collector."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.identity.touchpoints.process import Collector, collector
from tests.installation import ROOT

pytestmark = [pytest.mark.process, pytest.mark.stores]


def run(server: Collector, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "import_touchpoints", *arguments],
        env=server.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


PROGRESS = re.compile(r"(\d+) rows, \d+ per second, 1 bad")
AUDITED = (
    "from identity.privacy.models import AuditEntry\n"
    "entry = AuditEntry.objects.order_by('pk').last()\n"
    "print(entry.actor, entry.action)"
)


def test_a_csv_file_becomes_history_once(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    mapping, file = folder / "m.yaml", folder / "customers.csv"
    mapping.write_text(
        "type: identify\nidentifiers: {crm_id: id, email: mail}\nkey: [id]\ntraits: {city: town}\n"
    )
    file.write_text("id,mail,town\n1,a@b.fr,Lyon\n,,Nice\n3,c@d.fr,\n")
    (tmp_path / "data").mkdir()
    with collector(tmp_path / "data") as server:
        first = run(server, str(file), "--mapping", str(mapping), "--source", "crm", "--quiet")
        assert first.returncode == 0, first.stderr
        assert server.shell(AUDITED) == "command:import_touchpoints source.add"
        assert "3 rows read, 1 of them bad" in first.stdout
        assert "none of the identifiers" in (folder / "customers.csv.bad.jsonl").read_text()
        rows = server.rows()
        assert {row["mode"] for row in rows} == {"history"}
        assert [row["event"]["traits"] for row in rows] == [{"city": "Lyon"}, {}]
        run(server, str(file), "--mapping", str(mapping), "--source", "crm", "--quiet")
        assert [row["event"] for row in server.rows()] == [row["event"] for row in rows] * 2
    away = run(server, str(folder / "none.csv"), "--source", "crm")
    assert away.returncode != 0
    assert "is not there" in away.stderr


def test_a_long_import_says_how_far_it_is(tmp_path: Path) -> None:
    """Many times more rows than a second can take, so that there is something to say."""
    rows, file = 60_000, tmp_path / "events.jsonl"
    event = '{"type":"page","userId":"%d"}\n'
    file.write_text('{"type":"dance"}\n' + "".join(event % number for number in range(1, rows)))
    (tmp_path / "data").mkdir()
    with collector(tmp_path / "data") as server:
        loud = run(server, str(file), "--source", "shop")
        quiet = run(server, str(file), "--source", "other", "--quiet")
    assert loud.stdout.startswith(f"{rows} rows read, 1 of them bad")
    said = [PROGRESS.fullmatch(line) for line in loud.stderr.splitlines()]
    done = [int(found[1]) for found in said if found]
    assert len(done) == len(said) > 0, loud.stderr
    assert done[0] > 0
    assert done == sorted(set(done))
    assert done[-1] <= rows
    assert (quiet.returncode, quiet.stderr) == (0, "")


def test_the_help_has_an_example(tmp_path: Path) -> None:
    said = run(Collector(tmp_path), "--help").stdout
    assert "Example: manage.py import_touchpoints" in said
