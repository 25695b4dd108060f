"""Adding up again, in the graph on Neo4j, what is in doubt, from the touchpoints that carry it. Runs inside the caller's transaction."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from identity.graph.evidence import carried
from identity.graph.neo4j_aside import COLUMNS, add_up, add_up_links, touchpoints
from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_properties import LINK, listed
from identity.graph.neo4j_recording import look_up, neighbours, write_identifiers
from identity.graph.policy import Policy
from identity.graph.recording import Known, LinkKey, under
from identity.graph.types import FORGOTTEN, UNVOUCHED, Doubts
from identity.touchpoints.types import Identifier

_LINKS = f"""
UNWIND $pairs AS pair
MATCH (:Identifier {{key: pair[0]}})-[r:LINKED|GROUPED {{source: pair[2]}}]->(:Identifier {{key: pair[1]}})
RETURN collect([pair[0], pair[1], {listed("r", LINK)}, type(r)])
"""
_UNNUMBER = """
UNWIND $keys AS key MATCH (i:Identifier {key: key})
WHERE i.first_number IS NOT NULL AND i.kind <> $forgotten
SET i.first_number = $unvouched
"""
_NUMBERED = f"""
UNWIND $numbers AS number MATCH (t:Touchpoint {{number: number}})
RETURN collect({COLUMNS})
"""
_CARRIES = """
UNWIND $rows AS row MATCH (t:Touchpoint {id: row[0]})
UNWIND row[1] AS key MATCH (i:Identifier {key: key})
MERGE (t)-[:CARRIES]->(i)
"""


class Recounted(NamedTuple):
    """What was stored otherwise, and whose neighbourhoods may have changed."""

    wrong: Doubts
    around: Sequence[Identifier]


class TakenBack(Exception):
    """Ends a transaction that only looked: `wrong` is what it found."""

    def __init__(self, wrong: Doubts) -> None:
        super().__init__("what was written is taken back")
        self.wrong = wrong


def recount(ask: Ask, doubts: Doubts, policy: Policy) -> Recounted:
    """Write afresh what is in doubt."""
    ends = {end for a, b, _ in doubts.links for end in (a, b)}
    known = look_up(ask, ends.union(doubts.identifiers))
    wanted = {link for link in doubts.links if link[0] in known and link[1] in known}
    before = _links(ask, wanted)
    ask(
        _UNNUMBER,
        keys=[each.key for each in doubts.identifiers],
        unvouched=UNVOUCHED,
        forgotten=FORGOTTEN,
    )
    add_up_links(ask, wanted, policy)
    after = _links(ask, wanted)
    wrong = [link for link in wanted if before.get(link) != after.get(link)]
    # What is around a household means nothing, and is not kept up to date when somebody is forgotten.
    counted = {end for a, b, _ in wrong for end in (a, b) if not policy.is_household(end)}
    counting = counted.union(doubts.identifiers)
    add_up(ask, sorted(counting & known.keys()), under(policy), policy)
    now = look_up(ask, known)
    turned = [each for each, one in now.items() if one.turned == under(policy)]
    return Recounted(
        Doubts(
            sorted(wrong),
            [each for each in doubts.identifiers if known.get(each) != now.get(each)],
        ),
        sorted({*known, *map(Identifier.of, neighbours(ask, turned))}),
    )


def _links(ask: Ask, wanted: Collection[LinkKey]) -> dict[LinkKey, tuple[Any, ...]]:
    """Return those of these links that are stored, with all that is stored of them."""
    [rows] = ask(_LINKS, pairs=[[a.key, b.key, source] for a, b, source in sorted(wanted)])
    return {
        (Identifier.of(a), Identifier.of(b), values[0]): tuple(values) for a, b, *values in rows
    }


def recarry(ask: Ask, numbers: Collection[int], policy: Policy) -> None:
    """Write again what these touchpoints carry; make identifiers that are not stored. Whose each is, is a property of its own."""
    found = touchpoints(ask(_NUMBERED, numbers=sorted(numbers))[0])
    named = {one for each in found for one in (*carried(each), each.owner) if one is not None}
    made = {each: Known(first_number=UNVOUCHED) for each in named - look_up(ask, named).keys()}
    write_identifiers(ask, list(made), made, policy)
    ask(_CARRIES, rows=[[each.id, [one.key for one in carried(each)]] for each in found])
