"""How Neo4j carries out each statement of the store: by index, and walks that prune; and that a batch needs as many, whatever its size."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from identity.graph.contents import Part
from identity.graph.policy import Policy
from identity.graph.types import Decision, Verdict
from identity.touchpoints.types import Identifier, Touchpoint
from tests.environment import STORES
from tests.identity.graph.conftest import EPOCH
from tests.identity.graph.evidence import SMALL, Event, touchpoint
from tests.stores import cypher, plan

if STORES != "neo4j":
    pytest.skip("needs STORES=neo4j", allow_module_level=True)

from identity.graph.neo4j_server import Server
from identity.graph.neo4j_store import Neo4jStore

pytestmark = [pytest.mark.django_db, pytest.mark.stores]
SCANS = {
    "AllNodesScan",
    "NodeByLabelScan",
    "NodeIndexScan",
    "UnionNodeByLabelsScan",
    "DirectedAllRelationshipsScan",
    "UndirectedAllRelationshipsScan",
    "DirectedRelationshipTypeScan",
    "UndirectedRelationshipTypeScan",
}
ALICE, MAIL, HOME = (
    Identifier("user_id", "a"),
    Identifier("email", "m"),
    Identifier("household_id", "h"),
)
MOST = 20  # statements of one step

Statement = tuple[str, dict[str, Any]]
Hear = Callable[[str, dict[str, Any]], None]


@pytest.fixture
def statements(graph_store: Neo4jStore, monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """Let the store do all that it can; return the statements, each once."""
    asked: dict[str, dict[str, Any]] = {}
    listen(monkeypatch, asked.__setitem__)
    exercise(graph_store)
    cypher(
        "CALL db.prepareForReplanning(60)"
    )  # else plans follow what other tests left in the statistics
    return list(asked.items())


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return how often each statement is sent, from now on."""
    counted: Counter[str] = Counter()
    listen(monkeypatch, lambda cypher, _: counted.update([cypher]))
    return counted


def listen(monkeypatch: pytest.MonkeyPatch, hear: Hear) -> None:
    for name in ("write", "read"):
        monkeypatch.setattr(Server, name, listening(getattr(Server, name), hear))


def listening(real: Any, hear: Hear) -> Any:
    def listen(self: Server, work: Any, patience: float) -> Any:
        def heard(ask: Any) -> Any:
            def note(cypher: str, **parameters: Any) -> Any:
                hear(cypher, parameters)
                return ask(cypher, **parameters)

            return work(note)

        return real(self, heard, patience)

    return listen


def exercise(store: Neo4jStore) -> None:
    store.uuid()
    people = [Identifier("user_id", f"{n:02}") for n in range(30)]
    events = [
        *(Event(n, pair, number=n) for n, pair in enumerate(pairwise(people), 1)),
        *(Event(50 + n, (MAIL, each), number=50 + n) for n, each in enumerate(people)),
        Event(100, (ALICE, HOME), number=100),
        Event(101, (ALICE, MAIL), number=101),
    ]
    made = [touchpoint(each, SMALL) for each in events]
    store.record(made, epoch=EPOCH, contested=[ALICE])
    store.record(made[:3], epoch=EPOCH, contested=[ALICE])
    store.neighbourhoods([ALICE, MAIL, people[0]])
    for aside in (True, False):
        store.set_aside([made[0].id, made[-1].id], epoch=EPOCH, aside=aside)
    pair = (people[0], people[1])
    store.decide(
        {pair: [Decision(*pair, each, number, at=1) for number, each in enumerate(Verdict)]},
        epoch=EPOCH,
    )
    assert store.hubs(after="", limit=5)
    assert store.forget_source(1, after=100, limit=1, epoch=EPOCH).touchpoints
    store.forget(people[9], after="", limit=5, epoch=EPOCH)
    store.timeline([ALICE], before=None, limit=5)
    store.timeline([ALICE], before=(5, made[0].id), limit=5)
    store.unowned(1, before=None, limit=5)
    store.scan(after=0, limit=5)
    store.show_members({ALICE: "profile"}, epoch=EPOCH)
    store.show_members({ALICE: "another"}, epoch=EPOCH)
    assert list(store.walk(size=10))
    assert store.hubs(after="", limit=5)
    store.block(after="", size=10, released=[MAIL])
    for hub in (100, 3):
        email = replace(SMALL["email"], hub=hub)
        store.go_by(Policy({**SMALL.namespaces, "email": email}, version=hub))
        store.turn(after="", limit=100, epoch=EPOCH)
    contents = store.contents()
    for part in Part:
        assert contents.page(part, after="", size=10).rows
    erase(store)


