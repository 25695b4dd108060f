"""Properties of the engine over random journeys, people and times."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.clock import HOUR, MINUTE, Instant
from identity.profiles.types import Facts
from journeys import engine
from journeys.definition import Definition, parse
from journeys.matching import Seen
from journeys.types import Answer, Exit, Place, Send, SetCap, SetSlot, Situation, Stepped
from journeys.validation import validate
from tests.journeys import documents
from tests.journeys.documents import journey, leave, send, wait, wait_for
from tests.soaking import examples

EVENTS = ["Order Completed", "page", "Email Opened"]
CAPPED: list[dict[str, Any]] = [
    {},
    {"when_capped": "skip"},
    {"when_capped": "defer"},
    {"when_capped": "exit"},
    {"when_capped": "fallback", "fallback": {"channel": "sms", "template": 7}},
]
PORTS = {
    "wait": ["next"],
    "wait_for": ["a", "b", "timeout"],
    "if_else": ["yes", "no"],
    "send": ["sent", "capped", "unreachable"],
    "site_slot": ["next"],
    "audience_add": ["next"],
}


def _config(kind: str, draw: Any) -> dict[str, Any]:
    minutes = draw(st.integers(1, 200))
    configs: dict[str, dict[str, Any]] = {
        "wait": {"duration": f"PT{minutes}M"},
        "wait_for": {
            "branches": [
                {"port": "a", "match": {"event": draw(st.sampled_from(EVENTS))}},
                {"port": "b", "match": {"event": draw(st.sampled_from(EVENTS))}},
            ],
            "timeout": f"PT{minutes}M",
        },
        "if_else": {
            "conditions": [
                {
                    "on": "rule",
                    "rule": {"trait": "n", "op": "gt", "value": draw(st.integers(0, 3))},
                }
            ]
        },
        "send": {
            "channel": "email",
            "template": 1,
            **draw(st.sampled_from(CAPPED)),
        },
        "site_slot": {"slot": "hero", "content": {"n": minutes}},
        "audience_add": {"audience": 1},
    }
    return configs[kind]


@st.composite
def definitions(draw: Any) -> Definition:
    """Any graph that parses, loops without a wait among them."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 6)))]
    kinds = {name: draw(st.sampled_from(list(PORTS))) for name in names}
    nodes = {
        "in": documents.entry(),
        **{name: {"type": kind, "config": _config(kind, draw)} for name, kind in kinds.items()},
        "out": leave(),
    }
    ends = st.sampled_from([*names, "out"])
    edges = [f"in {draw(ends)}"]
    edges += [
        f"{name}.{port} {draw(ends)}"
        for name, kind in kinds.items()
        for port in PORTS[kind]
        if draw(st.booleans()) or port in {"next", "sent"}
    ]
    extra: dict[str, Any] = {}
    if draw(st.booleans()):
        extra["goal"] = {"match": {"event": "Order Completed"}, "ends": draw(st.booleans())}
    if draw(st.booleans()):
        extra["quiet_hours"] = {"from": "21:00:00", "until": "08:00:00"}
    return parse(journey(nodes, *edges, **extra))


@st.composite
def situations(draw: Any) -> Situation:
    moments = sorted(draw(st.lists(st.integers(0, 300), max_size=5)))
    return Situation(
        enrolment=7,
        entered_at=0,
        person=Facts(1, "u", (1,), 1, {"n": draw(st.integers(0, 3))}),
        touchpoints=tuple(
            Seen(number, draw(st.sampled_from(EVENTS)), at * MINUTE)
            for number, at in enumerate(moments, 1)
        ),
    )


def answered(situation: Situation, send_: Send, port: str, now: Instant) -> Situation:
    later = now + HOUR if not port else None
    return Situation(
        situation.enrolment,
        situation.entered_at,
        situation.person,
        touchpoints=situation.touchpoints,
        answer=Answer(send_.key, port, later),
    )


