"""The limit of waiting rows with a real lane: senders are told to wait, the lane drains, they are let in again."""

import base64
import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.dmp_site.processes.test_takeover import books, events
from tests.installation import installation

pytestmark = [pytest.mark.process, pytest.mark.stores]


def test_senders_wait_while_the_inbox_is_full_and_nothing_is_lost(tmp_path: Path) -> None:
    with installation(tmp_path, INBOX_LIMIT="1000") as home:
        home.set_up()
        key = home.write_key()
        home.start("worker", "--role", "collector")
        home.start("worker", "--role", "lane")
        home.wait_for(lambda: home.answers(home.collector), "the collector")
        home.wait_for(home.lane, "the lane")
        token = base64.b64encode(f"{key}:".encode()).decode()
        headers = {"Authorization": f"Basic {token}"}

        def send(number: int) -> int:
            batch = {"batch": events(f"batch-{number}", 100)}
            url = f"http://{home.collector}/v1/batch"
            return httpx.post(url, headers=headers, json=batch, timeout=30).status_code

        os.kill(home.lane(), signal.SIGSTOP)
        taken = 0
        while (status := send(taken)) == httpx.codes.OK:
            taken += 1
            assert taken < 30
        assert status == httpx.codes.TOO_MANY_REQUESTS
        assert taken >= 9
        os.kill(home.lane(), signal.SIGCONT)
        home.wait_for(lambda: send(taken) == httpx.codes.OK, "room again")
        total = (taken + 1) * 100
        home.wait_for(lambda: books(home)[:2] == [total] * 2, "every touchpoint")
