"""Stores that stop, freeze, die, crawl or lose answers under load: nothing is lost, nothing counts twice, nothing is set aside."""

import itertools
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.environment import STORES
from tests.installation import Installation, installation_at
from tests.places import Served
from tests.servers.neo4j import Neo4j
from tests.servers.postgres import Postgres
from tests.servers.program import Program
from tests.servers.proxy import BOLT_COMMIT, POSTGRESQL_COMMIT, Proxy

pytestmark = [
    pytest.mark.process,
    pytest.mark.stores,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        STORES == "sqlite", reason="files are no servers: tests/dmp_site/test_faults.py"
    ),
]
PEOPLE = 40
TRUE_COUNT = (
    "from django.db.models import Sum; from identity.profiles.models import ContactCount as C;"
    "print(C.objects.filter(direction='inbound').aggregate(n=Sum('count'))['n'] or 0)"
)


@dataclass
class Visitors:
    """Send batches of ten page views until stopped; what is not acknowledged is sent again, as it was."""

    address: str
    write_key: str
    acknowledged: int = 0
    refused: set[int] = field(default_factory=set)  # other statuses that came back
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="visitors")
        self._thread.start()

    def stop(self) -> None:
        """Return when the last batch is acknowledged."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        numbers = itertools.count()
        with httpx.Client(timeout=20, auth=(self.write_key, "")) as client:
            while not self._stop.wait(0.05):
                batch = [_view(next(numbers)) for _ in range(10)]
                while not self._post(client, batch):
                    time.sleep(0.2)
                self.acknowledged += len(batch)

    def _post(self, client: httpx.Client, batch: list[dict[str, str]]) -> bool:
        try:
            answer = client.post(f"http://{self.address}/v1/batch", json={"batch": batch})
        except httpx.HTTPError:
            return False
        if answer.status_code != httpx.codes.OK:
            self.refused.add(answer.status_code)
            assert "Retry-After" in answer.headers
        return answer.status_code == httpx.codes.OK


def _view(number: int) -> dict[str, str]:
    person = f"visitor-{number % PEOPLE}"
    return {
        "type": "page",
        "messageId": f"view-{number}",
        "userId": person,
        "anonymousId": f"browser-{number % (2 * PEOPLE)}",
    }


@dataclass
class World:
    """An installation whose servers are reached through proxies."""

    site: Installation
    postgres: Postgres
    graph: Neo4j | None
    postgres_proxy: Proxy
    graph_proxy: Proxy | None
    visitors: Visitors

    def takes_in(self, before: int) -> None:
        """Wait until the collector has acknowledged more than this."""
        self.site.wait_for(lambda: self.visitors.acknowledged > before, "the collector to go on")

    def flows(self) -> None:
        """Wait until what is sent now is processed."""
        goal = self.visitors.acknowledged + 20
        self.site.wait_for(lambda: self.visitors.acknowledged >= goal, "the collector to take in")
        position = self.site.place.newest()
        self.site.wait_for(lambda: self._position() >= position, f"the lane to come to {position}")

    def _position(self) -> int:
        return self.site.place.ask("SELECT live_position FROM identity_lane") or 0

    def trouble(self) -> str:
        return self.site.place.ask("SELECT trouble FROM identity_lane") or ""

    def balances(self) -> None:
        """Stop the visitors, let the lane finish, compare the books."""
        self.visitors.stop()
        sent = self.visitors.acknowledged
        self.site.wait_for(lambda: int(self.site.shell(TRUE_COUNT)) >= sent, f"all {sent}")
        assert int(self.site.shell(TRUE_COUNT)) == sent
        assert self.site.place.touchpoints() == sent
        assert self.site.place.ask("SELECT count(*) FROM identity_setaside") == 0
        assert self.site.place.ask("SELECT count(*) FROM identity_profile") == PEOPLE


@contextmanager
def world(directory: Path, postgres: Postgres, graph: Neo4j | None) -> Iterator[World]:
    postgres_proxy = Proxy(postgres.port)
    graph_proxy = Proxy(graph.port) if graph else None
    place = Served(postgres.url(), graph.url() if graph else "")
    through = {
        "DATABASE_URL": place.settings["DATABASE_URL"].replace(
            f":{postgres.port}/", f":{postgres_proxy.port}/"
        )
    }
    if graph_proxy:
        through["GRAPH_URL"] = f"bolt://127.0.0.1:{graph_proxy.port}"
    stage = str(directory / "stage")
    with installation_at(place, directory, STAGE_FILE=stage, **through) as site:
        site.up()
        visitors = Visitors(site.collector, site.write_key())
        made = World(site, postgres, graph, postgres_proxy, graph_proxy, visitors)
        try:
            made.flows()
            yield made
        finally:
            visitors.stop()
    for proxy in (postgres_proxy, graph_proxy):
        if proxy:
            proxy.close()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def graph() -> Iterator[Neo4j | None]:
    if STORES != "neo4j":
        yield None
        return
    server = Neo4j()
    server.start()
    yield server
    server.remove()


@pytest.mark.kills
def test_stores_that_stop_freeze_and_die(
    tmp_path: Path, postgres: Postgres, graph: Neo4j | None
) -> None:
    with world(tmp_path, postgres, graph) as here:
        if graph:
            for harm, mend in _harms(graph):
                harm()
                before = here.visitors.acknowledged
                here.site.wait_for(
                    lambda: "Neo4j" in here.trouble() or "Store" in here.trouble(),
                    "the lane to say so",
                )
                here.takes_in(before)
                mend()
                here.flows()
            assert not here.visitors.refused  # the collector never needed Neo4j
        for harm, mend in _harms(postgres):
            here.visitors.refused.clear()
            harm()
            here.site.wait_for(lambda: 503 in here.visitors.refused, "the collector to say 503")
            mend()
            here.flows()
        assert here.visitors.refused <= {503}
        here.site.wait_for(lambda: not here.trouble(), "the lane to be well")
        here.balances()


def _harms(server: Program) -> list[tuple[Callable[[], None], Callable[[], None]]]:
    return [
        (server.stop, server.start),
        (server.freeze, server.thaw),
        (server.kill, server.start),
    ]


def test_postgresql_is_restarted_in_the_middle_of_a_batch(
    tmp_path: Path, postgres: Postgres, graph: Neo4j | None
) -> None:
    """Before the graph store has the batch, and when all is written and nothing committed."""
    with world(tmp_path, postgres, graph) as here:
        for point in ("1 record", "5 react"):
            lane = here.site.lane()
            pause = here.site.pause_at(point)
            here.site.wait_for(lambda: not pause.exists(), f"a batch to come to {point}")  # noqa: B023
            postgres.kill()
            postgres.start()
            os.kill(lane, signal.SIGCONT)
            here.flows()
        here.balances()


def test_networks_that_crawl_and_lose_answers(
    tmp_path: Path, postgres: Postgres, graph: Neo4j | None
) -> None:
    with world(tmp_path, postgres, graph) as here:
        proxies = [(here.postgres_proxy, POSTGRESQL_COMMIT)]
        if here.graph_proxy:
            proxies.append((here.graph_proxy, BOLT_COMMIT))
        for proxy, commit in proxies:
            for _ in range(3):
                lost = proxy.cuts
                proxy.cut_at = commit
                here.site.wait_for(lambda: proxy.cuts > lost, "an answer to be lost")  # noqa: B023
                here.flows()
            proxy.cut()
            here.flows()
            proxy.delay = 0.05
            here.flows()
            proxy.delay = 0.0
        here.balances()


def test_an_installation_that_is_started_before_its_graph_waits_for_it(
    tmp_path: Path, postgres: Postgres, graph: Neo4j | None
) -> None:
    """As after a reboot in which Neo4j comes last."""
    if graph is None:
        pytest.skip("STORES has no Neo4j")
    with world(tmp_path, postgres, graph) as here:
        here.site.end()
        graph.stop()
        said = here.site.manage("setup", check=False)
        assert said.returncode == 1
        assert "the graph store cannot be used (Neo4j does not answer" in said.stderr
        assert "Traceback" not in said.stderr
        before = here.visitors.acknowledged
        here.site.up()
        here.takes_in(before)
        here.site.wait_for(lambda: "Neo4j" in here.trouble(), "the lane to say so")
        graph.start()
        here.flows()
        here.site.wait_for(lambda: not here.trouble(), "the lane to be well")
        here.balances()
        assert "Traceback" not in (tmp_path / "up.log").read_text()


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("full", ["postgresql", "neo4j"])
def test_a_store_without_room(tmp_path: Path, full: str) -> None:
    if full == "neo4j" and STORES != "neo4j":
        pytest.skip("STORES has no Neo4j")
    with small_disk(900 if full == "neo4j" else 400) as disk:
        postgres = Postgres(home=disk if full == "postgresql" else None)
        postgres.start()
        # A log of transactions that has room kept for it would take in all that comes for minutes.
        small = "db.tx_log.rotation.size=1m"
        home = disk if full == "neo4j" else None
        graph = Neo4j(home=home, more=small if home else "") if STORES == "neo4j" else None
        if graph:
            graph.start()
        with world(tmp_path, postgres, graph) as here:
            filler = disk / "filler"
            subprocess.run(
                ["sh", "-c", f"cat /dev/zero > {filler}"], check=False, stderr=subprocess.DEVNULL
            )
            if full == "postgresql":
                here.site.wait_for(
                    lambda: 503 in here.visitors.refused, "the collector to say 503"
                )
            else:
                here.site.wait_for(here.trouble, "the lane to say so")
            filler.unlink()
            if (
                graph
            ):  # it takes no more writes until it is started again, in the way of docs/neo4j.md
                graph.kill()
                graph.start()
            here.flows()
            here.balances()
        for server in (graph, postgres):
            if server:
                server.remove()


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    disk = Path(tempfile.mkdtemp(prefix="filrouge-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "none", str(disk)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("this system lets nobody mount")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
        disk.rmdir()
