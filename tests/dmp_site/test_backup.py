"""The restore drill: what was copied comes back whole, and what does not belong together is refused."""

import json
import shutil

import pytest

from tests.installation import installation

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

FILL = """
from identity.clock import now
from identity.touchpoints import inbox, lane, sources
from identity.touchpoints.inbox.port import NewRow
from identity.touchpoints.models import Lane
from identity.touchpoints.types import Mode
source = sources.ensure("shop", "site", now(), actor="tests")
writer = inbox.writer()
writer.append([NewRow(source.pk, Mode.LIVE, b"waiting") for _ in range({rows})], now())
Lane.objects.update_or_create(pk=1, defaults={{"live_position": {position}}})
"""
STATE = """
from identity.touchpoints import inbox
from identity.touchpoints.models import Source
reader = inbox.reader(); reader.check()
print(Source.objects.filter(name="shop").count(), reader.backlog().live)
"""
AUDITED = """
from identity.privacy.models import AuditEntry
entry = AuditEntry.objects.order_by("pk").last()
print(entry.actor, entry.action)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make an installation and a backup of ten rows, four of them processed, then ten more rows."""
    place = tmp_path_factory.mktemp("made")
    with installation(place / "site") as site:
        site.directory.mkdir()
        site.manage("setup")
        site.shell(FILL.format(rows=10, position=4))
        site.manage("backup", str(place / "copy"), "--keys", str(place / "safe.json"))
        site.shell(FILL.format(rows=10, position=15))
    return place


@pytest.fixture
def site(made, tmp_path):
    shutil.copytree(made / "site", tmp_path / "site")
    with installation(tmp_path / "site") as site:
        yield site


@pytest.fixture
def copy(made):
    return made / "copy", made / "safe.json"


def test_the_drill(site, copy):
    directory, keys = copy
    assert not list(directory.glob("*keys*"))
    shutil.rmtree(site.directory)
    site.directory.mkdir()
    said = site.manage("restore", str(directory), "--keys", str(keys)).stdout
    assert "manage.py up" in said
    assert site.shell(STATE).split() == ["1", "6"]
    assert site.shell(AUDITED).split() == ["command:restore", "installation.restore"]
    assert site.manage("setup").stdout == ""


def test_what_was_there_is_kept(site, copy):
    directory, _keys = copy
    site.manage("restore", str(directory))
    assert site.shell(STATE).split() == ["1", "6"]
    [aside] = site.directory.glob("replaced-*")
    assert {file.name for file in aside.iterdir()} >= {"filrouge.sqlite3", "inbox.sqlite3"}


REFUSED = """
from django.core.management import CommandError, call_command
for arguments in {commands!r}:
    try:
        call_command(*arguments)
    except CommandError as error:
        print(error)
"""


def refusals(site, *commands):
    """Run commands that must all be refused and change nothing; return what they said, line by line."""
    before = (site.directory / "filrouge.sqlite3").read_bytes()
    said = site.shell(REFUSED.format(commands=[[str(part) for part in line] for line in commands]))
    assert (site.directory / "filrouge.sqlite3").read_bytes() == before
    lines = said.splitlines()
    assert len(lines) == len(commands), said
    return lines


def test_what_cannot_be_right_is_refused_and_changes_nothing(site, copy, tmp_path):
    directory, keys = copy
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"root": "00" * 32}))
    damaged = tmp_path / "damaged"
    shutil.copytree(directory, damaged)
    with (damaged / "inbox.sqlite3").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")
    cases = [
        (["restore", directory, "--keys", wrong], "not the key file"),
        (["restore", directory, "--keys", tmp_path / "nowhere"], "does not exist"),
        (["restore", tmp_path], "no complete backup"),
        (["restore", damaged], "not as it was written"),
        (["backup", directory], "exists already"),
        (["backup", tmp_path / "new", "--keys", keys], "exists already"),
        (["backup", tmp_path / "new", "--keys", tmp_path / "new" / "keys.json"], "apart"),
    ]
    said = refusals(site, *(command for command, _ in cases))
    for line, (command, expected) in zip(said, cases, strict=True):
        assert expected in line, command


def test_a_running_lane_is_not_replaced(site, copy):
    directory, _keys = copy
    hold = (
        "from dmp_site.processes.lock import FileLock; from django.conf import settings; import time;"
        "FileLock(settings.DATA_DIR / 'lane.lock').acquire(); open(settings.DATA_DIR / 'held', 'w'); time.sleep(60)"
    )
    site.start("shell", "--verbosity", "0", "-c", hold)
    site.wait_for((site.directory / "held").exists, "the lock")
    assert "the lane runs" in refusals(site, ["restore", directory])[0]
