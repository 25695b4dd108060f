"""From rows to touchpoints: identity, time, PII, contacts, poison."""

import uuid
from collections.abc import Callable
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity.touchpoints import sources
from identity.touchpoints.decode import Poison, decode, identity_of
from identity.touchpoints.models import Source
from identity.touchpoints.types import Direction, Identifier, InboxRow, Mode, Touchpoint
from tests.identity.touchpoints.events import NOW, decoder, row
from tests.soaking import examples

pytestmark = pytest.mark.django_db
One = Callable[..., Touchpoint]

MINUTE = 60_000


@pytest.fixture
def source() -> Source:
    return sources.create("shop", "site", NOW, region="FR", actor="tests")


@pytest.fixture
def one(source: Source) -> One:
    return decoder(source)


def test_the_id_is_derived_from_source_and_message(source: Source) -> None:
    event = {"type": "page", "anonymousId": "a", "messageId": "m1"}
    other = sources.create("other", "site", NOW, actor="tests")
    (touchpoint,) = decode([row(source, event), row(source, event)])
    assert touchpoint.id == str(uuid.uuid5(source.uuid, "m1"))
    assert decode([row(other, event)])[0].id != touchpoint.id


def test_of_two_rows_with_one_id_the_first_counts(source: Source) -> None:
    rows = [row(source, {"type": "page", "anonymousId": each, "messageId": "m"}) for each in "ab"]
    (touchpoint,) = decode(rows)
    assert touchpoint.number == rows[0].number
    assert touchpoint.owner == Identifier("anonymous_id", "a")


def test_a_given_message_id_stands_in_for_a_missing_one(source: Source) -> None:
    found = row(source, {"type": "page", "anonymousId": "a"}, given="given-1")
    assert decode([found])[0].id == str(uuid.uuid5(source.uuid, "given-1")) == identity_of(found)


def test_identifiers_come_strongest_first_and_pii_as_hmac(one: One) -> None:
    touchpoint = one(
        type="identify",
        userId=42,
        anonymousId="a-1",
        traits={"email": " Alice@Example.ORG ", "phone": "06 12 34 56 78", "plan": "gold"},
        context={
            "device": {"advertisingId": "m-1", "id": "d-1", "token": "t-1"},
            "externalIds": [
                {"id": "c-7", "type": "crm_id"},
                {"id": "x", "type": "made_up"},
                "nonsense",
            ],
        },
    )
    spaces = [each.namespace for each in touchpoint.identifiers]
    assert spaces == [
        "crm_id", "user_id", "email", "phone", "maid", "device_id", "push_token", "anonymous_id",
    ]  # fmt: skip
    assert touchpoint.owner == Identifier("crm_id", "c-7")
    assert Identifier("user_id", "42") in touchpoint.identifiers
    assert sorted(touchpoint.pii.values()) == ["+33612345678", "alice@example.org"]
    assert touchpoint.traits == {"plan": "gold"}
    assert touchpoint.refusal == ""
    assert not touchpoint.dropped
    assert "alice" not in repr(touchpoint.identifiers).lower()


def test_an_email_sent_as_user_id_is_pii(one: One) -> None:
    touchpoint = one(type="page", userId="Bob@Shop.fr")
    (identifier,) = touchpoint.identifiers
    assert identifier.namespace == "user_id"
    assert len(identifier.value) == 64
    assert touchpoint.pii == {identifier: "bob@shop.fr"}


def test_junk_is_dropped_counted_and_no_evidence(one: One) -> None:
    touchpoint = one(type="track", event="X", userId="null", anonymousId="a")
    assert touchpoint.owner == Identifier("anonymous_id", "a")
    assert touchpoint.dropped == ("blocked:user_id",)
    nobody = one(type="track", event="X", userId="undefined")
    assert (nobody.owner, nobody.refusal) == (None, "no_identifier")


