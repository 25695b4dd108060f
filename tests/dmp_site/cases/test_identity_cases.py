"""The command that runs files of cases: the published ones pass, on each kind of graph store, and what differs is told."""

import os
import re
from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command

from identity import graph
from identity.graph.port import GraphMissing
from identity.sql import fetch
from tests.environment import STORES
from tests.identity.graph.evidence import CASES
from tests.stores import cypher

pytestmark = pytest.mark.django_db
PUBLISHED = Path(__file__).parents[3] / "tests/cases"
ON_NEO4J = pytest.mark.skipif(STORES != "neo4j", reason="it is about Neo4j")
PASSED = (0, f"{len(CASES)} passed, 0 failed\n")
POLICY = {
    "user": {"priority": 1, "kind": "person", "max": 1},
    "mail": {"priority": 2, "kind": "person"},
    "cookie": {"priority": 3, "kind": "cookie"},
}


def run(file: Path, *options: str) -> tuple[int, str]:
    """Return the exit status, and what was printed."""
    said = StringIO()
    stores = {
        "sqlite": [],
        "postgresql": ["--uri", os.environ.get("FILROUGE_DATABASE_URL", "")],
        "neo4j": ["--store", "neo4j", "--uri", os.environ.get("FILROUGE_GRAPH_URL", "")],
    }[STORES]
    try:
        call_command("identity_cases", str(file), *stores, *options, stdout=said)
    except CommandError as error:
        return error.returncode, str(error)
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    return 0, said.getvalue()


def written(tmp_path: Path, *cases: dict) -> Path:
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump({"cases": list(cases)}), encoding="utf-8")
    return file


def case(*events: dict, policy: dict | None = None, **expect) -> dict:
    return {"id": "made", "policy": policy or POLICY, "events": list(events), "expect": expect}


def seen(t: int, *ids: str, **more) -> dict:
    return {"t": t, "ids": list(ids), **more}


# --- The published cases ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.stores
def test_the_published_cases_pass():
    """All of them on each store, in few orders of their events on a server: a round trip is up to a hundred times as long there."""
    few = {"sqlite": [], "postgresql": ["--orders", "3"], "neo4j": ["--orders", "1"]}[STORES]
    assert run(PUBLISHED / "identity.yaml", *few) == PASSED


@pytest.mark.soak
@pytest.mark.stores
@pytest.mark.skipif(STORES == "sqlite", reason="there they are in all orders each time")
@pytest.mark.timeout(3_600)
def test_the_published_cases_pass_in_all_orders():
    assert run(PUBLISHED / "identity.yaml") == PASSED


def test_the_published_vectors_pass():
    assert run(PUBLISHED / "normalisation.yaml") == (0, "13 passed, 0 failed\n")


# --- What a case may say ------------------------------------------------------------------------------------------------


