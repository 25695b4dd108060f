"""The list that a DSP pulls: who is in, who is at a cap, and what changed since."""

import pytest

from activation.audiences.models import Audience, Membership
from activation.deliveries import lists
from activation.deliveries.models import PartnerList
from activation.pressure import caps
from activation.pressure.models import Decision, QuietHours
from activation.pressure.types import PersonCap
from identity.clock import DAY, HOUR, MINUTE
from identity.privacy import registers
from identity.privacy.types import Said
from identity.profiles.models import Identifier
from tests.activation.people import NOON, context, identifier, person
from tests.activation.pressure.rows import impressions, publish, rolling

pytestmark = pytest.mark.django_db


@pytest.fixture
def fans():
    return Audience.objects.create(name="Fans", slug="fans", created_at=1, changed_at=1)


@pytest.fixture
def people():
    """Make alice (two devices), bob, and carol without a device."""
    _, owners = person("alice", "maid:a1", "maid:a2")
    _, more = person("bob", "maid:b1", "partner_x:77")
    _, rest = person("carol")
    return {"alice": owners[0], "bob": more[0], "carol": rest[0]}


def listed(audience=None, **rest):
    values = {"channel": "display", "name": "x", "namespace": "maid", "created_at": 1, **rest}
    return PartnerList.objects.create(audience=audience, **values)


def join(audience, *owners):
    for owner in owners:
        Membership.objects.create(
            audience=audience, profile=owner.profile, since=NOON, cause="rule"
        )


def pull(row, after=(0, 0), now=NOON, limit=100):
    lists.refresh(row, now)
    found = lists.changes(row, after, limit)
    return {value: state for _, _, value, state in found}, (found[-1][:2] if found else after)


def cap(owner, limit=0, until=NOON + DAY):
    caps.change([PersonCap(owner.pk, "display", limit, DAY, until)], context())


def test_everybody_with_an_identifier_of_the_partner(people):
    found, _ = pull(listed())
    assert found == {"a1": "in", "a2": "in", "b1": "in"}
    assert pull(listed(name="y", namespace="partner_x"))[0] == {"77": "in"}


def test_an_audience(people, fans):
    join(fans, people["alice"], people["carol"])
    assert pull(listed(fans))[0] == {"a1": "in", "a2": "in"}


def test_a_capped_person_is_said_to_be_capped_and_nobody_else_changes(people):
    row = listed()
    _, cursor = pull(row)
    cap(people["alice"])
    found, cursor = pull(row, cursor)
    assert found == {"a1": "capped", "a2": "capped"}
    assert pull(row, cursor) == ({}, cursor)
    decision = Decision.objects.get()  # one for the person, when it begins
    assert (decision.passed, decision.reason, decision.winner, decision.channel) == (
        False,
        "capped",
        "own cap: display",
        "display",
    )


def test_a_cap_ends_with_the_clock(people):
    row = listed()
    cap(people["alice"], until=NOON + HOUR)
    _, cursor = pull(row)
    assert pull(row, cursor, NOON + HOUR - 1)[0] == {}
    assert pull(row, cursor, NOON + HOUR)[0] == {"a1": "in", "a2": "in"}


def test_thousands_of_impressions_of_one_person_hold_no_pull_up(people):
    publish("ads", limit=2_000, window=rolling(24 * 30), scope={"channels": ["display"]})
    last = 6_000 * MINUTE
    impressions(6_001, (people["alice"].pk,), NOON - last, MINUTE)
    row = listed()
    found, cursor = pull(row)
    assert found == {"a1": "capped", "a2": "capped", "b1": "in"}
    freed = NOON - 1_999 * MINUTE + 30 * DAY  # but for 1,999 all have fallen out of the window
    assert pull(row, cursor, freed - 1)[0] == {}
    assert pull(row, cursor, freed)[0] == {"a1": "in", "a2": "in"}


def test_who_leaves_is_out_and_who_never_was_in_is_not_told(people, fans):
    join(fans, people["alice"], people["bob"])
    row = listed(fans)
    _, cursor = pull(row)
    Membership.objects.filter(profile=people["alice"].profile).delete()
    found, cursor = pull(row, cursor)
    assert found == {"a1": "out", "a2": "out"}
    assert pull(row, cursor)[0] == {}
    assert pull(row)[0] == {"b1": "in", "a1": "out", "a2": "out"}


def test_who_refuses_marketing_is_out(people):
    row = listed()
    _, cursor = pull(row)
    said = Said(people["bob"].key, "marketing", "*", False, NOON, NOON, "t1", "test")  # noqa: FBT003
    registers.keep_consent([said])
    assert pull(row, cursor)[0] == {"b1": "out"}


def test_a_device_that_changes_hands_follows_its_person(people, fans):
    join(fans, people["alice"])
    row = listed(fans)
    _, cursor = pull(row)
    Identifier.objects.filter(key="maid:a2").update(profile=people["bob"].profile)
    assert pull(row, cursor)[0] == {"a2": "out"}


def test_pages_lose_nothing_and_repeat_nothing(people):
    row = listed()
    lists.refresh(row, NOON)
    seen, cursor = [], (0, 0)
    while page := lists.changes(row, cursor, 2):
        seen += [value for _, _, value, _ in page]
        cursor = page[-1][:2]
    assert sorted(seen) == ["a1", "a2", "b1"]


def test_slices_reach_everybody(monkeypatch, people):
    monkeypatch.setattr(lists, "SLICE", 1)
    for number in range(5):
        identifier(f"maid:p{number}", person(f"p{number}")[0])
    assert len(pull(listed())[0]) == 8


def test_quiet_hours_turn_nobody_over(people):
    row = listed()
    _, cursor = pull(row)
    QuietHours.objects.create(name="noon", start="11:00", end="14:00")
    assert pull(row, cursor) == ({}, cursor)
    cap(people["alice"])
    assert pull(row, cursor)[0] == {"a1": "capped", "a2": "capped"}


@pytest.mark.parametrize("of_audience", [True, False])
def test_a_partner_hears_of_an_identifier_that_was_deleted(people, fans, of_audience):
    join(fans, *people.values())
    row = listed(fans if of_audience else None)
    _, cursor = pull(row)
    Identifier.objects.filter(key="maid:a2").delete()
    assert pull(row, cursor)[0] == {"a2": "out"}
