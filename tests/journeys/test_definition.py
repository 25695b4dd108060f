"""The document: what it may say, and how its faults are named."""

import json
from typing import Any

import jsonschema
import pytest

from journeys.definition import Invalid, digest, document, parse
from journeys.nodes.kind import Known
from journeys.schema import schema
from journeys.validation import validate
from tests.journeys import documents
from tests.journeys.documents import journey, leave, send, wait, wait_for


def everything() -> dict[str, Any]:
    """Write a journey in which each kind of node stands once."""
    nodes = {
        "in": documents.entry(
            where=[{"property": "products.category", "op": "in", "value": ["shoes", "hats"]}]
        ),
        "wait": {"type": "wait", "config": {"duration": "P1D", "until": "09:00:00"}},
        "for": wait_for("P2D", yes={"event": "Email Opened", "of": "mail"}),
        "if": {
            "type": "if_else",
            "config": {
                "combine": "any",
                "conditions": [
                    {"on": "rule", "rule": {"trait": "plan", "op": "eq", "value": "gold"}},
                    {"on": "audience", "audience": 3, "inside": False},
                    {"on": "reaction", "match": {"event": "Email Link Clicked", "of": "mail"}},
                    {"on": "consent", "purpose": "marketing", "channel": "email"},
                ],
            },
        },
        "mail": send(when_capped="defer", give_up_after="P1D"),
        "slot": {"type": "site_slot", "config": {"slot": "hero", "content": {"a": [1]}}},
        "cap": {"type": "capping", "config": {"channel": "display", "limit": 1, "lasts": "P7D"}},
        "add": {"type": "audience_add", "config": {"audience": 3}},
        "remove": {"type": "audience_remove", "config": {"audience": 3}},
        "out": leave("done"),
    }
    return journey(
        nodes,
        *("in mail", "mail.sent wait", "wait for", "for.yes slot", "for.timeout if"),
        *("if.yes cap", "if.no add", "slot out", "cap out", "add remove", "remove out"),
        exits=[{"on": "audience", "audience": 9}],
        goal={"match": {"event": "Order Completed"}},
        quiet_hours={"from": "21:00:00", "until": "08:00:00"},
        holdout=10,
        time_zone="Europe/Paris",
    )


def test_a_document_comes_back_as_it_was() -> None:
    definition = parse(everything())
    assert parse(json.loads(json.dumps(document(definition)))) == definition
    assert validate(definition) == []


def test_the_schema_takes_what_the_parser_takes() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    validator.validate(everything())
    validator.validate(document(parse(everything())))
    wrong = everything()
    wrong["nodes"]["cap"]["config"]["limit"] = "many"
    assert not validator.is_valid(wrong)


def test_only_the_logic_has_a_fingerprint() -> None:
    plain, moved, other = everything(), everything(), everything()
    moved["layout"] = {"in": {"x": 1, "y": 2.5}}
    moved["edges"].reverse()
    moved["nodes"]["in"]["name"] = "Start"
    other["nodes"]["cap"]["config"]["limit"] = 2
    assert digest(parse(plain)) == digest(parse(moved)) != digest(parse(other))


@pytest.mark.parametrize(
    ("path", "value", "node", "field"),
    [
        (("nodes", "cap", "config", "limit"), "many", "cap", "config.limit"),
        (("nodes", "cap", "config", "extra"), 1, "cap", "config"),
        (("nodes", "cap", "type"), "teleport", "cap", "type"),
        (("nodes", "wait", "config", "duration"), "one day", "wait", "config.duration"),
        (("nodes", "slot", "ports"), ["next", "other"], "slot", "ports"),
        (("nodes", "bad id"), {"type": "exit"}, "bad id", ""),
        (("settings", "holdout"), 101, "", "settings.holdout"),
        (("settings", "nonsense"), 1, "", "settings"),
        (("layout",), {"nobody": {"x": 1, "y": 1}}, "nobody", "layout"),
        (("schema_version",), 2, "", "schema_version"),
    ],
)
def test_a_fault_names_node_and_field(
    path: tuple[str, ...], value: Any, node: str, field: str
) -> None:
    wrong = everything()
    inner: Any = wrong
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(Invalid) as refused:
        parse(wrong)
    assert [(one.node, one.field) for one in refused.value.problems] == [(node, field)]


