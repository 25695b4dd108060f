"""Stage 1 on Neo4j: a batch of touchpoints in a constant number of statements, within one transaction.

The node (:Lane) is locked before, so there is one writer at a time, and what is read at the beginning stays true until the end: ids
and links are looked up first and then created, which is cheaper than to let MERGE find out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from identity.graph import bodies
from identity.graph.evidence import Evidence, carried, links
from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_properties import (
    IDENTIFIER,
    LINK,
    assigned,
    identifier_row,
    link_row,
    touchpoint_row,
)
from identity.graph.policy import Policy
from identity.graph.recording import Known, LinkKey, advance, changed
from identity.graph.types import FORGOTTEN, VOID
from identity.touchpoints.types import Identifier, Touchpoint

_STORED = """
UNWIND $ids AS id MATCH (t:Touchpoint {id: id})
RETURN collect([t.id, t.number])
"""
_KNOWN = """
UNWIND $keys AS key MATCH (i:Identifier {key: key})
RETURN collect([i.key, i.first_number, i.degree, i.quarantined, i.turned, i.kind])
"""
_LINKS_BEFORE = """
UNWIND $pairs AS pair
MATCH (a:Identifier {key: pair[0]})-[r:LINKED|GROUPED|DECIDED]->(b:Identifier {key: pair[1]})
WHERE r.source > 0 OR r.source = VOID
RETURN collect([pair[0], pair[1], r.source, r.first_number])
""".replace("VOID", str(VOID))
_POSITIONS = {name: position for position, name in enumerate(IDENTIFIER, 2)}
_HUB = f"row[{_POSITIONS['quarantined']}]"
# Lists, unlike maps, do not carry the names along with every row.
IDENTIFIERS = f"""
UNWIND $rows AS row
MERGE (i:Identifier {{key: row[0]}})
SET i.namespace = row[1], {", ".join(f"i.{name} = row[{position}]" for name, position in _POSITIONS.items())}
FOREACH (_ IN CASE WHEN {_HUB} THEN [1] ELSE [] END | SET i:Hub)
FOREACH (_ IN CASE WHEN {_HUB} THEN [] ELSE [1] END | REMOVE i:Hub)
"""
_TOUCHPOINTS = """
UNWIND $rows AS row
CREATE (t:Touchpoint) SET t = row
FOREACH (_ IN CASE WHEN row.owner IS NULL THEN [1] ELSE [] END | SET t:Unowned)
"""
_CARRIES = """
UNWIND $rows AS row
MATCH (t:Touchpoint {id: row[0]})
UNWIND row[1] AS key
MATCH (i:Identifier {key: key})
CREATE (t)-[:CARRIES]->(i)
"""
LINKS = """
UNWIND $rows AS row
MATCH (a:Identifier {key: row.a})
MATCH (b:Identifier {key: row.b})
MERGE (a)-[r:TYPE {key: row.key}]->(b)
"""
_LINKS = f"""{LINKS}
ON CREATE SET {assigned("r", LINK)}
ON MATCH SET r.count = r.count + row.count, r.same = r.same OR row.same,
    r.strength = CASE WHEN row.strength > r.strength THEN row.strength ELSE r.strength END,
    r.first_seen = CASE WHEN row.first_seen < r.first_seen THEN row.first_seen ELSE r.first_seen END,
    r.last_seen = CASE WHEN row.last_seen > r.last_seen THEN row.last_seen ELSE r.last_seen END,
    r.first_number = CASE WHEN row.first_number < r.first_number THEN row.first_number ELSE r.first_number END