def run(definition: Definition, situation: Situation, ports: list[str]) -> list[Any]:
    """Live through a journey: answer each send, jump to each wake-up. Return all that came out of it."""
    now, place, out = 0, engine.start("in"), []
    for port in ports:
        place, commands = engine.advance(definition, place, situation, now)
        out += [(now, command) for command in commands]
        while sends := [one for one in commands if isinstance(one, Send)]:
            place, commands = engine.advance(
                definition, place, answered(situation, sends[-1], port, now), now
            )
            out += [(now, command) for command in commands]
        if place.ended or place.wake_at is None:
            break
        now = place.wake_at
    return [*out, place]


ANSWERS = st.lists(st.sampled_from(["sent", "capped", "unreachable", ""]), min_size=1, max_size=15)


@given(definitions(), situations(), ANSWERS)
def test_the_same_in_gives_the_same_out(
    definition: Definition, situation: Situation, ports: list[str]
) -> None:
    assert run(definition, situation, ports) == run(definition, situation, ports)


@given(definitions(), situations(), st.integers(0, 400))
def test_advancing_twice_is_advancing_once(
    definition: Definition, situation: Situation, minutes: int
) -> None:
    now = minutes * MINUTE
    place, _ = engine.advance(definition, engine.start("in"), situation, 0)
    place, _ = engine.advance(definition, place, situation, now)
    assert engine.advance(definition, place, situation, now) == (place, [])


@given(definitions(), situations(), ANSWERS)
@settings(max_examples=examples(50))
def test_nobody_runs_away(definition: Definition, situation: Situation, ports: list[str]) -> None:
    """A loop without a wait is refused by validation; were it run all the same, it would end and say why."""
    *out, place = run(definition, situation, ports)
    runaway = any("without a wait" in problem.message for problem in validate(definition))
    assert place.steps <= engine.STEP_LIMIT
    if not runaway:
        assert f"more than {engine.STEP_LIMIT} steps" not in place.ended
    exits = [command for _, command in out if isinstance(command, Exit)]
    assert len(exits) == bool(place.ended)


@given(definitions(), situations(), ANSWERS)
def test_a_key_is_asked_for_again_only_after_a_deferral(
    definition: Definition, situation: Situation, ports: list[str]
) -> None:
    *out, _place = run(definition, situation, ports)
    deferred: set[str] = set()
    asked: set[str] = set()
    for _, command in out:
        if isinstance(command, Send):
            assert command.key not in asked - deferred
            asked.add(command.key)
        if isinstance(command, Stepped) and command.reason.startswith("deferred"):
            deferred |= asked


@given(definitions(), situations(), ANSWERS)
def test_places_survive_storage(
    definition: Definition, situation: Situation, ports: list[str]
) -> None:
    *_, place = run(definition, situation, ports)
    assert msgspec.json.decode(msgspec.json.encode(place), type=Place) == place


def test_a_loop_that_turns_for_ever_ends_and_says_so() -> None:
    nodes = {
        "in": documents.entry(),
        "again": {"type": "site_slot", "config": {"slot": "a"}},
        "out": leave(),
    }
    definition = parse(journey(nodes, "in again", "again again"))
    place, commands = engine.advance(definition, engine.start("in"), _nobody(), 0)
    assert place.ended == "more than 1000 steps"
    assert commands[-1] == Exit("more than 1000 steps")


def test_a_loop_with_a_wait_for_takes_each_touchpoint_once() -> None:
    nodes = {
        "in": documents.entry(),
        "w": wait_for("P1D", again="page"),
        "s": send(),
        "out": leave(),
    }
    definition = parse(journey(nodes, "in w", "w.again s", "w.timeout out", "s.sent w"))
    situation = _nobody(Seen(1, "page", 10), Seen(2, "page", 20))
    *out, place = run(definition, situation, ["sent"])
    assert [command.key for _, command in out if isinstance(command, Send)] == ["7:s:1", "7:s:2"]
    assert (place.node, place.visits["w"]) == ("w", 3)


