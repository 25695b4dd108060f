"""The mission, in real processes: who reacts to a mail is treated differently by the next mail, the site and the ads."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.installation import Installation, installation
from tests.sink import Sink

pytestmark = pytest.mark.process

HUMAN = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
MACHINE = "Mozilla/5.0"  # what mail privacy proxies send when they fetch every image

CONTENT = """
from tests.content import journey, template
first = template("welcome", "Welcome")
thanks = template("thanks", "Thanks for reading")
reminder = template("reminder", "Did you see our mail?")
journey("Welcome", {
    "settings": {"message_class": "marketing"},
    "nodes": {
        "start": {"type": "entry", "config": {"on": "touchpoint", "event": "Signed Up"}},
        "first": {"type": "send", "config": {"channel": "email", "template": first}},
        "opened": {"type": "wait_for", "config": {"timeout": "PT15S", "branches": [
            {"port": "opened", "match": {"event": "Email Opened", "of": "first"}}]}},
        "cap": {"type": "capping", "config": {"channel": "display", "limit": 1, "window": "P1D", "lasts": "P7D"}},
        "welcome_back": {"type": "site_slot", "config": {"slot": "hero", "content": {"title": "Welcome back"}, "lasts": "P1D"}},
        "thanks": {"type": "send", "config": {"channel": "email", "template": thanks}},
        "missed": {"type": "site_slot", "config": {"slot": "hero", "content": {"title": "Read our mail"}, "lasts": "P1D"}},
        "reminder": {"type": "send", "config": {"channel": "email", "template": reminder}},
        "end": {"type": "exit"},
    },
    "edges": [
        {"from": "start", "port": "next", "to": "first"},
        {"from": "first", "port": "sent", "to": "opened"},
        {"from": "opened", "port": "opened", "to": "cap"},
        {"from": "opened", "port": "timeout", "to": "missed"},
        {"from": "cap", "port": "next", "to": "welcome_back"},
        {"from": "welcome_back", "port": "next", "to": "thanks"},
        {"from": "missed", "port": "next", "to": "reminder"},
        {"from": "thanks", "port": "sent", "to": "end"},
        {"from": "reminder", "port": "sent", "to": "end"},
    ],
})
"""
PEOPLE = ("alice", "bob", "carol")
CAPPED = """
from activation.pressure.models import PersonCap
for cap in PersonCap.objects.select_related("owner"): print(cap.owner.key, cap.channel, cap.limit)
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
        yield made


def sign_up(home: Installation, key: str, person: str) -> None:
    who = {"userId": person, "anonymousId": f"browser-of-{person}"}
    traits = {"email": f"{person}@example.org", "consent": {"marketing": True}}
    home.post(
        key,
        {**who, "type": "identify", "messageId": f"i-{person}", "traits": traits},
        {**who, "type": "track", "event": "Signed Up", "messageId": f"t-{person}"},
    )


def first_mail(home: Installation, sink: Sink, person: str) -> str:
    """Return the HTML of the first mail to a person, once it is there."""
    mails = home.wait_for(lambda: sink.to(f"{person}@example.org"), f"a mail to {person}")
    body = mails[0].get_body(("html",))
    assert body is not None
    return str(body.get_content())


def load_images(html: str, agent: str) -> None:
    (pixel,) = re.findall(r'<img[^>]*src="([^"]+/o/[^"]+)"', html)
    assert httpx.get(pixel, headers={"User-Agent": agent}).status_code == 200


def hero(home: Installation, person: str) -> object:
    query = {"anonymousId": f"browser-of-{person}", "slots": "hero"}
    answer = httpx.get(f"http://{home.collector}/v1/decisions", params=query)
    return answer.json()["slots"].get("hero")


def test_who_opened_the_mail_is_treated_differently_everywhere(
    home: Installation, sink: Sink
) -> None:
    key = home.write_key("shop")
    home.shell(CONTENT)
    for person in PEOPLE:
        sign_up(home, key, person)
    mails = {person: first_mail(home, sink, person) for person in PEOPLE}
    load_images(mails["carol"], MACHINE)
    time.sleep(2.5)  # what opens a mail faster than this counts as a machine
    load_images(mails["alice"], HUMAN)

    home.wait_for(lambda: len(sink.mails) == 2 * len(PEOPLE), "everybody's next mail")
    subjects = {
        person: [mail["Subject"] for mail in sink.to(f"{person}@example.org")] for person in PEOPLE
    }
    assert subjects == {
        "alice": ["Welcome", "Thanks for reading"],
        "bob": ["Welcome", "Did you see our mail?"],
        "carol": ["Welcome", "Did you see our mail?"],
    }
    assert hero(home, "alice") == {"title": "Welcome back"}
    assert hero(home, "bob") == hero(home, "carol") == {"title": "Read our mail"}
    assert home.shell(CAPPED).split("\n") == ["user_id:alice display 1", ""]
    assert max(sink.message_ids.values()) == 1
    for mail in sink.mails:
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail.get_body(("plain",)) is not None
