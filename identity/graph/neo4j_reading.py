"""Reading neighbourhoods from Neo4j: a constant number of statements, however many are asked for.

Hubs do not conduct, so a path goes over nodes without the label Hub, and the hubs around are fetched with the links. Many seeds of one
large neighbourhood must not walk it once each: what hangs together over one hop is grouped first, and one of each group walks.
"""

from collections.abc import Collection, Iterable
from typing import Any

from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_properties import LINK, listed
from identity.graph.policy import Policy
from identity.graph.types import VERDICTS, Decision, Link, Neighbourhood, Node, Verdict
from identity.touchpoints.types import Identifier

_SEEDS = """
UNWIND $keys AS key MATCH (s:Identifier {key: key})
RETURN collect([s.key, s:Hub, COLLECT { MATCH (s)-[:LINKED]-(o:!Hub) WHERE NOT s:Hub RETURN DISTINCT o.key LIMIT 100 }])
"""
# With DISTINCT on its end the expansion is breadth first and prunes: no path is walked twice.
_WALK = """
UNWIND $keys AS key
CALL (key) {
  MATCH p = (:Identifier {key: key})-[:LINKED*0..]-(o)
  WHERE all(n IN nodes(p) WHERE NOT n:Hub)
  RETURN DISTINCT o
}
WITH DISTINCT o
RETURN collect(o.key)
"""
_WALK_ON = _WALK.replace("NOT n:Hub", "NOT n:Hub OR n.key IN $released")
_NODES = """
UNWIND $keys AS key MATCH (i:Identifier {key: key})
WHERE i.first_number IS NOT NULL AND i.kind <> 'household'
RETURN collect([i.key, i.first_number, i:Hub, i.degree])
"""
_LINK = f"[a.key, b.key, {listed('r', LINK)}]"
_LINKS = f"""
UNWIND $keys AS key MATCH (a:Identifier {{key: key}})-[r:LINKED|DECIDED]->(b)
RETURN collect({_LINK})
"""
_LINKS_OF_HUBS = f"""
UNWIND $keys AS key MATCH (b:Identifier {{key: key}})<-[r:LINKED]-(a:Hub)
RETURN collect({_LINK})
"""


def reach(
    ask: Ask, seeds: Collection[str], policy: Policy, released: Collection[Identifier] = ()
) -> list[Neighbourhood]:
    """Read the neighbourhoods that hold the identifiers of these keys; unknown ones are passed over.

    `released`: hubs that are taken for none.
    """
    if not seeds:
        return []
    [found] = ask(_SEEDS, keys=sorted(seeds))
    free = {each.key for each in released}
    hubs = {key for key, hub, _ in found if hub} - free
    starts = _one_of_each((key, around) for key, _, around in found if key not in hubs)
    inner = _inner(ask, starts, free) if starts else set()
    keys = sorted(inner)
    rows: list[Any] = [
        *ask(_LINKS, keys=keys)[0],
        *(row for row in ask(_LINKS_OF_HUBS, keys=keys)[0] if row[0] not in inner),
    ]
    # What keeps apart may name somebody who is elsewhere, and who would come without the own neighbours.
    leading = (row for row in rows if VERDICTS.get(row[2], Verdict.ALWAYS) is Verdict.ALWAYS)
    reached = inner | hubs | {end for row in leading for end in row[:2]}
    nodes = [
        Node(Identifier.of(key), number, bool(hub) and key not in free, degree)
        for key, number, hub, degree in ask(_NODES, keys=sorted(reached))[0]
    ]
    known = {node.identifier for node in nodes}
    links, decisions = [], []
    for one, two, source, first, last, count, same, strength, number in rows:
        a, b = Identifier.of(one), Identifier.of(two)
        if a not in known or b not in known:
            continue
        if source in VERDICTS:
            decisions.append(Decision(a, b, VERDICTS[source], number, last))
        else:
            links.append(Link(a, b, source, first, last, count, bool(same), strength))
    return neighbourhoods(nodes, links, policy, decisions)


def _inner(ask: Ask, starts: Collection[str], free: Collection[str]) -> set[str]:
    """Return the keys of all that these reach without going over a hub, unless it is free."""
    if free:
        return set(ask(_WALK_ON, keys=starts, released=sorted(free))[0])
    return set(ask(_WALK, keys=starts)[0])


def _one_of_each(around: Iterable[tuple[str, Collection[str]]]) -> list[str]:
    """Return one key of each group that hangs together by what is known of it."""
    home: dict[str, str] = {}

    def root(key: str) -> str:
        home.setdefault(key, key)
        while home[key] != key:
            home[key] = home[home[key]]
            key = home[key]
        return key

    seeds = []
    for key, others in around:
        seeds.append(key)
        for other in others:
            home[root(other)] = root(key)
    return sorted({root(key): key for key in seeds}.values())
