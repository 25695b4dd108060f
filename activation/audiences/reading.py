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
from identity.texts import gettext

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
        raise BadRule(
            "rule", gettext("has more than %(max_leaves)s conditions") % {"max_leaves": MAX_LEAVES}
        )
    return rule


def _rule(form: Any, path: str, depth: int) -> Rule:
    if depth == 0:
        raise BadRule(
            path, gettext("nested more than %(max_depth)s levels deep") % {"max_depth": MAX_DEPTH}
        )
    if not isinstance(form, Mapping):
        raise BadRule(path, gettext("must be an object, not %(form)s") % {"form": _kind(form)})
    kinds = [kind for kind in _SHAPES if kind in form]
    if len(kinds) != 1:
        raise BadRule(
            path, gettext("must have exactly one of %(shapes)s") % {"shapes": ", ".join(_SHAPES)}
        )
    kind = kinds[0]
    unknown = sorted(set(form) - _SHAPES[kind], key=str)
    if unknown:
        raise BadRule(
            f"{path}.{unknown[0]}", gettext("is not known beside %(kind)r") % {"kind": kind}
        )
    return _READERS[kind](form, path, depth - 1)


def _parts(form: Any, path: str, depth: int) -> tuple[Rule, ...]:
    if not isinstance(form, list) or not 1 <= len(form) <= MAX_PARTS:
        raise BadRule(
            path, gettext("must be a list of 1 to %(max_parts)s rules") % {"max_parts": MAX_PARTS}
        )
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
        raise BadRule(
            f"{path}.value",
            gettext("must be a whole number, not %(value)s") % {"value": _kind(value)},
        )
    return CounterCompare(counter, operator, value, _currency(form, path, counter))


def _currency(form: Mapping[str, Any], path: str, counter: Counter) -> str:
    currency = form.get("currency", "")
    if counter is not Counter.REVENUE:
        if currency:
            raise BadRule(
                f"{path}.currency",
                gettext("means nothing for %(value)r") % {"value": counter.value},
            )
        return ""
    code = isinstance(currency, str) and len(currency) == 3  # noqa: PLR2004 - ISO 4217
    if not (code and currency.isascii() and currency.isupper()):
        raise BadRule(f"{path}.currency", gettext("must be a currency code such as EUR"))
    return str(currency)


def _did(form: Mapping[str, Any], path: str, _depth: int) -> Rule:
    where = form.get("where", [])
    if not isinstance(where, list) or len(where) > MAX_FILTERS:
        raise BadRule(
            f"{path}.where",
            gettext("must be a list of up to %(max_filters)s filters")
            % {"max_filters": MAX_FILTERS},
        )
    return Did(
        event=_text(form["did"], f"{path}.did"),
        at_least=_whole(form.get("at_least", 1), f"{path}.at_least", MAX_TIMES),
        within_days=_whole(form.get("within_days"), f"{path}.within_days", MAX_DAYS),
        where=tuple(_filter(one, f"{path}.where[{place}]") for place, one in enumerate(where)),
    )


def _filter(form: Any, path: str) -> Filter:
    if not isinstance(form, Mapping) or set(form) != {"property", "op", "value"}:
        raise BadRule(path, gettext("must be an object with property, op and value"))
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
        raise BadRule(f"{path}.op", gettext("must be one of %(names)s here") % {"names": names})
    return operator


def _value(form: Mapping[str, Any], path: str, operator: Operator) -> Value:
    if "value" not in form:
        raise BadRule(path, gettext("lacks value"))
    value, place = form["value"], f"{path}.value"
    if operator in _MOMENTS:
        return _moment(value, place)
    if operator is Operator.EXISTS:
        if not isinstance(value, bool):
            raise BadRule(place, gettext("must be true or false"))
        return value
    if operator is Operator.IN:
        return _several(value, place)
    scalar = _scalar(value, place)
    if operator in _ORDER and isinstance(scalar, bool):
        raise BadRule(place, gettext("true and false have no order"))
    return scalar


def _moment(value: Any, path: str) -> Value:
    if isinstance(value, Mapping) and set(value) == {"days"}:
        days = value["days"]
        if isinstance(days, bool) or not isinstance(days, int) or abs(days) > MAX_DAYS:
            raise BadRule(
                f"{path}.days",
                gettext("must be a whole number from -%(max_days)s to %(max_days2)s")
                % {"max_days": MAX_DAYS, "max_days2": MAX_DAYS},
            )
        return Relative(days)
    instant = moments.instant(value)
    if instant is None:
        raise BadRule(path, gettext('must be a date in ISO 8601, or {"days": n} from now'))
    return Moment(instant, str(value))


def _several(value: Any, path: str) -> tuple[Scalar, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
        raise BadRule(
            path,
            gettext("must be a list of 1 to %(max_values)s values") % {"max_values": MAX_VALUES},
        )
    return tuple(_scalar(one, f"{path}[{place}]") for place, one in enumerate(value))


def _scalar(value: Any, path: str) -> Scalar:
    if isinstance(value, str):
        return _text(value, path, least=0)
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise BadRule(
        path,
        gettext("must be text, a number, true or false, not %(value)s") % {"value": _kind(value)},
    )


def _text(value: Any, path: str, *, least: int = 1) -> str:
    if not isinstance(value, str) or not least <= len(value) <= MAX_TEXT or "\x00" in value:
        raise BadRule(
            path,
            gettext("must be text of %(least)s to %(max_text)s characters")
            % {"least": least, "max_text": MAX_TEXT},
        )
    return value


def _whole(value: Any, path: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise BadRule(path, gettext("must be a whole number from 1 to %(most)s") % {"most": most})
    return value


def _choice(value: Any, kind: type[_Choice], path: str) -> _Choice:
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(one.value for one in kind)
        raise BadRule(path, gettext("must be one of %(names)s") % {"names": names}) from None


def _kind(value: Any) -> str:
    names = {
        dict: gettext("an object"),
        list: gettext("a list"),
        str: gettext("text"),
        bool: gettext("true or false"),
    }
    return gettext("nothing") if value is None else names.get(type(value), gettext("a number"))
