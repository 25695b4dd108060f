"""The mission, in real processes: who reacts to a mail is treated differently by the next mail, the site and the ads."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.installation import Installation, installation
from tests.sink import Sink

pytestmark = [pytest.mark.process, pytest.mark.stores]

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
    who = {
        "userId": person,
        "anonymousId": f"browser-of-{person}",
        "context": {"device": {"advertisingId": f"phone-of-{person}"}},
    }
    traits = {"email": f"{person}@example.org", "consent": {"marketing": True}}
    home.post(
        key,
        {**who, "type": "identify", "messageId": f"i-{person}", "traits": traits},
        {**who, "type": "track", "event": "Signed Up", "messageId": f"t-{person}"},
    )


def see_an_ad(home: Installation, key: str, person: str) -> None:
    """Report an impression, as an ad server does that knows the device alone."""
    event = {
        "type": "track",
        "event": "Ad Impression",
        "anonymousId": f"browser-of-{person}",
        "context": {"device": {"advertisingId": f"phone-of-{person}"}},
        "messageId": f"ad-{person}",
    }
    home.post(key, event)


def first_mail(home: Installation, sink: Sink, person: str) -> str:
    """Return the HTML of the first mail to a person, once it is there."""
    mails = home.wait_for(lambda: sink.to(f"{person}@example.org"), f"a mail to {person}")
    body = mails[0].get_body(("html",))
    assert body is not None
    return str(body.get_content())


def load_images(html: str, agent: str) -> None:
    (pixel,) = re.findall(r'<img[^>]*src="([^"]+/o/[^"]+)"', html)
    assert httpx.get(pixel, headers={"User-Agent": agent}).status_code == 200


def hero(home: Installation, person: str) -> bytes:
    """Return the bytes that the page gets for its slot."""
    query = {"anonymousId": f"browser-of-{person}", "slots": "hero"}
    return httpx.get(f"http://{home.collector}/v1/decisions", params=query).content


def nameless(sink: Sink, person: str) -> list[str]:
    """Return the mails to a person as they came over the wire, without what is of this person or this moment alone."""
    mails = []
    for _, content in sink.received:
        text = content.replace(b"=\r\n", b"").decode()  # lines that quoted-printable broke
        if f"To: {person}@example.org" not in text:
            continue
        for pattern, word in (
            (r"(?m)^(Message-ID|Date|Feedback-ID): .*$", r"\1"),
            (r"=+\d+=+", "BOUNDARY"),
            (r"http://127.0.0.1:\d+/(\w)/[\w.~-]+", r"/\1/TOKEN"),
            (r"mailto:[^>]+>", "mailto:TOKEN>"),
            (r"(?<=[&;]s=3D)[\w-]+", "SIGNATURE"),
        ):
            text = re.sub(pattern, word, text)
        mails.append(text.replace(person, "PERSON"))
    return mails


def pulled(home: Installation, key: str) -> dict[str, str]:
    answer = home.api(key, "GET", "channels/display/lists/phones")
    assert answer.status_code == 200, answer.text
    return {row["id"]: row["state"] for row in answer.json()["results"]}


def test_who_opened_the_mail_is_treated_differently_everywhere(
    home: Installation, sink: Sink
) -> None:
    key, ads = home.write_key("shop"), home.write_key("adserver", "ads")
    dsp = home.api_key("deliveries:read", "deliveries:write", channel="display")
    made = home.api(
        dsp, "POST", "channels/display/lists", json={"name": "phones", "namespace": "maid"}
    )
    assert made.status_code == 201, made.text
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
    mails_of = {person: nameless(sink, person) for person in PEOPLE}
    assert mails_of["carol"] == mails_of["bob"]
    assert mails_of["alice"][0] == mails_of["bob"][0]
    assert mails_of["alice"][1] != mails_of["bob"][1]

    assert json.loads(hero(home, "alice"))["slots"]["hero"] == {"title": "Welcome back"}
    assert json.loads(hero(home, "bob"))["slots"]["hero"] == {"title": "Read our mail"}
    assert hero(home, "carol") == hero(home, "bob")

    for person in PEOPLE:
        see_an_ad(home, ads, person)
    after_one_ad = {
        "phone-of-alice": "capped",
        "phone-of-bob": "in",
        "phone-of-carol": "in",
    }
    home.wait_for(lambda: pulled(home, dsp) == after_one_ad, f"the list {after_one_ad}")

    assert max(sink.message_ids.values()) == 1
    for mail in sink.mails:
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail.get_body(("plain",)) is not None