def erase(store: Neo4jStore) -> None:
    """Let the store do all that an erasure asks for."""
    store.erase([each.id for each in store.carrying([ALICE], limit=5)], [ALICE], epoch=EPOCH)
    assert store.unnamed([ALICE, HOME]) == [HOME, ALICE]
    store.silence([ALICE], epoch=EPOCH)
    pairs = store.linked([ALICE], limit=5)
    assert pairs == [(HOME, ALICE)]
    store.unlink(pairs, [MAIL], epoch=EPOCH)
    assert store.drop([ALICE], [HOME], epoch=EPOCH) == [HOME]


def operators(found: dict[str, Any]) -> Iterator[str]:
    yield found["operatorType"].partition("@")[0]
    for child in found.get("children", ()):
        yield from operators(child)


def test_no_statement_scans(statements: list[Statement]) -> None:
    assert len(statements) > 20
    scanning = {
        cypher: sorted(used)
        for cypher, parameters in statements
        if (used := SCANS & set(operators(plan(cypher, **parameters))))
    }
    assert scanning == {}


def test_the_walk_prunes(statements: list[Statement]) -> None:
    walks = [each for each in statements if "LINKED*0.." in each[0]]
    assert len(walks) == 2
    for walk, parameters in walks:
        used = set(operators(plan(walk, **parameters)))
        assert "VarLengthExpand(Pruning,BFS,All)" in used


def crowd(name: str, size: int, first: int) -> list[Touchpoint]:
    """Return touchpoints of half as many people, in households of two; an address that five share becomes a hub."""
    made = []
    for n in range(size):
        person = f"{name}{n // 2}"
        mail = f"{name}-shared" if n % 2 and n < 10 else person
        cookie = Identifier("anonymous_id", f"{name}{n}")
        seen = (Identifier("user_id", person), Identifier("email", mail), cookie)
        home = (Identifier("household_id", f"{name}{n // 4}"),) if n % 4 == 0 else ()
        made.append(touchpoint(Event(n, (*seen, *home), number=first + n), SMALL))
    return made


def asked_of(store: Neo4jStore, sent: Counter[str], size: int) -> dict[str, Counter[str]]:
    """Return what each step of a batch of so many touchpoints sent."""
    first, again = (crowd(f"{size}-", size, 10 * size + shift) for shift in (0, size))
    ids = [each.id for each in first]
    people = sorted({one for each in first for one in each.identifiers})
    steps: dict[str, Callable[[], object]] = {
        "new people": lambda: record(store, first),
        "touchpoints that are there": lambda: record(store, first),
        "people who are known": lambda: record(store, again),
        "neighbourhoods": lambda: store.neighbourhoods(people),
        "profiles shown": lambda: store.show_members(
            {each: each.value for each in people}, epoch=EPOCH
        ),
        "other profiles shown": lambda: store.show_members(
            {each: f"{each.value}-other" for each in people}, epoch=EPOCH
        ),
        "set aside": lambda: store.set_aside(ids, epoch=EPOCH, aside=True),
        "taken again": lambda: store.set_aside(ids, epoch=EPOCH, aside=False),
    }
    found = {}
    for name, step in steps.items():
        sent.clear()
        step()
        found[name] = Counter(sent)
    return found


def record(store: Neo4jStore, touchpoints: Sequence[Touchpoint]) -> None:
    store.record(touchpoints, epoch=EPOCH, contested=())


def test_a_large_batch_sends_as_many_statements_as_a_small_one(
    graph_store: Neo4jStore, sent: Counter[str]
) -> None:
    small, large = (asked_of(graph_store, sent, size) for size in (10, 1_000))
    assert all(step.total() > 1 for step in small.values()), "it is heard"
    assert {name: step.total() for name, step in large.items()} == {
        name: step.total() for name, step in small.items()
    }
    assert large == small
    assert max(step.total() for step in large.values()) <= MOST
