"""The words that a template may use: a small part of Django's template language, without files, clocks and escapes.

No {% load %}, {% include %} or |safe; what HTML is made of is escaped. A placeholder without a value is an error that names it,
unless it says its own default: {{ traits.city|default:"your town" }}.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from django.template import (
    Context,
    Library,
    TemplateSyntaxError,
    VariableDoesNotExist,
    defaultfilters,
    defaulttags,
)
from django.template import Template as DjangoTemplate
from django.template.base import FilterExpression, Node, VariableNode
from django.template.engine import Engine

from identity.errors import DomainError

LONGEST = 200_000  # characters of one rendered part

_FILTERS = (
    "capfirst",
    "default",
    "default_if_none",
    "first",
    "floatformat",
    "join",
    "last",
    "length",
    "lower",
    "pluralize",
    "title",
    "truncatechars",
    "truncatewords",
    "upper",
    "urlencode",
    "yesno",
)
register = Library()
for _name in _FILTERS:
    register.filters[_name] = defaultfilters.register.filters[_name]
for _name in ("if", "for", "with", "firstof", "comment", "spaceless"):
    register.tags[_name] = defaulttags.register.tags[_name]


class BadTemplate(DomainError):
    """A template that cannot be read; the message says where."""

    status = 400


class MissingValue(Exception):
    """A placeholder without a value and without a default; holds its name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no value for {name}")
        self.name = name


class _Missing(str):
    """What Django puts in for a missing value: asked to format itself, it refuses."""

    __slots__ = ()

    def __mod__(self, variable: Any) -> str:
        raise MissingValue(str(variable))


class _Engine(Engine):
    default_builtins = ["activation.deliveries.markup"]


_ENGINES = {
    html: _Engine(autoescape=html, string_if_invalid=_Missing("%s"), loaders=[])
    for html in (False, True)
}


class _Optional:
    """A variable with a default behind it: empty when missing, since Django applies no filter to what is missing."""

    def __init__(self, variable: Any) -> None:
        self._variable = variable
        self.lookups = variable.lookups

    def resolve(self, context: Context) -> Any:
        try:
            return self._variable.resolve(context)
        except VariableDoesNotExist:
            return ""


class Markup:
    """A parsed template. `names`: the dotted names it uses."""

    def __init__(self, source: str, *, html: bool) -> None:
        try:
            self._template = DjangoTemplate(source, engine=_ENGINES[html])
        except TemplateSyntaxError as error:
            raise BadTemplate("bad_template", str(error)) from error
        self._html = html
        self.names = frozenset(
            name for one in _placeholders(self._template) if (name := _dotted(one))
        )
        for one in _placeholders(self._template):
            if _has_default(one):
                one.var = _Optional(one.var)

    def render(self, values: Mapping[str, Any]) -> str:
        """Fill in the values (plain JSON values). Raises MissingValue."""
        context = Context(dict(values), autoescape=self._html)
        return str(self._template.render(context))[:LONGEST]


@lru_cache(maxsize=1_000)
def parse(source: str, *, html: bool = False) -> Markup:
    """Read a template, once per text. Raises BadTemplate."""
    return Markup(source, html=html)


def _placeholders(template: DjangoTemplate) -> Iterator[FilterExpression]:
    """Yield every expression: those that print, and those in the conditions and loops of tags."""
    for node in template.nodelist.get_nodes_by_type(Node):
        if isinstance(node, VariableNode):
            yield node.filter_expression
        for value in vars(node).values():
            yield from _expressions(value)


def _expressions(value: Any) -> Iterator[FilterExpression]:
    if isinstance(value, FilterExpression):
        yield value
    elif isinstance(value, list | tuple) and not hasattr(value, "get_nodes_by_type"):
        for part in value:
            yield from _expressions(part)
    elif isinstance(value, dict):
        yield from _expressions(list(value.values()))
    elif type(value).__module__.startswith("django.template"):
        for name in ("first", "second", "value"):  # the operators of {% if %}
            yield from _expressions(getattr(value, name, None))


def _dotted(expression: FilterExpression) -> str:
    lookups = getattr(expression.var, "lookups", None)
    return ".".join(lookups) if lookups else ""


def _has_default(expression: FilterExpression) -> bool:
    filters = [one[0] for one in expression.filters]
    return bool(_dotted(expression)) and defaultfilters.default in filters
