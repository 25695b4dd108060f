"""Every check tells a fault from good order, and names what mends it. test_faults.py causes the faults in a running installation."""

import re
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from activation.deliveries.models import Delivery, Template
from activation.deliveries.types import DeliveryStatus
from dmp_site import apikeys
from dmp_site.console import checks, clocks
from dmp_site.jobs.cluster import ROW as JOBS_ROW
from dmp_site.models import JobsHeartbeat
from dmp_site.moving import checkpoints
from dmp_site.processes.children import JOBS_LIMIT
from identity import graph
from identity.clock import DAY, MINUTE, SECOND, now
from identity.graph.models import GraphMark
from identity.privacy.keys import make_keys
from identity.profiles import showing
from identity.profiles.models import Identifier, Profile
from identity.sql import execute
from identity.touchpoints import inbox, installation, lane
from identity.touchpoints.inbox.port import InboxAway, NewRow
from identity.touchpoints.models import Installation, Lane, SetAside
from identity.touchpoints.types import Mode
from tests.environment import STORES
from tests.ports import free_port
from tests.stores import clear_graph, cypher, use_inbox

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow, pytest.mark.stores]


class Answers(BaseHTTPRequestHandler):
    """Answers as a collector does, with a clock that may be off."""

    off = 0

    def do_GET(self):
        self.send_response_only(200)
        self.send_header("Date", formatdate(now() / 1000 + self.off, usegmt=True))
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def collector(settings):
    handler = type("Handler", (Answers,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        settings.COLLECTOR_BIND = f"127.0.0.1:{server.server_port}"
        settings.COLLECTOR_URL = f"http://{settings.COLLECTOR_BIND}"
        yield handler
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def site(settings, tmp_path, collector):
    """Make an installation in order: keys, stores, a lane, jobs and a collector that answer."""
    settings.DATA_DIR = tmp_path
    settings.KEYS_FILE = tmp_path / "keys.json"
    use_inbox(settings, tmp_path)
    keys = make_keys(settings.KEYS_FILE)
    made = graph.store().make()
    installation.register(inbox=inbox.make(), graph=made, keys=keys, now=now())
    lane.take_over("tests", now())
    JobsHeartbeat.objects.create(pk=JOBS_ROW, beaten_at=now())


def doctor():
    """Return the names of the faults and what `doctor` printed."""
    out = StringIO()
    try:
        call_command("doctor", stdout=out)
    except CommandError as error:
        return str(error).partition(": ")[2].split(", "), out.getvalue()
    return [], out.getvalue()


def finding(name):
    return next(found for found in checks.run(now()) if found.name == name)


def test_an_installation_in_order_has_no_fault():
    assert doctor()[0] == []
    assert {found.level for found in checks.run(now())} == {"ok"}


def wrong_key(settings, tmp_path):
    settings.KEYS_FILE = tmp_path / "other.json"
    make_keys(settings.KEYS_FILE)


def no_key(settings, _tmp_path):
    settings.KEYS_FILE.unlink()


def damaged_key(settings, tmp_path):
    settings.KEYS_FILE = tmp_path / "damaged.json"
    settings.KEYS_FILE.write_text('{"root": "never finish')


def damaged_inbox(settings, tmp_path):
    settings.INBOX = settings.INBOX | {"OPTIONS": {"path": tmp_path / "damaged.sqlite3"}}
    (tmp_path / "damaged.sqlite3").write_bytes(b"not what it was" * 1000)


def empty_inbox(settings, tmp_path):
    settings.INBOX = settings.INBOX | {"OPTIONS": {"path": tmp_path / "empty.sqlite3"}}
    (tmp_path / "empty.sqlite3").touch()


def unreadable_inbox(settings, tmp_path):
    settings.INBOX = settings.INBOX | {"OPTIONS": {"path": tmp_path}}


def missing_inbox(_settings, tmp_path):
    (tmp_path / "inbox.sqlite3").unlink()


def foreign_inbox(settings, tmp_path):
    if STORES != "sqlite":
        execute("UPDATE inbox_mark SET uuid = %s", [uuid4()])
        return
    settings.INBOX = settings.INBOX | {"OPTIONS": {"path": tmp_path / "other.sqlite3"}}
    inbox.make()


def foreign_graph(_settings, _tmp_path):
    Installation.objects.update(graph=uuid4())


def missing_graph(_settings, _tmp_path):
    GraphMark.objects.all().delete()
    clear_graph()


def emptied_inbox(_settings, _tmp_path):
    Lane.objects.update(live_position=1_000)


def full_inbox(settings, _tmp_path):
    writer = inbox.writer()
    writer.append([NewRow(1, Mode.LIVE, b"") for _ in range(3)], now())
    writer.close()
    settings.INBOX_LIMIT = 3


def full_disk(settings, _tmp_path):
    settings.MIN_FREE_MB = 10**12


def dead_cluster(_settings, _tmp_path):
    JobsHeartbeat.objects.update(beaten_at=now() - checks.CLUSTER_SILENT - SECOND)


def no_cluster(_settings, _tmp_path):
    JobsHeartbeat.objects.all().delete()


def stopped_lane(_settings, _tmp_path):
    Lane.objects.update(heartbeat_at=now() - checks.LANE_SILENT - SECOND)


def no_lane(_settings, _tmp_path):
    Lane.objects.all().delete()


def older_tables(_settings, _tmp_path):
    MigrationRecorder(connection).record_unapplied("dmp_site", "0001_initial")


def open_move(_settings, _tmp_path):
    installation.move("another place")


def unfinished_copy(_settings, _tmp_path):
    """Stand where a move was going when it was cut short: it brings the installation's row with its last step."""
    Installation.objects.all().delete()
    execute(f"CREATE TABLE {checkpoints.TABLE} (step text)")


def somebody():
    profile = Profile.objects.create(uid=str(uuid4()), founder="user_id:1", created_at=1)
    return Identifier.objects.create(
        key="user_id:1",
        namespace="user_id",
        kind="person",
        priority=1,
        first_number=1,
        profile=profile,
    )


def late_messages(_settings, _tmp_path):
    owner = somebody()
    template = Template.objects.create(name="hello", version=1, channel="email", created_at=1)
    Delivery.objects.create(
        key="1:send:1", ledger_key="1:send:1", owner=owner, profile=owner.profile_id, channel="email",
        message_class="marketing", template=template, decision=1, status=DeliveryStatus.QUEUED,
        created_at=1, due_at=now() - 5 * MINUTE,
        reserved_for=now() - 5 * MINUTE,
    )  # fmt: skip


def no_collector(settings, _tmp_path):
    settings.COLLECTOR_BIND = f"127.0.0.1:{free_port()}"


def clock_set_back(_settings, _tmp_path):
    writer = inbox.writer(lambda: now() + 10 * MINUTE)
    writer.append([NewRow(1, Mode.LIVE, b"")], now())
    writer.close()


MOVE = "database" if STORES == "sqlite" else "graph"
RESTORE = "manage.py restore" if STORES == "sqlite" else "pg_restore"
FAULTS = {
    "older tables": (older_tables, "database", "manage.py setup"),
    "wrong key": (wrong_key, "keys", "from its backup"),
    "no key": (no_key, "keys", "from its backup"),
    "damaged key": (damaged_key, "keys", "from its backup"),
    "foreign inbox": (foreign_inbox, "inbox", RESTORE),
    "emptied inbox": (emptied_inbox, "inbox", RESTORE),
    "foreign graph": (foreign_graph, "graph", "restore the graph"),
    "missing graph": (missing_graph, "graph", "restore the graph"),
    "full inbox": (full_inbox, "backlog", "worker --role lane"),
    "full disk": (full_disk, "disk", "make room"),
    "no cluster": (no_cluster, "jobs", "manage.py up"),
    "no lane": (no_lane, "lane", "manage.py up"),
    "dead cluster": (dead_cluster, "jobs", "worker --role jobs"),
    "stopped lane": (stopped_lane, "lane", "worker --role lane"),
    "open move": (open_move, "move", f"manage.py move_store {MOVE}"),
    "unfinished copy": (unfinished_copy, "move", "manage.py move_store database"),
    "late messages": (late_messages, "sender", "worker --role send"),
    "no collector": (no_collector, "collector", "worker --role collector"),
    "clock ten minutes behind": (clock_set_back, "clock", "timedatectl"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_each_fault_is_named_with_what_mends_it(case, settings, tmp_path, client):
    cause, name, mend = FAULTS[case]
    cause(settings, tmp_path)
    faults, said = doctor()
    assert faults == [name]
    assert mend in said
    client.force_login(User.objects.create_superuser("alice"))
    page = client.get("/admin/health/findings").content.decode()
    assert page.count('data-level="fault"') == 1
    assert mend in page


@pytest.mark.skipif(STORES != "neo4j", reason="the tables have theirs from the migrations")
def test_constraints_that_are_missing_are_made_by_setup_graph():
    cypher("DROP CONSTRAINT lane_id")
    graph.store.cache_clear()  # it has seen them
    try:
        assert doctor()[0] == ["graph"]
        assert finding("graph").mend == "manage.py setup_graph"
    finally:
        call_command("setup_graph", stdout=StringIO())
    assert doctor()[0] == []


def test_while_a_move_is_open_nothing_is_said_that_only_ends_it():
    """No process runs meanwhile, no key is wrong: a person who follows the list must come to `move_store`."""
    installation.move("PostgreSQL, database shop")
    Lane.objects.all().delete()
    assert doctor()[0] == ["move"]
    assert "PostgreSQL, database shop" in finding("move").what
    assert "--give-up" in finding("move").mend
    installation.move("")
    assert doctor()[0] == ["lane"]


BROKEN_INBOXES = {
    "missing": (missing_inbox, "manage.py restore"),
    "damaged": (damaged_inbox, "manage.py restore"),
    "empty": (empty_inbox, "manage.py restore"),
    "unreadable": (unreadable_inbox, "room in"),
}


@pytest.mark.skipif(STORES != "sqlite", reason="an inbox in PostgreSQL is no file")
@pytest.mark.parametrize("case", BROKEN_INBOXES)
def test_an_inbox_that_cannot_be_read_ends_no_check(case, settings, tmp_path, client):
    """What waits there cannot be known either."""
    cause, mend = BROKEN_INBOXES[case]
    cause(settings, tmp_path)
    assert {"inbox", "backlog"} <= set(doctor()[0])
    assert mend in finding("inbox").mend
    elsewhere = 0 if STORES == "neo4j" else 1  # nothing shows memberships but Neo4j
    assert len(checks.run(now())) == len(checks.CHECKS) + 1 - elsewhere
    client.force_login(User.objects.create_superuser("alice"))
    assert client.get("/admin/").status_code == 200


@pytest.fixture
def no_tables(site):
    """Take the inbox's tables away, as a dump that was restored in part leaves them."""
    tables = ("inbox_mark", "inbox_live", "inbox_lease")
    for table in tables:
        execute(f"ALTER TABLE {table} RENAME TO gone_{table}")
    yield
    for table in tables:
        execute(f"ALTER TABLE gone_{table} RENAME TO {table}")


@pytest.mark.skipif(STORES == "sqlite", reason="an inbox in a file has its tables from the start")
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_an_inbox_without_its_tables_ends_no_check(no_tables, client):
    assert doctor()[0] == ["inbox", "backlog"]
    assert "pg_restore" in finding("inbox").mend
    client.force_login(User.objects.create_superuser("alice"))
    assert client.get("/admin/").status_code == 200


@pytest.mark.skipif(STORES == "sqlite", reason="an inbox in a file has its uuid from the start")
def test_an_inbox_that_was_never_made_is_named():
    execute("DELETE FROM inbox_mark")
    assert doctor()[0] == ["inbox"]
    assert "there is no inbox" in finding("inbox").what


def test_every_silence_shows_within_half_a_minute_and_before_the_supervisor_ends_it(settings):
    page = Path("dmp_site/templates/console/health.html").read_text()
    refreshed = int(re.findall(r"every (\d+)s", page)[0]) * SECOND
    for silent, ended in [
        (checks.LANE_SILENT, settings.LANE_TIMEOUT),
        (checks.CLUSTER_SILENT, JOBS_LIMIT),
    ]:
        assert silent + refreshed < 30 * SECOND
        assert silent + refreshed < ended * SECOND
    Lane.objects.update(heartbeat_at=now() - checks.LANE_SILENT + 5 * SECOND)
    JobsHeartbeat.objects.update(beaten_at=now() - checks.CLUSTER_SILENT + 5 * SECOND)
    assert doctor()[0] == []


@pytest.mark.slow
def test_a_graph_store_that_is_away_is_a_fault(settings):
    """It is in the list with the others: they go on without it."""
    settings.GRAPH_STORE = {
        "BACKEND": "identity.graph.neo4j_store.Neo4jStore",
        "OPTIONS": {"url": f"bolt://127.0.0.1:{free_port()}"},
    }
    graph.store.cache_clear()
    try:
        faults = {found.name: found.mend for found in checks.run(now()) if found.level == "fault"}
        assert faults.keys() == {"graph"}
        assert "start that store" in faults["graph"]
    finally:
        graph.store.cache_clear()


@pytest.mark.skipif(STORES == "sqlite", reason="SQLite has this machine's clock")
def test_the_server_of_the_database_is_asked_for_its_clock():
    """Whatever this machine takes the time to be."""
    assert abs(dict(clocks.others(now() + DAY))["PostgreSQL"] - now()) < MINUTE


@pytest.mark.skipif(STORES == "sqlite", reason="needs PostgreSQL")
@pytest.mark.parametrize(
    ("code", "mended"),
    [
        ("42P01", "manage.py setup"),
        ("53100", "room"),
        ("53300", "free connections"),
        ("57P03", "start the database"),
    ],
)
def test_what_postgresql_says_leads_to_what_mends_it(code, mended):
    away = InboxAway("the inbox cannot be read")
    away.__cause__ = OperationalError()
    away.__cause__.__cause__ = psycopg.errors.lookup(code)()
    assert mended in checks.mend(away.__cause__)
    assert mended in checks.mend(away)


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_apart_from_the_collectors_is_a_fault(collector, minutes):
    collector.off = minutes * 60
    assert doctor()[0] == ["clock"]
    assert "10 minutes" in finding("clock").what


def test_a_backlog_that_is_old_leads_to_what_the_lane_does():
    writer = inbox.writer(lambda: now() - 10 * MINUTE)
    writer.append([NewRow(1, Mode.LIVE, b"")], now() - 10 * MINUTE)
    writer.close()
    assert doctor()[0] == []
    assert finding("backlog").level == "notice"
    assert finding("backlog").mend.endswith("/admin/identity/batch/")


def test_set_aside_touchpoints_are_worth_a_look_and_no_fault():
    SetAside.objects.create(
        number=1, source=1, mode="live", received_at=1, payload=b"", state="aside", changed_at=1
    )
    assert doctor()[0] == []
    assert finding("set aside").level == "notice"


def test_the_api_tells_the_same(client, settings, tmp_path):
    key = apikeys.create("monitor", ["health:read"], now(), actor="tests")[1]
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/api/v1/health", headers=headers).json()["status"] == "ok"
    stopped_lane(settings, tmp_path)
    answer = client.get("/api/v1/health", headers=headers).json()
    assert answer["status"] == "fault"
    assert [one["name"] for one in answer["checks"] if one["level"] == "fault"] == ["lane"]


@pytest.fixture
def page(client):
    """Return a function that looks at the health page."""
    client.force_login(User.objects.create_superuser("alice"))

    def look():
        return client.get("/admin/health/").content.decode()

    return look


@pytest.fixture
def api(client):
    """Return a function that asks the REST API for one check."""
    key = apikeys.create("monitor", ["health:read"], now(), actor="tests")[1]
    headers = {"Authorization": f"Bearer {key}"}

    def ask(name):
        checks = client.get("/api/v1/health", headers=headers).json()["checks"]
        return next((one for one in checks if one["name"] == name), None)

    return ask


def test_what_neo4j_does_not_show_yet_is_on_the_page_and_in_the_api(page, api, monkeypatch):
    """Any kind of store may note it; only Neo4j shows memberships."""
    monkeypatch.setattr(type(graph.store()), "shows_members", True)
    somebody()
    showing.note_all(now() - MINUTE)
    late = r"1 changes of membership are not shown in Neo4j yet, for \d+ s\."
    assert re.search(late, page())
    assert api("members")["level"] == "notice"
    assert re.fullmatch(late, api("members")["what"])
    assert doctor()[0] == []
    showing.forget()
    assert "Neo4j shows every membership." in page()
    assert api("members")["level"] == "ok"


@pytest.mark.skipif(STORES == "neo4j", reason="it shows memberships")
def test_where_no_membership_is_shown_none_is_late(page, api):
    somebody()
    showing.note_all(now() - MINUTE)
    assert "memberships in Neo4j" not in page()
    assert api("members") is None


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("https://t.shop.example", checks.Level.OK),
        ("http://127.0.0.1:8001", checks.Level.OK),
        ("http://[::1]:8001", checks.Level.OK),
        ("http://localhost:8001", checks.Level.OK),
        ("http://t.shop.example", checks.Level.NOTICE),
        ("http://10.0.0.7:8001", checks.Level.NOTICE),
    ],
)
def test_addresses_in_messages_that_are_not_https_are_noticed(settings, url, level):
    settings.COLLECTOR_URL = url
    assert checks.public_address(now()).level is level
