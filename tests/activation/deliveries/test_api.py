"""Templates, deliveries and channels over REST, with keys that reach one channel alone."""

import json

import pytest

from activation.channels.models import ChannelConfig
from activation.deliveries.links import addresses
from activation.deliveries.models import Delivery, PartnerList, Template
from activation.deliveries.queue import dispatch
from activation.deliveries.tokens import Addresses
from activation.pressure import caps
from activation.pressure.models import LedgerRow
from activation.pressure.types import PersonCap
from dmp_site import apikeys
from identity import clock
from identity.clock import DAY, HOUR, MINUTE, SECOND, from_datetime
from identity.privacy.models import AuditEntry, VaultAccess
from identity.touchpoints import door, inbox
from tests.activation.deliveries.making import alice, bar, delivery, request, template
from tests.activation.people import NOON, context, person

pytestmark = pytest.mark.django_db


class Waiting:
    """An inbox as the sender sees it."""

    oldest: int | None = None

    def oldest_wish(self) -> int | None:
        return self.oldest


@pytest.fixture(autouse=True)
def waiting(monkeypatch):
    reader = Waiting()
    monkeypatch.setattr(inbox, "reader", lambda: reader)
    return reader


@pytest.fixture(autouse=True)
def now(monkeypatch):
    moment = [NOON]
    monkeypatch.setattr(clock, "now", lambda: moment[0])
    return moment


@pytest.fixture
def posted(monkeypatch):
    events: list[dict] = []

    def post(batch):
        events.extend(batch)
        return []

    monkeypatch.setattr(door, "post", post)
    return events


@pytest.fixture
def call(client):
    def _call(method, path, body=None, *, scopes=("*",), channel=""):
        key = apikeys.create("tests", scopes, 1, channel=channel, actor="tests")[1]
        return client.generic(
            method,
            f"/api/v1/{path}",
            json.dumps(body) if body is not None else b"",
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
        )

    return _call


@pytest.fixture
def letters():
    """Make a channel that is not built in, with one message due."""
    ChannelConfig.objects.create(name="letter", addressed_by="email", ack_within=60, created_at=1)
    owner = alice()
    of = template("letter", subject="", text="Dear {{ person.first_name }}")
    dispatch([request(owner, of)], context())
    return owner


# --- Fetching ---


def test_a_channel_fetches_acknowledges_and_reports_with_a_key_of_its_own(call, letters, posted):
    own = {"scopes": ["deliveries:write"], "channel": "letter"}
    answer = call("POST", "channels/letter/fetch", {}, **own)
    assert answer.status_code == 200, answer.content
    [given] = answer.json()["results"]
    assert (given["key"], given["address"], given["text"]) == (
        "1:send:1",
        "alice@example.org",
        "Dear Alice",
    )
    assert "List-Unsubscribe" in given["headers"]
    assert given["ack_before"] == "2026-08-31T12:01:00Z"
    assert delivery().status == "handing_over"
    assert call("POST", "channels/letter/fetch", {}, **own).json()["results"] == []
    acks = {"keys": {"1:send:1": "post-17", "9:x:1": ""}}
    for changed in (["1:send:1"], []):
        answer = call("POST", "channels/letter/acknowledge", acks, **own)
        assert answer.json() == {"changed": changed}
    assert (delivery().status, delivery().provider_id) == ("sent", "post-17")
    assert LedgerRow.objects.get().status == "committed"
    receipt = {"key": "1:send:1", "event": "Message Delivered", "id": "r1"}
    answer = call(
        "POST",
        "channels/letter/receipts",
        {"receipts": [receipt, {**receipt, "key": "9:x:1"}]},
        **own,
    )
    assert answer.json() == {"unknown": ["9:x:1"], "errors": []}
    [event] = posted
    assert event["messageId"] == "receipt:1:send:1:r1"
    assert event["context"]["filrouge"] == {
        "identifiers": ["user_id:alice"],
        "delivery": "1:send:1",
    }


def test_a_fetch_reveals_only_what_it_gives_out_and_logs_it(call, letters):
    call("POST", "channels/letter/fetch", {"limit": 5})
    fields = VaultAccess.objects.values_list("identifier", "field")
    assert set(fields) == {("email:hash-of-alice", "value"), ("user_id:alice", "first_name")}


