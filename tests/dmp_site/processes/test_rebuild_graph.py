"""rebuild_graph compares, and the lane repairs; evidence that is set aside no longer holds anybody together."""

from collections.abc import Callable
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from identity import graph
from identity.graph.contents import add_up
from identity.graph.types import Verdict
from identity.models import AuditEntry, Decision, Identifier, Profile, ProfileMove, SetAside
from identity.profiles import decisions, forgetting
from identity.profiles import fold as fold_stage
from identity.profiles.types import Resolved
from identity.touchpoints import aside
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import BatchContext
from identity.touchpoints.types import Identifier as Named
from tests.identity.graph.tampering import (
    change_link,
    change_node,
    lose_link,
    lose_node,
    make_link,
)
from tests.road import Road


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("rebuild_graph", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def homes() -> dict[str, str]:
    return dict(Identifier.objects.values_list("key", "profile__uid"))


def test_it_waits_for_a_slow_store_as_long_as_a_lane_would(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph.store(), "most_patience", 6)
    monkeypatch.setattr(graph.store(), "patience", 1)
    said("--digest")
    assert graph.store().patience == 6


def test_the_lane_repairs_what_differs(road: Road) -> None:
    road.receive(
        {"event": "Product Viewed", "userId": "alice", "anonymousId": "browser"},
        {"event": "Product Viewed", "userId": "bob", "anonymousId": "phone"},
    )
    road.run()
    before = homes()
    assert "as the evidence says" in said("--check")

    bob = Profile.objects.get(uid=before["user_id:bob"])
    Identifier.objects.filter(key="anonymous_id:browser").update(profile=bob)
    with pytest.raises(CommandError, match="1 identifiers differ"):
        said("--check")
    assert "1 commands wait for the lane" in said()
    road.run()
    assert homes() == before
    assert "as the evidence says" in said("--check")
    assert ProfileMove.objects.get().kind == "split"


def test_the_digest_of_all_that_is_held_is_printed(road: Road) -> None:
    road.receive({"event": "Product Viewed", "userId": "alice", "anonymousId": "browser"})
    road.run()
    alone = said("--digest")
    assert alone.startswith("digest")
    assert "(2 identifiers, 1 touchpoints, 1 links)" in alone
    assert said("--check").splitlines()[3] == alone.strip()
    Profile.objects.update(uid="another")
    assert said("--digest") != alone


def test_an_empty_installation_agrees(road: Road) -> None:
    assert "0 identifiers" in said("--check")


ALICE, BROWSER = Named.of("user_id:alice"), Named.of("anonymous_id:browser")
TAMPERED: dict[str, tuple[Callable[[], None], str]] = {
    "lost": (partial(lose_link, BROWSER, ALICE), r"links differ .*\(1 lost\)"),
    "made": (
        partial(make_link, BROWSER, Named.of("user_id:bob"), source=1),
        r"links differ .*\(1 stray\)",
    ),
    "counted": (partial(change_link, BROWSER, ALICE, count=9), r"links differ .*\(1 otherwise\)"),
    "numbered": (
        partial(change_node, ALICE, first_number=9),
        "1 identifiers are counted otherwise",
    ),
    "gone": (partial(lose_node, ALICE), "1 identifiers are lost"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_graph_that_does_not_say_what_its_touchpoints_say_is_mended(
    road: Road, case: str
) -> None:
    road.receive(
        {"event": "Product Viewed", "userId": "alice", "anonymousId": "browser"},
        {"event": "Product Viewed", "userId": "alice", "anonymousId": "browser"},
        {"event": "Product Viewed", "userId": "bob", "anonymousId": "phone"},
    )
    road.run()
    before, digest = homes(), said("--digest")
    assert "Every link is as the touchpoints say" in said("--check")

    tamper, message = TAMPERED[case]
    tamper()
    with pytest.raises(CommandError, match=message):
        said("--check")
    assert not LaneCommand.objects.exists()
    for _ in range(2 if case == "gone" else 1):
        assert "wait for the lane" in said()
        road.run()
    assert "Every link is as the touchpoints say" in said("--check")
    assert (homes(), said("--digest")) == (before, digest)
    assert not ProfileMove.objects.exists()  # nobody was parted meanwhile


def test_what_differs_is_shown_masked_and_noted_in_the_audit_log(road: Road) -> None:
    road.receive(
        {"event": "Signed Up", "userId": "alice", "properties": {"email": "alice@shop.example"}}
    )
    road.run()
    [mail] = Identifier.objects.filter(key__startswith="email:").values_list("key", flat=True)
    change_link(Named.of(mail), ALICE, count=9)
    shown = said()
    assert mail not in shown
    assert f"otherwise: email: {mail[6:18]}… and user_id: alice (source " in shown
    entry = AuditEntry.objects.get(action="profiles.recount")
    assert entry.detail == {"links": 1, "identifiers": 0}


PAIR = Named.of("user_id:alice"), Named.of("user_id:bob")


@pytest.fixture
def apart(road: Road) -> Road:
    """Somebody decided that two people must never be one, whom nothing joins: no profile says whether the graph knows it."""
    road.receive(
        {"event": "Product Viewed", "userId": "alice"},
        {"event": "Product Viewed", "userId": "bob"},
    )
    road.run()
    decisions.ask(Verdict.NEVER, *PAIR, why="", actor="tests", now=road.now)
    road.run()
    assert "as the evidence says" in said("--check")
    return road


def graph_forgets(road: Road) -> None:
    graph.store().decide({PAIR: ()}, epoch=road.loop.epoch)


def log_takes_back(road: Road) -> None:
    Decision.objects.update(undone_at=road.now)


def log_forgets(_road: Road) -> None:
    Decision.objects.all().delete()


@pytest.mark.parametrize("differ", [graph_forgets, log_takes_back, log_forgets])
def test_the_graph_learns_what_the_log_of_decisions_says(
    apart: Road, differ: Callable[[Road], None]
) -> None:
    differ(apart)
    with pytest.raises(CommandError, match=r"0 identifiers differ.* otherwise about 1 pairs"):
        said("--check")
    said()
    apart.run()
    assert "as the evidence says" in said("--check")
    known = add_up(graph.store().contents()).decided
    assert bool(known) == decisions.listed("standing").exists()


def test_what_is_handed_to_the_lane_stands_in_the_audit_log(apart: Road) -> None:
    forgetting.ask(PAIR[0], actor="tests", now=apart.now)
    apart.run()
    before = AuditEntry.objects.latest("pk").pk
    said()
    found = AuditEntry.objects.filter(pk__gt=before).order_by("pk")
    assert list(found.values_list("action", "detail")) == [
        ("profiles.stand", {"pairs": 1, "commands": 1}),
        ("profiles.forget", {"commands": 1}),
    ]


def test_evidence_that_is_set_aside_holds_nobody_together(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is recorded whole, then fails at one row: its halves first see that row's links, later they must not."""
    fold = fold_stage.fold

    def failing(resolved: Resolved, context: BatchContext) -> None:
        if any(each.touchpoint.event == "Poison" for each in resolved.arrivals):
            raise ValueError("a row that cannot be folded")
        fold(resolved, context)

    monkeypatch.setattr(fold_stage, "fold", failing)
    road.receive(
        {"event": "Product Viewed", "userId": "alice", "anonymousId": "browser"},
        {"event": "Poison", "userId": "alice", "anonymousId": "tablet"},
        {"event": "Product Viewed", "anonymousId": "tablet", "userId": "bob"},
    )
    road.run()
    assert SetAside.objects.get().error
    found = homes()
    assert found["anonymous_id:browser"] == found["user_id:alice"]
    assert found["anonymous_id:tablet"] == found["user_id:bob"] != found["user_id:alice"]
    assert not Identifier.objects.filter(contested=True).exists()
    assert "as the evidence says" in said("--check")

    monkeypatch.setattr(fold_stage, "fold", fold)
    aside.retry(SetAside.objects.get().number, "user:1", road.now)
    road.run()
    assert Identifier.objects.filter(contested=True).count() == 4
    assert "as the evidence says" in said("--check")
