"""Three contacts in the window, whoever made them: the fourth is refused over each channel, and goes when it may.

What a slot of the site shows is no contact: it is set although there is no room, and takes none.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from identity.clock import SECOND, Instant, from_datetime, now, to_datetime
from tests.activation.channels.servers import Endpoint, http
from tests.content import path
from tests.installation import Installation, installation
from tests.sink import Sink

pytestmark = [pytest.mark.process, pytest.mark.stores]

WINDOW = 40  # seconds
CHANNELS = ("email", "hook", "letter", "site")
Reached = Callable[
    [], Instant | None
]  # when a channel was handed something, None while it was not


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with http(Endpoint()) as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, sink: Sink) -> Iterator[Installation]:
    settings = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(sink.port),
        "WEBHOOK_ALLOW_PRIVATE": "1",
    }
    with installation(tmp_path, **settings) as made:
        made.up()
        yield made


def call(home: Installation, key: str, method: str, path: str, **body: Any) -> Any:
    answer = home.api(key, method, path, **({"json": body} if body else {}))
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


def at_most_three(home: Installation, key: str) -> None:
    document = {"limit": 3, "window": {"kind": "rolling", "seconds": WINDOW}}
    policy = call(home, key, "POST", "pressure/policies", name="Three", document=document)
    call(home, key, "POST", f"pressure/policies/{policy['id']}/publish")


def way(channel: str, template: int) -> dict[str, Any]:
    """Return a journey that sets a slot of the site at once, and sends what somebody asks for as soon as there is room."""
    wanted = [{"property": "channel_wanted", "op": "eq", "value": channel}]
    message = {"channel": channel, "template": template, "when_capped": "defer"}
    return path(
        (
            "start",
            {
                "type": "entry",
                "config": {"on": "touchpoint", "event": "Asked", "where": wanted},
            },
        ),
        ("slot", {"type": "site_slot", "config": {"slot": "hero", "content": {"ask": channel}}}),
        ("send", {"type": "send", "config": message}),
        ("end", {"type": "exit"}),
    )


def set_up(home: Installation, key: str, url: str) -> None:
    """Make what a marketer makes: channels, a policy, for each channel a template and a journey."""
    call(home, key, "POST", "channels", name="letter", kind="pull")
    call(home, key, "POST", "channels", name="hook", kind="webhook", url=url)
    window = {"kind": "rolling", "seconds": WINDOW}
    policy = call(
        home,
        key,
        "POST",
        "pressure/policies",
        name="Three",
        document={"limit": 3, "window": window},
    )
    call(home, key, "POST", f"pressure/policies/{policy['id']}/publish")
    for channel in CHANNELS:
        template = call(
            home, key, "POST", "templates", name=channel, channel=channel, subject="Four", text="4"
        )
        draft = way(channel, template["id"])
        journey = call(home, key, "POST", "journeys", name=channel, draft=draft)
        call(home, key, "POST", f"journeys/{journey['id']}/publish", migration={})


def identify(home: Installation, write_key: str, person: str) -> None:
    traits = {"email": f"{person}@example.org", "consent": {"marketing": True}}
    home.post(write_key, {**_event(person, "i"), "type": "identify", "traits": traits})


def three(home: Installation, write_key: str, person: str, event: str) -> Instant:
    """Report three contacts that somebody else made, half a second apart; return when the first was."""
    begun = now() - SECOND
    for number in range(3):
        at = to_datetime(begun + number * SECOND // 2).isoformat(timespec="milliseconds")
        home.post(write_key, {**_event(person, f"c{number}"), "event": event, "timestamp": at})
    return begun


def ask(home: Installation, write_key: str, person: str, channel: str) -> None:
    properties = {"channel_wanted": channel}
    home.post(write_key, {**_event(person, "a"), "event": "Asked", "properties": properties})


def _event(person: str, name: str) -> dict[str, Any]:
    return {
        "type": "track",
        "userId": person,
        "anonymousId": f"browser-of-{person}",
        "messageId": f"{person}-{name}",
        "context": {"device": {"advertisingId": f"phone-of-{person}"}},
    }


def refusal(home: Installation, key: str, person: str) -> Any:
    """Return the stored decision that refused the person's fourth contact, None while there is none."""
    found = home.api(key, "GET", f"profiles/by/user_id/{person}")
    if found.status_code != 200:
        return None
    rows = call(home, key, "GET", f"pressure/decisions?passed=false&profile={found.json()['id']}")
    return rows["results"][-1] if rows["results"] else None


