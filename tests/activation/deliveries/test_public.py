"""Addresses on the public port: what a request records, and what it answers."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from activation.deliveries.links import addresses
from activation.deliveries.public import ROUTES
from activation.deliveries.tokens import Purpose, Sent
from identity.clock import MINUTE
from identity.touchpoints.public import Call, InboxAway, Reply, Route
from tests.activation.people import NOON
from tests.installation import installation

SENT = Sent("1:send:1", "user_id:alice", "email:abc", "email", "marketing", NOON)
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
SHOP = "https://shop.example/a?b=1&c=é"


class Inbox:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.away = False

    async def record(self, events):
        if self.away:
            raise InboxAway
        self.events += events


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def ask(
    inbox: Inbox,
    url: str,
    method: str = "GET",
    now: int = NOON + MINUTE,
    body: bytes = b"",
    **headers: str,
) -> Reply:
    parts = urlsplit(url)
    [route] = [one for one in ROUTES if parts.path.startswith(one.path) and method in one.methods]
    call = Call(
        method=method,
        path=parts.path,
        query=dict(parse_qsl(parts.query)),
        headers={**BROWSER, **{name.replace("_", "-"): value for name, value in headers.items()}},
        body=body,
        now=now,
        record=inbox.record,
        read=_read,
    )
    return asyncio.run(_answer(route, call))


async def _read(_: Callable[[], Any]) -> Any:
    raise AssertionError("addresses in messages ask no database")


async def _answer(route: Route, call: Call) -> Reply:
    return await route.handle(call)


@pytest.mark.process
@pytest.mark.parametrize(
    ("destination", "location"),
    [
        ("https://shop.example/tea?b=1&c=%C3%A9#top", "https://shop.example/tea?b=1&c=%C3%A9#top"),
        ("https://shop.example/thé/茶?q=ж", "https://shop.example/th%C3%A9/%E8%8C%B6?q=%D0%B6"),
        ("https://bücher.example:8443/ü", "https://xn--bcher-kva.example:8443/%C3%BC"),
        (
            "https://shop.example/\r\nSet-Cookie: a=b",
            "https://shop.example/%0D%0ASet-Cookie:%20a=b",
        ),
    ],
)
def test_a_link_beyond_latin_1_leads_on(collector, destination, location):
    link = collector.shell(LINK.format(destination=destination)).strip()
    answer = httpx.get(link, headers=BROWSER, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, location)
    assert "Set-Cookie" not in answer.headers


LINK = """
from activation.deliveries.links import addresses
from activation.deliveries.tokens import Sent
print(addresses().link(Sent("1:send:1", "user_id:alice", "", "email", "marketing", 1), {destination!r}))
"""


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    """Serve what the product serves, in a process of its own."""
    with installation(tmp_path_factory.mktemp("collector")) as home:
        home.set_up()
        home.start("worker", "--role", "collector")
        home.wait_for(lambda: home.answers(home.collector), "the collector")
        yield home


def own(delivery: str = "1:send:1", *identifiers: str) -> dict:
    return {
        "filrouge": {"identifiers": list(identifiers or ["user_id:alice"]), "delivery": delivery}
    }


def test_a_click_is_recorded_and_leads_on(inbox):
    reply = ask(inbox, addresses().link(SENT, SHOP))
    assert (reply.status, reply.headers["Location"]) == (302, SHOP.replace("é", "%C3%A9"))
    [event] = inbox.events
    assert (event["event"], event["properties"]["url"], event["context"]) == (
        "Email Link Clicked",
        SHOP,
        own(),
    )
    assert event["timestamp"] == "2026-08-31T12:01:00.000+00:00"


def test_a_click_leads_on_when_nothing_can_be_stored(inbox):
    inbox.away = True
    assert ask(inbox, addresses().link(SENT, SHOP)).status == 302


@pytest.mark.parametrize(
    "signs", [{"method": "HEAD"}, {"now": NOON + 500}, {"user_agent": "Barracuda"}]
)
def test_a_scanner_is_led_on_and_counts_as_one(inbox, signs):
    reply = ask(inbox, addresses().link(SENT, SHOP), **signs)
    assert reply.status == 302
    assert [event["event"] for event in inbox.events] == ["Message Link Scanned"]


def test_no_open_redirect(inbox):
    url = addresses().link(SENT, SHOP)
    changed = url.replace("shop.example", "evil.example")
    assert changed != url
    for bad in (
        changed,
        url.partition("?")[0],
        url.replace("/c/", "/c/x"),
        "https://t/c/?to=https://evil.example",
    ):
        reply = ask(inbox, bad)
        assert reply.status == 404
        assert "Location" not in reply.headers
    assert not inbox.events


@pytest.mark.parametrize(
    ("signs", "kind"),
    [
        ({}, "human"),
        ({"user_agent": "x (via ggpht.com GoogleImageProxy)"}, "proxy"),
        ({"user_agent": "Mozilla/5.0"}, "machine_suspected"),
        ({"method": "HEAD"}, "machine_suspected"),
        ({"now": NOON + 100}, "machine_suspected"),
        ({"x_forwarded_for": "17.1.2.3, 10.0.0.1"}, "machine_suspected"),
    ],
)
def test_an_open_is_recorded_with_its_kind(inbox, signs, kind):
    reply = ask(inbox, addresses().open_pixel(SENT), **signs)
    assert (reply.status, reply.headers["Content-Type"], len(reply.body)) == (200, "image/gif", 43)
    assert "no-store" in reply.headers["Cache-Control"]
    [event] = inbox.events
    assert (event["event"], event["properties"]["open_kind"]) == ("Email Opened", kind)


def test_the_pixel_says_200_only_for_what_is_stored(inbox):
    inbox.away = True
    reply = ask(inbox, addresses().open_pixel(SENT))
    assert (reply.status, reply.headers["Content-Type"]) == (503, "image/gif")
    assert ask(inbox, "https://t/o/nonsense.gif").status == 404


def test_each_open_and_each_unsubscribe_is_a_touchpoint(inbox):
    """Between two unsubscribes through one mail there may have been a new consent: the second says something again."""
    for later in (MINUTE, MINUTE + 1):
        ask(inbox, addresses().open_pixel(SENT), now=NOON + later)
        ask(inbox, addresses().unsubscribe(SENT), "POST", now=NOON + later)
    assert len({event["messageId"] for event in inbox.events}) == 4


def test_one_click_unsubscribe_needs_no_cookie_and_does_not_redirect(inbox):
    reply = ask(
        inbox,
        addresses().unsubscribe(SENT),
        "POST",
        body=b"List-Unsubscribe=One-Click",
        content_type="application/x-www-form-urlencoded",
    )
    assert reply.status == 200
    [event] = inbox.events
    assert event["event"] == "Unsubscribed"
    assert event["context"] == own("1:send:1", "user_id:alice", "email:abc")
    assert (event["properties"]["channel"], event["properties"]["message_class"]) == (
        "email",
        "marketing",
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_at_the_unsubscribe_page_acts_on_nothing(inbox, method):
    reply = ask(inbox, addresses().unsubscribe(SENT), method)
    assert reply.status == 200
    assert b"method='post'" in reply.body
    assert not inbox.events


def test_an_unsubscribe_that_cannot_be_stored_says_so(inbox):
    inbox.away = True
    assert ask(inbox, addresses().unsubscribe(SENT), "POST").status == 503


@pytest.mark.parametrize("purpose", [Purpose.CLICK, Purpose.OPEN])
def test_another_address_of_the_mail_unsubscribes_nobody(inbox, purpose):
    token = addresses().seal(SENT, purpose)
    assert ask(inbox, f"https://t/u/{token}", "POST").status == 404
    assert not inbox.events


def test_a_message_of_another_channel_has_its_own_event(inbox):
    sent = Sent("2:call:1", "user_id:alice", "", "sms", "marketing", NOON)
    ask(inbox, addresses().link(sent, SHOP))
    ask(inbox, addresses().unsubscribe(sent), "POST")
    clicked, unsubscribed = inbox.events
    assert (clicked["event"], clicked["properties"]["channel"]) == ("Message Clicked", "sms")
    assert unsubscribed["context"] == own("2:call:1", "user_id:alice")
