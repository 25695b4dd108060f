"""A rule as a sentence, in the reader's language."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

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
    TraitCompare,
    Value,
)

_COMPARED: Mapping[Operator, Promise] = {
    Operator.EQ: gettext_lazy("%(name)s is %(value)s"),
    Operator.NE: gettext_lazy("%(name)s is not %(value)s"),
    Operator.LT: gettext_lazy("%(name)s is less than %(value)s"),
    Operator.LE: gettext_lazy("%(name)s is at most %(value)s"),
    Operator.GT: gettext_lazy("%(name)s is more than %(value)s"),
    Operator.GE: gettext_lazy("%(name)s is at least %(value)s"),
    Operator.CONTAINS: gettext_lazy("%(name)s contains %(value)s"),
    Operator.IN: gettext_lazy("%(name)s is one of %(value)s"),
    Operator.BEFORE: gettext_lazy("%(name)s is before %(value)s"),
    Operator.AFTER: gettext_lazy("%(name)s is not before %(value)s"),
}
_COUNTERS: Mapping[Counter, Promise] = {
    Counter.ORDERS: gettext_lazy("number of orders"),
    Counter.REVENUE: gettext_lazy("revenue in cents"),
    Counter.FIRST_SEEN: gettext_lazy("first seen"),
    Counter.LAST_SEEN: gettext_lazy("last seen"),
}


def sentence(rule: Rule) -> str:
    """Say what the rule means."""
    match rule:
        case And(rules):
            return _(" and ").join(map(_part, rules))
        case Or(rules):
            return _(" or ").join(map(_part, rules))
        case Not(part):
            return _("not (%(rule)s)") % {"rule": sentence(part)}
        case TraitCompare(name, operator, value):
            return _compared(name, operator, value)
        case CounterCompare(counter, operator, value, currency):
            name = f"{_COUNTERS[counter]} {currency}".strip()
            return _compared(name, operator, value)
        case Did():
            return _did(rule)


def _part(rule: Rule) -> str:
    said = sentence(rule)
    return f"({said})" if isinstance(rule, And | Or) else said


def _compared(name: str, operator: Operator, value: Value) -> str:
    if operator is Operator.EXISTS:
        known = _("%(name)s is known") if value else _("%(name)s is not known")
        return known % {"name": name}
    return str(_COMPARED[operator]) % {"name": name, "value": _value(value)}


def _value(value: Value) -> str:
    match value:
        case Relative(days):
            return _days(days)
        case Moment(text=text):
            return text
        case tuple():
            return ", ".join(map(_value, value))
        case str():
            return f"“{value}”"
        case bool():
            return _("true") if value else _("false")
        case _:
            return str(value)


def _days(days: int) -> str:
    if days == 0:
        return _("now")
    if days < 0:
        return ngettext("%(days)d day ago", "%(days)d days ago", -days) % {"days": -days}
    return ngettext("%(days)d day from now", "%(days)d days from now", days) % {"days": days}


def _did(did: Did) -> str:
    times = ngettext("at least once", "at least %(times)d times", did.at_least)
    days = ngettext("in the last day", "in the last %(days)d days", did.within_days)
    said = _("did “%(event)s” %(times)s %(days)s") % {
        "event": did.event,
        "times": times % {"times": did.at_least} if did.at_least > 1 else times,
        "days": days % {"days": did.within_days} if did.within_days > 1 else days,
    }
    if not did.where:
        return said
    return _("%(did)s where %(filters)s") % {
        "did": said,
        "filters": _(" and ").join(map(_filter, did.where)),
    }


def _filter(one: Filter) -> str:
    return _compared(one.property, one.operator, one.value)
