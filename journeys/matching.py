"""Which touchpoints a journey looks at: filters over properties, and matches of an event. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from identity.clock import Instant

Value = str | float | int | bool
Operator = Literal["eq", "ne", "gt", "ge", "lt", "le", "contains", "in", "exists", "absent"]
Path = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
EventName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

# A touchpoint is remembered with the values that some journey asks for, and no more of it than this.
MOST_VALUES = 100
LONGEST_VALUE = 500

# An open that no person made is no reaction.
NOT_HUMAN = frozenset({"machine_suspected", "proxy"})


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A comparison of one property with `value` (a list for `in`, nothing for `exists` and `absent`).

    `field` is a path with dots ("cart.total"); on the way through a list every element counts, and one that agrees is enough.
    """

    field: Path
    op: Operator = "eq"
    value: Value | tuple[Value, ...] | None = None


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of touchpoint: its event, and filters that must all agree.

    `key`: the path of a property that must equal the key of the enrolment (the cart of an abandoned cart).
    `of`: the send node of this journey whose message the touchpoint must be a reaction to.
    """

    event: EventName
    where: tuple[Filter, ...] = ()
    key: str = ""
    of: str = ""

    def paths(self) -> frozenset[str]:
        """Return the properties that must be remembered to decide this match."""
        return frozenset(filter_.field for filter_ in self.where) | (
            {self.key} if self.key else set()
        )


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A touchpoint as journeys remember it. `delivery` is the key of the message that it reacts to, or ""."""

    number: int
    event: str
    at: Instant
    delivery: str = ""
    values: Mapping[str, Sequence[Value]] = {}


def values_at(properties: Mapping[str, Any], path: str) -> list[Value]:
    """Return the plain values at a path, in order; none when it leads nowhere."""
    found: list[Any] = [properties]
    for name in path.split("."):
        found = [
            item[name]
            for item in _flat(found)
            if isinstance(item, Mapping) and item.get(name) is not None
        ]
    return [
        item[:LONGEST_VALUE] if isinstance(item, str) else item
        for item in _flat(found)
        if isinstance(item, str | int | float)
    ][:MOST_VALUES]


def _flat(items: Iterable[Any]) -> Iterable[Any]:
    for item in items:
        if isinstance(item, list | tuple):
            yield from item
        else:
            yield item


def digest(properties: Mapping[str, Any], paths: Iterable[str]) -> dict[str, list[Value]]:
    """Return what of the properties is remembered: the values at these paths."""
    return {path: values for path in sorted(paths) if (values := values_at(properties, path))}


def agrees(filter_: Filter, values: Sequence[Value]) -> bool:
    """Tell whether the values of the filter's field satisfy it; values of another type than asked for never do."""
    match filter_.op:
        case "exists":
            return bool(values)
        case "absent":
            return not values
        case "ne":
            return not any(_equal(value, filter_.value) for value in values)
        case _:
            return any(_compare(filter_.op, value, filter_.value) for value in values)


def _compare(operator: str, value: Value, wanted: Any) -> bool:
    match operator:
        case "eq":
            return _equal(value, wanted)
        case "in":
            return isinstance(wanted, tuple) and any(_equal(value, one) for one in wanted)
        case "contains":
            return isinstance(value, str) and isinstance(wanted, str) and wanted in value
        case _:
            return _ordered(operator, value, wanted)


def _equal(value: Value, wanted: Any) -> bool:
    return _sort(value) == _sort(wanted) and bool(value == wanted)


def _ordered(operator: str, value: Any, wanted: Any) -> bool:
    if _sort(value) != _sort(wanted) or _sort(value) not in {"number", "text"}:
        return False
    match operator:
        case "gt":
            return bool(value > wanted)
        case "ge":
            return bool(value >= wanted)
        case "lt":
            return bool(value < wanted)
        case _:
            return bool(value <= wanted)


def _sort(value: Any) -> str:
    """Return what a value compares with; a flag is no number here, though Python takes True for 1."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "nothing"


def meets(match: Match, seen: Seen, *, enrolment: int, key: str) -> bool:
    """Tell whether a remembered touchpoint is of this kind, for one enrolment."""
    if seen.event != match.event:
        return False
    if match.of and not seen.delivery.startswith(f"{enrolment}:{match.of}:"):
        return False
    if match.key and key not in map(as_key, seen.values.get(match.key, ())):
        return False
    return all(agrees(filter_, seen.values.get(filter_.field, ())) for filter_ in match.where)


def as_key(value: Value) -> str:
    """Return a property's value as the key of an enrolment; 42 and 42.0 and "42" are one cart."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)[:200]


def is_human(event: str, properties: Mapping[str, Any]) -> bool:
    """Tell whether a touchpoint may count as a reaction: an open by a machine or through a proxy does not."""
    return event != "Email Opened" or properties.get("open_kind") not in NOT_HUMAN
