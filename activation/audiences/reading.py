"""Reads a rule from JSON; every complaint names the place in the rule.

reading.parse({"and": [{"trait": "plan", "op": "eq", "value": "gold"}, {"did": "Order Completed", "within_days": 30}]})
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from activation.audiences import moments
from activation.audiences.rules import (
    And,
    Counter,
    CounterCompare,
    Did,
    Filter,
    Moment,
    Not,
    Operator,
    Or,
    Relative,
    Rule,
    Scalar,
    TraitCompare,
    Value,
    leaves,
)
from identity.errors import DomainError

_Choice = TypeVar("_Choice", Operator, Counter)

MAX_DEPTH = 20
MAX_PARTS = 50
MAX_LEAVES = 200
MAX_VALUES = 1_000
MAX_TEXT = 512
MAX_TIMES = 1_000
MAX_DAYS = 3_650
MAX_FILTERS = 10

_SHAPES = {
    "and": {"and"},
    "or": {"or"},
    "not": {"not"},
    "trait": {"trait", "op", "value"},
    "counter": {"counter", "op", "value", "currency"},
    "did": {"did", "at_least", "within_days", "where"},
}
_ORDER = {Operator.LT, Operator.LE, Operator.GT, Operator.GE}
_MOMENTS = {Operator.BEFORE, Operator.AFTER}
_NUMBERS = _ORDER | {Operator.EQ, Operator.NE}


class BadRule(DomainError):
    """A rule that cannot be read; the message begins with the place."""

    status = 422

    def __init__(self, path: str, message: str) -> None:
        super().__init__("bad_rule", f"{path}: {message}")
        self.path = path


def parse(form: Any) -> Rule:
    """Return the rule that the JSON value says. Raises BadRule."""
    rule = _rule(form, "rule", MAX_DEPTH)
    if sum(1 for _ in leaves(rule)) > MAX_LEAVES:
        raise BadRule("rule", f"has more than {MAX_LEAVES} conditions")
    return rule


def _rule(form: Any, path: str, depth: int) -> Rule:
    if depth == 0:
        raise BadRule(path, f"nested more than {MAX_DEPTH} levels deep")
    if not isinstance(form, Mapping):
        raise BadRule(path, f"must be an object, not {_kind(form)}")
    kinds = [kind for kind in _SHAPES if kind in form]
    if len(kinds) != 1:
        raise BadRule(path, f"must have exactly one of {', '.join(_SHAPES)}")
    kind = kinds[0]
    unknown = sorted(set(form) - _SHAPES[kind], key=str)
    if unknown:
        raise BadRule(f"{path}.{unknown[0]}", f"is not known beside {kind!r}")
    return _READERS[kind](form, path, depth - 1)


def _parts(form: Any, path: str, depth: int) -> tuple[Rule, ...]:
    if not isinstance(form, list) or not 1 <= len(form) <= MAX_PARTS:
        raise BadRule(path, f"must be a list of 1 to {MAX_PARTS} rules")
    return tuple(_rule(part, f"{path}[{place}]", depth) for place, part in enumerate(form))


def _and(form: Mapping[str, Any], path: str, depth: int) -> Rule:
    return And(_parts(form["and"], f"{path}.and", depth))


def _or(form: Mapping[str, Any], path: str, depth: int) -> Rule:
    return Or(_parts(form["or"], f"{path}.or", depth))


def _not(form: Mapping[str, Any], path: str, depth: int) -> Rule:
    return Not(_rule(form["not"], f"{path}.not", depth))


def _trait(form: Mapping[str, Any], path: str, _depth: int) -> Rule:
    operator = _operator(form, path, set(Operator))
    name = _text(form["trait"], f"{path}.trait")
    return TraitCompare(name, operator, _value(form, path, operator))


def _counter(form: Mapping[str, Any], path: str, _depth: int) -> Rule:
    counter = _choice(form["counter"], Counter, f"{path}.counter")
    operator = _operator(form, path, _MOMENTS if counter.is_instant else _NUMBERS)
    value = _value(form, path, operator)
    if not counter.is_instant and (isinstance(value, bool) or not isinstance(value, int)):
        raise BadRule(f"{path}.value", f"must be a whole number, not {_kind(value)}")
    return CounterCompare(counter, operator, value, _currency(form, path, counter))


def _currency(form: Mapping[str, Any], path: str, counter: Counter) -> str:
    currency = form.get("currency", "")
    if counter is not Counter.REVENUE:
        if currency:
            raise BadRule(f"{path}.currency", f"means nothing for {counter.value!r}")
        return ""
    code = isinstance(currency, str) and len(currency) == 3  # noqa: PLR2004 - ISO 4217
    if not (code and currency.isascii() and currency.isupper()):
        raise BadRule(f"{path}.currency", "must be a currency code such as EUR")
    return str(currency)


def _did(form: Mapping[str, Any], path: str, _depth: int) -> Rule:
    where = form.get("where", [])
    if not isinstance(where, list) or len(where) > MAX_FILTERS:
        raise BadRule(f"{path}.where", f"must be a list of up to {MAX_FILTERS} filters")
    return Did(
        event=_text(form["did"], f"{path}.did"),
        at_least=_whole(form.get("at_least", 1), f"{path}.at_least", MAX_TIMES),
        within_days=_whole(form.get("within_days"), f"{path}.within_days", MAX_DAYS),
        where=tuple(_filter(one, f"{path}.where[{place}]") for place, one in enumerate(where)),
    )


def _filter(form: Any, path: str) -> Filter:
    if not isinstance(form, Mapping) or set(form) != {"property", "op", "value"}:
        raise BadRule(path, "must be an object with property, op and value")
    operator = _operator(form, path, set(Operator) - _MOMENTS)
    return Filter(
        _text(form["property"], f"{path}.property"), operator, _value(form, path, operator)
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any], str, int], Rule]] = {
    "and": _and,
    "or": _or,
    "not": _not,
    "trait": _trait,
    "counter": _counter,
    "did": _did,
}


# --- Values ---


def _operator(form: Mapping[str, Any], path: str, allowed: set[Operator]) -> Operator:
    operator = _choice(form.get("op"), Operator, f"{path}.op")
    if operator not in allowed:
        names = ", ".join(one.value for one in Operator if one in allowed)
        raise BadRule(f"{path}.op", f"must be one of {names} here")
    return operator


def _value(form: Mapping[str, Any], path: str, operator: Operator) -> Value:
    if "value" not in form:
        raise BadRule(path, "lacks value")
    value, place = form["value"], f"{path}.value"
    if operator in _MOMENTS:
        return _moment(value, place)
    if operator is Operator.EXISTS:
        if not isinstance(value, bool):
            raise BadRule(place, "must be true or false")
        return value
    if operator is Operator.IN:
        return _several(value, place)
    scalar = _scalar(value, place)
    if operator in _ORDER and isinstance(scalar, bool):
        raise BadRule(place, "true and false have no order")
    return scalar


def _moment(value: Any, path: str) -> Value:
    if isinstance(value, Mapping) and set(value) == {"days"}:
        days = value["days"]
        if isinstance(days, bool) or not isinstance(days, int) or abs(days) > MAX_DAYS:
            raise BadRule(f"{path}.days", f"must be a whole number from -{MAX_DAYS} to {MAX_DAYS}")
        return Relative(days)
    instant = moments.instant(value)
    if instant is None:
        raise BadRule(path, 'must be a date in ISO 8601, or {"days": n} from now')
    return Moment(instant, str(value))


def _several(value: Any, path: str) -> tuple[Scalar, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
        raise BadRule(path, f"must be a list of 1 to {MAX_VALUES} values")
    return tuple(_scalar(one, f"{path}[{place}]") for place, one in enumerate(value))


def _scalar(value: Any, path: str) -> Scalar:
    if isinstance(value, str):
        return _text(value, path, least=0)
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise BadRule(path, f"must be text, a number, true or false, not {_kind(value)}")


def _text(value: Any, path: str, *, least: int = 1) -> str:
    if not isinstance(value, str) or not least <= len(value) <= MAX_TEXT or "\x00" in value:
        raise BadRule(path, f"must be text of {least} to {MAX_TEXT} characters")
    return value


def _whole(value: Any, path: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise BadRule(path, f"must be a whole number from 1 to {most}")
    return value


def _choice(value: Any, kind: type[_Choice], path: str) -> _Choice:
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(one.value for one in kind)
        raise BadRule(path, f"must be one of {names}") from None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return "nothing" if value is None else names.get(type(value), "a number")
