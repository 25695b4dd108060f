"""The JSON Schema (2020-12) of a rule: what an editor validates against. `reading` has the last word."""

from typing import Any

from activation.audiences import reading
from activation.audiences.rules import Counter, Operator

Schema = dict[str, Any]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": reading.MAX_TEXT}
_SCALAR: Schema = {
    "oneOf": [
        {"type": "string", "maxLength": reading.MAX_TEXT},
        {"type": "number"},
        {"type": "boolean"},
    ]
}
_SOME: Schema = {
    "type": "array",
    "items": _SCALAR,
    "minItems": 1,
    "maxItems": reading.MAX_VALUES,
}
_DAYS: Schema = {"type": "integer", "minimum": -reading.MAX_DAYS, "maximum": reading.MAX_DAYS}
_MOMENT: Schema = {"oneOf": [{"type": "string"}, {"$ref": "#/$defs/days"}]}
_ORDERED: Schema = {
    "oneOf": [{"type": "string", "maxLength": reading.MAX_TEXT}, {"type": "number"}]
}
_KINDS: list[tuple[Schema, tuple[Operator, ...]]] = [
    (_SCALAR, (Operator.EQ, Operator.NE, Operator.CONTAINS)),
    (_ORDERED, (Operator.LT, Operator.LE, Operator.GT, Operator.GE)),
    (_SOME, (Operator.IN,)),
    ({"type": "boolean"}, (Operator.EXISTS,)),
]
_MOMENTS = (_MOMENT, (Operator.BEFORE, Operator.AFTER))


def rule() -> Schema:
    """Return the schema of a whole rule."""
    shapes = ["and", "or", "not", "trait", "counter", "instant", "did"]
    return {
        "$schema": _DRAFT,
        "title": "Audience rule",
        "$ref": "#/$defs/rule",
        "$defs": {
            "rule": {"oneOf": [{"$ref": f"#/$defs/{shape}"} for shape in shapes]},
            "and": _object({"and": _rules()}),
            "or": _object({"or": _rules()}),
            "not": _object({"not": {"$ref": "#/$defs/rule"}}),
            "days": _object({"days": _DAYS}),
            "trait": _compared("trait", [*_KINDS, _MOMENTS]),
            "filter": _compared("property", _KINDS),
            "counter": _counter(),
            "instant": _instant(),
            "did": _did(),
        },
    }


def _object(required: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _rules() -> Schema:
    items = {"$ref": "#/$defs/rule"}
    return {"type": "array", "items": items, "minItems": 1, "maxItems": reading.MAX_PARTS}


def _compared(subject: str, kinds: list[tuple[Schema, tuple[Operator, ...]]]) -> Schema:
    return {
        "oneOf": [
            _object({subject: _TEXT, "op": {"enum": list(operators)}, "value": value})
            for value, operators in kinds
        ]
    }


def _counter() -> Schema:
    compared = {
        "op": {"enum": [Operator.EQ, Operator.NE, *_KINDS[1][1]]},
        "value": {"type": "integer"},
    }
    code = {"type": "string", "pattern": "^[A-Z]{3}$"}
    return {
        "oneOf": [
            _object({"counter": {"const": Counter.ORDERS}, **compared}),
            _object({"counter": {"const": Counter.REVENUE}, "currency": code, **compared}),
        ]
    }


def _instant() -> Schema:
    counters = [counter for counter in Counter if counter.is_instant]
    value, operators = _MOMENTS
    return _object(
        {"counter": {"enum": counters}, "op": {"enum": list(operators)}, "value": value}
    )


def _did() -> Schema:
    where = {"type": "array", "items": {"$ref": "#/$defs/filter"}, "maxItems": reading.MAX_FILTERS}
    at_least = {"type": "integer", "minimum": 1, "maximum": reading.MAX_TIMES}
    within = {"type": "integer", "minimum": 1, "maximum": reading.MAX_DAYS}
    return _object({"did": _TEXT, "within_days": within}, {"at_least": at_least, "where": where})
