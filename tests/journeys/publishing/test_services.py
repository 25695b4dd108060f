"""Drafts, versions, pauses, stops and migration maps."""

from typing import Any

import pytest

from identity.clock import HOUR, MINUTE
from identity.errors import DomainError
from identity.privacy.models import AuditEntry
from journeys.enrolments.models import Enrolment
from journeys.publishing import services
from journeys.publishing.models import Journey, Relocation
from tests.journeys import documents, world
from tests.journeys.documents import journey, leave, send, wait
from tests.journeys.world import START, arrival, batch, person, standing

pytestmark = pytest.mark.django_db

WHO: dict[str, Any] = {"actor": "user:1", "now": START}


def plain(duration: str = "PT1H") -> dict[str, Any]:
    nodes = {"in": documents.entry(), "w": wait(duration), "m": send(), "out": leave()}
    return journey(nodes, "in w", "w m", "m.sent out", re_entry={"mode": "always"})


def come(key: str, at: int = START) -> None:
    batch(at, arrival(key, "Cart Viewed", at))


def test_a_save_over_somebody_elses_is_refused_and_names_them() -> None:
    made = services.create("welcome", plain(), **WHO)
    etag = services.etag_of(made)
    saved = services.save_draft(made.pk, plain("PT2H"), etag=etag, actor="user:2", now=START)
    with pytest.raises(DomainError, match="user:2 saved") as refused:
        services.save_draft(made.pk, plain("PT3H"), etag=etag, **WHO)
    assert (refused.value.code, refused.value.status) == ("draft_changed", 409)
    assert saved.draft["nodes"]["w"]["config"]["duration"] == "PT2H"


def test_what_is_wrong_is_said_per_node_and_nothing_is_published() -> None:
    document = plain()
    document["nodes"]["m"]["config"]["template"] = None
    document["nodes"]["lost"] = wait()
    made = services.create("welcome", document, **WHO)
    with pytest.raises(services.InvalidDefinition) as refused:
        services.publish(made.pk, **WHO)
    assert {problem.node for problem in refused.value.problems} == {"m", "lost"}
    assert Journey.objects.get().state == "draft"


def test_moving_a_box_makes_no_new_version() -> None:
    made = world.published(plain())
    services.save_draft(made.pk, {**plain(), "layout": {"w": {"x": 1, "y": 2}}}, **WHO)
    assert services.publish(made.pk, **WHO).pk == made.version_id
    services.save_draft(made.pk, plain("PT2H"), **WHO)
    assert services.publish(made.pk, **WHO).number == 2


def test_an_enrolment_keeps_its_version() -> None:
    made = world.published(plain())
    person("user_id:alice")
    person("user_id:bob")
    come("user_id:alice")
    services.save_draft(made.pk, plain("PT3H"), **WHO)
    services.publish(made.pk, **WHO)
    come("user_id:bob")
    assert len(world.wake(START + HOUR).requests) == 1
    numbers = Enrolment.objects.order_by("pk").values_list("version__number", "node")
    assert list(numbers) == [(1, "m"), (2, "w")]


def test_a_pause_holds_people_and_resume_goes_on_with_what_happened_meanwhile() -> None:
    made = world.published(documents.abandoned_cart())
    for name in ("alice", "bob"):
        person(f"user_id:{name}")
        batch(START, arrival(f"user_id:{name}", "Cart Viewed", START, cart_id="c"))
    services.pause(made.pk, **WHO)
    batch(START + 1, arrival("user_id:alice", "Order Completed", START + 1, cart_id="c"))
    batch(START + 1, arrival("user_id:bob", "Cart Viewed", START + 1, cart_id="d"))
    assert not world.wake(START + 2 * HOUR).requests
    assert [row[:2] for row in standing()] == [("order", "active")] * 2
    services.resume(made.pk, **WHO)
    assert len(world.wake(START + 2 * HOUR).requests) == 1
    assert [row[:2] for row in standing()] == [("thanks", "done"), ("mail", "active")]


def test_draining_lets_nobody_in_and_stops_when_empty() -> None:
    made = world.published(plain())
    person("user_id:alice")
    person("user_id:bob")
    come("user_id:alice")
    services.drain(made.pk, **WHO)
    come("user_id:bob")
    world.wake(START + MINUTE)
    assert Journey.objects.get().state == "draining"
    (request,) = world.wake(START + HOUR).requests
    world.answer(request)
    world.wake(START + HOUR)
    assert Journey.objects.get().state == "stopped"
    assert Enrolment.objects.count() == 1


def test_ejecting_lets_everybody_out_with_the_reason() -> None:
    made = world.published(plain())
    person("user_id:alice")
    come("user_id:alice")
    services.eject(made.pk, **WHO)
    world.wake(START + 1)
    world.wake(START + 2)
    assert standing() == [("w", "done", "the journey was stopped")]
    assert Journey.objects.get().state == "stopped"
    assert world.timeline()[-1] == ("w", "", "the journey was stopped")


def test_a_migration_map_moves_lets_out_and_leaves_alone() -> None:
    first = plain()
    first["nodes"]["early"] = wait("PT10M")
    first["edges"][0]["to"] = "early"
    first["edges"].append({"from": "early", "port": "next", "to": "w"})
    made = world.published(first)
    for position, name in enumerate(("moved", "stays")):
        person(f"user_id:{name}")
        come(f"user_id:{name}", START + position * HOUR)
        world.wake(START + position * HOUR)
    world.wake(START + 59 * MINUTE)
    assert [row[0] for row in standing()] == ["w", "early"]
    second = plain("PT5H")
    second["nodes"]["new"] = send(template=7)
    second["nodes"]["w"], second["nodes"]["m"] = second["nodes"].pop("w"), second["nodes"]["m"]
    second["edges"] = [
        {"from": "in", "port": "next", "to": "w"},
        {"from": "w", "port": "next", "to": "new"},
        {"from": "new", "port": "sent", "to": "m"},
        {"from": "m", "port": "sent", "to": "out"},
    ]
    services.save_draft(made.pk, second, **WHO)
    with pytest.raises(DomainError, match="nobody can be moved"):
        services.publish(made.pk, migration={"w": "nowhere"}, **WHO)
    services.publish(made.pk, migration={"w": "new"}, **WHO)
    world.wake(START + HOUR)
    requests = world.wake(START + HOUR).requests
    assert [(one.node, one.template) for one in requests] == [("new", 7)]
    assert [row[0] for row in standing()] == ["new", "early"]
    world.wake(START + HOUR)
    assert list(Relocation.objects.values_list("done", flat=True)) == [True]


def test_leaving_by_a_migration_map_sends_nothing() -> None:
    made = world.published(plain())
    person("user_id:alice")
    come("user_id:alice")
    services.save_draft(made.pk, plain("PT2H"), **WHO)
    services.publish(made.pk, migration={"w": None}, **WHO)
    world.wake(START + 5 * HOUR)
    assert not world.wake(START + 5 * HOUR).requests
    assert standing() == [("w", "done", "left with the new version")]


def test_what_was_published_is_stopped_not_deleted_and_everything_is_in_the_audit_log() -> None:
    made = world.published(plain())
    with pytest.raises(DomainError, match="stop it"):
        services.discard(made.pk, **WHO)
    with pytest.raises(DomainError, match="is live"):
        services.resume(made.pk, **WHO)
    draft = services.create("draft", {}, **WHO)
    services.discard(draft.pk, **WHO)
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == [
        "journey.create",
        "journey.publish",
        "journey.create",
        "journey.discard",
    ]