def test_the_earliest_touchpoint_wins_whatever_the_order_of_the_branches() -> None:
    nodes = {
        "in": documents.entry(),
        "w": wait_for("P1D", bought="Order Completed", left="page"),
        "b": leave("b"),
        "l": leave("l"),
        "t": leave("t"),
    }
    definition = parse(journey(nodes, "in w", "w.bought b", "w.left l", "w.timeout t"))
    situation = _nobody(Seen(2, "page", 10), Seen(1, "Order Completed", 20))
    place, _ = engine.advance(definition, engine.start("in"), situation, 30)
    assert place.ended == "l"


def test_a_marketing_send_waits_for_the_end_of_quiet_hours_a_transactional_one_does_not() -> None:
    midnight = 20_000 * 24 * HOUR
    for message_class, due in (("marketing", midnight + 8 * HOUR), ("transactional", midnight)):
        nodes = {"in": documents.entry(), "s": send(message_class=message_class), "out": leave()}
        quiet = {"from": "21:00:00", "until": "08:00:00"}
        definition = parse(journey(nodes, "in s", "s.sent out", quiet_hours=quiet))
        place, commands = engine.advance(definition, engine.start("in"), _nobody(), midnight)
        asked_at = midnight if place.wake_at is None else place.wake_at
        if place.wake_at is not None:
            place, commands = engine.advance(definition, place, _nobody(), asked_at)
        (asked,) = [one for one in commands if isinstance(one, Send)]
        assert (asked_at, asked.due_at) == (due, midnight)  # it competes as what was due then


def test_a_wait_can_be_for_a_time_of_day() -> None:
    nodes = {"in": documents.entry(), "w": wait(), "out": leave()}
    nodes["w"]["config"] = {"until": "09:00:00"}
    definition = parse(journey(nodes, "in w", "w out"))
    midnight = 20_000 * 24 * HOUR
    place, _ = engine.advance(definition, engine.start("in"), _nobody(), midnight + 9 * HOUR)
    assert place.wake_at == midnight + 33 * HOUR


def test_slots_and_caps_end_when_they_say() -> None:
    nodes = {
        "in": documents.entry(),
        "slot": {
            "type": "site_slot",
            "config": {"slot": "hero", "content": {"title": "Hi"}, "lasts": "PT2H"},
        },
        "cap": {
            "type": "capping",
            "config": {"channel": "display", "limit": 2, "window": "P1D", "lasts": "P7D"},
        },
        "out": leave(),
    }
    definition = parse(journey(nodes, "in slot", "slot cap", "cap out"))
    _, commands = engine.advance(definition, engine.start("in"), _nobody(), HOUR)
    assert SetSlot("hero", {"title": "Hi"}, 3 * HOUR) in commands
    assert SetCap("display", 2, 24 * HOUR, HOUR + 7 * 24 * HOUR) in commands


def test_a_goal_out_of_its_window_is_none() -> None:
    nodes = {"in": documents.entry(), "w": wait("P1D"), "out": leave()}
    goal = {"match": {"event": "page"}, "window": "PT1H"}
    definition = parse(journey(nodes, "in w", "w out", goal=goal))
    late = _nobody(Seen(1, "page", HOUR + 1))
    place, _ = engine.advance(definition, engine.start("in"), late, 2 * HOUR)
    assert (place.converted_at, place.ended) == (None, "")
    place, _ = engine.advance(definition, engine.start("in"), _nobody(Seen(1, "page", HOUR)), HOUR)
    assert (place.converted_at, place.ended) == (HOUR, "the goal was reached")


def _nobody(*touchpoints: Seen) -> Situation:
    return Situation(7, 0, Facts(1, "u", (1,), 1), touchpoints=touchpoints)