MADE = [
    # A value is what stands there: neither PII nor normalised, whatever it looks like.
    case(
        seen(1, "user:A@b.com", "cookie: x "),
        seen(2, "user:a@b.com", "cookie: x "),
        clusters=[["user:A@b.com"], ["user:a@b.com", "cookie: x "]],
        removed=[["user:A@b.com", "cookie: x "]],
    ),
    # At one time, the smaller pair of (namespace, value) joins first.
    case(
        seen(1, "user:b@x.com", "cookie:1"),
        seen(1, "user:a@x.com", "cookie:1"),
        clusters=[["user:a@x.com", "cookie:1"], ["user:b@x.com"]],
    ),
    # Values that the product blocks by default count here.
    case(seen(1, "user:null", "cookie:test"), clusters=[["user:null", "cookie:test"]]),
    # A namespace without a policy is none.
    case(seen(1, "user:a", "other:x"), clusters=[["user:a"]]),
    # An alias call joins what a limit would keep apart.
    case(
        seen(1, "user:a", "user:b", alias=True),
        seen(2, "user:b", "cookie:1"),
        clusters=[["user:a", "user:b", "cookie:1"]],
    ),
    # Each namespace for itself.
    *(
        case(
            seen(1, "user:a", "user:b", "home:1", "home:2", alias=alias),
            seen(2, "user:b", "home:2", "cookie:1"),
            policy=POLICY | {"home": {"kind": "household", "max": 1}},
            clusters=[["user:a", "user:b", "cookie:1"], ["home:1"], ["home:2"]],
        )
        for alias in (True, ["home:1", "user:b", "home:2", "user:a"])
    ),
    case(
        seen(1, "user:a", "user:b", "card:1", "card:2", alias=True),
        seen(2, "user:b", "card:2"),
        policy=POLICY | {"card": {"priority": 2, "kind": "person", "max": 1}},
        clusters=[["user:a", "user:b", "card:1", "card:2"]],
    ),
    case(
        seen(1, "user:a", "user:b"),
        seen(2, "cookie:1"),
        clusters=[["cookie:1"]],
        rejected=[1],
    ),
    # What is junk as a whole is not refused as evidence: it holds none.
    {**case(seen(1, "user:no"), clusters=[]), "block": ["no"]},
    # A hub joins nobody; a household groups without joining.
    case(
        *(seen(n, "mail:m", f"user:{n}") for n in range(3)),
        policy=POLICY | {"mail": {"priority": 2, "kind": "person", "hub": 2}},
        clusters=[["mail:m"], ["user:0"], ["user:1"], ["user:2"]],
        removed=[["mail:m", "user:0"]],
    ),
    case(
        seen(1, "user:a", "home:1"),
        seen(2, "user:b", "home:1"),
        policy=POLICY | {"home": {"priority": 9, "kind": "household"}},
        clusters=[["user:a"], ["user:b"], ["home:1"]],
    ),
    # What only a deleted source brought is gone; a link of two sources outlives one.
    {
        **case(
            seen(1, "user:a", "cookie:1", source="web"),
            seen(2, "user:a", "cookie:2", source="app"),
            seen(3, "user:a", "cookie:1", source="app"),
            seen(4, "mail:m", source="web"),
            clusters=[["user:a", "cookie:1", "cookie:2"]],
        ),
        "delete": {"dataset": "web"},
    },
    # Whatever a source is called.
    {
        **case(
            seen(1, "user:a", "cookie:1", source="a\0b"),
            seen(2, "user:a", "cookie:2", source="a" * 201),
            clusters=[["user:a", "cookie:2"]],
        ),
        "delete": {"dataset": "a\0b"},
    },
    {
        **case(
            seen(1, "user:a", "cookie:1"),
            seen(2, "mail:m", "cookie:1"),
            clusters=[["user:a"], ["mail:m"]],
        ),
        "delete": {"identity": "cookie:1"},
    },
    # A household too: it is gone where it is deleted, or where only a deleted source knew it.
    {
        **case(
            seen(1, "user:a", "home:1", "home:2"),
            policy=POLICY | {"home": {"kind": "household"}},
            clusters=[["user:a"], ["home:2"]],
        ),
        "delete": {"identity": "home:1"},
    },
    {
        **case(
            seen(1, "user:a", "home:1", source="web"),
            seen(2, "user:a", "home:2", source="app"),
            seen(3, "user:b", "home:2", source="web"),
            policy=POLICY | {"home": {"kind": "household"}},
            clusters=[["user:a"], ["home:2"]],
        ),
        "delete": {"dataset": "web"},
    },
    # No events are no mistake.
    case(clusters=[]),
    # What the policy takes for one identifier is one, by whichever word the file calls it.
    case(
        seen(1, "mail:A@b.com", "user:a"),
        seen(2, "mail:a@b.com ", "cookie:1"),
        policy=POLICY
        | {"mail": {"priority": 2, "kind": "person", "pii": True, "normaliser": "email"}},
        clusters=[["mail:a@b.com", "user:a", "cookie:1"]],
    ),
    # Of personal data too it is the value that breaks a tie, not what is stored of it: by chance hardly all of twelve would pass.
    *(
        case(
            seen(1, f"mail:a{number}@b.com", "cookie:1"),
            seen(1, f"mail:b{number}@b.com", "cookie:1"),
            policy=POLICY | {"mail": {"priority": 2, "kind": "person", "max": 1, "pii": True}},
            clusters=[[f"mail:a{number}@b.com", "cookie:1"], [f"mail:b{number}@b.com"]],
        )
        for number in range(12)
    ),
    # A household needs no priority.
    *(
        case(
            seen(1, "user:a", "home:1"),
            seen(2, "user:b", "home:1"),
            policy=POLICY | {"home": {"kind": "household", **priority}},
            clusters=[["user:a"], ["user:b"], ["home:1"]],
        )
        for priority in ({}, {"priority": None}, {"priority": "-"})
    ),
]


