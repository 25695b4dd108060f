"""The history of a profile says what made each merge and split, also where the evidence is gone that was behind it."""

from typing import Any

import pytest

from identity.graph import documents, policies
from identity.graph.types import Verdict
from identity.models import Decision, Identifier, LaneCommand, ProfileMove, Source
from identity.privacy import erasures
from identity.profiles import decisions, forgetting, rebuild, unsettled
from identity.profiles.policies import services as rules
from identity.touchpoints import forgetting as sources
from identity.touchpoints import naming
from identity.touchpoints.types import Identifier as Named
from tests.road import Road

DEVICE = {"context": {"device": {"id": "desk"}}}
DESK, ALICE, BROWSER = (
    Named.of(key) for key in ("device_id:desk", "user_id:alice", "anonymous_id:browser")
)


def together(road: Road, source: Source | None = None) -> None:
    """Let a browser be there before it is alice's."""
    road.receive({"event": "x", "anonymousId": "browser"}, {"event": "x", "userId": "alice"})
    road.run()
    road.receive({"event": "x", "anonymousId": "browser", "userId": "alice"}, source=source)
    road.run()


def told() -> list[tuple[str, str, int | None]]:
    return list(ProfileMove.objects.order_by("pk").values_list("kind", "occasion", "number"))


MERGED = ("merge", "touchpoints", None)


def test_touchpoints_merge_and_a_forgotten_source_splits(road: Road) -> None:
    crm = road.make_source("crm", "crm")
    together(road, crm)
    sources.ask(crm.pk, actor="user:1", now=road.now)
    road.run()
    assert told() == [MERGED, ("split", "forget_source", crm.pk)]


@pytest.mark.parametrize("size", [1, 500])
def test_a_forgotten_identifier(road: Road, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for module in (forgetting, unsettled):
        monkeypatch.setattr(module, "SLICE", size)
    road.receive(*({"event": "x", "anonymousId": f"c{n}"} for n in range(3)))
    road.run()
    road.receive(*({"event": "x", "anonymousId": f"c{n}", **DEVICE} for n in range(3)))
    road.run()
    row = Identifier.objects.get(key=DESK.key).pk
    forgetting.ask(DESK, actor="user:1", now=road.now)
    road.run()
    splits = [one for one in told() if one[0] == "split"]
    assert splits
    assert set(splits) == {("split", "forget_identifier", row)}


def test_traffic_that_comes_before_the_slice_is_not_what_parted_them(road: Road) -> None:
    crm = road.make_source("crm", "crm")
    together(road, crm)
    sources.ask(crm.pk, actor="user:1", now=road.now)
    while not Identifier.objects.filter(policy=0).exists():
        road.loop.step()
    LaneCommand.objects.filter(done_at=None).update(done_at=road.now)  # what follows is late
    road.receive({"event": "x", "anonymousId": "browser"})
    road.run()
    assert told() == [MERGED, ("split", "evidence_gone", None)]


def test_decisions_made_and_undone(road: Road) -> None:
    together(road)
    decisions.ask(Verdict.NEVER, ALICE, BROWSER, why="", actor="user:1", now=road.now)
    road.run()
    row = Decision.objects.get()
    decisions.ask_undo(row.pk, actor="user:1", now=road.now)
    road.run()
    assert told() == [MERGED, ("split", "decision", row.pk), ("merge", "decision", row.pk)]


def test_an_erasure_after_which_a_hub_is_none(road: Road) -> None:
    phones = [f"+336123456{n:02}" for n in range(11)]
    road.receive(*({"event": "x", "context": {"traits": {"phone": each}}} for each in phones))
    road.run()
    mail = {"email": "everybody@shop.example"}
    road.receive(*({"type": "identify", "traits": {**mail, "phone": each}} for each in phones))
    road.run()
    before = len(told())
    one = naming.identifier("phone", phones[0])
    row = erasures.ask(identifier=one, actor="user:1", now=road.now)
    road.run()
    made = set(told()[before:])
    assert made == {("merge", "erasure", row.pk)}


def test_a_policy(road: Road) -> None:
    road.receive(*({"event": "x", "anonymousId": "browser", **card(n)} for n in (1, 2)))
    road.run()
    document = documents.write(policies.current())
    document["namespaces"]["loyalty_id"]["max"] = 1
    rules.change(document, road.now, actor="tests")
    rules.apply(road.now, actor="tests")
    road.run()
    assert told()[-1] == ("split", "policy", 2)


def card(number: int) -> dict[str, Any]:
    return {"context": {"externalIds": [{"type": "loyalty_id", "id": f"{number}"}]}}


def test_a_rebuild(road: Road) -> None:
    together(road)
    stray = Identifier.objects.get(key=BROWSER.key)
    home = stray.profile
    other = ProfileMove.objects.get().origin
    Identifier.objects.filter(pk=stray.pk).update(profile=other)
    rebuild.rebuild(road.store, now=road.now, actor="user:1")
    road.run()
    assert told() == [MERGED, ("merge", "rebuild", None)]
    assert Identifier.objects.get(pk=stray.pk).profile == home