def test_two_user_ids_in_one_event_are_no_evidence(one: One) -> None:
    touchpoint = one(
        type="page",
        userId="1",
        context={"externalIds": [{"id": "2", "type": "user_id"}]},
        properties={"email": "a@b.fr"},
    )
    assert (touchpoint.owner, touchpoint.refusal) == (None, "too_many:user_id")
    assert not touchpoint.pii
    assert not touchpoint.pii_fields


def test_too_many_identifiers_are_no_evidence(one: One) -> None:
    listed = [{"id": f"l{each}", "type": "partner_x"} for each in range(40)]
    touchpoint = one(type="page", userId="1", context={"externalIds": listed})
    assert (touchpoint.owner, touchpoint.refusal) == (None, "too_many_identifiers")
    assert len(touchpoint.identifiers) == 32


def test_an_alias_declares_two_values_to_be_one(one: One) -> None:
    old, new = Identifier("user_id", "old"), Identifier("user_id", "new")
    touchpoint = one(type="alias", previousId="old", userId="new")
    assert touchpoint.same == ((old, new),)
    assert touchpoint.refusal == ""
    assert touchpoint.owner == new
    anonymous = one(type="alias", previousId="a", anonymousId="a", userId="new")
    assert anonymous.same == ((Identifier("anonymous_id", "a"), new),)
    assert one(type="alias", previousId="new", userId="new").same == ()


def test_junk_takes_nothing_from_the_others_that_a_merge_call_names(one: One) -> None:
    def merged(*values: str) -> Touchpoint:
        listed = [{"type": "user_id", "value": each} for each in values]
        return one(type="merge", mergeProperties=listed)

    old, new, last = (Identifier("user_id", each) for each in ("1", "2", "3"))
    for values in (("null", "1", "2", "3"), ("1", "null", "2", "3")):
        touchpoint = merged(*values)
        assert touchpoint.same == ((old, new), (old, last))
        assert touchpoint.dropped == ("blocked:user_id",)
        assert touchpoint.refusal == ""
    assert merged("null", "1").same == ()


def test_a_merge_call_makes_the_values_of_each_namespace_one_in_whatever_order(one: One) -> None:
    browser, old, new = Identifier("anonymous_id", "a"), *(Identifier("user_id", n) for n in "12")
    for order in permutations((browser, old, new)):
        listed = [{"type": each.namespace, "value": each.value} for each in order]
        touchpoint = one(type="merge", mergeProperties=listed)
        assert set(touchpoint.identifiers) == {browser, old, new}
        assert touchpoint.refusal == ""


def test_a_group_is_a_household_only_if_the_source_says_so(source: Source) -> None:
    event = {"type": "group", "userId": "1", "groupId": "h-1", "messageId": "m"}
    assert len(decode([row(source, event)])[0].identifiers) == 1
    source.settings = {"group_is_household": True}
    source.save()
    touchpoint = decode([row(source, event)])[0]
    assert Identifier("household_id", "h-1") in touchpoint.identifiers
    assert touchpoint.owner == Identifier("user_id", "1")


@pytest.mark.parametrize(
    ("said", "expected", "corrected"),
    [
        ({}, NOW, False),
        ({"timestamp": "2023-11-14T22:13:20Z"}, NOW, False),
        ({"timestamp": "2023-11-14T22:13:20"}, NOW, False),
        ({"timestamp": NOW - 7}, NOW - 7, False),
        ({"timestamp": "2001-01-01T00:00:00+00:00"}, 978307200000, False),
        (
            {"originalTimestamp": NOW - 10 * MINUTE, "sentAt": NOW - MINUTE},
            NOW - 9 * MINUTE,
            False,
        ),
        ({"timestamp": 5, "originalTimestamp": NOW - 1}, NOW - 1, False),
        ({"timestamp": NOW + 4 * MINUTE}, NOW + 4 * MINUTE, False),
        ({"timestamp": NOW + 6 * MINUTE}, NOW, True),
        ({"timestamp": "9999-12-31T23:59:59Z"}, NOW, True),
        # Both by the same wrong clock: nine seconds apart.
        (
            {"timestamp": "9999-12-31T23:59:59Z", "sentAt": "9999-12-31T23:59:50Z"},
            NOW + 9_000,
            False,
        ),
        ({"timestamp": -2_208_988_800_000}, -2_208_988_800_000, False),
        ({"timestamp": -2_208_988_800_001}, NOW, True),
        ({"timestamp": -200_000_000_000_000}, NOW, True),
        ({"timestamp": "0001-01-01T00:00:00Z"}, NOW, True),
        ({"timestamp": NOW, "sentAt": "9999-12-31T00:00:00Z"}, NOW, True),
        ({"timestamp": "yesterday"}, NOW, False),
        ({"timestamp": 1e300}, NOW, False),
    ],
)
def test_times(one: One, said: dict[str, object], expected: int, *, corrected: bool) -> None:
    touchpoint = one(type="page", userId="1", **said)
    assert (touchpoint.at, touchpoint.clock_corrected) == (expected, corrected)