@pytest.mark.slow
def test_a_case_goes_by_its_own_policy(tmp_path):
    """All in one file: what takes time is making the database."""
    made = [{**each, "id": f"MADE[{number}]"} for number, each in enumerate(MADE)]
    assert run(written(tmp_path, *made)) == (0, f"{len(made)} passed, 0 failed\n")


# --- What differs -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_differs_is_told_with_the_arrangement(tmp_path):
    made = case(
        seen(1, "user:a", "cookie:1"),
        seen(2, "user:b", "cookie:1"),
        clusters=[["user:a", "cookie:1"], ["user:b"]],
        removed=[["user:b", "cookie:1"]],
        rejected=[2],
    )
    other = case(seen(1, "user:a"), clusters=[["user:a"]]) | {"id": "other"}
    status, said = run(written(tmp_path, made, other))
    assert status == 1
    assert said.splitlines() == [
        "FAILED made",
        "  in 4 of 4 arrangements, first with the events in the order 1 2, batches of 1",
        "  clusters: expected [cookie:1, user:a], [user:b]",
        "            found    [cookie:1, user:b], [user:a]",
        "  removed: expected [cookie:1, user:b]",
        "           found    [cookie:1, user:a] (all refused links)",
        "  rejected: expected [2]",
        "            found    []",
        "1 passed, 1 failed",
    ]


@pytest.mark.slow
def test_a_case_that_would_not_end_has_failed_and_the_others_go_on(tmp_path):
    endless = case(seen(1, f"user:{'a' * 60}!"), clusters=[]) | {
        "id": "endless",
        "block_regex": ["^b$", "(a+)+$"],
    }
    other = case(seen(1, "user:a"), clusters=[["user:a"]])
    status, said = run(written(tmp_path, endless, other))
    assert status == 1
    failed, why, passed = said.splitlines()
    assert (failed, passed) == ("FAILED endless", "1 passed, 1 failed")
    assert why.startswith("  block_regex[1]: some value would keep everybody waiting")


def test_a_vector_that_differs_is_told(tmp_path):
    file = tmp_path / "vectors.yaml"
    file.write_text(
        "vectors:\n"
        "- {rule: meta, kind: email, in: [A@b.com, c@b.com], norm: a@b.com}\n"
        "- {rule: meta, kind: phone, in: ['123'], norm: '123'}\n"
        "- {rule: nobody, kind: email, in: [a@b.com], hex: 00}\n"
    )
    status, said = run(file)
    assert status == 1
    assert said.splitlines() == [
        "FAILED vectors[0] meta email 'c@b.com'",
        "  norm: expected a@b.com",
        "        found    c@b.com",
        "FAILED vectors[1] meta phone '123'",
        "  norm: expected 123",
        "        found    refused (not_a_phone_number)",
        "FAILED vectors[2] nobody email 'a@b.com'",
        "  norm: expected a value",
        "        found    nothing: there is no convention nobody for email",
        "1 passed, 3 failed",
    ]


def test_a_file_that_cannot_be_read(tmp_path):
    missing = tmp_path / "missing.yaml"
    assert run(missing) == (
        *(2, f"{missing}: there is no such file: name one in the format of tests/cases"),
    )
    broken = written(tmp_path, case(seen(1, "user:a"), clustres=[]))
    status, said = run(broken)
    assert status == 2
    assert said.startswith(f"{broken}: cases[0] (made): expect: unknown key 'clustres': take it")