"""
_AROUND = """
UNWIND $keys AS key MATCH (:Identifier {key: key})-[:LINKED]-(o)
RETURN collect(DISTINCT o.key)
"""


def record(
    ask: Ask, touchpoints: Sequence[Touchpoint], contested: Collection[Identifier], policy: Policy
) -> tuple[dict[str, int], set[str]]:
    """Store what is new; return the first number of each touchpoint, and the keys whose neighbourhoods may have changed."""
    stored = dict(ask(_STORED, ids=[each.id for each in touchpoints])[0])
    fresh = [each for each in touchpoints if each.id not in stored]
    known = look_up(ask, {identifier for each in touchpoints for identifier in carried(each)})
    brought = links(fresh)
    wanted = brought if len(fresh) == len(touchpoints) else links(touchpoints)
    before = _links_before(ask, wanted, known)
    write_identifiers(ask, advance(fresh, brought, before, known, policy), known, policy)
    write_touchpoints(ask, fresh)
    write_links(ask, brought, policy)
    numbers = {touchpoint.number for touchpoint in touchpoints}
    moved, turned = changed(numbers, known, before, brought, policy)
    seeds = {each.key for each in (*contested, *moved)}
    seeds |= neighbours(ask, turned)
    return {each.id: stored.get(each.id, each.number) for each in touchpoints}, seeds


def look_up(ask: Ask, identifiers: Collection[Identifier]) -> dict[Identifier, Known]:
    [rows] = ask(_KNOWN, keys=sorted(each.key for each in identifiers))
    return {
        Identifier.of(key): Known(1, first, degree, bool(hub), turned, kind == FORGOTTEN)
        for key, first, degree, hub, turned, kind in rows
    }


def _links_before(
    ask: Ask, wanted: Iterable[LinkKey], known: Mapping[Identifier, Known]
) -> dict[LinkKey, int]:
    """Return the first number of each link, of whatever source, that the wanted pairs had before; and of the pairs that are unlinked."""
    pairs = {(a, b) for a, b, _ in wanted if a in known and b in known}
    if not pairs:
        return {}
    [rows] = ask(_LINKS_BEFORE, pairs=[[a.key, b.key] for a, b in sorted(pairs)])
    return {(Identifier.of(a), Identifier.of(b), source): number for a, b, source, number in rows}


def write_identifiers(
    ask: Ask,
    moved: Collection[Identifier],
    known: Mapping[Identifier, Known],
    policy: Policy,
) -> None:
    """Make or change these nodes."""
    rows = [
        identifier_row(
            each,
            (
                policy[each.namespace].kind.value,
                known[each].first_number,
                known[each].degree,
                known[each].quarantined,
                known[each].turned,
            ),
        )
        for each in sorted(moved)
    ]
    if rows:
        ask(IDENTIFIERS, rows=rows)


def write_touchpoints(ask: Ask, fresh: Sequence[Touchpoint]) -> None:
    if not fresh:
        return
    ask(_TOUCHPOINTS, rows=[touchpoint_row(each, bodies.encode(each)) for each in fresh])
    ask(_CARRIES, rows=[[each.id, [one.key for one in carried(each)]] for each in fresh])


def write_links(ask: Ask, brought: Mapping[LinkKey, Evidence], policy: Policy) -> None:
    """Make the links, or add the evidence to those that are there. What a household brings is no LINKED: it does not conduct."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for (a, b, source), evidence in sorted(brought.items(), key=lambda item: item[0]):
        household = policy.is_household(a) or policy.is_household(b)
        rows.setdefault("GROUPED" if household else "LINKED", []).append(
            link_row(
                a,
                b,
                (
                    source,
                    evidence.first_seen,
                    evidence.last_seen,
                    evidence.count,
                    evidence.same,
                    evidence.strength,
                    evidence.first_number,
                ),
            )
        )
    for kind, values in rows.items():
        ask(_LINKS.replace("TYPE", kind), rows=values)


def neighbours(ask: Ask, identifiers: Collection[Identifier]) -> set[str]:
    """Return the keys that these are linked with: a node that turns changes the neighbourhoods of all of them."""
    if not identifiers:
        return set()
    return set(ask(_AROUND, keys=[each.key for each in identifiers])[0])
