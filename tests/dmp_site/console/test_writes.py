"""Every write that the console offers: one entry in the audit log each, by who did it; what cannot be is refused on the page."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory
from django.urls import reverse

from activation.audiences import services as audiences
from activation.audiences.models import Audience, ManualMember
from activation.channels.models import ChannelConfig
from activation.deliveries.models import Delivery, PartnerList, Template
from activation.deliveries.queue import dispatch
from activation.pressure import services as pressure
from activation.pressure.models import ChannelWeight, MessageClass, Policy, QuietHours
from dmp_site import apikeys, jobs
from dmp_site.models import ApiKey, Job
from identity.graph.documents import write as write_policy
from identity.graph.models import IdentityPolicy
from identity.graph.policy import DEFAULT
from identity.graph.types import Verdict
from identity.privacy.models import AuditEntry
from identity.profiles import decisions
from identity.profiles.models import Decision, Profile
from identity.profiles.policies import services as identity_policies
from identity.touchpoints import aside, lane, sources
from identity.touchpoints.models import LaneCommand, SetAside, Source, WriteKey
from identity.touchpoints.types import Identifier, InboxRow, Mode
from journeys.publishing import services as journeys
from journeys.publishing.models import Journey
from tests.activation.deliveries.making import alice, delivery, request, template
from tests.activation.people import context, person
from tests.identity.signing import SignIn
from tests.journeys import documents, world
from tests.road import Road

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]

NOW = 1_790_000_000_000
WHO: dict[str, Any] = {"actor": "tests", "now": NOW}
GOLD = {"trait": "plan", "op": "eq", "value": "gold"}
DAILY = {"limit": 2, "window": {"kind": "rolling", "seconds": 60}}
VERSIONS = {"versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0"}
PASSWORD = "correct horse battery"
BUILT_IN = {"delete_selected"}


# --- Rows to act on, made as anybody else would ---


def source() -> Source:
    return sources.create("Shop", "site", NOW, actor="tests")


def draft_policy() -> IdentityPolicy:
    return identity_policies.change(write_policy(DEFAULT), NOW, actor="tests")


def write_key() -> WriteKey:
    return sources.create_key(source().pk, NOW, actor="tests")[0]


def two_people() -> None:
    person("ann")
    person("ben")


def decision() -> Decision:
    two_people()
    ann, ben = (Identifier("user_id", name) for name in ("ann", "ben"))
    made = decisions.ask(Verdict.NEVER, ann, ben, why="", **WHO)
    return Decision.objects.get(pk=made.decision)


def set_aside() -> SetAside:
    epoch = lane.take_over("tests", NOW)
    aside.trying(InboxRow(7, 1, Mode.LIVE, NOW, b"sealed"), NOW, epoch=epoch)
    aside.set_aside(7, "t", "ValueError: no", NOW)
    return SetAside.objects.get()


def audience(**more: Any) -> Audience:
    return audiences.create("Gold", **{"rule": GOLD, **more}, **WHO)


def policy() -> Policy:
    return pressure.create("Daily", DAILY, **WHO)


def live_journey() -> Journey:
    return world.published(documents.abandoned_cart())


def draft_journey() -> Journey:
    world.templates()
    return journeys.create("Carts", documents.abandoned_cart(), "tests", NOW)


def paused_journey() -> Journey:
    return journeys.pause(live_journey().pk, **WHO)


def settled(status: str) -> Callable[[], Delivery]:
    def made() -> Delivery:
        dispatch([request(alice(), template())], context())
        Delivery.objects.update(status=status)
        return delivery()

    return made


def partner_list() -> PartnerList:
    return PartnerList.objects.create(name="all", namespace="maid", created_at=NOW)


def webhook() -> ChannelConfig:
    url = "https://crm.example/hook"
    return ChannelConfig.objects.create(
        name="crm", kind="webhook", url=url, ack_within=60, created_at=NOW
    )


def quiet_hours() -> QuietHours:
    return QuietHours.objects.create(name="night", start="22:00", end="07:00")


def channel_weight() -> ChannelWeight:
    return ChannelWeight.objects.get_or_create(channel="sms")[0]


def message_class() -> MessageClass:
    return MessageClass.objects.get_or_create(name="news")[0]


def bob() -> User:
    return User.objects.create_user("bob")


def group() -> Group:
    return Group.objects.create(name="guests")


def api_key() -> ApiKey:
    return apikeys.create("crm", ["*:read"], NOW, actor="tests")[0]


def job() -> Job:
    return jobs.start("prune", {}, "schedule", NOW)


# --- What each page offers: (page, verb) -> row, form, entries. A verb that is none of Django's is an action. ---

KEYS = {
    f"{name}-{end}_FORMS": "0"
    for name in ("write_keys", "refusals")
    for end in ("TOTAL", "INITIAL")
}
APART = {
    "verdict": "never_link",
    "namespace": "user_id",
    "value": "ann",
    "other_namespace": "user_id",
    "other_value": "ben",
}
HOURS = {"name": "night", "start": "22:00", "end": "07:00", "channels": "[]"}
CLASS = {"name": "promo", "weight": "200"}
CRM = {
    "name": "crm",
    "kind": "webhook",
    "url": "https://crm.example/hook",
    "ack_within": "60",
    "enabled": "on",
}
CART = {**VERSIONS, "name": "Carts", "draft": json.dumps({"nodes": {}}), "read": "1"}
AUDIENCE = {**VERSIONS, "name": "Gold", "slug": "gold", "kind": "rule", "rule": json.dumps(GOLD)}
RULES = {"document": json.dumps(write_policy(DEFAULT))}
POLICY = {**VERSIONS, "name": "Daily", "slug": "daily", "document": json.dumps(DAILY)}
LETTER = {"name": "hello", "channel": "email", "subject": "Hi", "text": "x"}
USER = {
    "username": "charlie",
    "usable_password": "true",
    "password1": PASSWORD,
    "password2": PASSWORD,
}

Case = tuple[Callable[[], Any] | None, dict[str, Any], list[str]]
WRITES: dict[tuple[str, str], Case] = {
    ("identity.source", "add"): (None, {"name": "Shop", "kind": "site"}, ["source.add", "writekey.add"]),
    ("identity.source", "change"): (source, {"name": "Store", "kind": "app", **KEYS}, ["source.change"]),
    ("identity.source", "new_key"): (source, {}, ["writekey.add"]),
    ("identity.source", "forget"): (source, {}, ["source.forget"]),
    ("identity.decision", "add"): (two_people, APART, ["identity.never_link"]),
    ("identity.decision", "undo"): (decision, {}, ["identity.undo"]),
    ("identity.writekey", "revoke"): (write_key, {}, ["writekey.revoke"]),
    ("identity.setaside", "try_again"): (set_aside, {}, ["setaside.retry"]),
    ("identity.identitypolicy", "add"): (None, RULES, ["identity_policy.change"]),
    ("identity.identitypolicy", "change"): (draft_policy, RULES, ["identity_policy.change"]),
    ("identity.identitypolicy", "delete"): (draft_policy, {}, ["identity_policy.discard"]),
    ("identity.identitypolicy", "draft_from"): (draft_policy, {}, ["identity_policy.change"]),
    ("identity.identitypolicy", "try_out"): (draft_policy, {}, ["job.start"]),
    ("identity.identitypolicy", "apply"): (draft_policy, {}, ["identity_policy.apply"]),
    ("activation.audience", "add"): (None, AUDIENCE, ["audience.create"]),
    ("activation.audience", "change"): (audience, AUDIENCE, ["audience.change"]),
    ("activation.audience", "publish"): (audience, {}, ["audience.publish"]),
    ("activation.audience", "archive"): (audience, {}, ["audience.archive"]),
    ("activation.policy", "add"): (None, POLICY, ["policy.create"]),
    ("activation.policy", "change"): (policy, POLICY, ["policy.change"]),
    ("activation.policy", "publish"): (policy, {}, ["policy.publish"]),
    ("activation.policy", "archive"): (policy, {}, ["policy.archive"]),
    ("activation.template", "add"): (None, LETTER, ["template.save"]),
    ("activation.template", "change"): (template, LETTER, ["template.save"]),
    ("activation.template", "archive"): (template, {}, ["template.archive"]),
    ("activation.channelconfig", "add"): (None, CRM, ["channel.add"]),
    ("activation.channelconfig", "change"): (webhook, CRM, ["channel.change"]),
    ("activation.channelconfig", "rotate"): (webhook, {}, ["channel.rotate"]),
    ("activation.channelconfig", "finish_rotation"): (webhook, {}, ["channel.rotated"]),
    ("activation.delivery", "went"): (settled("unknown"), {}, ["delivery.settle"]),
    ("activation.delivery", "did_not_go"): (settled("unknown"), {}, ["delivery.settle"]),
    ("activation.delivery", "cancel"): (settled("queued"), {}, ["delivery.settle"]),
    ("activation.partnerlist", "add"): (None, {"channel": "display", "name": "all", "namespace": "maid"}, ["partnerlist.add"]),
    ("activation.partnerlist", "delete"): (partner_list, {}, ["partnerlist.delete"]),
    ("activation.channelweight", "add"): (None, {"channel": "fax", "weight": "300"}, ["pressure.weights"]),
    ("activation.channelweight", "change"): (channel_weight, {"channel": "sms", "weight": "300"}, ["pressure.weights"]),
    ("activation.channelweight", "delete"): (channel_weight, {}, ["pressure.weights.remove"]),
    ("activation.messageclass", "add"): (None, CLASS, ["pressure.class"]),
    ("activation.messageclass", "change"): (message_class, CLASS, ["pressure.class"]),
    ("activation.messageclass", "delete"): (message_class, {}, ["pressure.class.remove"]),
    ("activation.quiethours", "add"): (None, HOURS, ["quiethours.add"]),
    ("activation.quiethours", "change"): (quiet_hours, HOURS, ["quiethours.change"]),
    ("activation.quiethours", "delete"): (quiet_hours, {}, ["quiethours.remove"]),
    ("journeys.journey", "add"): (None, CART, ["journey.create"]),
    ("journeys.journey", "change"): (draft_journey, CART, ["journey.save"]),
    ("journeys.journey", "delete"): (draft_journey, {}, ["journey.discard"]),
    ("journeys.journey", "publish"): (draft_journey, {}, ["journey.publish"]),
    ("journeys.journey", "pause"): (live_journey, {}, ["journey.paused"]),
    ("journeys.journey", "resume"): (paused_journey, {}, ["journey.live"]),
    ("journeys.journey", "drain"): (live_journey, {}, ["journey.draining"]),
    ("journeys.journey", "eject"): (live_journey, {}, ["journey.ejecting"]),
    ("auth.user", "add"): (None, USER, ["user.add"]),
    ("auth.user", "change"): (bob, {"username": "robert"}, ["user.change"]),
    ("auth.user", "delete"): (bob, {}, ["user.delete"]),
    ("auth.group", "add"): (None, {"name": "guests"}, ["group.add"]),
    ("auth.group", "change"): (group, {"name": "visitors"}, ["group.change"]),
    ("auth.group", "delete"): (group, {}, ["group.delete"]),
    ("dmp_site.apikey", "add"): (None, {"name": "crm", "scopes": ["*:read"]}, ["apikey.add"]),
    ("dmp_site.apikey", "revoke"): (api_key, {}, ["apikey.revoke"]),
    ("dmp_site.job", "cancel"): (job, {}, ["job.cancel"]),
}  # fmt: skip


@pytest.fixture
def console(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("admin"))
    return client


def write(console: Client, page: str, verb: str, row: Any, form: dict[str, Any]) -> Any:
    name = f"admin:{page.replace('.', '_')}"
    if verb == "add":
        return console.post(reverse(f"{name}_add"), form)
    if verb == "change":
        return console.post(reverse(f"{name}_change", args=[row.pk]), form)
    if verb == "delete":
        return console.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"})
    chosen = {"action": verb, "_selected_action": [row.pk], **form}
    return console.post(reverse(f"{name}_changelist"), chosen)


def by_people() -> list[str]:
    entries = AuditEntry.objects.filter(actor__startswith="user:").order_by("pk")
    return list(entries.values_list("action", flat=True))


def offered() -> set[tuple[str, str]]:
    """Walk the console's pages; return every (page, verb) that somebody who may do everything finds there."""
    asked = RequestFactory().get("/")
    asked.user = User(is_superuser=True, is_active=True)
    found = set()
    for model, page in admin.site._registry.items():
        may = [
            ("add", page.has_add_permission(asked)),
            ("change", page.has_change_permission(asked)),
            ("delete", page.has_delete_permission(asked)),
        ]
        verbs = {verb for verb, allowed in may if allowed}
        verbs |= page.get_actions(asked).keys() - BUILT_IN
        found |= {(model._meta.label_lower, verb) for verb in verbs}
    return found


