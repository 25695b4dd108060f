"""Walking over the whole graph store on SQL, in the order of the rows."""

from collections.abc import Collection, Iterator, Sequence

from identity.graph.policy import Policy
from identity.graph.sql_answers import answers
from identity.graph.sql_reading import Reached, reach
from identity.graph.types import Block, Neighbourhood, Node
from identity.sql import fetch
from identity.touchpoints.types import Identifier


def walk(size: int, policy: Policy) -> Iterator[Sequence[Neighbourhood]]:
    """Yield every neighbourhood once; none is read again for its other rows, which lie anywhere in the table."""
    came, last = _Came(), 0
    while rows := _rows(last, size):
        with answers():
            reached = reach([row for row in rows if row not in came], policy)
        yield [each for each in reached.neighbourhoods if came.take(_inner(each, reached))]
        last = rows[-1]


def block(last: int, size: int, policy: Policy, released: Collection[Identifier]) -> Block | None:
    """Return the neighbourhoods of the rows behind `last`; one comes with the block of its first row."""
    rows = _rows(last, size)
    if not rows:
        return None
    with answers():
        reached = reach(rows, policy, released)
    found = [each for each in reached.neighbourhoods if min(_inner(each, reached)) > last]
    return Block(found, str(rows[-1]))


def _rows(last: int, size: int) -> list[int]:
    with answers():
        rows = fetch(
            "SELECT id FROM identity_graphidentifier WHERE id > %s"
            " AND first_number IS NOT NULL AND kind <> 'household' ORDER BY id LIMIT %s",
            [last, size],
        )
    return [row for (row,) in rows]


def _inner(neighbourhood: Neighbourhood, reached: Reached) -> list[int]:
    """Return the rows of the nodes that belong to this neighbourhood alone; a hub touches many."""
    inner: Sequence[Node] = [each for each in neighbourhood.nodes if not each.quarantined]
    return [reached.ids[node.identifier] for node in inner or neighbourhood.nodes]


class _Came:
    """The rows whose neighbourhoods came already: one bit for each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def __contains__(self, row: int) -> bool:
        byte = row >> 3
        return byte < len(self._bits) and bool(self._bits[byte] & 1 << (row & 7))

    def take(self, rows: Sequence[int]) -> bool:
        """Add the rows of a neighbourhood; False when one of them came before: a link has joined the two since."""
        if any(row in self for row in rows):
            return False
        self._bits.extend(bytes(max(0, (max(rows) >> 3) + 1 - len(self._bits))))
        for row in rows:
            self._bits[row >> 3] |= 1 << (row & 7)
        return True