EVENTS = "[{t: 1, ids: ['user:a']}]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # Of patterns that are joined into one: see identity.graph.documents.
        (
            "block_regex: ['(?P<a>x)', '(?P<a>y)']",
            "block_regex: a pattern may not name its groups",
        ),
        (r"block_regex: ['(x)', '(y)\1']", "block_regex: a pattern may not name its groups"),
        ("block_regex: ['(?i)x']", "block_regex: '(?i)x' is no"),
        ("block_regex: ['x{4294967295}']", "block_regex: 'x{4294967295}' is no"),
        # A tag does not make another thing of a text.
        ("title: !!int x\n  delete: x", "delete: 'x' is no mapping"),
        ("title: !!timestamp x\n  delete: x", "delete: 'x' is no mapping"),
        (f"title: {'[' * 3_000}{']' * 3_000}", "title: [[[[[[[...]]]]]]] is no text"),
    ],
)
def test_what_is_wrong_is_told_without_a_traceback(tmp_path, text, said):
    file = tmp_path / "cases.yaml"
    policy = "{user: {priority: 1, kind: person}}"
    file.write_text(
        f"cases:\n- id: made\n  policy: {policy}\n  events: {EVENTS}\n  {text}\n"
        "  expect: {rejected: []}\n"
    )
    status, told = run(file)
    assert status == 2
    assert said in told


def test_two_cases_have_two_ids(tmp_path):
    made = case(seen(1, "user:a"), clusters=[["user:a"]])
    status, said = run(file := written(tmp_path, made, made))
    assert (status, said) == (
        *(2, f"{file}: cases[1] (made): another case has this id: give it one of its own"),
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--uri", "bolt://localhost:7687"], "postgresql://user:password@host:port/name"),
        (["--store", "neo4j", "--uri", "localhost"], "bolt://user:password@host:port"),
    ],
)
def test_an_address_that_is_none_of_the_store(tmp_path, options, said):
    file = written(tmp_path, case(seen(1, "user:a"), clusters=[["user:a"]]))
    with pytest.raises(CommandError, match=re.escape(said)) as caught:
        call_command("identity_cases", str(file), *options)
    assert caught.value.returncode == 2


@pytest.mark.skipif(STORES != "postgresql", reason="it is about PostgreSQL")
def test_a_schema_in_postgresql_goes_with_the_cases(tmp_path):
    assert run(written(tmp_path, case(seen(1, "user:a"), clusters=[["user:a"]])))[0] == 0
    [(count,)] = fetch("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'filrouge_cases_%%'")
    assert count == 0


# --- The graph that is wiped --------------------------------------------------------------------------------------------


@ON_NEO4J
def test_an_empty_graph_is_empty_afterwards(tmp_path):
    assert run(written(tmp_path, case(seen(1, "user:a"), clusters=[["user:a"]])))[0] == 0
    assert cypher("MATCH (n) RETURN n") == []


@ON_NEO4J
def test_a_graph_that_is_marked_is_wiped_and_keeps_its_mark(tmp_path):
    cypher("CREATE (:Scratch) CREATE (:Identifier {key: 'user:left'})")
    assert run(written(tmp_path, case(seen(1, "user:a"), clusters=[["user:a"]])))[0] == 0
    [[node]] = [record.values() for record in cypher("MATCH (n) RETURN labels(n)")]
    assert node == ["Scratch"]


@ON_NEO4J
def test_any_other_graph_is_refused_and_left_alone(tmp_path):
    cypher("CREATE (:Anything {name: 'precious'})")
    status, said = run(written(tmp_path, case(seen(1, "user:a"), clusters=[["user:a"]])))
    assert status == 2
    assert "the graph is not empty, and it is not marked as scratch" in said
    assert [record.values() for record in cypher("MATCH (n) RETURN n.name")] == [["precious"]]


@ON_NEO4J
def test_no_installation_takes_a_graph_that_may_be_wiped():
    graph.store().make()
    cypher("CREATE (:Scratch)")
    with pytest.raises(GraphMissing, match="marked as scratch"):
        graph.store().make()