def test_what_is_not_acknowledged_becomes_unknown_and_a_late_word_settles_it(call, letters, now):
    call("POST", "channels/letter/fetch", {})
    now[0] += 61 * SECOND
    assert call("POST", "channels/letter/fetch", {}).json()["results"] == []
    assert delivery().status == "unknown"
    assert LedgerRow.objects.get().status == "unknown"
    call("POST", "channels/letter/acknowledge", {"keys": {"1:send:1": ""}})
    assert (delivery().status, LedgerRow.objects.get().status) == ("sent", "committed")


def test_a_fetch_obeys_the_latest_word_and_waits_for_the_lane(call, letters, waiting, now):
    waiting.oldest = NOON
    assert call("POST", "channels/letter/fetch", {}).json()["results"] == []
    assert delivery().status == "queued"
    bar(letters, "letter")
    waiting.oldest = None
    assert call("POST", "channels/letter/fetch", {}).json()["results"] == []
    assert (delivery().status, delivery().reason) == ("cancelled", "suppressed")


@pytest.mark.parametrize("path", ["fetch", "acknowledge", "receipts", "lists"])
def test_a_key_of_one_channel_reaches_no_other(call, letters, path):
    bodies = {"acknowledge": {"keys": {}}, "receipts": {"receipts": []}}
    bodies["lists"] = {"name": "x", "namespace": "maid"}
    answer = call(
        "POST",
        f"channels/letter/{path}",
        bodies.get(path, {}),
        scopes=["deliveries:write"],
        channel="sms",
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "other_channel")
    answer = call(
        "POST", f"channels/letter/{path}", bodies.get(path, {}), scopes=["deliveries:read"]
    )
    assert answer.status_code == 403


def test_a_key_of_one_channel_sees_its_own_deliveries(call, letters):
    for channel, keys in (("letter", ["1:send:1"]), ("sms", [])):
        answer = call("GET", "deliveries", scopes=["deliveries:read"], channel=channel)
        assert [row["key"] for row in answer.json()["results"]] == keys
    assert call("GET", "deliveries/1:send:1", channel="sms").status_code == 403


