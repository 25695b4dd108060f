"""The restore drill with PostgreSQL, and with Neo4j beside it: copied under load, everything lost, brought back, gone on with."""

import json
import os
import shutil
import signal

import pytest

from benchmarks.stream import Shop
from tests.crash.load import Load
from tests.environment import STORES
from tests.installation import installation

pytestmark = [
    pytest.mark.process,
    pytest.mark.stores,
    pytest.mark.timeout(600),
    pytest.mark.skipif(STORES == "sqlite", reason="test_backup.py does this drill with files"),
]

POSITION, TROUBLE = (f"SELECT {it} FROM identity_lane" for it in ("live_position", "trouble"))
BOOKS = """
import json
from pathlib import Path
from django.db.models import Sum
from identity import graph
from identity.graph.contents import Part
from identity.models import Source
from identity.profiles.models import ContactCount
from identity.touchpoints.types import touchpoint_id
source = Source.objects.get(name="shop")
sent = json.loads(Path({file!r}).read_text())
pages = graph.store().contents().pages(Part.TOUCHPOINTS, size=1000)
rows = [row.id for page in pages for row in page.rows if row.source == source.pk]
stored = set(rows)
assert len(rows) == len(stored)
kinds = dict((touchpoint_id(source.uuid, one), kind) for one, kind, _ in sent)
missing = [one for one, _, before in sent if before and touchpoint_id(source.uuid, one) not in stored]
print(json.dumps([
    len(missing),
    len(stored),
    sum(kinds[uid] != "identify" for uid in stored),
    ContactCount.objects.filter(direction="inbound").aggregate(Sum("count"))["count__sum"],
]))
"""


@pytest.fixture
def make(tmp_path):
    """Return a function that makes an installation on stores of its own."""
    made = []

    def make_one(name):
        directory = tmp_path / name
        directory.mkdir()
        site = installation(directory)
        made.append(site)
        return site.__enter__()

    yield make_one
    for site in made:
        site.__exit__(None, None, None)


@pytest.mark.kills
def test_what_was_copied_under_load_comes_back_and_counts_once(make, tmp_path):
    copy, keys = tmp_path / "copy", tmp_path / "safe.json"
    site = make("site")
    up = site.up()
    load = Load(
        site.collector, site.write_key("shop"), Shop(200, seed=1).touchpoints(1_000_000), 200
    )
    load.start()
    try:
        site.wait_for(lambda: len(load.acknowledged) >= 500, "some touchpoints")
        before = set(load.acknowledged)
        backup = site.start("backup", str(copy), "--keys", str(keys))
        if STORES == "neo4j":
            site.wait_for(lambda: "rests" in (site.ask(TROUBLE) or ""), "the lane to rest")
        held = len(load.acknowledged)
        assert backup.wait(120) == 0, site.last_words()
        assert len(load.acknowledged) > held, "the collector goes on meanwhile"
        end = len(load.acknowledged) + 200
        site.wait_for(lambda: len(load.acknowledged) >= end, "some more")
    finally:
        load.stop()
    up.kill()
    site.wait_for(lambda: not site.everybody(), "the end of all")
    refused = site.manage("restore", str(copy), "--keys", str(keys), check=False)
    assert "not empty" in refused.stderr
    site.place.remove()
    shutil.rmtree(site.directory)

    file = tmp_path / "sent.json"
    sent = [(one["messageId"], one["type"], one["messageId"] in before) for one in load.sent]
    file.write_text(json.dumps(sent))
    other = make("other")
    assert "manage.py up" in other.manage("restore", str(copy), "--keys", str(keys)).stdout
    other.set_up()
    last = other.place.newest()
    other.start("worker", "--role", "lane")
    other.wait_for(lambda: other.ask(POSITION) == last, "the lane")
    missing, stored, expected, counted = json.loads(other.shell(BOOKS.format(file=str(file))))
    assert missing == 0
    assert stored >= len(before)
    assert counted == expected
    other.manage("rebuild_graph", "--check")
    assert stat_modes(copy) == {"0o600"}


def stat_modes(directory):
    return {oct(file.stat().st_mode & 0o777) for file in directory.glob("*.pgdump")}