def test_every_fault_is_named_at_once() -> None:
    wrong = everything()
    wrong["nodes"]["cap"]["config"] = {}
    wrong["nodes"]["mail"]["config"]["channel"] = ""
    wrong["edges"].append({"from": "in", "port": "next", "to": "gone"})
    wrong["edges"].append({"from": "in", "port": "next", "to": "out"})
    with pytest.raises(Invalid) as refused:
        parse(wrong)
    assert [one.node for one in refused.value.problems] == ["mail", "cap", "in", "in"]


@pytest.mark.parametrize("document_", [None, 3, [], {}, {"nodes": []}, {"nodes": {"a": 1}}])
def test_what_is_no_document_is_refused(document_: Any) -> None:
    with pytest.raises(Invalid):
        parse(document_)


@pytest.mark.parametrize(
    ("nodes", "edges", "node", "words"),
    [
        ({"lost": wait()}, ["lost out"], "lost", "no way leads here"),
        ({"w": wait()}, ["in w"], "w", "port 'next' leads nowhere"),
        ({"m": send(template=None)}, ["in m", "m.sent out"], "m", "needs a template"),
        ({"m": send(template=9)}, ["in m", "m.sent out"], "m", "template 9 does not exist"),
        ({"m": send(template=2)}, ["in m", "m.sent out"], "m", "is for push, not for email"),
        ({"m": send("fax", template=3)}, ["in m", "m.sent out"], "m", "template 3"),
        ({"m": send("push", template=2)}, ["in m", "m.sent out"], "m", "no channel 'push'"),
        (
            {"a": {"type": "audience_add", "config": {"audience": 77}}},
            ["in a", "a out"],
            "a",
            "audience 77 does not exist",
        ),
        (
            {"a": {"type": "audience_remove", "config": {"audience": 4}}},
            ["in a", "a out"],
            "a",
            "follow a rule",
        ),
        ({"w": {"type": "wait"}}, ["in w", "w out"], "w", "say how long"),
        (
            {"w": wait_for(yes={"event": "Email Opened", "of": "nobody"})},
            ["in w", "w.yes out", "w.timeout out"],
            "w",
            "'nobody' is no send node",
        ),
        (
            {
                "a": {"type": "site_slot", "config": {"slot": "x"}},
                "b": {"type": "site_slot", "config": {"slot": "y"}},
            },
            ["in a", "a b", "b a"],
            "b",
            "a loop back to 'a' without a wait",
        ),
    ],
)
def test_what_keeps_from_publishing_names_its_node(
    nodes: dict[str, Any], edges: list[str], node: str, words: str
) -> None:
    all_nodes = {"in": documents.entry(), **nodes, "out": leave()}
    wired = edges if any(edge.startswith("in ") for edge in edges) else ["in out", *edges]
    known = Known(
        audiences=frozenset({3, 4}),
        by_hand=frozenset({3}),
        templates={1: "email", 2: "push"},
        channels=frozenset({"email"}),
    )
    problems = validate(parse(journey(all_nodes, *wired)), known)
    assert words in next(one.message for one in problems if one.node == node)


def test_a_loop_with_a_wait_is_fine() -> None:
    nodes = {"in": documents.entry(), "m": send(), "w": wait()}
    assert validate(parse(journey(nodes, "in m", "m.sent w", "w m"))) == []


def test_a_journey_needs_an_entry() -> None:
    assert "no entry" in validate(parse({"nodes": {"out": leave()}}))[0].message
