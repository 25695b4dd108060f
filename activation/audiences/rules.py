"""What an audience's rule says, as a tree of frozen values. No Django, no clock.

A rule is about one person at one instant:

- a trait or a counter of the profile compared with a value,
- "did X at least n times in the last d days", with filters on the touchpoint's properties,
- `And`, `Or` and `Not` of these.

Comparing never fails. What is absent, or of another kind than the value (a number against text), does not hold; `ne` is the
plain negation of `eq`, so it holds for who has no such trait. `reading` turns JSON into rules; `compiling` turns them into code.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec

from identity.clock import DAY, Instant

Scalar = str | int | float | bool


class Operator(StrEnum):
    """How a found value is compared. `before` is <, `after` is >=, both of instants."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    CONTAINS = "contains"
    IN = "in"
    EXISTS = "exists"
    BEFORE = "before"
    AFTER = "after"


class Counter(StrEnum):
    """What every profile counts. Revenue is in minor units (cents) of the currency named beside it."""

    ORDERS = "orders"
    REVENUE = "revenue"
    FIRST_SEEN = "first_seen"
    LAST_SEEN = "last_seen"

    @property
    def is_instant(self) -> bool:
        return self in {Counter.FIRST_SEEN, Counter.LAST_SEEN}


@dataclass(frozen=True, slots=True)
class Relative:
    """A moment so many days from now; negative days lie in the past."""

    days: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A fixed moment; `text` is how it was written (ISO 8601)."""

    instant: Instant
    text: str


Value = Scalar | tuple[Scalar, ...] | Relative | Moment


@dataclass(frozen=True, slots=True)
class TraitCompare:
    """A trait compared with a value. A dot in the name leads into a nested trait, unless the whole name is a trait itself."""

    trait: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class CounterCompare:
    """A counter compared with a number, or for the two instants with a moment."""

    counter: Counter
    operator: Operator
    value: Value
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """A property of a touchpoint compared with a value; a path through a list holds when any element does."""

    property: str
    operator: Operator
    value: Value


@dataclass(frozen=True)
class Did:
    """At least so many touchpoints of this event, all filters holding, in the last so many days.

    A touchpoint counts from when it is known until exactly `within_days` x 24 h after it happened.
    """

    event: str
    at_least: int = 1
    within_days: int = 30
    where: tuple[Filter, ...] = ()

    @property
    def window(self) -> Instant:
        return self.within_days * DAY

    @cached_property
    def key(self) -> str:
        """The same for equal predicates, wherever they stand: they share what is stored."""
        return hashlib.sha256(msgspec.json.encode(to_json(self), order="sorted")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class And:
    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Or:
    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Not:
    rule: "Rule"


Rule = TraitCompare | CounterCompare | Did | And | Or | Not


def leaves(rule: Rule) -> Iterator[TraitCompare | CounterCompare | Did]:
    """Yield what the rule is made of, from left to right."""
    match rule:
        case And(rules) | Or(rules):
            for part in rules:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield rule


def predicates(rule: Rule) -> tuple[Did, ...]:
    """Return the behavioural leaves, each once, in their order."""
    return tuple({leaf.key: leaf for leaf in leaves(rule) if isinstance(leaf, Did)}.values())


def to_json(rule: Rule) -> dict[str, Any]:
    """Return the JSON form, which `reading.parse` turns back into an equal rule."""
    match rule:
        case And(rules):
            return {"and": [to_json(part) for part in rules]}
        case Or(rules):
            return {"or": [to_json(part) for part in rules]}
        case Not(part):
            return {"not": to_json(part)}
        case TraitCompare(trait, operator, value):
            return {"trait": trait, "op": operator.value, "value": _plain(value)}
        case CounterCompare(counter, operator, value, currency):
            named = {"currency": currency} if currency else {}
            return {
                "counter": counter.value,
                **named,
                "op": operator.value,
                "value": _plain(value),
            }
        case Did():
            return _did(rule)


def _did(did: Did) -> dict[str, Any]:
    where = [
        {"property": one.property, "op": one.operator.value, "value": _plain(one.value)}
        for one in did.where
    ]
    form: dict[str, Any] = {
        "did": did.event,
        "at_least": did.at_least,
        "within_days": did.within_days,
    }
    return {**form, "where": where} if where else form


def _plain(value: Value) -> Any:
    match value:
        case Relative(days):
            return {"days": days}
        case Moment(text=text):
            return text
        case tuple():
            return list(value)
        case _:
            return value


def values(found: Mapping[str, Any], path: str) -> list[Any]:
    """Return every value at a dotted path; a list on the way is entered, one at the end is returned whole."""
    if path in found:
        return [found[path]]
    reached: list[Any] = [found]
    for name in path.split("."):
        steps = [part for one in reached for part in (one if isinstance(one, list) else [one])]
        reached = [one[name] for one in steps if isinstance(one, dict) and name in one]
    return reached
