"""Taking touchpoints' evidence out of the graph on Neo4j, or back in: what they touched is added up again from the rest.

Rare (a touchpoint that fails alone), so it may read every touchpoint that carries one of the pairs in question. A touchpoint that is
set aside has the label Aside and neither `owner` nor Unowned, so that no reader has to leave it out; `aside_owner` says whose it was,
and an erasure finds it by that.
"""

from collections.abc import Collection, Sequence
from typing import Any

from identity.graph import bodies
from identity.graph.evidence import carried, first_numbers, links
from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_properties import TOUCHPOINT, listed
from identity.graph.neo4j_recording import neighbours, write_identifiers, write_links
from identity.graph.policy import Policy
from identity.graph.recording import Known, LinkKey
from identity.graph.types import FORGOTTEN, UNVOUCHED, VOID, Node
from identity.touchpoints.types import Identifier, Touchpoint

COLUMNS = f"[{listed('t', TOUCHPOINT)}, t.body]"
_MARKED = f"UNWIND $ids AS id MATCH (t:Touchpoint {{id: id}}) RETURN collect({COLUMNS})"
_OUT = """
UNWIND $rows AS row MATCH (t:Touchpoint {id: row[0]})
SET t:Aside, t.owner = null, t.aside_owner = row[1] REMOVE t:Unowned
"""
_IN = """
UNWIND $rows AS row MATCH (t:Touchpoint {id: row[0]})
SET t.owner = row[1], t.aside_owner = null REMOVE t:Aside
FOREACH (_ IN CASE WHEN row[1] IS NULL THEN [1] ELSE [] END | SET t:Unowned)
"""
# From the end that fewer carry: the other may be a hub.
_VOUCHING = f"""
UNWIND $pairs AS pair
MATCH (a:Identifier {{key: pair[0]}})
MATCH (b:Identifier {{key: pair[1]}})
WITH pair, CASE WHEN COUNT {{ (a)<-[:CARRIES]-() }} < COUNT {{ (b)<-[:CARRIES]-() }} THEN [a, b] ELSE [b, a] END AS ends
WITH pair, ends[0] AS near, ends[1] AS far
MATCH (near)<-[:CARRIES]-(t:Touchpoint)
WHERE t.source = pair[2] AND NOT t:Aside AND EXISTS {{ (t)-[:CARRIES]->(far) }}
WITH DISTINCT t
RETURN collect({COLUMNS})
"""
UNLINK = """
UNWIND $pairs AS pair
MATCH (:Identifier {key: pair[0]})-[r:LINKED|GROUPED {source: pair[2]}]->(:Identifier {key: pair[1]})
DELETE r
"""
_SUMS = (
    """
UNWIND $keys AS key MATCH (i:Identifier {key: key})
WITH i,
    COLLECT { MATCH (i)<-[:CARRIES]-(t:!Aside) RETURN min(t.number) }[0] AS first,
    COUNT {
      MATCH (i)-[r:LINKED|GROUPED]-(o {kind: 'person'})
      WHERE r.source > 0 AND NOT EXISTS { (i)-[:DECIDED {source: VOID}]-(o) }
      RETURN DISTINCT o
    } AS degree
WHERE i.kind <> 'FORGOTTEN'
RETURN collect([i.key, coalesce(first, CASE WHEN i.first_number = UNVOUCHED THEN UNVOUCHED END), degree, i.quarantined, i.turned])
""".replace("VOID", str(VOID))
    .replace("UNVOUCHED", str(UNVOUCHED))
    .replace("FORGOTTEN", FORGOTTEN)
)


def touchpoints(rows: Sequence[Sequence[Any]]) -> list[Touchpoint]:
    """Decode rows of COLUMNS."""
    return [
        bodies.decode(
            number=number, uid=uid, source=source, at=at, received_at=received_at, body=body
        )
        for number, uid, source, at, received_at, body in rows
    ]


def set_aside(
    ask: Ask, ids: Sequence[str], *, aside: bool, policy: Policy
) -> tuple[set[str], list[Node]]:
    """Mark the touchpoints and add up again, also if they are marked already: a lane may have died after the first time.

    Return the keys whose neighbourhoods may have changed, and the nodes that no touchpoint vouches for any more.
    """
    marked = touchpoints(ask(_MARKED, ids=list(ids))[0])
    owners = [[each.id, each.owner.key if each.owner else None] for each in marked]
    ask(_OUT if aside else _IN, rows=owners)
    add_up_links(ask, set(links(marked)), policy)
    carrying = sorted({identifier for each in marked for identifier in carried(each)})
    number = max((each.number for each in marked), default=0)
    known = add_up(ask, carrying, number, policy)
    gone = [
        Node(identifier, first)
        for identifier, first in first_numbers(marked).items()
        if identifier not in known or known[identifier].first_number is None
    ]
    return {each.key for each in carrying} | neighbours(ask, carrying), gone


def add_up_links(ask: Ask, wanted: Collection[LinkKey], policy: Policy) -> None:
    """Write these links afresh from every touchpoint that carries both ends and is not set aside."""
    pairs = [[a.key, b.key, source] for a, b, source in sorted(wanted)]
    vouching = touchpoints(ask(_VOUCHING, pairs=pairs)[0])
    ask(UNLINK, pairs=pairs)
    left = {key: evidence for key, evidence in links(vouching).items() if key in wanted}
    write_links(ask, left, policy)


def add_up(
    ask: Ask, identifiers: Sequence[Identifier], number: int | None, policy: Policy
) -> dict[Identifier, Known]:
    """Write first numbers, degrees and quarantine of these identifiers afresh; what turns does so under `number`.

    Pairs that people unlinked count for nothing, and what they decided is no evidence. What was forgotten stays so.
    """
    known = {}
    for key, first, degree, hub, turned in ask(_SUMS, keys=[each.key for each in identifiers])[0]:
        identifier = Identifier.of(key)
        now_hub = policy.is_hub(identifier, degree)
        known[identifier] = Known(
            1, first, degree, now_hub, number if now_hub != bool(hub) else turned
        )
    write_identifiers(ask, list(known), known, policy)
    return known
