"""How many values of a column one person may have, held against guesses by the rules of who is who themselves.

`partition` decides, over records in the place of identifiers. A record's value of a limited column is a node of its own, so that it joins nobody;
that two such nodes hold the same value is told by an alias with a hub, which joins nobody either.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.partition import partition
from identity.graph.policy import Kind, Namespace, Policy
from identity.graph.types import Link, Node
from identity.touchpoints.matching.model import Guess, Records
from identity.touchpoints.types import Identifier

_RECORD = "record"
_Column = tuple[str, Sequence[str | None]]


def within(guesses: Sequence[Guess], records: Records, limits: Mapping[str, int]) -> list[Guess]:
    """Return the guesses that leave every person at most so many values of each column, the surest having their way first."""
    if not limits:
        return list(guesses)
    home = people(guesses, records, limits)
    return [each for each in guesses if home[each.a] == home[each.b]]


def people(
    guesses: Sequence[Guess], records: Records, limits: Mapping[str, int]
) -> dict[int, int]:
    """Return, of each record that is guessed about, the first record of its person."""
    policy = _policy(limits)
    columns = [(f"value{place}", records[name]) for place, name in enumerate(limits)]
    about = sorted({end for each in guesses for end in each[:2]})
    links = [_link(_record(a), _record(b), strength=p) for a, b, p in guesses]
    nodes = {_record(each): Node(_record(each), each) for each in about}
    for column in columns:
        _add_values(column, about, nodes, links)
    parts = (partition(each, policy) for each in neighbourhoods([*nodes.values()], links, policy))
    profiles = (profile for each in parts for profile in each.profiles)
    found = (
        [int(node.identifier.value) for node in profile if node.identifier.namespace == _RECORD]
        for profile in profiles
    )
    return {record: min(person) for person in found for record in person}


def _policy(limits: Mapping[str, int]) -> Policy:
    rows = [Namespace(_RECORD, Kind.PERSON, 1)]
    rows += [
        Namespace(f"value{place}", Kind.PERSON, 2, max=most)
        for place, most in enumerate(limits.values())
    ]
    return Policy({row.name: row for row in rows}, blocked_values=frozenset(), blocked_patterns=())


def _add_values(
    column: _Column, about: Sequence[int], nodes: dict[Identifier, Node], links: list[Link]
) -> None:
    """Give each record a node for its value; those of one value get a hub that says so."""
    name, values = column
    counts = Counter(value for each in about if (value := values[each]))
    for each in about:
        value = values[each]
        if not value:
            continue
        own = Identifier(name, f"of {each}")
        nodes[own] = Node(own, each)
        links.append(_link(_record(each), own))
        if counts[value] > 1:
            shared = Identifier(name, f"is {value}")
            nodes[shared] = Node(shared, each, quarantined=True)
            links.append(_link(own, shared, same=True))


def _record(position: int) -> Identifier:
    return Identifier(_RECORD, f"{position:012}")


def _link(a: Identifier, b: Identifier, *, same: bool = False, strength: float = 1.0) -> Link:
    return Link(min(a, b), max(a, b), 1, 0, 0, 1, same, strength)
