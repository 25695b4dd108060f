"""What people decide goes through the lane: carried out once, known to later batches, repaired from the log, undone."""

import pytest

from identity import graph
from identity.errors import DomainError, NotFound
from identity.graph.types import Verdict
from identity.models import AuditEntry, Decision, Identifier, LaneCommand
from identity.privacy import erasures
from identity.profiles import decisions
from identity.profiles.rebuild import rebuild
from identity.touchpoints.types import Identifier as Named
from tests.dmp_site.processes.faults import Killed, deaths, viewed
from tests.road import Road

ALICE, BROWSER, PHONE = map(
    Named.of, ("user_id:alice", "anonymous_id:browser", "anonymous_id:phone")
)


@pytest.fixture
def visited(road: Road) -> Road:
    """Alice looked around in her browser; somebody used a phone."""
    road.receive(viewed("alice", anonymousId="browser"), {"event": "Seen", "anonymousId": "phone"})
    road.run()
    return road


def homes() -> dict[str, str]:
    return dict(Identifier.objects.values_list("key", "profile__uid"))


def decide(road: Road, verdict: Verdict, one: Named, other: Named) -> int:
    asked = decisions.ask(verdict, one, other, why="", actor="user:1", now=road.now)
    road.run()
    assert LaneCommand.objects.get(pk=asked.command).error == ""
    return asked.decision


def undo(road: Road, decision: int) -> None:
    command = decisions.ask_undo(decision, actor="user:2", now=road.now)
    road.run()
    assert LaneCommand.objects.get(pk=command).error == ""


def test_always_link_and_its_undoing(visited: Road) -> None:
    before = homes()
    made = decide(visited, Verdict.ALWAYS, PHONE, ALICE)
    assert len(set(homes().values())) == 1
    row = Decision.objects.get()
    assert (row.pk, row.a, row.b, row.made_by) == (made, PHONE.key, ALICE.key, "user:1")
    assert decisions.state(row) == "standing"
    undo(visited, made)
    assert homes() == before
    row.refresh_from_db()
    assert (decisions.state(row), row.undone_by) == ("undone", "user:2")
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", "actor"))
    assert actions[-2:] == [("identity.always_link", "user:1"), ("identity.undo", "user:2")]


def test_a_later_batch_knows_what_was_decided(visited: Road) -> None:
    decide(visited, Verdict.NEVER, PHONE, ALICE)
    visited.receive({"event": "Seen", "anonymousId": "phone", "userId": "alice"})
    visited.run()
    found = homes()
    assert found[PHONE.key] != found[ALICE.key]
    assert decisions.overruled(Decision.objects.all()) == {}


def test_a_newer_decision_overrules_an_older_one(visited: Road) -> None:
    older = decide(visited, Verdict.NEVER, PHONE, ALICE)
    newer = decide(visited, Verdict.ALWAYS, PHONE, ALICE)
    assert decisions.overruled(Decision.objects.all()) == {older: "always_link"}
    assert len(set(homes().values())) == 1
    undo(visited, newer)
    assert homes()[PHONE.key] != homes()[ALICE.key]


def test_what_cannot_be_decided(visited: Road) -> None:
    def refused(one: str, other: str) -> str:
        with pytest.raises(DomainError) as caught:
            decisions.ask(
                Verdict.ALWAYS, Named.of(one), Named.of(other), why="", actor="x", now=visited.now
            )
        return caught.value.code

    assert refused(ALICE.key, ALICE.key) == "same_identifier"
    assert refused(ALICE.key, "household_id:7") == "household"
    assert refused(ALICE.key, "user_id:nobody") == "unknown_identifier"
    made = decide(visited, Verdict.ALWAYS, PHONE, ALICE)
    assert refused(ALICE.key, PHONE.key) == "already_decided"
    undo(visited, made)
    with pytest.raises(DomainError, match="undone"):
        decisions.ask_undo(made, actor="x", now=visited.now)
    with pytest.raises(NotFound):
        decisions.ask_undo(9_000_000, actor="x", now=visited.now)


def test_a_lane_that_dies_between_the_stores_decides_again(
    visited: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graph has the decision, the log and the profiles have not: the next lane carries it out once more."""
    real = decisions.keep
    died: list[int] = []

    def deadly(change: decisions.Change, now: int) -> None:
        if not died:
            died.append(1)
            raise Killed
        real(change, now)

    monkeypatch.setattr(decisions, "keep", deadly)
    decisions.ask(Verdict.ALWAYS, PHONE, ALICE, why="", actor="user:1", now=visited.now)
    assert deaths(visited) == 1
    assert len(set(homes().values())) == 1
    assert decisions.state(Decision.objects.get()) == "standing"


def test_the_graph_learns_again_what_the_log_says(visited: Road) -> None:
    """A graph that was put back from before, say: rebuild_graph has the lane bring it up to date."""
    decide(visited, Verdict.ALWAYS, PHONE, ALICE)
    before = homes()
    epoch = visited.loop.epoch
    graph.store().decide({(PHONE, ALICE): ()}, epoch=epoch)
    assert rebuild(graph.store(), now=None).differing == 1
    rebuild(graph.store(), now=visited.now, actor="tests")
    visited.run()
    assert homes() == before
    report = rebuild(graph.store(), now=None)
    assert report.agrees
    assert graph.store().neighbourhoods([PHONE])[0].decisions


def test_a_decision_that_was_never_kept_leaves_the_graph(visited: Road) -> None:
    made = decide(visited, Verdict.ALWAYS, PHONE, ALICE)
    Decision.objects.filter(pk=made).update(undone_at=visited.now)
    rebuild(graph.store(), now=visited.now, actor="tests")
    visited.run()
    assert homes()[PHONE.key] != homes()[ALICE.key]


def test_a_decision_about_somebody_who_is_erased_meanwhile_leaves_nothing(visited: Road) -> None:
    """Its transaction began before the erasure ended, and is committed after it, as PostgreSQL allows."""
    asked = decisions.ask(Verdict.ALWAYS, PHONE, ALICE, why="", actor="user:1", now=visited.now)
    decision = Decision.objects.get(pk=asked.decision)
    command = LaneCommand.objects.get(pk=asked.command)
    Decision.objects.all().delete()
    LaneCommand.objects.all().delete()
    erasures.ask(identifier=ALICE, actor="user:2", now=visited.now)
    visited.run()
    assert set(homes()) == {PHONE.key}
    decision.save(force_insert=True)
    command.save(force_insert=True)
    visited.run()
    assert not Decision.objects.exists()
    assert set(homes()) == {PHONE.key}
    assert not graph.store().neighbourhoods([ALICE])
    assert LaneCommand.objects.get(pk=asked.command).done_at
    assert AuditEntry.objects.filter(action="identity.too_late").exists()
