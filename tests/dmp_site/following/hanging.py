"""All rows of the product's tables, in words that do not depend on row ids, with the identifiers that each hangs on.

No table is listed: they are found by walking the models. A column leads to a person when it is a relation to an identifier or a
profile, when it is a relation to a row that hangs on one, when its name says so (`identifier` and the like, the two ends of a pair), or when it is a key that is
made of an enrolment's. A table in which nothing leads to a person is everybody's: it is compared as well.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from django.apps import apps
from django.db.models import CompositePrimaryKey, ForeignKey, Model, UniqueConstraint

from benchmarks.road.digest import Names
from identity.clock import from_datetime
from identity.fields import InstantField
from identity.graph import store
from identity.profiles.models import Identifier, Profile
from identity.touchpoints.types import Touchpoint

APPS = frozenset({"identity", "activation", "journeys", "dmp_site"})
_STORE = "identity.graph.models"  # the evidence itself; read through the port of the store
_CALLED = re.compile(
    r"(.*_)?(identifiers?|founder|owners?|profiles?|person)"
)  # what a person is called in a column
_BEHIND = re.compile(r"(?:identity\.)?(?:identifier|profile):(.+)")
_OBJECT = re.compile(rf"({'|'.join(sorted(APPS))})\.(\w+):(\d+)")  # of an audit entry
_SOURCE = re.compile(r"source:(\d+)")
# Columns that hold a row id without being a relation, where the table is not called as the column is.
_ROWS = {
    "rival": "enrolment",
    "version": "journeyversion",
    "owner": "identifier",
    "list": "partnerlist",
}
TIMELINE = "timeline"
_ENDS = {"a", "b"}  # of a pair of identifiers
_KEY = Identifier._meta.get_field("key").max_length
_SEALED = "sealed"
_COUNTING = "sequence"  # numbers the rows of one owner, whatever they are
_COUNTS = {
    "steps",
    "visits",
    "taken",
}  # of a run's place: how often, and when, by names that people gave


@dataclass(frozen=True)
class Row:
    """One row. `words`: column -> what it says. `owners`: keys and profile ids that it hangs on. `parents`: rows that it is part of."""

    table: str
    words: Mapping[str, Any]
    owners: frozenset[str] = frozenset()
    parents: frozenset[str] = frozenset()
    name: str = ""
    is_logged: bool = False  # a line of a log: nothing but its number tells it from others

    @property
    def text(self) -> bytes:
        return msgspec.json.encode([self.table, self.words], order="deterministic")


@dataclass
class Reading:
    """Everything that is stored at one moment. `hanging`: the tables whose rows hang on people."""

    rows: list[Row] = field(default_factory=list)
    hanging: set[str] = field(default_factory=set)


def models() -> list[type[Model]]:
    """Return the product's tables, without those of the graph store."""
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in APPS and not _is_stored(model) and model._meta.managed
    ]


def _is_stored(model: type[Model]) -> bool:
    """Say whether a table is the graph store's; the policies beside it are not."""
    return model.__module__ == _STORE and model.__name__.startswith("Graph")


def hangs(model: type[Model]) -> bool:
    """Say whether the table's rows hang on people."""
    return model in _leading()


@cache
def _leading() -> dict[type[Model], tuple[str, ...]]:
    """Return the tables whose rows hang on people, each with the columns that lead to one."""
    found: dict[type[Model], tuple[str, ...]] = {Identifier: ("key",), Profile: ("uid",)}
    known = -1
    while known != len(found):  # what hangs on what hangs, too
        known = len(found)
        for model in models():
            if names := tuple(each.name for each in _columns(model) if _leads(each, found)):
                found[model] = names
    return found


def _leads(column: Any, found: Mapping[type[Model], Any]) -> bool:
    if isinstance(column, ForeignKey):
        return column.related_model in found
    ends = column.name in _ENDS and column.max_length == _KEY
    return ends or _CALLED.fullmatch(column.name) is not None or _is_run_key(column)


def _is_run_key(column: Any) -> bool:
    """Say whether a column is the key of a message: the ledger's and the deliveries' have 200 characters."""
    return column.name in {"key", "ledger_key"} and column.max_length == 200 and column.unique


def _columns(model: type[Model]) -> list[Any]:
    return [each for each in model._meta.concrete_fields if not _is_number(each)]


def _is_log(model: type[Model]) -> bool:
    unique = [each for each in _columns(model) if each.unique or each.primary_key]
    constraints = [each for each in model._meta.constraints if isinstance(each, UniqueConstraint)]
    return not unique and not constraints and _is_number(model._meta.pk)


def _is_number(column: Any) -> bool:
    """Say whether a column only numbers the rows of its table."""
    return (
        column.primary_key
        and not column.is_relation
        and column.get_internal_type().endswith("AutoField")
    )


def read() -> Reading:
    """Read every table."""
    names, found = _Words(), Reading()
    found.rows += names.timeline()
    for model in models():
        if hangs(model):
            found.hanging.add(model._meta.label)
        found.rows += (names.row(one) for one in model._default_manager.order_by("pk"))
    return found


