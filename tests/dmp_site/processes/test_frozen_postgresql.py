"""PostgreSQL hangs or is gone. Who asks the public port is told so in seconds, and what is sent again counts once."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from dmp_site.processes.supervisor import STOP_WITHIN
from tests.environment import STORES
from tests.installation import Installation, installation_at
from tests.places import Served
from tests.servers.postgres import Postgres

pytestmark = [
    pytest.mark.process,
    pytest.mark.stores,
    pytest.mark.timeout(300),
    pytest.mark.skipif(STORES != "postgresql", reason="freezes a PostgreSQL of its own"),
]

TOLD_WITHIN = 10.0  # seconds
SHOWN_WITHIN = (
    5.0  # seconds that a page or a person may have to wait for something other than a "stored"
)
COUNTED = """
from django.db.models import Sum
from identity.profiles.models import ContactCount
print(ContactCount.objects.aggregate(Sum("count"))["count__sum"] or 0)
"""
ADDRESSES = """
from activation.deliveries.links import addresses
from activation.deliveries.tokens import Sent
sent = Sent("1:send:1", "user_id:alice", "", "email", "marketing", 1)
made = addresses()
print(made.link(sent, "https://shop.example/tea"), made.open_pixel(sent), made.unsubscribe(sent))
"""


@pytest.fixture
def server() -> Iterator[Postgres]:
    made = Postgres()
    made.start()
    yield made
    made.thaw()
    made.stop()
    made.remove()


@pytest.fixture
def site(tmp_path: Path, server: Postgres) -> Iterator[Installation]:
    with installation_at(Served(server.url()), tmp_path) as made:
        made.set_up()
        yield made
        server.thaw()


def send(site: Installation, key: str, *people: str) -> httpx.Response:
    batch = [
        {"type": "track", "event": "Viewed", "messageId": f"of-{person}", "userId": person}
        for person in people
    ]
    url = f"http://{site.collector}/v1/batch"
    return httpx.post(url, auth=(key, ""), json={"batch": batch}, timeout=30)


def decision(site: Installation) -> httpx.Response:
    query = {"anonymousId": "a1", "slots": "hero"}
    return httpx.get(f"http://{site.collector}/v1/decisions", params=query, timeout=30)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_senders_are_told_to_come_again_and_all_counts_once(
    site: Installation, server: Postgres
) -> None:
    key = site.write_key()
    collector = site.start("worker", "--role", "collector")
    site.wait_for(lambda: site.answers(site.collector), "the collector")
    assert send(site, key, "alice").status_code == 200

    server.freeze()
    with within(TOLD_WITHIN):
        answer = send(site, key, "bob", "carol")
    assert (answer.status_code, answer.json()["code"]) == (503, "inbox_away")
    assert int(answer.headers["Retry-After"]) > 0
    unknown = send(site, "a-key-that-may-be-new", "eve")
    assert unknown.status_code == 503
    assert site.answers(site.collector)

    server.thaw()
    site.wait_for(lambda: send(site, key, "bob", "carol", "dave").status_code == 200, "an answer")
    lane = site.start("worker", "--role", "lane")
    site.wait_for(lambda: site.place.newest() and site.waiting() == 0, "the lane")
    assert site.place.touchpoints() == 4
    assert int(site.shell(COUNTED)) == 4
    for process in (lane, collector):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_collector_ends_although_its_database_hangs(
    site: Installation, server: Postgres
) -> None:
    key = site.write_key()
    collector = site.start("worker", "--role", "collector")
    site.wait_for(lambda: site.answers(site.collector), "the collector")
    server.freeze()
    assert send(site, key, "alice").status_code == 503
    assert decision(site).status_code == 503
    with within(STOP_WITHIN):
        collector.send_signal(signal.SIGTERM)
        assert collector.wait(30) == 0


def test_a_page_is_told_that_no_decision_can_be_read(site: Installation, server: Postgres) -> None:
    site.start("worker", "--role", "collector")
    site.wait_for(lambda: site.answers(site.collector), "the collector")
    assert decision(site).json() == {"slots": {}}
    server.freeze()
    for _ in range(2):  # who comes while the first still hangs is answered too
        with within(SHOWN_WITHIN):
            answer = decision(site)
        assert (answer.status_code, answer.json()["code"]) == (503, "away")
        assert int(answer.headers["Retry-After"]) > 0
    server.thaw()
    site.wait_for(lambda: decision(site).status_code == 200, "a decision")
    server.stop()
    with within(SHOWN_WITHIN):
        answer = decision(site)
    assert (answer.status_code, answer.json()["code"]) == (503, "away")
    assert int(answer.headers["Retry-After"]) > 0
    server.start()
    site.wait_for(lambda: decision(site).status_code == 200, "a decision")


def test_addresses_in_messages_answer_while_nothing_can_be_stored(
    site: Installation, server: Postgres
) -> None:
    """A link leads on, soon; a pixel and an unsubscribe say that they were not stored."""
    link, pixel, unsubscribe = site.shell(ADDRESSES).split()
    site.start("worker", "--role", "collector")
    site.wait_for(lambda: site.answers(site.collector), "the collector")
    server.freeze()
    with within(SHOWN_WITHIN):
        clicked = httpx.get(link, follow_redirects=False, timeout=30)
    assert clicked.status_code == 302
    assert clicked.headers["Location"] == "https://shop.example/tea"
    with within(TOLD_WITHIN):
        opened = httpx.get(pixel, timeout=30)
    assert (opened.status_code, opened.content[:3]) == (503, b"GIF")
    with within(TOLD_WITHIN):
        left = httpx.post(unsubscribe, timeout=30)
    assert left.status_code == 503
    for answer in (opened, left):
        assert int(answer.headers["Retry-After"]) > 0


def test_a_key_that_cannot_be_looked_up_is_not_refused(
    site: Installation, server: Postgres
) -> None:
    site.start("worker", "--role", "collector")
    site.wait_for(lambda: site.answers(site.collector), "the collector")
    key = site.write_key()  # the collector has not heard of it
    pixel = f"http://{site.collector}/v1/pixel/page?writeKey={key}&userId=alice"
    server.stop()
    answers = [
        send(site, f"{key}-unknown", "alice"),
        httpx.get(f"http://{site.collector}/v1/projects/unknown/settings", timeout=30),
        httpx.get(f"{pixel}-unknown", timeout=30),
    ]
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert answers[-1].content[:3] == b"GIF"
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    server.start()
    site.wait_for(lambda: send(site, key, "alice").status_code == 200, "the key to work")
    assert send(site, f"{key}-unknown", "alice").status_code == 401


def test_the_supervisor_starts_again_what_dies_and_ends_although_its_database_hangs(
    site: Installation, server: Postgres
) -> None:
    """The server freezes while a heartbeat is read, which nothing but an answer ends: a lock keeps the reader until then."""
    log = site.directory / "up.log"
    up = site.up()
    site.wait_for(site.lane, "the lane")
    with contextlib.closing(psycopg.connect(site.place.settings["DATABASE_URL"])) as holder:
        holder.execute("LOCK TABLE identity_lane")
        time.sleep(3)  # it looks every second
        server.freeze()
        started = log.read_text().count("collector started")
        os.kill(site.workers()["collector"], signal.SIGKILL)
        site.wait_for(
            lambda: log.read_text().count("collector started") > started,
            "another collector",
            seconds=60,
        )
        up.send_signal(signal.SIGTERM)
        assert up.wait(10 * STOP_WITHIN) == 0, log.read_text()
        assert not site.everybody()
