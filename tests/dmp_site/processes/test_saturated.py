"""A save in the console while the lane works without pause: the one figure that is promised in seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.stream import Shop
from tests.crash.load import Load
from tests.installation import Installation, installation

pytestmark = pytest.mark.process

SAVES = 150
PROMISED = 2.0  # seconds, p99


@contextmanager
def saturated(home: Installation) -> Iterator[None]:
    """Send more than the lane can take, so that something always waits for it."""
    load = Load(home.collector, home.write_key("shop"), Shop(5_000).touchpoints(10**7), 50_000)
    load.start()
    home.wait_for(lambda: home.waiting() > 2_000, "a backlog")
    try:
        yield
        assert home.waiting() > 500, "the lane was not saturated"
    finally:
        load.give_up()


def test_a_save_in_the_console_waits_less_than_two_seconds(tmp_path: Path) -> None:
    with installation(tmp_path) as home:
        home.up()
        key = home.api_key("sources:write")
        made = home.api(key, "POST", "sources", json={"name": "Till", "kind": "server"})
        assert made.status_code == 201, made.text
        took = []
        with saturated(home):
            for number in range(SAVES):
                began = time.perf_counter()
                name = {"name": f"Till {number}"}
                saved = home.api(key, "PATCH", f"sources/{made.json()['id']}", json=name)
                took.append(time.perf_counter() - began)
                assert saved.status_code == 200, saved.text
        assert sorted(took)[int(SAVES * 0.99)] < PROMISED