def test_nothing_is_fetched_from_a_channel_that_sends(call):
    answer = call("POST", "channels/email/fetch", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_fetched")
    assert call("POST", "channels/pigeon/fetch", {}).status_code == 404


def test_a_receipt_cannot_speak_for_somebody_else(call, letters, posted):
    forged = {"filrouge": {"delivery": "9:x:1"}, "delivery": "9:x:1", "channel": "email", "n": 1}
    receipt = {"key": "1:send:1", "event": "Message Failed", "properties": forged}
    call("POST", "channels/letter/receipts", {"receipts": [receipt]})
    assert posted[0]["properties"] == {"n": 1, "channel": "letter", "message_class": "marketing"}
    answer = call(
        "POST",
        "channels/letter/receipts",
        {"receipts": [{"key": "1:send:1", "event": "Order Completed"}]},
    )
    assert answer.status_code in {400, 422}


def test_without_an_id_a_machines_open_does_not_swallow_a_persons(call, letters, posted):
    opened = {"key": "1:send:1", "event": "Email Opened"}
    machine = {**opened, "properties": {"open_kind": "machine_suspected"}}
    human = {**opened, "properties": {"open_kind": "human"}}
    again = {**human, "at": "2026-08-31T13:00:00Z"}
    for _ in range(2):
        call("POST", "channels/letter/receipts", {"receipts": [machine, human, again]})
    assert len({event["messageId"] for event in posted}) == 3


def test_without_an_id_a_soft_bounce_does_not_swallow_the_hard_one_and_each_counts_once(
    call, letters, posted, now
):
    """A message bounces for good once, however often its provider says so."""
    bounced = {"key": "1:send:1", "event": "Email Bounced"}
    soft = {**bounced, "properties": {"bounce_type": "Transient"}}
    hard = {**bounced, "properties": {"bounce_type": "Permanent"}}
    for receipt in (soft, hard, bounced) * 2:
        call("POST", "channels/letter/receipts", {"receipts": [receipt]})
        now[0] += SECOND
    ids = [sent["messageId"] for sent in posted]
    assert ids[:3] == ids[3:]
    assert ids[0] != ids[1] == ids[2]


@pytest.mark.parametrize("event", ["Unsubscribed", "Email Marked as Spam"])
def test_a_wish_that_is_reported_later_again_counts_again(call, letters, posted, now, event):
    """There may have been a new consent in between; an id or a time says that it is the same one."""
    plain = {"key": "1:send:1", "event": event}
    for receipt in (plain, {**plain, "id": "r1"}, {**plain, "at": "2026-08-31T12:00:00Z"}):
        for _ in range(2):
            call("POST", "channels/letter/receipts", {"receipts": [receipt]})
            now[0] += SECOND
    ids = [sent["messageId"] for sent in posted]
    assert [len(set(ids[n : n + 2])) for n in (0, 2, 4)] == [2, 1, 1]


def test_a_refused_receipt_is_named_and_the_others_are_taken(call, letters, monkeypatch):
    refused = door.Refused(1, "too_large", "the event is larger than 32768 bytes")
    monkeypatch.setattr(door, "post", lambda _: [refused])
    receipt = {"key": "1:send:1", "event": "Message Delivered"}
    answer = call(
        "POST",
        "channels/letter/receipts",
        {"receipts": [{**receipt, "key": "9:x:1"}, receipt, receipt]},
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "unknown": ["9:x:1"],
        "errors": [{"index": 2, "code": "too_large", "message": refused.message}],
    }


def test_a_bounce_belongs_to_the_address_too(call, letters, posted):
    receipt = {"key": "1:send:1", "event": "Email Bounced"}
    call("POST", "channels/letter/receipts", {"receipts": [receipt]})
    assert posted[0]["context"]["filrouge"]["identifiers"] == [
        "user_id:alice",
        "email:hash-of-alice",
    ]


def test_a_push_token_is_given_out_although_no_vault_holds_it(call):
    ChannelConfig.objects.create(name="app", addressed_by="push", created_at=1)
    _, (owner, _) = person("bob", "push_token:tok:en-1")
    dispatch([request(owner, template("app", subject="", text="Hi"))], context())
    [given] = call("POST", "channels/app/fetch", {}).json()["results"]
    assert given["address"] == "tok:en-1"
    assert not VaultAccess.objects.exists()


def test_what_is_given_out_has_an_id_of_its_own_everywhere(call, letters):
    [given] = call("POST", "channels/letter/fetch", {}).json()["results"]
    here, elsewhere = (Addresses(key * 32, "").message("1:send:1") for key in (b"a", b"b"))
    assert here != elsewhere
    assert given["id"] == addresses().message("1:send:1") != given["key"]


# --- Lists ---


@pytest.fixture
def phones(call):
    """Make a list of five phones; alice's are the first two."""
    call("POST", "channels/display/lists", {"name": "phones", "namespace": "maid"})
    _, (alice_, *_) = person("alice", "maid:a1", "maid:a2")
    for name in ("b", "c", "d"):
        person(name, f"maid:{name}1")

    def pull(cursor="", limit=2):
        found = call("GET", f"channels/display/lists/phones?limit={limit}&cursor={cursor}").json()
        return {row["id"]: row["state"] for row in found["results"]}, found

    return alice_, pull


@pytest.mark.parametrize("way", ["next", "cursor"])
def test_a_pull_is_one_look_at_the_list_however_many_pages_it_has(phones, now, way):
    """Whoever asks again with the cursor of its last page begins another, and hears what changed meanwhile."""
    alice_, pull = phones
    seen, page = pull()
    caps.change([PersonCap(alice_.pk, "display", 0, DAY, NOON + DAY)], context())
    while page["next"]:
        now[0] += MINUTE
        more, page = pull(page[way])
        seen |= more
        assert from_datetime(PartnerList.objects.get().refreshed_at) == NOON
    assert seen == dict.fromkeys(("a1", "a2", "b1", "c1", "d1"), "in")
    now[0] += MINUTE
    changed, page = pull(page["cursor"])
    assert changed == {"a1": "capped", "a2": "capped"}
    assert from_datetime(PartnerList.objects.get().refreshed_at) == now[0]
    assert page["next"] is None


def test_a_puller_that_takes_one_page_at_a_time_falls_behind_and_comes_to_the_end(phones, now):
    alice_, pull = phones
    told, page = pull(limit=1)
    caps.change([PersonCap(alice_.pk, "display", 0, DAY, NOON + DAY)], context())
    for _ in range(6):
        now[0] += HOUR
        more, page = pull(page["cursor"], limit=1)
        told |= more
    assert told == {"a1": "capped", "a2": "capped", **dict.fromkeys(("b1", "c1", "d1"), "in")}


# --- Deliveries ---


def test_a_delivery_tells_its_story(call, letters):
    call("POST", "channels/letter/fetch", {})
    found = call("GET", "deliveries/1:send:1").json()
    assert [line["what"] for line in found["timeline"]] == ["queued", "handing_over"]
    assert call("GET", "deliveries/9:x:1").status_code == 404


def test_deliveries_are_filtered(call, letters):
    uid = str(letters.profile.uid)
    for query, count in {
        f"profile={uid}": 1,
        "profile=6f0f3dd2-8a0e-4a37-9f7c-1d1a0e3f0001": 0,
        "status=queued": 1,
        "status=sent": 0,
        "journey=1&channel=letter": 1,
        "channel=email": 0,
    }.items():
        assert len(call("GET", f"deliveries?{query}").json()["results"]) == count
    for query in ("journey=x", "profile=alice"):
        assert call("GET", f"deliveries?{query}").json()["code"] == "bad_filter"


@pytest.mark.parametrize(
    ("went", "status", "ledger"), [(True, "sent", "committed"), (False, "failed", "released")]
)
def test_a_person_settles_what_is_unknown(call, letters, went, status, ledger):
    body = {"went": went}
    assert call("POST", "deliveries/1:send:1/resolve", body).json()["code"] == "not_unknown"
    Delivery.objects.update(status="unknown")
    found = call("POST", "deliveries/1:send:1/resolve", body).json()
    assert (found["status"], LedgerRow.objects.get().status) == (status, ledger)
    assert AuditEntry.objects.filter(action="delivery.settle").count() == 1


def test_a_person_cancels_what_waits(call, letters):
    assert call("DELETE", "deliveries/1:send:1").json()["status"] == "cancelled"
    assert LedgerRow.objects.get().status == "released"
    assert call("DELETE", "deliveries/1:send:1").json()["code"] == "has_left"


# --- Templates ---


def test_saving_a_template_again_makes_the_next_version(call):
    body = {"name": "hello", "channel": "email", "subject": "Hi", "text": "one"}
    first = call("POST", "templates", body)
    second = call("POST", "templates", {**body, "text": "two"})
    assert (first.status_code, second.json()["version"]) == (201, 2)
    assert call("GET", "templates/hello").json()["text"] == "two"
    assert [row["version"] for row in call("GET", "templates").json()["results"]] == [2]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"text": "{% load x %}"}, 400),
        ({"html": "{{ a|safe }}"}, 400),
        ({"channel": "pigeon"}, 404),
        ({"name": "no good"}, 400),
    ],
)
def test_a_template_that_cannot_be_read_is_refused(call, change, status):
    body = {"name": "hello", "channel": "email", "text": "x", **change}
    assert call("POST", "templates", body).status_code == status


def test_a_template_stays_with_its_channel(call):
    body = {"name": "hello", "channel": "email", "text": "x"}
    call("POST", "templates", body)
    assert call("POST", "templates", {**body, "channel": "site"}).json()["code"] == "other_channel"


def test_a_preview_fills_in_samples_and_names_the_rest(call):
    text = "{{ person.first_name }} {{ traits.city }} {{ event.product }}"
    call("POST", "templates", {"name": "hello", "channel": "email", "text": text})
    shown = call("POST", "templates/hello/preview", {"values": {"traits": {"city": "Lyon"}}})
    assert shown.json()["text"] == "Alice Lyon [event.product]"


def test_an_archived_template_is_offered_no_longer_and_what_names_it_stays(call, letters):
    assert call("DELETE", "templates/t1").status_code == 204
    assert call("DELETE", "templates/t1").status_code == 404
    assert call("GET", "templates/t1").status_code == 404
    assert call("GET", "templates").json()["results"] == []
    assert Template.objects.filter(name="t1").exists()
    again = call("POST", "templates", {"name": "t1", "channel": "letter", "text": "x"})
    assert again.json()["version"] == 2
    assert call("GET", "templates/t1").status_code == 200
