"""The last word on marketing counts, through whichever mail and however often it was said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from identity.clock import MINUTE, now, to_datetime
from tests.installation import Installation, installation
from tests.sink import Sink

pytestmark = [pytest.mark.process, pytest.mark.stores]

NEWS = ("First", "Second", "Third")
CONTENT = f"""
from tests.content import journey, path, template
for name in {NEWS}:
    journey(name, path(
        ("start", {{"type": "entry", "config": {{"on": "touchpoint", "event": name}}}}),
        ("send", {{"type": "send", "config": {{"channel": "email", "template": template(name.lower(), name)}}}}),
        ("end", {{"type": "exit"}}),
    ))
"""


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def home(tmp_path: Path, sink: Sink) -> Iterator[Installation]:
    with installation(tmp_path, SMTP_HOST="127.0.0.1", SMTP_PORT=str(sink.port)) as made:
        made.up()
        made.shell(CONTENT)
        yield made


def consent(home: Installation, write_key: str, **more: str) -> None:
    traits = {"email": "alice@example.org", "consent": {"marketing": {"email": True}}}
    home.post(write_key, {"type": "identify", "userId": "alice", "traits": traits, **more})


def unsubscribe(url: str) -> None:
    """Do what a mail client's button does, which is clicked twice."""
    for _ in range(2):
        answer = httpx.post(url, content=b"List-Unsubscribe=One-Click")
        assert answer.status_code == 200, answer.text


def news(home: Installation, write_key: str, name: str) -> None:
    home.post(write_key, {"type": "track", "userId": "alice", "event": name})


def runs(home: Installation, key: str) -> dict[str, Any]:
    profile = home.api(key, "GET", "profiles/by/user_id/alice").json()["id"]
    rows = home.api(key, "GET", f"profiles/{profile}/journeys").json()["results"]
    return {row["journey_name"]: row for row in rows}


def test_who_unsubscribes_consents_and_unsubscribes_again_gets_no_marketing(
    home: Installation, sink: Sink
) -> None:
    key, write_key = home.api_key("*"), home.write_key("shop")
    consent(home, write_key)
    news(home, write_key, "First")
    [first] = home.wait_for(lambda: sink.to("alice@example.org"), "the first mail")
    url = first["List-Unsubscribe"].strip("<> ")
    unsubscribe(url)
    consent(home, write_key)
    news(home, write_key, "Second")
    home.wait_for(lambda: len(sink.mails) == 2, "a mail after the new consent")
    unsubscribe(url)
    news(home, write_key, "Third")
    assert_refused(home, key, "Third")
    assert [mail["Subject"] for mail in sink.mails] == ["First", "Second"]


def test_a_consent_by_a_clock_that_is_ahead_does_not_outrank_the_click_that_follows(
    home: Installation, sink: Sink
) -> None:
    key, write_key = home.api_key("*"), home.write_key("shop")
    ahead = to_datetime(now() + 4 * MINUTE).isoformat()
    consent(home, write_key, timestamp=ahead)
    news(home, write_key, "First")
    [first] = home.wait_for(lambda: sink.to("alice@example.org"), "the first mail")
    unsubscribe(first["List-Unsubscribe"].strip("<> "))
    news(home, write_key, "Second")
    assert_refused(home, key, "Second")
    assert [mail["Subject"] for mail in sink.mails] == ["First"]


def assert_refused(home: Installation, key: str, name: str) -> None:
    """Wait for the end of a journey: the person wants no marketing."""
    run = home.wait_for(
        lambda: (found := runs(home, key).get(name)) and found["state"] != "active" and found,
        f"an end of the journey {name}",
    )
    assert "consent_refused" in run["reason"], run