def instant(text: str) -> Instant:
    return from_datetime(datetime.fromisoformat(text))


def room_for(home: Installation, key: str, person: str, began: Instant) -> Instant:
    """Wait for the refusal of the fourth contact and check what it says; return when there will be room."""
    said = home.wait_for(lambda: refusal(home, key, person), f"a decision on {person}")
    (use,) = said["policies"]
    assert (said["reason"], said["refused_by"]) == ("capped", "Three")
    assert (use["use"], use["cost"], use["limit"]) == (3, 1, 3)
    assert instant(said["earliest"]) == began + WINDOW * SECOND
    return began + WINDOW * SECOND


def shown(home: Installation, person: str) -> Any:
    """Return what the site shows in the person's browser."""
    query = {"anonymousId": f"browser-of-{person}", "slots": "hero"}
    return httpx.get(f"http://{home.collector}/v1/decisions", params=query).json()["slots"]


def profile_of(home: Installation, key: str, person: str) -> str:
    return str(call(home, key, "GET", f"profiles/by/user_id/{person}")["id"])


def woken_at(home: Installation, key: str, person: str) -> Instant:
    """Return when the journey that waits for room will try again."""
    (run,) = call(home, key, "GET", f"profiles/{profile_of(home, key, person)}/journeys")[
        "results"
    ]
    return instant(run["wake_at"])


def wait_until_all_went(home: Installation, reached: Mapping[str, Reached]) -> dict[str, Instant]:
    went: dict[str, Instant] = {}

    def look() -> bool:
        for channel in set(reached) - set(went):
            if (moment := reached[channel]()) is not None:
                went[channel] = moment
        return len(went) == len(reached)

    home.wait_for(look, "a message over each channel")
    return went


def test_the_fourth_contact_is_refused_over_each_channel_and_goes_when_it_may(
    home: Installation, sink: Sink, endpoint: Endpoint
) -> None:
    key, write_key = home.api_key("*"), home.write_key("crm")
    set_up(home, key, endpoint.url)
    arrived: list[Instant] = []
    endpoint.before_answer = lambda: arrived.append(now())

    def fetched(channel: str) -> Instant | None:
        rows = call(home, key, "POST", f"channels/{channel}/fetch", limit=10)["results"]
        return now() if rows else None

    reached: dict[str, Reached] = {
        "email": lambda: sink.received[0][0] if sink.received else None,
        "hook": lambda: arrived[0] if arrived else None,
        "letter": partial(fetched, "letter"),
        "site": partial(fetched, "site"),
    }
    began: dict[str, Instant] = {}
    for channel in CHANNELS:
        identify(home, write_key, f"{channel}-lover")
        began[channel] = three(home, write_key, f"{channel}-lover", "Call Made")
        ask(home, write_key, f"{channel}-lover", channel)
    room = {
        channel: room_for(home, key, f"{channel}-lover", began[channel]) for channel in CHANNELS
    }
    assert {channel: woken_at(home, key, f"{channel}-lover") for channel in CHANNELS} == room
    for channel in CHANNELS:
        assert shown(home, f"{channel}-lover") == {"hero": {"ask": channel}}
    went = wait_until_all_went(home, reached)
    for channel in CHANNELS:
        assert went[channel] >= room[channel], channel
        profile = profile_of(home, key, f"{channel}-lover")
        rows = call(home, key, "GET", f"pressure/ledger?profile={profile}")["results"]
        (own,) = [row for row in rows if row["origin"] == "own"]
        assert room[channel] <= instant(own["effective_at"]) < room[channel] + SECOND


def test_the_fourth_ad_is_refused_on_the_list_that_a_dsp_pulls(home: Installation) -> None:
    key, ads = home.api_key("*"), home.write_key("adserver", "ads")
    at_most_three(home, key)
    call(home, key, "POST", "channels/display/lists", name="phones", namespace="maid")
    identify(home, ads, "alice")

    def state() -> str:
        rows = call(home, key, "GET", "channels/display/lists/phones")["results"]
        return str(rows[0]["state"]) if rows else ""

    began = three(home, ads, "alice", "Ad Impression")
    home.wait_for(lambda: state() == "capped", "alice to be capped")
    room = room_for(home, key, "alice", began)
    home.wait_for(lambda: state() == "in", "room for alice")
    assert now() >= room