def test_the_batch_says_what_its_events_leave_open(source: Source) -> None:
    event = {"type": "page", "userId": "1", "messageId": "m", "context": {"locale": "fr"}}
    found = row(
        source,
        event,
        sent_at=NOW - MINUTE,
        timestamp=NOW - 3 * MINUTE,
        context={"locale": "en", "app": {"name": "a"}},
        type="screen",
    )
    (touchpoint,) = decode([found])
    assert touchpoint.at == NOW - 2 * MINUTE
    assert touchpoint.type == "screen"
    assert touchpoint.context == {"locale": "fr", "app": {"name": "a"}}


def test_a_persons_fields_leave_the_payload(one: One) -> None:
    touchpoint = one(
        type="identify",
        userId="1",
        traits={
            "firstName": "Alice",
            "last_name": "Martin",
            "name": "Alice Martin",
            "address": {"city": "Lyon", "street": "rue X 1"},
            "birthday": "1980-02-03",
            "boss": {"email": "carol@corp.fr", "level": 3},
            "contact": "dave@corp.fr",
            "age": 40,
        },
        context={
            "ip": "10.1.2.3",
            "page": {"url": "https://s.fr/?m=erin%40corp.fr&x=1"},
            "locale": "fr",
        },
    )
    assert touchpoint.traits == {"boss": {"level": 3}, "age": 40}
    assert touchpoint.pii_fields == {
        "first_name": "Alice",
        "last_name": "Martin",
        "name": "Alice Martin",
        "address": '{"city":"Lyon","street":"rue X 1"}',
        "birthday": "1980-02-03",
        "traits.boss.email": "carol@corp.fr",
        "traits.contact": "dave@corp.fr",
        "ip": "10.1.2.3",
    }
    assert touchpoint.context == {"page": {"url": "https://s.fr/?m=[email]&x=1"}, "locale": "fr"}


def test_whatever_names_a_persons_field_leaves_the_payload_wherever_it_is(one: One) -> None:
    touchpoint = one(
        type="track",
        event="Order Completed",
        userId="1",
        properties={
            "shipping_address": {"street": "rue X 1", "city": "Lyon"},
            "customer_phone": 33612345678,
            "mobile": "06 12 34 56 78",
            "dob": "1980-02-03",
            "billingName": "Alice Martin",
            "address1": "rue X 1",
            "address2": "3rd floor",
            "guest": {"middleName": "Zoe", "msisdn": "33612345678", "seats": 2},
            "products": [{"name": "iPhone", "recipient_name": "Bob", "price": 3}],
            "iphone": "15",
            "automobile": "red",
            "mails_per_email": 3,
            "total": 5,
        },
    )
    assert touchpoint.properties == {
        "guest": {"seats": 2},
        "products": [{"name": "iPhone", "price": 3}],
        "iphone": "15",
        "automobile": "red",
        "mails_per_email": 3,
        "total": 5,
    }
    assert touchpoint.pii_fields["phone"] == "06 12 34 56 78"
    assert touchpoint.pii_fields["birthday"] == "1980-02-03"
    assert touchpoint.pii_fields["address"] == "rue X 1"
    assert touchpoint.pii_fields["properties.address2"] == "3rd floor"
    assert touchpoint.pii_fields["properties.products.recipient_name"] == "Bob"
    assert len(touchpoint.pii_fields) == 10


