"""The identity graph of a profile: what is drawn, what is emphasised, what is left out, and that no word of it is personal."""

from typing import Any

import msgspec
import pytest

from identity.clock import DAY, HOUR
from identity.graph import store
from identity.graph.policy import DEFAULT
from identity.graph.types import Decision, Verdict
from identity.profiles import selectors
from identity.profiles.picture import page
from identity.profiles.picture.drawing import Drawing, Tie, draw
from identity.profiles.sections import Names
from identity.touchpoints.types import Identifier, Touchpoint
from tests.identity.profiles.people import T0, touchpoint
from tests.identity.profiles.road import EPOCH, mail, take

pytestmark = pytest.mark.django_db

ALICE, BOB, COOKIE, TABLET = "user_id:alice", "user_id:bob", "anonymous_id:c", "maid:t"


def seen(number: int, *keys: str, **more: Any) -> Touchpoint:
    return touchpoint(number, of=keys, at=number * HOUR, **more)


def drawn(key: str = ALICE, **more: Any) -> Drawing:
    profile = selectors.by_identifier(Identifier.of(key))
    return draw(selectors.identifiers(profile.pk), **more)


def between(drawing: Drawing, a: str, b: str) -> Tie:
    [tie] = [each for each in drawing.ties if {each.a.key, each.b.key} == {a, b}]
    return tie


def shown(drawing: Drawing) -> dict[str, Any]:
    return page.data(drawing, Names([], {1: "Shop", 2: "CRM"}), DEFAULT, now=T0 + 40 * DAY)


def test_the_links_that_a_profile_would_fall_apart_without_are_bridges() -> None:
    take(
        seen(1, ALICE, "crm_id:7", "loyalty_id:1"), seen(2, ALICE, COOKIE), seen(3, COOKIE, TABLET)
    )
    found = drawn()
    assert {frozenset((tie.a.key, tie.b.key)) for tie in found.ties if tie.bridge} == {
        frozenset((ALICE, COOKIE)),
        frozenset((COOKIE, TABLET)),
    }
    assert len(found.ties) == 5


def test_what_was_refused_is_drawn_with_the_end_that_it_leads_to_and_why() -> None:
    take(seen(1, ALICE, COOKIE), seen(2, BOB, COOKIE))
    found = drawn()
    tie = between(found, ALICE, COOKIE)
    assert (tie.refused, tie.bridge) == ("max:user_id", False)
    assert {dot.identifier.key: dot.inside for dot in found.dots} == {ALICE: True, COOKIE: False}
    [link] = shown(found)["links"]
    assert link["says"][0] == "Refused: one profile would have more than 1 user_id"
    assert "2023-11-14" in link["says"][1]
    outside = next(node for node in shown(found)["nodes"] if not node["inside"])
    assert outside["page"].endswith("/change/")


def test_a_quarantined_end_is_marked() -> None:
    hub = f"email:{'ab' * 32}"
    take(*(seen(n, f"loyalty_id:{n}", hub) for n in range(1, 13)))
    found = drawn("loyalty_id:1")
    assert {dot.identifier.key for dot in found.dots if dot.hub} == {hub}
    [link] = shown(found)["links"]
    assert link["refused"]
    assert link["says"][0] == "Refused: this email has too many people around it"


def test_what_people_decided_is_drawn_without_any_evidence() -> None:
    take(seen(1, ALICE, COOKIE), seen(2, "crm_id:7"))
    a, b = sorted(map(Identifier.of, (ALICE, "crm_id:7")))
    decided = Decision(a, b, Verdict.ALWAYS, number=1, at=T0)
    store().decide({(a, b): [decided]}, epoch=EPOCH)
    found = draw([Identifier.of(key) for key in (ALICE, COOKIE, "crm_id:7")])
    tie = between(found, ALICE, "crm_id:7")
    assert (tie.evidence, tie.refused, tie.bridge) == ((), "", True)
    assert tie.decision == decided