@pytest.mark.skipif(STORES != "neo4j", reason="looks at what is in a Neo4j")
def test_a_graph_of_somebody_else_is_left_alone(make, tmp_path):
    copy, keys = tmp_path / "copy", tmp_path / "safe.json"
    site = make("site")
    site.set_up()
    site.manage("backup", str(copy), "--keys", str(keys))
    site.place.remove()
    other = make("other")
    for what, made in {"(:Person)": "CREATE (:Person)", "(:Scratch)": "CREATE (:Scratch)"}.items():
        other.place.cypher(made)
        refused = other.manage("restore", str(copy), "--keys", str(keys), check=False).stderr
        assert f"not empty: it holds {what}" in refused
        assert other.place.cypher("MATCH (n) RETURN count(n)") == [1]
        other.place.cypher("MATCH (n) DELETE n")
    other.manage("restore", str(copy), "--keys", str(keys))


TAKE_OVER = """
from identity import graph
from identity.touchpoints import lane
epoch = lane.take_over("a lane", 1)
graph.store().raise_epoch(epoch)
print(epoch)
"""
WRITE = """
from identity import graph
from identity.graph.port import LaneSuperseded
from identity.touchpoints import lane
def write_both():
    yield lambda: lane.beat({epoch}, 1)
    yield lambda: graph.store().record([], epoch={epoch}, contested=())
for write in write_both():
    try:
        write()
        print("written")
    except LaneSuperseded:
        print("superseded")
"""


def test_a_lane_that_slept_through_the_restore_writes_nothing(make, tmp_path):
    """It took over after the copy was made, so the copy knows nothing of its epoch."""
    copy, keys = tmp_path / "copy", tmp_path / "safe.json"
    site = make("site")
    site.set_up()
    site.shell(TAKE_OVER)
    site.manage("backup", str(copy), "--keys", str(keys))
    asleep = [int(site.shell(TAKE_OVER)) for _ in range(2)]
    site.place.remove()
    other = make("other")
    other.manage("restore", str(copy), "--keys", str(keys))
    for _ in asleep:
        first = int(other.shell(TAKE_OVER))
        for epoch in asleep:
            assert other.shell(WRITE.format(epoch=epoch)).split() == ["superseded"] * 2
    assert other.shell(WRITE.format(epoch=first)).split() == ["written"] * 2


HOLD = """
import time
from dmp_site.processes.rest import lane_at_rest
with lane_at_rest(lease=3) as renew:
    print("resting", flush=True)
    while True:
        renew()
        time.sleep(0.2)
"""
RECEIVE = (
    "from tests.dmp_site.moving.content import Mode, receive; print(receive(20, seed={seed}))"
)


def test_the_lane_rests_for_a_backup_and_for_no_longer(make):
    """A backup that is killed, and one that hangs, hold it up no more; what came in meanwhile is taken then."""
    site = make("site")
    site.set_up()
    site.start("worker", "--role", "lane")
    site.wait_for(lambda: site.ask(POSITION) is not None, "the lane")
    for seed, end in enumerate((signal.SIGKILL, signal.SIGSTOP)):
        holder = site.start("shell", "-c", HOLD)
        site.wait_for(lambda: "rests" in (site.ask(TROUBLE) or ""), "the lane to rest")
        last = int(site.shell(RECEIVE.format(seed=seed)))
        said = site.manage("doctor", check=False).stdout
        assert "while a backup copies" in said
        assert site.ask(POSITION) < last - 1
        os.kill(holder.pid, end)
        site.wait_for(lambda last=last: site.ask(POSITION) == last, "the lane to go on")
        site.wait_for(lambda: site.ask(TROUBLE) == "", "the lane to say so")


def test_what_is_no_backup_of_this_kind_of_stores_is_refused(make, tmp_path):
    site, keys = make("site"), tmp_path / "safe.json"
    site.set_up()
    site.manage("backup", str(tmp_path / "copy"), "--keys", str(keys))
    manifest = tmp_path / "copy" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(STORES, "sqlite"))
    refused = site.manage("restore", str(tmp_path / "copy"), check=False).stderr
    assert "of an installation on sqlite" in refused
    manifest.write_text(manifest.read_text().replace("sqlite", STORES))
    told = site.manage(
        "restore", str(tmp_path / "copy"), check=False, FILROUGE_DATABASE_URL=away(site)
    )
    assert "PostgreSQL cannot be used now" in told.stderr
    assert "Traceback" not in told.stderr
    missing = site.manage(
        "backup", str(tmp_path / "new"), check=False, FILROUGE_DATABASE_URL=away(site)
    )
    assert missing.returncode == 1
    assert not (tmp_path / "new").exists()


def away(site):
    """Return an address at which no PostgreSQL answers."""
    return site.environment["FILROUGE_DATABASE_URL"].rpartition("@")[0] + "@127.0.0.1:1/none"
