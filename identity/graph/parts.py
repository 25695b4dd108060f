"""Parts of a neighbourhood that join one by one, unless a limit or what people decided speaks against it. No Django, no store."""

from collections.abc import Iterable, Sequence

from identity.graph.policy import Namespace
from identity.graph.types import Verdict

Values = dict[
    str, frozenset[int]
]  # of the namespaces with a limit: the distinct values in one set of nodes
Pair = tuple[int, int]  # positions of two nodes

_NONE: Values = {}


class Parts:
    """Nodes, by position, in parts that join one by one. `apart`: which nodes a decision keeps out of a part.

    `values`: of each node, where its namespace is among `limits`.
    """

    def __init__(self, values: list[Values], limits: Sequence[tuple[str, int]]) -> None:
        self.home = list(range(len(values)))  # node -> its part; the smaller moves when two join
        self._parts = [[position] for position in self.home]
        self._values = values
        self._limits = limits
        self._apart: dict[int, set[int]] = {}

    def keep_apart(self, a: int, b: int) -> bool:
        """Let the two never come together; False when they are."""
        left, right = self.home[a], self.home[b]
        if left == right:
            return False
        self._apart.setdefault(left, set()).add(b)
        self._apart.setdefault(right, set()).add(a)
        return True

    def join(self, left: int, right: int) -> str:
        """Make two parts one, unless something speaks against it: then return what."""
        home, parts, values = self.home, self._parts, self._values
        if self._apart and any(home[each] == right for each in self._apart.get(left, ())):
            return Verdict.NEVER
        ours, theirs = values[left], values[right]
        if ours and theirs:
            if broken := _broken(ours, theirs, self._limits):
                return broken
            ours = _united(ours, theirs)
        if len(parts[left]) < len(parts[right]):
            left, right = right, left
        values[left] = ours or theirs
        moving = parts[right]
        for each in moving:
            home[each] = left
        parts[left] += moving
        if right in self._apart:
            self._apart[left] = self._apart.pop(right) | self._apart.get(left, set())
        return ""


def values(rules: Sequence[Namespace], same: Iterable[Pair]) -> list[Values]:
    """Return each node's own value where its namespace has a limit; what alias calls declare to be one has one value.

    Only what they say of one namespace: two logins that were each called one with a cookie are still two.
    """
    value = list(range(len(rules)))

    def one_of(each: int) -> int:
        while value[each] != each:
            value[each] = each = value[value[each]]
        return each

    for a, b in same:
        if rules[a] is rules[b]:
            value[one_of(a)] = one_of(b)
    return [
        {rule.name: frozenset((one_of(each),))} if rule.max else _NONE
        for each, rule in enumerate(rules)
    ]


def _broken(left: Values, right: Values, limits: Sequence[tuple[str, int]]) -> str:
    """Return the first limit, by name, that the two together would break, or ""."""
    for name, limit in limits:
        ours, theirs = left.get(name), right.get(name)
        if ours and theirs and len(ours | theirs) > limit:
            return f"max:{name}"
    return ""


def _united(left: Values, right: Values) -> Values:
    return left | {name: values | left.get(name, values) for name, values in right.items()}