def test_a_companys_name_stays_and_a_groups_members_do_not(one: One) -> None:
    made = one(type="identify", userId="1", traits={"company": {"name": "ACME"}, "name": "Alice"})
    assert made.traits == {"company": {"name": "ACME"}}
    assert made.pii_fields == {"name": "Alice"}
    group = one(
        type="group",
        userId="1",
        groupId="g",
        traits={"name": "The Martins", "phone": "0612345678", "size": 4},
    )
    assert group.properties == {"group_id": "g", "traits": {"size": 4}}
    assert group.pii_fields == {
        "properties.traits.name": "The Martins",
        "properties.traits.phone": "0612345678",
    }


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("https://s.fr/?m=erin%2540corp.fr&x=1", "https://s.fr/?m=[email]&x=1"),
        (
            "https://s.fr/a?phone=0612345678&first_name=Al&x=1#y=2",
            "https://s.fr/a?phone=[removed]&first_name=[removed]&x=1#y=2",
        ),
        ("?customer_phone=061&q=tea", "?customer_phone=[removed]&q=tea"),
        ("Call +33 6 12 34 56 78 now", "Call [phone] now"),
        ("https://s.fr/?m=%252B33612345678&x=1", "https://s.fr/?m=[phone]&x=1"),
        ("Order 1+33612345678", "Order 1+33612345678"),
        ("2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00+01:00"),
        ("a=b and phone=c", "a=b and phone=c"),
        ("50%40", "50%40"),
        ("@alice@example.org wrote", "@[email] wrote"),
    ],
)
def test_texts_and_addresses_lose_what_is_personal(one: One, said: str, kept: str) -> None:
    page = {"url": said, "title": said}
    made = one(type="page", userId="1", context={"page": page}, properties={"x": [said]})
    assert (made.context, made.properties) == (
        {"page": {"url": kept, "title": kept}},
        {"x": [kept]},
    )


def test_neither_a_key_nor_the_name_of_an_event_holds_an_address(one: One) -> None:
    made = one(
        type="track",
        event="Signup alice@example.org",
        userId="1",
        properties={"votes": {"alice@example.org": 1, "bob@example.org": 2}},
    )
    assert made.event == "Signup [email]"
    assert made.properties == {"votes": {"[email]": 1, "[email] 2": 2}}
    assert "example.org" not in repr(made)


def test_an_address_that_was_quoted_for_a_url_is_the_same_person(one: One) -> None:
    plain = one(type="page", userId="Alice@example.org")
    assert one(type="page", userId="alice%40example.org").owner == plain.owner
    assert one(type="page", userId="x:alice%40example.org").pii
    phone = one(type="page", userId="+33612345678")
    for sign, plus in (("%2540", "%252B"), ("%252540", "%25252b")):
        assert (
            one(type="page", anonymousId="1", userId=f"alice{sign}example.org").owner
            == plain.owner
        )
        assert one(type="page", userId=f"{plus}33612345678").owner == phone.owner
    assert one(type="page", userId="a%2500b%2540example.org").owner is None
    assert one(type="page", userId="50%25").owner == Identifier("user_id", "50%25")
    assert not one(type="page", userId="a%00b%40example.org").identifiers


def test_a_name_of_a_page_or_product_is_not_a_persons(one: One) -> None:
    page = one(type="page", userId="1", name="Basket", category="shop")
    assert page.properties == {"name": "Basket", "category": "shop"}
    order = one(type="track", event="Order Completed", userId="1", properties={"name": "Tea"})
    assert (order.event, order.properties) == ("Order Completed", {"name": "Tea"})


