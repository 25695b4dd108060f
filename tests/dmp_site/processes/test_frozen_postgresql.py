"""PostgreSQL hangs: not gone, only silent. Senders are told to come again, and what they send again counts once."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
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
COUNTED = """
from django.db.models import Sum
from identity.profiles.models import ContactCount
print(ContactCount.objects.aggregate(Sum("count"))["count__sum"] or 0)
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
        made.manage("setup")
        yield made
        server.thaw()


def send(site: Installation, key: str, *people: str) -> httpx.Response:
    batch = [
        {"type": "track", "event": "Viewed", "messageId": f"of-{person}", "userId": person}
        for person in people
    ]
    url = f"http://{site.collector}/v1/batch"
    return httpx.post(url, auth=(key, ""), json={"batch": batch}, timeout=30)


def test_senders_are_told_to_come_again_and_all_counts_once(
    site: Installation, server: Postgres
) -> None:
    key = site.write_key()
    collector = site.start("worker", "--role", "collector")
    site.wait_for(lambda: site.answers(site.collector), "the collector")
    assert send(site, key, "alice").status_code == 200

    server.freeze()
    began = time.monotonic()
    answer = send(site, key, "bob", "carol")
    assert time.monotonic() - began < TOLD_WITHIN
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
    began = time.monotonic()
    collector.send_signal(signal.SIGTERM)
    assert collector.wait(30) == 0
    assert time.monotonic() - began < STOP_WITHIN
