"""Stage 1 with the ORM: touchpoints, identifiers, links; the graph is walked level by level."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from benchmarks.orm.rows import Keeper, instant
from identity.graph import bodies
from identity.graph.evidence import (
    Evidence,
    carried,
    carried_beside,
    first_numbers,
    links,
    vouches,
)
from identity.graph.models import GraphCarries, GraphIdentifier, GraphLink, GraphTouchpoint
from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.policy import DEFAULT
from identity.graph.recording import LinkKey, new_neighbours
from identity.graph.types import Link, Neighbourhood, Node, Recorded
from identity.touchpoints.types import Identifier, Touchpoint

Nodes = dict[Identifier, GraphIdentifier]


def record(
    keep: Keeper, touchpoints: Sequence[Touchpoint], contested: Collection[Identifier]
) -> Recorded:
    """Store what is new and return the neighbourhoods that may have changed."""
    ids = [each.id for each in touchpoints]
    stored = {row.uid: row.number for row in keep.find(GraphTouchpoint, "uid", ids)}
    fresh = [each for each in touchpoints if each.id not in stored]
    wanted = {each for one in touchpoints for each in carried(one)}
    found = keep.find(GraphIdentifier, "key", [each.key for each in wanted])
    nodes: Nodes = {Identifier.of(row.key): row for row in found}
    brought = links(fresh)
    before = _links(keep, brought, nodes)
    changed = _nodes(keep, fresh, brought, before, nodes)
    _touchpoints(keep, fresh, nodes)
    _write_links(keep, brought, before, nodes)
    seeds = changed | {nodes[each].pk for each in contested if each in nodes}
    first = {each.id: stored.get(each.id, each.number) for each in touchpoints}
    return Recorded(first, reach(keep, seeds))


def _links(keep: Keeper, brought: Iterable[LinkKey], nodes: Nodes) -> dict[LinkKey, GraphLink]:
    names = {row.pk: identifier for identifier, row in nodes.items()}
    ends = {nodes[a].pk for a, b, _ in brought if a in nodes and b in nodes}
    return {
        (names[row.a], names[row.b], row.source): row
        for row in keep.find(GraphLink, "a", ends)
        if row.b in names
    }


def _nodes(
    keep: Keeper,
    fresh: Sequence[Touchpoint],
    brought: Mapping[LinkKey, Evidence],
    before: Mapping[LinkKey, GraphLink],
    nodes: Nodes,
) -> set[int]:
    """Insert new nodes and raise degrees; return those with a new link, and the new ones."""
    changed: Nodes = {}
    for identifier, number in first_numbers(fresh).items():
        if identifier not in nodes:
            kind = DEFAULT[identifier.namespace].kind.value
            nodes[identifier] = GraphIdentifier(key=identifier.key, kind=kind, first_number=number)
            changed[identifier] = nodes[identifier]
    for end, others in new_neighbours(brought, before, DEFAULT).items():
        nodes[end].degree += len(others)
        changed[end] = nodes[end]
    keep.put([changed[each] for each in sorted(changed)], "degree")
    linked = {end for a, b, source in brought if (a, b, source) not in before for end in (a, b)}
    return {nodes[each].pk for each in changed.keys() | linked}


def _touchpoints(keep: Keeper, fresh: Sequence[Touchpoint], nodes: Nodes) -> None:
    rows = [
        GraphTouchpoint(
            number=each.number,
            uid=each.id,
            source=each.source,
            at=each.at,
            received_at=each.received_at,
            owner=nodes[each.owner].pk if each.owner else None,
            vouches=vouches(each),
            body=bodies.encode(each),
        )
        for each in fresh
    ]
    keep.put(rows)
    carries = [
        GraphCarries(identifier=nodes[each].pk, touchpoint=one.number)
        for one in fresh
        for each in carried_beside(one)
    ]
    keep.put(carries)


def _write_links(
    keep: Keeper,
    brought: Mapping[LinkKey, Evidence],
    before: Mapping[LinkKey, GraphLink],
    nodes: Nodes,
) -> None:
    rows = []
    for (a, b, source), evidence in brought.items():
        row = before.get((a, b, source))
        if row is None:
            row = GraphLink(
                a=nodes[a].pk,
                b=nodes[b].pk,
                source=source,
                first_seen=evidence.first_seen,
                last_seen=evidence.last_seen,
                count=evidence.count,
                same=evidence.same,
                first_number=evidence.first_number,
            )
        else:
            row.count += evidence.count
            row.same = row.same or evidence.same
            row.first_seen = min(instant(row.first_seen), evidence.first_seen)
            row.last_seen = max(instant(row.last_seen), evidence.last_seen)
        rows.append(row)
    keep.put(rows, "count", "same", "first_seen", "last_seen")


def reach(keep: Keeper, seeds: Collection[int]) -> list[Neighbourhood]:
    """Walk from the seeds, one level after the other."""
    reached: set[int] = set()
    edges: dict[int, GraphLink] = {}
    frontier = set(seeds)
    while frontier:
        reached |= frontier
        found = keep.find(GraphLink, "a", frontier, conducts=True)
        found += keep.find(GraphLink, "b", frontier, conducts=True)
        edges |= {row.pk: row for row in found}
        frontier = {end for row in found for end in (row.a, row.b)} - reached
    rows = keep.find(GraphIdentifier, "pk", reached)
    names = {row.pk: Identifier.of(row.key) for row in rows}
    nodes = [Node(names[row.pk], row.first_number or 0, row.quarantined) for row in rows]
    return neighbourhoods(nodes, [_link(row, names) for row in edges.values()], DEFAULT)


def _link(row: GraphLink, names: Mapping[int, Identifier]) -> Link:
    return Link(
        names[row.a],
        names[row.b],
        row.source,
        instant(row.first_seen),
        instant(row.last_seen),
        row.count,
        row.same,
        row.strength,
    )