def test_more_than_fits_is_left_out_and_said() -> None:
    take(seen(1, ALICE, "crm_id:7"), *(seen(n, ALICE, f"anonymous_id:{n}") for n in range(2, 12)))
    found = drawn(most=5)
    assert [dot.identifier.key for dot in found.dots[:2]] == ["crm_id:7", ALICE]
    assert (len(found.dots), found.left_out, len(found.ties)) == (5, 7, 4)
    note = "The 5 strongest identifiers are drawn; 7 more are left out, with their links."
    assert shown(found)["words"]["leftOut"] == note
    assert page.tables(found, Names([], {}), DEFAULT)[0].note == note
    assert shown(drawn())["words"]["leftOut"] == ""


def test_where_much_is_left_out_the_rest_still_hangs_together() -> None:
    take(
        *(seen(n, ALICE, f"anonymous_id:{n}") for n in range(1, 10)),
        *(seen(20 + n, f"anonymous_id:{n}", f"maid:{n}") for n in range(1, 10)),
    )
    found = drawn(most=7)
    assert (len(found.dots), found.left_out, len(found.ties)) == (7, 12, 6)


def test_what_was_refused_has_a_place_among_many() -> None:
    take(
        *(seen(n, ALICE, f"anonymous_id:{n}") for n in range(1, 30)),
        *(seen(40 + n, BOB, f"anonymous_id:lost-{n}") for n in range(5)),
        *(seen(30 + n, ALICE, f"anonymous_id:lost-{n}") for n in range(5)),
    )
    found = drawn(most=8)
    assert len([tie for tie in found.ties if tie.refused]) == 2
    assert (len(found.dots), found.left_out) == (8, 27)


def test_a_source_has_its_colour_and_a_link_its_age() -> None:
    take(
        seen(1, ALICE, COOKIE, source=2),
        seen(2, ALICE, COOKIE, source=1),
        touchpoint(3, of=(ALICE, TABLET), at=39 * DAY + HOUR, source=1),
    )
    found = shown(drawn())
    assert found["sources"] == ["Shop", "CRM"]
    said = {tuple(link["sources"]): link["age"] for link in found["links"]}
    assert said == {(0, 1): 2, (0,): 0}


def test_the_tables_say_what_the_drawing_says() -> None:
    take(seen(1, ALICE, COOKIE), seen(2, ALICE, COOKIE, source=2), seen(3, BOB, TABLET))
    take(seen(4, ALICE, TABLET), seen(5, BOB, TABLET))
    found = drawn()
    links, refused = page.tables(found, Names([], {1: "Shop", 2: "CRM"}), DEFAULT)
    assert [(row[2], row[-1]) for row in links.rows] == [
        ("CRM", "the only link"),
        ("Shop", "the only link"),
    ]
    [row] = refused.rows
    assert row[-1] == "Refused: one profile would have more than 1 user_id"
    assert {row[0], row[1]} == {ALICE, TABLET}


def test_no_word_is_personal() -> None:
    address, clear = mail()
    take(seen(1, ALICE, address, pii=clear))
    said = msgspec.json.encode(shown(drawn())).decode()
    assert f"{address[:18]}…".replace(":", ": ", 1) in said
    assert address not in said
    assert "alice@shop.example" not in said


def test_a_hub_is_drawn_with_those_that_it_was_seen_with_last_and_why_they_stay_apart() -> None:
    key, _pii = mail("desk@shop.example")
    take(*(seen(n, f"user_id:u{n}", key) for n in range(1, 61)))
    found = drawn(key)
    assert [(dot.identifier.key, dot.hub) for dot in found.dots if dot.inside] == [(key, True)]
    outside = {dot.identifier.key for dot in found.dots if not dot.inside}
    assert outside == {f"user_id:u{n}" for n in range(11, 61)}
    assert {tie.refused for tie in found.ties} == {"hub:email"}
    assert len(found.ties) == 50
    assert "60 identifiers of people" in shown(found)["words"]["leftOut"]
    links, refused = page.tables(found, Names([], {}), DEFAULT)
    assert (len(links.rows), len(refused.rows)) == (0, 50)
    assert "60 identifiers of people" in str(refused.note)
