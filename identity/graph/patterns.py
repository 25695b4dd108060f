"""How long a regular expression may take on a value that it does not match in the end.

Python's expressions go back and try the next way, so what counts is in how many ways each part could match, and how much is looked at
for each. Both are upper bounds, counted on the structure alone. What is possessive (`a++`) or atomic (`(?>...)`), and what looks
ahead, matches in one way: nothing goes back into it. No Django. See docs/decisions/0018-patterns-that-explode.md.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

_parser = import_module("re._parser")  # the only one there is; no stubs know it
LONGEST = 512  # characters of a value that is looked at
MOST = 2_000_000  # steps of all patterns together: some 20 ms for the worst value
ENDLESS = 10**12  # steps, or more

_Item = tuple[Any, Any]  # operator and operands


class _Cost(NamedTuple):
    """In how many ways a part may match, and how many steps it takes to try them all."""

    ways: int = 1
    steps: int = 1


_ENDLESS = _Cost(ENDLESS, ENDLESS)


def steps(pattern: str) -> int:
    """Return how many steps at most it takes to search one value, up to ENDLESS. Raises re.error."""
    items = list(_parser.parse(pattern, re.IGNORECASE))
    return min(_sequence(items).steps * (1 if _is_anchored(items) else LONGEST), ENDLESS)


def _is_anchored(items: list[_Item]) -> bool:
    """Tell whether it matches at the beginning or nowhere."""
    first = [f"{operator} {operands}" for operator, operands in items[:1] if str(operator) == "AT"]
    return first in (["AT AT_BEGINNING"], ["AT AT_BEGINNING_STRING"])


def _sequence(items: Iterable[_Item]) -> _Cost:
    """Each part is tried once for every way in which those before it match."""
    ways = taken = 1
    for operator, operands in items:
        cost = _KINDS.get(str(operator), _unknown)(operands)
        taken = min(taken + ways * cost.steps, ENDLESS)
        ways = min(ways * cost.ways, ENDLESS)
    return _Cost(ways, taken)


def _one(_: Any) -> _Cost:
    return _Cost()


def _unknown(_: Any) -> _Cost:
    return _ENDLESS


def _branch(operands: Any) -> _Cost:
    costs = [_sequence(each) for each in operands[1]]
    return _Cost(sum(each.ways for each in costs), sum(each.steps for each in costs))


def _repeat(operands: Any) -> _Cost:
    least, most, inner = _bounds(operands)
    if inner.ways == 1:
        return _Cost(most - least + 1, 1 + most * inner.steps)
    if most == 1:
        return _Cost(inner.ways + 1 - least, 1 + inner.steps)
    if least == most:
        ways = min(inner.ways**most, ENDLESS)
        return _Cost(ways, ways * inner.steps)
    return _ENDLESS  # one turn more or less, and each turn in more ways than one


def _possessive(operands: Any) -> _Cost:
    """Return the cost of a part that takes what it can, turn by turn, and keeps it."""
    _, most, inner = _bounds(operands)
    return _Cost(1, 1 + most * inner.steps)


def _bounds(operands: Any) -> tuple[int, int, _Cost]:
    least, most, body = operands
    return min(int(least), LONGEST), min(int(most), LONGEST), _sequence(body)


def _atomic(items: Iterable[_Item]) -> _Cost:
    return _Cost(1, _sequence(items).steps)


_KINDS: Mapping[str, Callable[[Any], _Cost]] = {
    **dict.fromkeys(("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT"), _one),
    "BRANCH": _branch,
    "SUBPATTERN": lambda operands: _sequence(operands[3]),
    "ATOMIC_GROUP": _atomic,
    "ASSERT": lambda operands: _atomic(operands[1]),
    "ASSERT_NOT": lambda operands: _atomic(operands[1]),
    "MAX_REPEAT": _repeat,
    "MIN_REPEAT": _repeat,
    "POSSESSIVE_REPEAT": _possessive,
}
