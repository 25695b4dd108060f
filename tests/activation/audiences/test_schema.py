"""The published JSON Schema accepts what can be read, and refuses what cannot; rules can be said in words."""

from typing import Any

import jsonschema
import pytest
from django.utils import translation
from hypothesis import given, settings

from activation.audiences import reading, schema, sentences
from tests.activation.audiences.test_rules import RULES, trait

VALIDATOR = jsonschema.Draft202012Validator(schema.rule())


@settings(deadline=None)
@given(RULES)
def test_the_schema_accepts_what_can_be_read(form):
    VALIDATOR.validate(form)
    assert sentences.sentence(reading.parse(form))


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"and": []},
        {"and": [trait("eq", 1)], "or": [trait("eq", 1)]},
        {"not": 5},
        {"trait": "x", "op": "eq"},
        trait("like", 1),
        trait("eq", None),
        trait("lt", value=True),
        trait("in", []),
        trait("exists", 1),
        trait("before", {"days": 99999}),
        {"did": "a"},
        {"did": "a", "within_days": 0},
        {"did": "a", "within_days": 1, "more": 1},
        {"did": "a", "within_days": 1, "where": [{"property": "p", "op": "before", "value": "x"}]},
        {"counter": "revenue", "op": "eq", "value": 1},
        {"counter": "orders", "op": "before", "value": "2026-01-01"},
        {"counter": "last_seen", "op": "eq", "value": 1},
    ],
)
def test_the_schema_refuses_what_cannot_be_read(form: Any) -> None:
    assert not VALIDATOR.is_valid(form)
    with pytest.raises(reading.BadRule):
        reading.parse(form)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (trait("exists", value=True, name="email"), "email is known"),
        (trait("exists", value=False, name="email"), "email is not known"),
        (trait("in", ["a", 1, True]), "x is one of “a”, 1, true"),
        (trait("before", {"days": -1}), "x is before 1 day ago"),
        (trait("after", {"days": 3}), "x is not before 3 days from now"),
        (trait("before", {"days": 0}), "x is before now"),
        (trait("after", "2026-01-01"), "x is not before 2026-01-01"),
        (
            {"counter": "revenue", "currency": "EUR", "op": "ge", "value": 100},
            "revenue in cents EUR is at least 100",
        ),
        (
            {"and": [{"or": [trait("eq", 1), trait("ne", 2)]}, {"not": trait("lt", 3)}]},
            "(x is 1 or x is not 2) and not (x is less than 3)",
        ),
        (
            {
                "did": "Order Completed",
                "at_least": 2,
                "within_days": 1,
                "where": [{"property": "total", "op": "gt", "value": 9}],
            },
            "did “Order Completed” at least 2 times in the last day where total is more than 9",
        ),
    ],
)
def test_a_rule_in_words(form, said):
    with translation.override("en"):
        assert sentences.sentence(reading.parse(form)) == said