def test_every_write_that_the_console_offers_is_tried_below() -> None:
    assert offered() == WRITES.keys()


@pytest.mark.parametrize(("page", "verb"), WRITES, ids=" ".join)
def test_a_write_leaves_exactly_its_entries(console: Client, page: str, verb: str) -> None:
    make, form, entries = WRITES[page, verb]
    answer = write(console, page, verb, make and make(), form)
    assert answer.status_code == 302, answer.content.decode()
    assert by_people() == entries


DELETED = [page for page, verb in WRITES if verb == "delete"]


@pytest.mark.parametrize("page", DELETED)
def test_rows_deleted_from_a_list_leave_one_entry_each(console: Client, page: str) -> None:
    make, _form, entries = WRITES[page, "delete"]
    assert make is not None
    write(console, page, "delete_selected", make(), {"post": "yes"})
    assert by_people() == entries


def test_a_password_that_is_set_is_one_entry(console: Client) -> None:
    address = reverse("admin:auth_user_password_change", args=[bob().pk])
    console.post(address, {"password1": PASSWORD, "password2": PASSWORD})
    assert by_people() == ["user.change"]


REFUSED = [
    ("journeys.journey", {**CART, "draft": draft}, "JSON")
    for draft in ("[1, 2]", "5", '"x"', '{"a": NaN}', '{"a": "\\ud800"}', "[" * 99_999)
] + [
    ("activation.audience", {**AUDIENCE, "slug": "---"}, "short name"),
    ("activation.audience", {**AUDIENCE, "rule": '{"trait": "a", "op": "eq", "value": NaN}'}, "JSON"),
    *(
        ("activation.audience", {**AUDIENCE, "kind": "manual", "rule": rule}, "has no rule")
        for rule in ("{}", "[]", "0", '""', "false")
    ),
    ("activation.policy", {**POLICY, "document": json.dumps({**DAILY, "audience": 9000000})}, "audience"),
    ("activation.policy", {**POLICY, "slug": "---"}, "short name"),
    ("journeys.journey", {**CART, "draft": '{"a": "\\u0000"}'}, "NUL"),
    ("identity.source", {"name": "Shop", "kind": "site", "region": "ZZ"}, "country code"),
    ("identity.source", {"name": "Shop", "kind": "internal"}, "internal"),
    ("activation.template", {**LETTER, "channel": "pigeon"}, "no such channel"),
    ("activation.channelconfig", {**CRM, "url": "ftp://crm.example"}, "http"),
    ("activation.quiethours", {**HOURS, "end": "22:00"}, "another time"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "form", "said"), REFUSED)