def test_a_wish_about_a_channel_is_not_its_address(one: One) -> None:
    wish = {"marketing": {"email": True, "phone": False}}
    traits = {"email": "alice@example.org", "consent": wish}
    made = one(type="identify", userId="42", traits=traits)
    assert made.traits == {"consent": wish}


def test_contacts(one: One) -> None:
    view = one(type="page", userId="1")
    assert (view.direction, view.channel) == (Direction.INBOUND, "site")
    call = one(
        type="track",
        event="Call Made",
        userId="1",
        properties={"channel": "Phone", "message_class": "service"},
    )
    assert (call.direction, call.channel, call.message_class) == (
        Direction.OUTBOUND, "phone", "service",
    )  # fmt: skip
    said = one(type="track", event="Flyer", userId="1", properties={"direction": "outbound"})
    assert said.direction is Direction.OUTBOUND
    assert one(type="identify", userId="1").direction is Direction.NONE


@pytest.mark.parametrize(
    ("event", "properties", "direction"),
    [
        ("Email Opened", {"open_kind": "human"}, Direction.INBOUND),
        ("Email Opened", {}, Direction.INBOUND),
        ("Email Opened", {"open_kind": None}, Direction.INBOUND),
        ("Email Opened", {"open_kind": "machine_suspected"}, Direction.NONE),
        ("Email Opened", {"open_kind": "proxy", "direction": "inbound"}, Direction.NONE),
        ("Email Opened", {"open_kind": {"a": 1}}, Direction.NONE),
        ("Message Link Scanned", {"direction": "inbound"}, Direction.NONE),
        ("Email Link Clicked", {}, Direction.INBOUND),
    ],
)
def test_what_a_machine_did_is_no_contact(
    one: One, event: str, properties: dict[str, object], direction: Direction
) -> None:
    made = one(type="track", event=event, userId="1", properties=properties)
    assert made.direction is direction


def test_only_the_product_itself_names_identifiers(one: One) -> None:
    own = {"filrouge": {"identifiers": ["user_id:7", "email:abc"], "delivery": "d-1"}}
    event = {"type": "track", "event": "Email Opened", "anonymousId": "a", "context": own}
    assert one(**event).owner == Identifier("anonymous_id", "a")
    assert one(**event).context == {}
    trusted = decoder(sources.internal(NOW))(**event)
    assert trusted.identifiers == (Identifier("user_id", "7"), Identifier("email", "abc"))
    assert trusted.context == own


def test_rows_that_cannot_be_read_are_poison(source: Source) -> None:
    good = row(source, {"type": "page", "userId": "1", "messageId": "m"})
    gone = InboxRow(7, source.pk + 99, Mode.LIVE, NOW, good.payload)
    damaged = InboxRow(
        8, source.pk, Mode.LIVE, NOW, bytes([*good.payload[:-1], good.payload[-1] ^ 1])
    )
    for bad in (
        gone,
        damaged,
        row(source, b"[1]"),
        row(source, b"{}"),
        InboxRow(9, source.pk, Mode.LIVE, NOW, b""),
    ):
        with pytest.raises(Poison) as caught:
            decode([good, bad])
        assert caught.value.number == bad.number
        assert identity_of(bad) == ""


def test_a_number_beyond_all_bounds_is_no_poison(source: Source) -> None:
    found = row(
        source,
        b'{"type":"track","event":"e","messageId":"m","userId":"1","properties":{"n":1e999,"m":1}}',
    )
    assert decode([found])[0].properties == {"n": None, "m": 1}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(200))
@given(traits=st.dictionaries(st.text(), _json), properties=st.dictionaries(st.text(), _json))
def test_whatever_an_event_says_it_can_be_read(
    source: Source, traits: dict[str, object], properties: dict[str, object]
) -> None:
    """Types inside an event are free; none may stop the lane."""
    event = {"type": "identify", "userId": "1", "messageId": "m", "context": {"traits": traits}}
    (touchpoint,) = decode([row(source, event | {"traits": properties, "properties": traits})])
    assert touchpoint.owner == Identifier("user_id", "1")
