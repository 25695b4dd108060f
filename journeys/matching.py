"""Which touchpoints a journey looks at: filters over properties, and matches of an event. Pure.

Filters speak the language of audience rules (`activation.audiences.rules.Filter`) and are evaluated by the same code.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any

import msgspec

from activation.audiences import reading
from activation.audiences.compiling import compile_filters
from activation.audiences.rules import Did, Operator, values
from identity.clock import Instant
from identity.errors import DomainError

Scalar = str | int | float | bool
Path = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
EventName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Test = Callable[[Mapping[str, Any]], bool]

# A touchpoint is remembered with the properties that some journey asks for, and no more of each than this.
MOST_VALUES = 100
LONGEST_VALUE = 512


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A comparison of one property with a value (a list for `in`, true or false for `exists`).

    `property` is a path with dots ("cart.total"); on the way through a list every element counts, and one that agrees is enough.
    """

    property: Path
    op: Operator
    value: Scalar | tuple[Scalar, ...]


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A kind of touchpoint: its event, and filters that must all agree.

    `key`: the path of a property that must equal the key of the enrolment (the cart of an abandoned cart).
    `of`: the send node of this journey whose message the touchpoint must be a reaction to.
    """

    event: EventName
    where: tuple[Filter, ...] = ()
    key: str = ""
    of: str = ""

    def __post_init__(self) -> None:
        compiled(self.event, self.where)

    @cached_property
    def agrees(self) -> Test:
        """The filters as one function of the properties."""
        return compiled(self.event, self.where)

    def paths(self) -> frozenset[str]:
        """Return the properties that must be remembered to decide this match."""
        return frozenset(one.property for one in self.where) | ({self.key} if self.key else set())


class Seen(msgspec.Struct, frozen=True):
    """A touchpoint as journeys remember it. `delivery` is the key of the message that it reacts to, or ""."""

    number: int
    event: str
    at: Instant
    delivery: str = ""
    properties: Mapping[str, Any] = {}


def compiled(event: str, where: tuple[Filter, ...]) -> Test:
    """Return the filters as one function. Raises ValueError when one of them makes no sense."""
    form = msgspec.json.decode(msgspec.json.encode(where))
    try:
        rule = reading.parse({"did": event or "any", "within_days": 1, "where": form})
    except DomainError as error:
        raise ValueError(error.message.removeprefix("rule.")) from error
    return compile_filters(rule.where if isinstance(rule, Did) else ())


def digest(properties: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return what of the properties is remembered: what lies at these paths, in its place."""
    tree: dict[str, Any] = {}
    whole: dict[str, Any] = {}
    for path in sorted(paths):
        if path in properties:
            whole[path] = _leaf(properties[path])
            continue
        branch = tree
        for name in path.split("."):
            branch = branch.setdefault(name, {})
    return {**_pruned(properties, tree), **whole}


def _pruned(value: Any, tree: Mapping[str, Any]) -> Any:
    if not tree:
        return _leaf(value)
    if isinstance(value, list):
        return [_pruned(one, tree) for one in value[:MOST_VALUES] if isinstance(one, dict)]
    if not isinstance(value, Mapping):
        return None
    return {name: _pruned(value[name], branch) for name, branch in tree.items() if name in value}


def _leaf(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST_VALUE]
    if isinstance(value, list):
        return [_leaf(one) for one in value[:MOST_VALUES] if not isinstance(one, list | dict)]
    return {} if isinstance(value, dict) else value


def meets(match: Match, seen: Seen, *, enrolment: int, key: str) -> bool:
    """Tell whether a remembered touchpoint is of this kind, for one enrolment."""
    if seen.event != match.event:
        return False
    if match.of and not seen.delivery.startswith(f"{enrolment}:{match.of}:"):
        return False
    if match.key and key != key_at(seen.properties, match.key):
        return False
    return match.agrees(seen.properties)


def key_at(properties: Mapping[str, Any], path: str) -> str:
    """Return the key that a touchpoint carries at a path, "" when there is none; 42, 42.0 and "42" are one cart."""
    for value in values(properties, path):
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)[:200]
    return ""