def test_what_cannot_be_is_refused_on_the_page_and_what_was_typed_stays(
    console: Client, page: str, form: dict[str, Any], said: str
) -> None:
    answer = write(console, page, "add", None, form)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert said in text
    assert f'value="{form["name"]}"' in text
    assert by_people() == []


def test_a_person_is_put_into_an_audience_by_hand_and_taken_out(
    sign_in: SignIn, road: Road
) -> None:
    road.receive({"userId": "alice", "type": "identify", "traits": {"phone": "+33612345678"}})
    road.run()
    by_hand = audience(kind="manual", rule=None)
    audiences.publish(by_hand.pk, **WHO)
    road.run()
    client = sign_in("marketer")
    address = reverse("admin:activation_audience_members", args=[by_hand.pk])
    page = reverse("admin:activation_audience_change", args=[by_hand.pk])
    assert address in client.get(page).content.decode()
    client.post(
        address, {"namespace": "phone", "value": "06 12 34 56 78", "region": "fr", "add": ""}
    )
    road.run()
    assert ManualMember.objects.get().audience == by_hand
    profile = Profile.objects.get(identifiers__key="user_id:alice")
    assert str(profile.uid) in client.get(page).content.decode()
    client.post(address, {"namespace": "user_id", "value": "alice", "remove": ""})
    road.run()
    assert not ManualMember.objects.exists()
    assert by_people() == ["audience.add", "audience.remove"]
    missed = client.post(address, {"namespace": "user_id", "value": "bob", "add": ""}, follow=True)
    assert "profile has this identifier" in missed.content.decode()
    assert sign_in("viewer").post(address, {"add": ""}).status_code == 403


