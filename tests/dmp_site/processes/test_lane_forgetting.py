"""Sources and identifiers are forgotten by the lane: in slices, resumed after a death, and the rest is as if they had never linked anything."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activation.audiences import services as audiences
from activation.audiences.models import Membership
from activation.deliveries.models import Delivery
from identity import graph
from identity.clock import DAY
from identity.errors import DomainError, NotFound
from identity.models import (
    AuditEntry,
    Forgetting,
    HouseholdTie,
    Identifier,
    LaneCommand,
    ProfileMove,
    Source,
)
from identity.profiles import assignment, forgetting, selectors, unsettled
from identity.profiles.folding import households
from identity.profiles.rebuild import rebuild
from identity.touchpoints import forgetting as sources
from identity.touchpoints import sources as making
from identity.touchpoints.types import Identifier as Named
from journeys.enrolments.models import Enrolment
from journeys.publishing import services as journeys
from tests.content import template
from tests.dmp_site.processes.faults import Killed, deaths, viewed
from tests.journeys.documents import abandoned_cart
from tests.road import Road
from tests.stores import undone

ALICE, BROWSER = Named.of("user_id:alice"), Named.of("anonymous_id:browser")


def homes() -> dict[str, str]:
    return dict(Identifier.objects.values_list("key", "profile__uid"))


def good(road: Road) -> None:
    road.receive(
        viewed("alice", anonymousId="browser"), viewed("bob"), {"event": "x", "anonymousId": "tv"}
    )
    road.run()


def bad(road: Road) -> Source:
    """Let a CRM take everybody for alice."""
    crm = road.make_source("crm", "crm")
    everybody = [
        {"event": "x", "userId": "alice", "anonymousId": "tv"},
        *({"event": "x", "userId": "alice", "anonymousId": f"c{n}"} for n in range(6)),
        {"event": "x", "anonymousId": "tv", "userId": "bob"},
    ]
    road.receive(*everybody, source=crm)
    road.run()
    return crm


def forget(road: Road, source: Source) -> Forgetting:
    sources.ask(source.pk, actor="user:1", now=road.now)
    road.run()
    assert not LaneCommand.objects.exclude(error="").exists()
    return Forgetting.objects.get()


def test_a_forgotten_source_has_put_nobody_into_a_household(road: Road) -> None:
    crm = road.make_source("crm", "crm")
    other = road.make_source("other", "crm")
    for source in (crm, other):
        making.change(source.pk, {"group_is_household": True}, road.now, actor="tests")
        road.receive({"type": "group", "groupId": "7", "userId": source.name}, source=source)
    road.run()
    assert HouseholdTie.objects.count() == 2
    forget(road, crm)
    assert [row.source for row in HouseholdTie.objects.all()] == [other.pk]


def test_people_leave_its_households_slice_by_slice(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SLICE", 2)
    crm = road.make_source("crm", "crm")
    home = {"context": {"externalIds": [{"type": "household_id", "id": "7"}]}}
    road.receive(*({"event": "x", "userId": f"u{n}", **home} for n in range(6)), source=crm)
    road.receive({"event": "x", "userId": "u0", **home})
    road.run()
    left: list[int] = []
    sources.ask(crm.pk, actor="user:1", now=road.now)
    while road.loop.step():
        left.append(HouseholdTie.objects.count())
    assert left[:4] == [5, 3, 1, 1]
    assert [row.source for row in HouseholdTie.objects.all()] == [road.source.pk]


def test_the_ties_of_a_slice_are_found_by_their_owners(road: Road) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("other databases plan by what they have counted")
    with CaptureQueriesContext(connection) as captured:
        households.forget(1, [ALICE])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {captured[0]['sql']}")
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert "(owner_id=?" in plan
    assert "SCAN identity_householdtie" not in plan


def test_what_a_source_linked_comes_apart_and_everybody_has_the_old_id_again(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SLICE", 3)
    good(road)
    before = homes()
    crm = bad(road)
    assert len(set(homes().values())) < 9
    row = forget(road, crm)
    assert {key: uid for key, uid in homes().items() if key in before} == before
    assert len(set(homes().values())) == 9
    assert (row.done_at is not None, row.touchpoints, row.position) == (True, 8, 11)
    assert LaneCommand.objects.filter(kind=sources.FORGET).count() == 5
    assert rebuild(graph.store(), now=None).agrees
    entry = AuditEntry.objects.get(action="source.forget")
    assert (entry.object, entry.actor) == (f"identity.source:{crm.pk}", "user:1")


def test_its_touchpoints_still_count_for_their_owners(road: Road) -> None:
    crm = bad(road)
    forget(road, crm)
    page = graph.store().timeline([ALICE], before=None, limit=20)
    assert len(page) == 7
    assert {each.refusal for each in page} == {"source_forgotten"}


def test_what_comes_from_it_afterwards_counts_for_nobody(road: Road) -> None:
    good(road)
    crm = bad(road)
    forget(road, crm)
    crm.refresh_from_db()
    assert not crm.enabled
    before = homes()
    road.receive({"event": "x", "userId": "alice", "anonymousId": "tv"}, source=crm)
    road.run()
    assert homes() == before
    [late] = graph.store().unowned(crm.pk, before=None, limit=5)
    assert late.refusal == "source_forgotten"
    with pytest.raises(DomainError, match="forgotten"):
        making.change(crm.pk, {"enabled": True}, road.now, actor="x")


def test_a_lane_that_dies_in_a_slice_takes_it_again(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graph has lost the slice, profiles have not: the next lane finds the same once more, and counts it once."""
    monkeypatch.setattr(sources, "SLICE", 4)
    good(road)
    before = homes()
    crm = bad(road)
    deadly(monkeypatch, sources, "keep", at=2)
    sources.ask(crm.pk, actor="user:1", now=road.now)
    assert deaths(road) == 1
    assert {key: uid for key, uid in homes().items() if key in before} == before
    row = Forgetting.objects.get()
    assert (row.done_at is not None, row.touchpoints) == (True, 8)
    assert rebuild(graph.store(), now=None).agrees


