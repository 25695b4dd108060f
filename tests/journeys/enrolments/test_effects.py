"""What journeys do besides sending, once a person is there."""

import pytest

from activation.audiences.models import Audience, ManualMember, Recheck
from activation.pressure.models import Decision, LedgerRow, PersonCap
from identity.clock import DAY, HOUR
from identity.profiles.models import Identifier
from journeys.enrolments.models import Enrolment
from tests.activation.pressure.rows import publish, rolling
from tests.journeys import documents, world
from tests.journeys.documents import journey, leave
from tests.journeys.world import START, arrival, batch, move, person

pytestmark = pytest.mark.django_db


def audience(kind: str = "manual") -> Audience:
    return Audience.objects.create(
        name=kind, slug=kind, kind=kind, state="live", created_at=START, changed_at=START
    )


def one_node(type_: str, config: dict[str, object], event: str = "page") -> None:
    nodes = {
        "in": documents.entry(event),
        "n": {"type": type_, "config": config},
        "out": leave(),
    }
    world.published(journey(nodes, "in n", "n out", re_entry={"mode": "always"}))


def come(key: str, event: str = "page", at: int = START) -> None:
    batch(at, arrival(key, event, at))


def test_a_cap_of_the_persons_own_holds_for_its_time() -> None:
    one_node("capping", {"channel": "display", "limit": 2, "window": "P1D", "lasts": "P7D"})
    person("user_id:alice", "anonymous_id:a1")
    come("anonymous_id:a1")
    (cap,) = PersonCap.objects.all()
    assert cap.owner.key == "user_id:alice"
    assert (cap.channel, cap.limit, cap.window) == ("display", 2, DAY)
    assert world.instant(cap.until) == START + 7 * DAY


def test_a_person_is_put_into_an_audience_and_looked_at_again_at_once() -> None:
    kept = audience()
    one_node("audience_add", {"audience": kept.pk})
    alice = person("user_id:alice")
    come("user_id:alice")
    assert list(ManualMember.objects.values_list("owner__key", "audience")) == [
        ("user_id:alice", kept.pk)
    ]
    assert list(Recheck.objects.values_list("profile", flat=True)) == [alice.pk]
    come("user_id:alice", at=START + 1)
    assert ManualMember.objects.count() == 1


def test_a_person_is_taken_out_under_whichever_identifier_they_were_put_in() -> None:
    kept = audience()
    one_node("audience_remove", {"audience": kept.pk})
    person("user_id:alice", "anonymous_id:a1")
    for key in ("user_id:alice", "anonymous_id:a1"):
        ManualMember.objects.create(owner=Identifier.objects.get(key=key), audience=kept, at=START)
    other = person("user_id:bob")
    ManualMember.objects.create(owner=other.identifiers.get(), audience=kept, at=START)
    come("anonymous_id:a1")
    assert list(ManualMember.objects.values_list("owner__key", flat=True)) == ["user_id:bob"]


def test_who_is_in_an_audience_leaves_a_journey_or_takes_another_way() -> None:
    kept = audience()
    condition = {"on": "audience", "audience": kept.pk}
    nodes = {
        "in": documents.entry(),
        "if": {"type": "if_else", "config": {"conditions": [condition]}},
        "yes": leave("inside"),
        "no": leave("outside"),
    }
    world.published(journey(nodes, "in if", "if.yes yes", "if.no no", re_entry={"mode": "always"}))
    alice = person("user_id:alice")
    come("user_id:alice", "Cart Viewed")
    kept.membership_set.create(profile=alice, since=START, cause="hand")
    come("user_id:alice", "Cart Viewed", START + HOUR)
    reasons = Enrolment.objects.order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == ["outside", "inside"]


@pytest.mark.parametrize("unit", ["messages", "points"])
def test_a_slot_is_set_whatever_the_policies_say_and_takes_no_room(unit: str) -> None:
    publish("nothing", limit=0, unit=unit, window=rolling(24))
    publish("no site", limit=0, unit=unit, window=rolling(24), scope={"channels": ["site"]})
    one_node("site_slot", {"slot": "hero", "content": {"n": 1}})
    person("user_id:alice", "anonymous_id:a1")
    come("anonymous_id:a1")
    assert world.slots("anonymous_id:a1") == {"hero": {"n": 1}}
    assert not LedgerRow.objects.exists()
    assert not Decision.objects.exists()


def test_a_slot_follows_the_run_not_the_profile() -> None:
    one_node("site_slot", {"slot": "hero", "content": {"n": 1}})
    alice = person("user_id:alice")
    person("anonymous_id:a1")
    come("anonymous_id:a1")
    move("anonymous_id:a1", alice)
    come("user_id:alice", at=START + 1)  # the person sets it anew: no second row of the journey
    assert alice.identifiers.count() == 2
    assert world.slots("anonymous_id:a1") == {"hero": {"n": 1}}