class _Words:
    """What stands for row ids."""

    def __init__(self) -> None:
        self._names = Names()
        self._models = {
            (model._meta.app_label, model._meta.model_name): model for model in models()
        }
        self._known: dict[tuple[type[Model], Any], str] = {}

    def row(self, one: Model) -> Row:
        model = type(one)
        words, owners, parents = {}, set[str](), set[str]()
        for column in _columns(model):
            value = getattr(one, column.attname)
            word = words[column.name] = self._word(column, value)
            if value is None:
                continue
            if isinstance(column, ForeignKey) and not _is_person(column.related_model):
                parents.add(f"{column.related_model._meta.label} {word}")
            elif column.name in _leading().get(model, ()):
                owners |= set(_strings(word))
            owners |= set(_named_within(word))
        name, logged = self._name(model, one.pk), _is_log(model)
        return Row(model._meta.label, words, frozenset(owners), frozenset(parents), name, logged)

    def timeline(self) -> Iterator[Row]:
        """Yield what happened, out of the graph store: each touchpoint with its owner, and the message that it is about."""
        last = 0
        while block := store().scan(after=last, limit=1_000):
            last = block[-1].number
            yield from (self._happened(each) for each in block)

    def _happened(self, one: Touchpoint) -> Row:
        owner = one.owner.key if one.owner else ""
        message = self._names.of((one.context.get("filrouge") or {}).get("delivery"))
        way = {
            "direction": one.direction,
            "channel": one.channel,
            "message_class": one.message_class,
        }
        said = {"owner": owner, "event": one.event, "type": one.type, "at": one.at, **way}
        words = {"id": self._names.of(one.id), "message": message, **said}
        parents = frozenset({f"activation.Delivery {message}"} if message else ())
        return Row(TIMELINE, words, frozenset({owner}), parents, words["id"])

    def _word(self, column: Any, value: Any) -> Any:
        if isinstance(column, ForeignKey):
            return None if value is None else self._name(column.related_model, value)
        if column.name == _SEALED:
            return None  # of a key and a nonce: the same clear value never reads the same
        if column.name == _COUNTING:
            return None
        if isinstance(column, InstantField):
            return None if value is None else from_datetime(value)
        return self._plain(column.model._meta.app_label, column.name, value)

    def _plain(self, app: str, name: str, value: Any) -> Any:
        """Translate what is no relation: JSON within, row ids by the name of their column, keys of messages."""
        if isinstance(value, str):
            return self._text(app, name, value)
        if isinstance(value, Mapping):
            return {
                key: each if key in _COUNTS else self._plain(app, str(key), each)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._plain(app, name, each) for each in value]
        if isinstance(value, int) and not isinstance(value, bool):
            model = self._called(app, name.removesuffix("s"))
            return value if model is None else self._name(model, value)
        return value if value is None or isinstance(value, bool | int | float) else str(value)

    def _called(self, app: str, name: str) -> type[Model] | None:
        """Return the table that a column or a word of a document is called after; of two with one name that of the same floor."""
        word = _ROWS.get(name, name)
        apps_ = [app, *sorted(APPS - {app})]
        found = (self._models.get((each, word)) for each in apps_)
        return next((each for each in found if each is not None), None)

    def _text(self, app: str, name: str, value: str) -> Any:
        if value[:1] in {"{", "["}:
            with suppress(msgspec.DecodeError):
                return self._plain(app, name, msgspec.json.decode(value))
        value = " ".join(str(self._names.of(word)) for word in value.split(" "))
        value = _OBJECT.sub(self._object, value)
        return _SOURCE.sub(lambda found: f"source:{self._names.sources[int(found[1])]}", value)

    def _object(self, found: re.Match[str]) -> str:
        app, model, row = found.groups()
        known = self._models.get((app, model))
        return found[0] if known is None else f"{app}.{model}:{self._name(known, int(row))}"

    def _name(self, model: type[Model], row: Any) -> str:
        """Return what a row is called: by what is unique of it, else, of what people set up, by how many came before it."""
        spot = model, row
        if spot not in self._known:
            self._known[spot] = self._make_name(model, row)
        return self._known[spot]

    def _make_name(self, model: type[Model], row: Any) -> str:
        if model.__name__ == "Enrolment":
            return str(self._names.runs.get(str(row), row))
        if model.__name__ == "Source":
            return str(self._names.sources.get(row, row))
        unique = [each for each in _columns(model) if each.unique and not each.is_relation]
        if not unique and isinstance(model._meta.pk, CompositePrimaryKey):
            return str(row)  # a number of rows, since no number is the key of one
        if not unique:
            return self._place(model, row)
        found = model._default_manager.filter(pk=row).values_list(unique[0].attname, flat=True)
        return str(self._names.of(found[0])) if found else f"none of {row}"

    def _place(self, model: type[Model], row: Any) -> str:
        """Return how many rows came before one: of those with its key, where the table has keys."""
        rows, key = model._default_manager.filter(pk__lt=row), ""
        if any(each.name == "key" for each in _columns(model)):
            found = model._default_manager.filter(pk=row).values_list("key", flat=True)
            key = found[0] if found else ""
            rows = rows.filter(key=key)
        return f"{self._names.of(key)} {rows.count()}".strip()


def _is_person(model: Any) -> bool:
    return model in {Identifier, Profile}


def _named_within(word: Any) -> Iterator[str]:
    """Yield what stands in a document under the name of a person, or in a text behind it ("identifier:email:...")."""
    if isinstance(word, Mapping):
        for name, each in word.items():
            yield from _strings(each) if _is_called(name) else _named_within(each)
    elif isinstance(word, str) and (found := _BEHIND.fullmatch(word)):
        yield found[1]


def _is_called(name: str) -> bool:
    """Say whether a word of a document is called as a person is, or as a table that hangs on people."""
    tables = {model.__name__.lower() for model in _leading()}
    return _CALLED.fullmatch(name) is not None or name.removesuffix("s") in tables


def _strings(word: Any) -> Iterator[str]:
    if isinstance(word, str):
        yield word
    elif isinstance(word, Sequence):
        for each in word:
            yield from _strings(each)