def test_a_local_phone_number_is_found_with_its_country(sign_in: SignIn, road: Road) -> None:
    road.receive({"userId": "alice", "type": "identify", "traits": {"phone": "+33612345678"}})
    road.run()
    client = sign_in("viewer")
    assert 'name="region"' in client.get("/admin/identity/profile/").content.decode()
    asked = {"namespace": "phone", "value": "06 12 34 56 78", "region": "FR"}
    answer = client.post("/admin/identity/profile/find/", asked)
    profile = Profile.objects.get(identifiers__key="user_id:alice")
    assert answer.headers["Location"] == f"/admin/identity/profile/{profile.pk}/change/"


def test_what_was_asked_of_the_lane_is_shown_with_digests_shortened(sign_in: SignIn) -> None:
    digest = "0123456789ab" + "c" * 52
    command = LaneCommand.objects.create(
        kind="x", payload={"identifiers": [f"email:{digest}"]}, created_at=NOW
    )
    page = sign_in("viewer").get(f"/admin/identity/lanecommand/{command.pk}/change/")
    assert "email:0123456789ab…" in page.content.decode()
    assert digest not in page.content.decode()


def test_an_archived_template_is_no_longer_offered_and_journeys_go_on(console: Client) -> None:
    journey = live_journey()
    write(console, "activation.template", "archive", Template.objects.get(pk=1), {})
    assert Template.objects.get(pk=1).archived_at is not None
    listed = console.get(reverse("admin:activation_template_changelist")).content.decode()
    assert reverse("admin:activation_template_change", args=[1]) not in listed
    assert reverse("admin:activation_template_change", args=[2]) in listed
    write(console, "journeys.journey", "publish", journey, {})
    refused = console.get(reverse("admin:journeys_journey_changelist")).content.decode()
    assert "or is archived" in refused