def deadly(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *, at: int) -> None:
    """Let the process end at the call of this number, once."""
    real: Callable[..., Any] = getattr(module, name)
    calls = []

    def dying(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            raise Killed
        return real(*arguments)

    monkeypatch.setattr(module, name, dying)


def test_what_cannot_be_forgotten(road: Road) -> None:
    crm = bad(road)
    with pytest.raises(NotFound):
        sources.ask(2**40, actor="x", now=road.now)
    with pytest.raises(DomainError, match="own source"):
        sources.ask(making.internal(road.now).pk, actor="x", now=road.now)
    sources.ask(crm.pk, actor="x", now=road.now)
    with pytest.raises(DomainError, match="already"):
        sources.ask(crm.pk, actor="x", now=road.now)
    road.run()
    with pytest.raises(DomainError, match="already"):
        sources.ask(crm.pk, actor="x", now=road.now)


def test_what_has_stopped_goes_on_where_it_was(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice that was refused, because lanes died in it, can be asked for again."""
    monkeypatch.setattr(sources, "SLICE", 4)
    crm = bad(road)
    sources.ask(crm.pk, actor="x", now=road.now)
    road.loop.step()
    LaneCommand.objects.filter(done_at=None).update(done_at=road.now, error="died")
    position = Forgetting.objects.get().position
    assert position == 4
    command = sources.ask(crm.pk, actor="x", now=road.now)
    assert LaneCommand.objects.get(pk=command).payload == {"source": crm.pk, "after": position}
    road.run()
    assert Forgetting.objects.get().touchpoints == 8


# --- An identifier ------------------------------------------------------------------------------------------------------


def forget_identifier(road: Road, identifier: Named) -> None:
    forgetting.ask(identifier, actor="user:1", now=road.now)
    road.run()
    assert not LaneCommand.objects.exclude(error="").exists()


def test_a_forgotten_identifier_answers_404_with_the_reason(road: Road) -> None:
    good(road)
    old = homes()[ALICE.key]
    forget_identifier(road, ALICE)
    for ask in (lambda: selectors.find(old), lambda: selectors.by_identifier(ALICE)):
        with pytest.raises(NotFound) as caught:
            ask()
        assert caught.value.code == "forgotten"
    assert homes()[BROWSER.key] != old
    assert rebuild(graph.store(), now=None).agrees
    assert AuditEntry.objects.filter(action="identity.forget").count() == 1
    with pytest.raises(DomainError, match="already"):
        forgetting.ask(ALICE, actor="x", now=road.now)


def test_what_very_many_hang_on_is_forgotten_slice_by_slice_whenever_a_lane_dies(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "SLICE", 3)
    road.receive(*(viewed("alice", anonymousId=f"c{n}") for n in range(7)), viewed("bob"))
    road.run()
    buyers = audience(road, "Buyers")
    old = homes()[ALICE.key]
    deadly(monkeypatch, forgetting, "keep", at=2)
    forgetting.ask(ALICE, actor="user:1", now=road.now)
    road.loop.step()
    assert LaneCommand.objects.filter(kind=forgetting.FORGET, done_at=None).count() == 1
    road.receive(viewed("alice", anonymousId="c6"))  # meanwhile
    assert deaths(road) == 1
    assert LaneCommand.objects.filter(kind=forgetting.FORGET, error="").count() == 3
    assert len({homes()[f"anonymous_id:c{n}"] for n in range(7)} | {old}) == 8
    assert old not in homes_of("anonymous_id")
    assert "user_id:alice" not in inside(buyers)
    assert rebuild(graph.store(), now=None).agrees


def homes_of(namespace: str) -> set[str]:
    return {uid for key, uid in homes().items() if key.startswith(f"{namespace}:")}


# --- Read once ----------------------------------------------------------------------------------------------------------


DESK = Named.of("device_id:desk")
VISITORS = 9


def desk(road: Road, *, also: str = "") -> None:
    """Let many use one device with alice; each of them looks at something alone, and with `also` there is another tie."""
    device = {"context": {"device": {"id": "desk"}}}
    road.receive({"event": "x", "userId": "alice", **device})
    for n in range(VISITORS):
        road.receive({"event": "x", "anonymousId": f"c{n}", **device})
        road.receive({"event": "Product Viewed", "anonymousId": f"c{n}", "userId": also or None})
    road.run()


def read(monkeypatch: pytest.MonkeyPatch, road: Road) -> tuple[list[int], list[int]]:
    """Count the identifiers that each question to the graph returns, and those of profiles that are read."""
    nodes: list[int] = []
    rows: list[int] = []
    asked, members = road.store.neighbourhoods, assignment.members

    def neighbourhoods(identifiers: Any) -> Any:
        found = asked(identifiers)
        nodes.append(sum(len(each.nodes) for each in found))
        return found

    def listed(*which: Any) -> Any:
        found = members(*which)
        rows.append(len(found))
        return found

    monkeypatch.setattr(road.store, "neighbourhoods", neighbourhoods)
    monkeypatch.setattr(assignment, "members", listed)
    return nodes, rows


def in_slices(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for module in (forgetting, sources, unsettled):
        monkeypatch.setattr(module, "SLICE", size)


def test_a_profile_that_falls_apart_is_read_when_all_have_left_it(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slices(monkeypatch, 2)
    desk(road)
    nodes, rows = read(monkeypatch, road)
    forget_identifier(road, DESK)
    assert (sum(nodes), max(nodes)) == (VISITORS + 1, 2)
    assert (sum(rows), max(rows)) == (VISITORS + 1, 2)


def test_a_neighbourhood_that_many_slices_are_about_is_read_once(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slices(monkeypatch, 2)
    desk(road, also="alice")
    nodes, _ = read(monkeypatch, road)
    forget_identifier(road, DESK)
    assert sum(nodes) == VISITORS + 1


def test_a_neighbourhood_that_a_source_linked_is_read_once(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slices(monkeypatch, 2)
    desk(road, also="alice")
    crm = road.make_source("crm", "crm")
    road.receive(*(viewed("alice", anonymousId=f"c{n}") for n in range(VISITORS)), source=crm)
    road.run()
    nodes, _ = read(monkeypatch, road)
    forget(road, crm)
    assert sum(nodes) == VISITORS + 2
    assert rebuild(graph.store(), now=None).agrees


@pytest.mark.parametrize("size", [1, 2, 4])
def test_slices_leave_what_one_transaction_leaves(
    road: Road, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Ids, moves, memberships and since when; whoever was brought together by it is in again what they were in before."""
    road.receive(
        *({"event": "Product Viewed", "anonymousId": f"c{n}"} for n in range(VISITORS)),
        viewed("alice"),
    )
    road.run()
    for at_least in (1, 2):
        audience(road, f"Buyers {at_least}", at_least=at_least)
    road.pass_time(DAY // 2)
    desk(road)
    road.pass_time(DAY // 4)

    def left() -> tuple[Any, ...]:
        with undone():
            forget_identifier(road, DESK)
            rows = Membership.objects.order_by("audience", "profile__founder")
            moved = ProfileMove.objects.values_list("kind", "origin__founder", "target__founder")
            return (
                homes(),
                list(rows.values_list("audience__slug", "profile__founder", "since", "cause")),
                sorted(moved),
                rebuild(graph.store(), now=None).agrees,
            )

    whole = left()
    in_slices(monkeypatch, size)
    assert left() == whole


def test_a_lane_that_dies_while_it_groups_goes_on(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slices(monkeypatch, 2)
    desk(road)
    deadly(monkeypatch, unsettled, "settle", at=3)
    forgetting.ask(DESK, actor="user:1", now=road.now)
    assert deaths(road) == 1
    assert not Identifier.objects.filter(policy=0).exists()
    assert len(homes_of("anonymous_id")) == VISITORS
    assert rebuild(graph.store(), now=None).agrees


def test_in_another_store_it_begins_again(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "SLICE", 3)
    road.receive(*(viewed("alice", anonymousId=f"c{n}") for n in range(7)))
    road.run()
    forgetting.ask(ALICE, actor="user:1", now=road.now)
    road.loop.step()
    forgetting.begin_again()
    assert LaneCommand.objects.get(done_at=None).payload == {"identifier": ALICE.key}
    road.run()
    assert len(homes_of("anonymous_id")) == 7


def test_whoever_sends_it_later_it_takes_part_in_nothing(road: Road) -> None:
    good(road)
    forget_identifier(road, ALICE)
    before = homes()
    road.receive(
        viewed("alice", anonymousId="browser"), viewed("alice", anonymousId="tv"), viewed("alice")
    )
    road.run()
    assert homes() == before
    newest = graph.store().timeline([BROWSER], before=None, limit=1)[0]
    assert (newest.owner, newest.identifiers) == (BROWSER, (BROWSER,))
    [nobodys] = graph.store().unowned(road.source.pk, before=None, limit=5)
    assert nobodys.refusal == "forgotten"
    assert rebuild(graph.store(), now=None).agrees


def test_nobody_is_left_in_the_profile_of_what_was_forgotten(road: Road) -> None:
    """It leaves its audiences, and a new audience that counts everybody does not find it."""
    road.receive(viewed("alice"), viewed("bob"))
    road.run()
    buyers = audience(road, "Buyers")
    assert inside(buyers) == {"user_id:alice", "user_id:bob"}
    forget_identifier(road, ALICE)
    assert inside(buyers) == {"user_id:bob"}
    assert inside(audience(road, "Buyers again")) == {"user_id:bob"}


def audience(road: Road, name: str, at_least: int = 1) -> int:
    rule = {"did": "Product Viewed", "within_days": 1, "at_least": at_least}
    made = audiences.create(name, rule=rule, actor="tests", now=road.now)
    audiences.publish(made.pk, actor="tests", now=road.now)
    road.run()
    return made.pk


def inside(row: int) -> set[str]:
    """Return the founders of the profiles that are in it."""
    rows = Membership.objects.filter(audience=row)
    return set(rows.values_list("profile__founder", flat=True))


def test_what_was_forgotten_is_let_out_of_journeys_and_gets_no_message(road: Road) -> None:
    drawn = journeys.create(
        "Cart", abandoned_cart(template("reminder", "Your cart")), "tests", road.now
    )
    journeys.publish(drawn.pk, actor="tests", now=road.now)
    cart = {"event": "Cart Viewed", "userId": "alice", "properties": {"cart_id": "7"}}
    road.receive(cart)
    road.run()
    assert Enrolment.objects.get().state == "active"
    forget_identifier(road, ALICE)
    road.pass_time(2 * DAY)
    run = Enrolment.objects.get()
    assert (run.state, run.reason, run.wake_at) == ("done", "the person is forgotten", None)
    assert not Delivery.objects.exists()
