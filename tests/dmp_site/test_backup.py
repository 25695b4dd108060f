"""The restore drill: what was copied comes back whole, and what does not belong together is refused."""

import fcntl
import json
import shutil

import pytest

from benchmarks.stream import Shop
from tests.crash.load import Load
from tests.installation import installation

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

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
        site.set_up()
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
    assert site.set_up() == ""


def test_what_was_there_is_kept(site, copy):
    directory, _keys = copy
    site.manage("restore", str(directory))
    assert site.shell(STATE).split() == ["1", "6"]
    [aside] = site.directory.glob("replaced-*")
    assert {file.name for file in aside.iterdir()} >= {"filrouge.sqlite3", "inbox.sqlite3"}


def test_a_damaged_installation_is_replaced_and_its_keys_are_kept(site, copy):
    """Where restoring is needed most, nothing that is there can be read any more."""
    directory, keys = copy
    kept = {}
    for name in ("filrouge.sqlite3", "inbox.sqlite3", "keys.json"):
        file = site.directory / name
        file.write_bytes(b"damaged " * 1000)
        kept[name] = file.read_bytes()
    site.manage("restore", str(directory), "--keys", str(keys))
    assert site.shell(STATE).split() == ["1", "6"]
    [aside] = site.directory.glob("replaced-*")
    [old_keys] = site.directory.glob("keys.json.replaced-*")
    assert (aside / "filrouge.sqlite3").read_bytes() == kept["filrouge.sqlite3"]
    assert (aside / "inbox.sqlite3").read_bytes() == kept["inbox.sqlite3"]
    assert (aside / "queue.sqlite3").exists()
    assert old_keys.read_bytes() == kept["keys.json"]
    assert not list(site.directory.glob("restoring-*"))
    assert not list(aside.glob("*keys*"))
    site.set_up()


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
    cut_short = tmp_path / "short.json"
    cut_short.write_text('{"root": "00')
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
        (["restore", directory, "--keys", cut_short], "cannot be read as a key file"),
        (["backup", directory], "exists already"),
        (["backup", tmp_path / "new", "--keys", keys], "exists already"),
        (["backup", tmp_path / "new", "--keys", tmp_path / "new" / "keys.json"], "apart"),
    ]
    said = refusals(site, *(command for command, _ in cases))
    for line, (command, expected) in zip(said, cases, strict=True):
        assert expected in line, command


@pytest.mark.parametrize("role", ["send", "jobs"])
def test_data_are_not_replaced_under_a_running_process(site, copy, role):
    directory, _keys = copy
    site.start("worker", "--role", role)
    site.wait_for(lambda: site.workers() and _is_shared(site.directory / "running.lock"), role)
    refused = site.manage("restore", str(directory), check=False)
    assert refused.returncode == 1
    assert "stop `manage.py up` first" in refused.stderr
    assert not list(site.directory.glob("re*-*"))


def _is_shared(lock):
    """Tell whether somebody holds the lock."""
    if not lock.exists():
        return False
    with lock.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


FULL = """
import resource
from django.core.management import CommandError, call_command
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for command in {commands!r}:
    try:
        call_command(*command)
    except CommandError as error:
        print(error)
"""


def test_without_room_nothing_is_changed_and_nothing_left_behind(site, copy, tmp_path):
    """No file may grow beyond 100 kB, which is less than the database has."""
    directory, _keys = copy
    new, safe = tmp_path / "new", tmp_path / "safe.json"
    before = _data_files(site)
    content = (site.directory / "filrouge.sqlite3").read_bytes()
    commands = [["backup", str(new), "--keys", str(safe)], ["restore", str(directory)]]
    said = site.shell(FULL.format(commands=commands)).splitlines()
    assert said[0].startswith("nothing was copied")
    assert said[1].startswith("nothing was restored")
    assert not new.exists()
    assert not safe.exists()
    assert _data_files(site) == before
    assert (site.directory / "filrouge.sqlite3").read_bytes() == content


def _data_files(site):
    """Return the names of what is there, but for what every connection and lock makes."""
    ends = (".lock", "-wal", "-shm")
    return {file.name for file in site.directory.iterdir() if not file.name.endswith(ends)}


BOOKS = """
import json
from pathlib import Path
from django.db.models import Sum
from identity.graph.models import GraphTouchpoint
from identity.models import Source
from identity.profiles.models import ContactCount
from identity.touchpoints.types import touchpoint_id
source = Source.objects.get(name="shop")
sent = json.loads(Path({file!r}).read_text())
stored = set(GraphTouchpoint.objects.filter(source=source.pk).values_list("uid", flat=True))
kinds = dict((touchpoint_id(source.uuid, one), kind) for one, kind, _ in sent)
missing = [one for one, _, before in sent if before and touchpoint_id(source.uuid, one) not in stored]
print(json.dumps([
    len(missing),
    len(stored),
    sum(kinds[uid] != "identify" for uid in stored),
    ContactCount.objects.filter(direction="inbound").aggregate(Sum("count"))["count__sum"],
]))
"""


def test_a_copy_made_under_load_loses_and_doubles_nothing(tmp_path):
    """Whatever was acknowledged before the backup began is in it; each touchpoint that is in it counts once."""
    copy, keys = tmp_path / "copy", tmp_path / "safe.json"
    with installation(tmp_path / "site") as site:
        site.directory.mkdir()
        up = site.up()
        key = site.write_key("shop")
        load = Load(site.collector, key, Shop(200, seed=1).touchpoints(1_000_000), 300)
        load.start()
        try:
            site.wait_for(lambda: len(load.acknowledged) >= 1_000, "a thousand touchpoints")
            before = set(load.acknowledged)
            site.manage("backup", str(copy), "--keys", str(keys))
            end = len(load.acknowledged) + 300
            site.wait_for(lambda: len(load.acknowledged) >= end, "some more")
        finally:
            load.stop()
        up.kill()
        site.wait_for(lambda: not site.everybody(), "the end of all")
        site.manage("backup", str(tmp_path / "after-a-crash"))
    file = tmp_path / "sent.json"
    sent = [(one["messageId"], one["type"], one["messageId"] in before) for one in load.sent]
    file.write_text(json.dumps(sent))
    with installation(tmp_path / "other") as other:
        other.directory.mkdir()
        other.manage("restore", str(copy), "--keys", str(keys))
        assert other.waiting() >= 0
        other.set_up()  # as `up` does first
        other.start("worker", "--role", "lane")
        other.wait_for(lambda: other.waiting() == 0, "the lane")
        missing, stored, expected, counted = json.loads(other.shell(BOOKS.format(file=str(file))))
    assert missing == 0
    assert stored >= len(before)
    assert counted == expected
