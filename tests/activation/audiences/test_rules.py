"""The rule language: reading, errors that name the place, the compiled function against a plain evaluation."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation.audiences import reading
from activation.audiences.compiling import compile_filters, compile_rule, next_change
from activation.audiences.reading import BadRule
from activation.audiences.rules import And, Did, Not, Or, Rule, to_json
from identity.clock import DAY, from_datetime
from tests.activation.people import NOON, facts
from tests.soaking import examples

EUR_100 = {"counter": "revenue", "currency": "EUR", "op": "ge", "value": 10_000}


def holds(form: Any, traits: dict[str, Any] | None = None, now: int = NOON, **rest: Any) -> bool:
    matches = rest.pop("matches", {})
    person = facts(1, [1], traits=traits or {}, **rest)
    return compile_rule(reading.parse(form)).holds(person.traits, person, matches, now)


def trait(op: str, value: Any, name: str = "x") -> dict[str, Any]:
    return {"trait": name, "op": op, "value": value}


@pytest.mark.parametrize(
    ("op", "value", "found", "expected"),
    [
        ("eq", "gold", "gold", True),
        ("eq", 1, True, False),
        ("eq", 1, 1.0, True),
        ("eq", True, 1, False),
        ("eq", True, True, True),
        ("eq", "1", 1, False),
        ("ne", "gold", "gold", False),
        ("ne", "gold", "red", True),
        ("ne", "gold", None, True),
        ("lt", 3, 2, True),
        ("lt", 3, "2", False),
        ("lt", 3, None, False),
        ("lt", 3, True, False),
        ("le", "b", "b", True),
        ("gt", 3, 3, False),
        ("ge", 3, 3.5, True),
        ("contains", "ol", "gold", True),
        ("contains", "ol", ["ol", 1], True),
        ("contains", "ol", ["gold"], False),
        ("contains", "ol", 5, False),
        ("contains", 1, [True], False),
        ("contains", 1, [1], True),
        ("contains", 1, "1", False),
        ("in", ["a", 2, True], "a", True),
        ("in", ["a", 2, True], 2, True),
        ("in", ["a", 2, True], 1, False),
        ("in", ["a", 2], [2], False),
        ("exists", True, "", True),
        ("exists", True, None, False),
        ("exists", False, None, True),
        ("exists", False, 0, False),
        ("before", "2026-08-31T12:00:00Z", "2026-08-31", True),
        ("before", "2026-08-31T12:00:00Z", "2026-08-31T12:00:00+00:00", False),
        ("after", "2026-08-31T12:00:00Z", "2026-08-31T12:00:00+00:00", True),
        ("after", "2026-08-31", "never", False),
        ("after", "2026-08-31", 5, False),
        ("before", {"days": 7}, "2026-09-07T11:59:59Z", True),
        ("before", {"days": 7}, "2026-09-07T12:00:00Z", False),
        ("after", {"days": -7}, "2026-08-24T12:00:00Z", True),
    ],
)
def test_comparing_a_trait(op, value, found, expected):
    traits = {} if found is None else {"x": found}
    assert holds(trait(op, value), traits) is expected
    nested = {} if found is None else {"deep": {"x": found}}
    assert holds(trait(op, value, "deep.x"), nested) is expected


def test_a_whole_name_with_a_dot_goes_before_a_path():
    assert holds(trait("eq", 1, "a.b"), {"a.b": 1, "a": {"b": 2}})


def test_a_path_through_a_list_holds_when_any_element_does():
    products = {"products": [{"d": "fish", "n": 1}, {"d": "meat", "n": 5}, "odd", {}]}
    where = reading.parse(
        {
            "did": "Order Completed",
            "within_days": 1,
            "where": [
                {"property": "products.d", "op": "eq", "value": "meat"},
                {"property": "products.n", "op": "lt", "value": 2},
                {"property": "products.d", "op": "ne", "value": "tea"},
            ],
        }
    )
    assert isinstance(where, Did)
    assert compile_filters(where.where)(products)
    assert not compile_filters(where.where)({"products": products["products"][1:]})
    assert not compile_filters(where.where)({})
    assert compile_filters(())({})


def test_counters():
    assert holds({"counter": "orders", "op": "ge", "value": 2}, orders=2)
    assert holds(EUR_100, revenue={"EUR": 10_000, "USD": 1})
    assert not holds(EUR_100, revenue={"USD": 99_000})
    lapsed = {"counter": "last_seen", "op": "before", "value": {"days": -30}}
    assert holds(lapsed, last_seen=NOON - 30 * DAY - 1)
    assert not holds(lapsed, last_seen=NOON - 30 * DAY)


def test_did_and_its_window():
    rule = {"did": "page", "at_least": 2, "within_days": 1}
    key = Did("page", 2, 1).key
    assert not holds(rule)
    assert holds(rule, matches={key: NOON - DAY + 1})
    assert not holds(rule, matches={key: NOON - DAY})
    assert holds({"not": rule}, matches={key: NOON - DAY})


def test_equal_predicates_have_one_key_and_others_another():
    assert Did("a", 1, 2).key == Did("a", 1, 2).key
    forms = [
        {"did": "a", "within_days": 1},
        {"did": "b", "within_days": 1},
        {"did": "a", "within_days": 2},
        {"did": "a", "within_days": 1, "at_least": 2},
        *(
            {
                "did": "a",
                "within_days": 1,
                "where": [{"property": "p", "op": "eq", "value": value}],
            }
            for value in (1, True, "1")
        ),
    ]
    rules = [reading.parse(form) for form in forms]
    assert len({rule.key for rule in rules if isinstance(rule, Did)}) == len(forms)
    assert len(compile_rule(And(tuple(rules))).dids) == len(forms)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (7, "rule: must be an object, not a number"),
        ({}, "rule: must have exactly one of and, or, not, trait, counter, did"),
        ({"and": []}, "rule.and: must be a list of 1 to 50 rules"),
        ({"and": [], "or": []}, "rule: must have exactly one of"),
        (
            {"and": [trait("eq", 1), {"or": [{"not": 5}]}]},
            "rule.and[1].or[0].not: must be an object",
        ),
        (
            {"and": [{"did": "a", "within_days": 0}]},
            "rule.and[0].within_days: must be a whole number from 1 to 3650",
        ),
        ({"did": "a"}, "rule.within_days: must be"),
        ({"did": "a", "within_days": True}, "rule.within_days: must be"),
        ({"did": "", "within_days": 1}, "rule.did: must be text of 1 to 512"),
        ({"did": "a", "within_days": 1, "at_least": 0}, "rule.at_least: must be"),
        ({"did": "a", "within_days": 1, "whre": []}, "rule.whre: is not known beside 'did'"),
        (
            {"did": "a", "within_days": 1, "where": [{"property": "p"}]},
            "rule.where[0]: must be an object with",
        ),
        (
            {
                "did": "a",
                "within_days": 1,
                "where": [{"property": "p", "op": "before", "value": "2026-01-01"}],
            },
            "rule.where[0].op: must be one of",
        ),
        (trait("like", 1), "rule.op: must be one of eq, ne"),
        ({"trait": "x", "op": "eq"}, "rule: lacks value"),
        (trait("eq", None), "rule.value: must be text, a number, true or false, not nothing"),
        (trait("eq", float("nan")), "rule.value: must be"),
        (trait("eq", "a\x00"), "rule.value: must be text"),
        (trait("lt", value=True), "rule.value: true and false have no order"),
        (trait("in", []), "rule.value: must be a list of 1 to 1000"),
        (trait("in", ["a", {}]), "rule.value[1]: must be text"),
        (trait("exists", 1), "rule.value: must be true or false"),
        (trait("before", "soon"), 'rule.value: must be a date in ISO 8601, or {"days": n}'),
        (trait("before", {"days": 99999}), "rule.value.days: must be a whole number"),
        (
            {"counter": "visits", "op": "eq", "value": 1},
            "rule.counter: must be one of orders, revenue",
        ),
        ({"counter": "orders", "op": "before", "value": {"days": 1}}, "rule.op: must be one of"),
        ({"counter": "orders", "op": "eq", "value": 1.5}, "rule.value: must be a whole number"),
        ({"counter": "revenue", "op": "eq", "value": 1}, "rule.currency: must be a currency code"),
        (
            {"counter": "orders", "currency": "EUR", "op": "eq", "value": 1},
            "rule.currency: means nothing",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(form, message):
    with pytest.raises(BadRule) as refused:
        reading.parse(form)
    assert str(refused.value).startswith(message)
    assert refused.value.status == 422


def test_deep_and_wide_rules_are_refused():
    deep: Any = trait("eq", 1)
    for _ in range(25):
        deep = {"not": deep}
    with pytest.raises(BadRule, match="nested more than 20"):
        reading.parse(deep)
    wide = {"and": [{"or": [trait("eq", 1)] * 50}] * 5}
    with pytest.raises(BadRule, match="more than 200 conditions"):
        reading.parse(wide)


def test_no_text_of_a_rule_reaches_the_code():
    evil = "x') or __import__('os').system('true') or ('"
    assert not holds(trait("eq", evil, evil), {})
    assert holds(trait("eq", evil, evil), {evil: evil})


# --- Any rule: the JSON form comes back, and the function agrees with a plain evaluation ---

NAMES = st.sampled_from(["plan", "age", "tags", "birthday", "a.b"])
SCALARS = st.one_of(
    st.sampled_from(["gold", "red", ""]),
    st.integers(-2, 3),
    st.booleans(),
    st.sampled_from([0.5, 1.0]),
)
DATES = st.sampled_from(["2026-08-30", "2026-08-31T12:00:00Z", "2026-09-02T00:00:00+02:00"])


@st.composite
def comparisons(draw: Any) -> dict[str, Any]:
    op = draw(
        st.sampled_from(["eq", "ne", "lt", "ge", "contains", "in", "exists", "before", "after"])
    )
    kinds = {
        "in": st.lists(SCALARS, min_size=1, max_size=3),
        "exists": st.booleans(),
        "before": st.one_of(DATES, st.builds(lambda days: {"days": days}, st.integers(-3, 3))),
        "after": st.one_of(DATES, st.builds(lambda days: {"days": days}, st.integers(-3, 3))),
        "lt": SCALARS.filter(lambda value: not isinstance(value, bool)),
        "ge": SCALARS.filter(lambda value: not isinstance(value, bool)),
    }
    return {"trait": draw(NAMES), "op": op, "value": draw(kinds.get(op, SCALARS))}


DIDS = st.builds(
    lambda event, n, days: {"did": event, "at_least": n, "within_days": days},
    st.sampled_from(["page", "Order Completed"]),
    st.integers(1, 3),
    st.integers(1, 3),
)
RULES = st.recursive(
    st.one_of(comparisons(), DIDS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"and": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"or": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
)
TRAITS = st.dictionaries(
    st.sampled_from(["plan", "age", "tags", "birthday"]),
    st.one_of(SCALARS, DATES, st.lists(SCALARS, max_size=2)),
    max_size=4,
).map(
    lambda found: (
        {**found, "a": {"b": found.get("age")}} if found.get("age") is not None else found
    )
)
TIMES = st.dictionaries(
    st.tuples(st.sampled_from(["page", "Order Completed"]), st.integers(1, 3)),
    st.integers(-4 * 24, 0).map(lambda hours: NOON + hours * 3_600_000),
)


def plainly(form: Any, traits: dict[str, Any], matches: dict[str, int], now: int) -> bool:
    """Evaluate the JSON form, step by step."""
    if "and" in form:
        return all(plainly(part, traits, matches, now) for part in form["and"])
    if "or" in form:
        return any(plainly(part, traits, matches, now) for part in form["or"])
    if "not" in form:
        return not plainly(form["not"], traits, matches, now)
    if "did" in form:
        at = matches.get(Did(form["did"], form["at_least"], form["within_days"]).key)
        return at is not None and now - at < form["within_days"] * DAY
    return compared(
        form,
        traits.get(form["trait"]) if form["trait"] != "a.b" else traits.get("a", {}).get("b"),
        now,
    )


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def moment(value: Any, now: int) -> int | None:
    if isinstance(value, dict):
        return now + int(value["days"]) * DAY
    try:
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return from_datetime(read if read.tzinfo else read.replace(tzinfo=UTC))


def compared(form: Any, found: Any, now: int) -> bool:
    op, value = form["op"], form["value"]
    alike = kind(found) == kind(value)
    at = moment(found, now) if op in {"before", "after"} else None
    tests = {
        "eq": lambda: alike and found == value,
        "ne": lambda: not (alike and found == value),
        "lt": lambda: alike and found < value,
        "ge": lambda: alike and found >= value,
        "contains": lambda: (
            (isinstance(found, str) and isinstance(value, str) and value in found)
            or (
                isinstance(found, list)
                and any(kind(one) == kind(value) and one == value for one in found)
            )
        ),
        "in": lambda: any(kind(found) == kind(one) and found == one for one in value),
        "exists": lambda: (found is not None) is value,
        "before": lambda: at is not None and at < (moment(value, now) or 0),
        "after": lambda: at is not None and at >= (moment(value, now) or 0),
    }
    return tests[op]()


@given(RULES)
def test_the_json_form_comes_back(form):
    rule = reading.parse(form)
    again = reading.parse(to_json(rule))
    assert again == rule
    assert to_json(again) == to_json(rule)


@settings(max_examples=examples(300), deadline=None)
@given(RULES, TRAITS, TIMES)
def test_the_compiled_function_agrees_with_a_plain_evaluation(form, traits, times):
    matches = {
        Did(event, n, days).key: at for (event, n), at in times.items() for days in (1, 2, 3)
    }
    assert holds(form, traits, matches=matches) is plainly(form, traits, matches, NOON)


@settings(max_examples=examples(100), deadline=None)
@given(RULES, TRAITS, TIMES)
def test_the_next_change_is_the_first_instant_at_which_the_clock_changes_the_result(
    form, traits, times
):
    matches = {
        Did(event, n, days).key: at for (event, n), at in times.items() for days in (1, 2, 3)
    }
    compiled = compile_rule(reading.parse(form))
    person = facts(1, [1], traits=traits)
    present = plainly(form, traits, matches, NOON)
    due = next_change(compiled, person, matches, NOON)
    hours = range(NOON, NOON + 8 * DAY, 3_600_000)
    changes = [
        at + ms
        for at in hours
        for ms in (0, 1)
        if plainly(form, traits, matches, at + ms) is not present
    ]
    assert due == (changes[0] if changes else None)
    if due is not None:
        assert plainly(form, traits, matches, due - 1) is present


def rules_are_values(rule: Rule) -> bool:
    return isinstance(hash(rule), int)


def test_rules_are_values():
    rule = Or((Not(Did("a", 1, 2)), And((Did("b", 1, 2),))))
    assert rules_are_values(rule)
    assert rule == reading.parse(to_json(rule))
