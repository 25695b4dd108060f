"""Client libraries as people use them, unmodified, against the real server process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rudderstack.analytics.client
import segment.analytics.client

from tests.identity.touchpoints.process import Collector, collector

pytestmark = [
    pytest.mark.process,
    pytest.mark.stores,
    # What the libraries do to their own dependencies is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

Client = Any
Make = Callable[[Collector, str, list[Exception]], Client]


def segment_client(server: Collector, key: str, failed: list[Exception], **options: Any) -> Client:
    return segment.analytics.client.Client(
        key,
        host=server.url,
        on_error=lambda error, _batch: failed.append(error),
        max_retries=0,
        **options,
    )


def segment_gzip(server: Collector, key: str, failed: list[Exception]) -> Client:
    return segment_client(server, key, failed, gzip=True)


def rudder_client(server: Collector, key: str, failed: list[Exception]) -> Client:
    return rudderstack.analytics.client.Client(
        key,
        host=server.url,
        on_error=lambda error, _batch: failed.append(error),
        max_retries=0,
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Collector]:
    with collector(tmp_path) as made:
        yield made


@pytest.mark.parametrize("make", [segment_client, segment_gzip, rudder_client])
def test_what_a_library_sends_arrives_once(server: Collector, make: Make) -> None:
    failed: list[Exception] = []
    client = make(server, server.key(), failed)
    client.identify("alice", {"email": "alice@example.org", "plan": "gold"})
    client.track("alice", "Order Completed", {"total": 12.5})
    client.page("alice", "shop", "Basket", {"path": "/basket"})
    client.screen("alice", "app", "Start")
    client.group("alice", "household-1", {"size": 2})
    client.alias("anonymous-1", "alice")
    for number in range(250):
        client.track(anonymous_id=f"a{number}", event="Product Viewed")
    client.flush()
    client.join()
    assert not failed
    found = server.events()
    assert [each["type"] for each in found[:6]] == [
        "identify", "track", "page", "screen", "group", "alias",
    ]  # fmt: skip
    assert len(found) == len({each["messageId"] for each in found}) == 256
    assert server.refused() == {}


@pytest.mark.parametrize("make", [segment_client, rudder_client])
def test_a_library_stops_at_a_wrong_key(server: Collector, make: Make) -> None:
    failed: list[Exception] = []
    client = make(server, "wrong", failed)
    client.track("alice", "Order Completed")
    client.flush()
    client.join()
    assert len(failed) == 1
    assert "invalid write key" in str(failed[0])
    assert server.events() == []
