"""How long a pattern may take is told from its structure: what explodes is found, what does not is left alone."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.graph import documents, patterns
from identity.graph.policy import BLOCKED_PATTERNS, DEFAULT

EXPLODING = [
    r"^(a+)+$",
    r"^(a|aa)*$",
    r"^(a|a)*$",
    r"^([a-z]+)*\d$",
    r"^(a?){40}b",
    "a?" * 40 + "b",
    "(a|a)" * 40 + "b",
    r"^(?=(a+)+$)",
    r"^((a{0,30}){0,30}){0,30}$",
    r"(x+x+)+y",
    r"^[a-z]*[a-z]*[a-z]*!",
    r"[a-z]*[a-z]*!",
    r"^(a*?)*?$",
    r"^(?>(a+)+)$",
    r"[a-z]*[a-z]*+!",
    r"[a-z]*(?=[a-z]*!)!",
    r"^(?:(a+)+)++$",
]
HARMLESS = [
    *BLOCKED_PATTERNS,
    r"^test",
    r"[a-z]+!",
    r"^[a-z]+@[a-z]+$",
    r"^[a-z]++@[a-z]++\.[a-z]++$",
    r"^(?:ab|cd)++$",
    r"^\d{6,8}$",
    r"^(ab)*$",
    r"^(?!\d{6}$)",
    r"(?i:x)",
    "^(" + "|".join(f"name{number}" for number in range(30)) + ")$",
]


@pytest.mark.parametrize("pattern", EXPLODING)
def test_what_explodes_is_found(pattern):
    assert patterns.steps(pattern) > patterns.MOST


@pytest.mark.parametrize("pattern", HARMLESS)
def test_what_does_not_is_left_alone(pattern):
    assert patterns.steps(pattern) <= patterns.MOST


def document(*blocked: str):
    return documents.write(DEFAULT) | {"blocked_patterns": list(blocked)}


def test_a_draft_with_it_is_refused_with_its_place():
    new = documents.read(document("^0*$", r"^(a+)+$"), version=2)
    with pytest.raises(documents.BadPolicy) as refused:
        documents.require_successor(DEFAULT, new)
    [said] = refused.value.detail["mistakes"]
    assert said.startswith("blocked_patterns[1]: ")
    assert "a*+" in said


def test_many_that_are_harmless_alone_are_too_much_together():
    new = documents.read(document(*(f"[a-z]+{number}" for number in range(9))), version=2)
    with pytest.raises(documents.BadPolicy, match=r"blocked_patterns\[2\]"):
        documents.require_successor(DEFAULT, new)


def test_an_over_long_value_is_not_tried():
    slow = documents.read(document(r"^(a+)+$"), version=1)  # as if it had been stored before
    assert not slow.is_blocked("a" * 513 + "!")
    assert slow.is_blocked("a" * 20)


_atoms = st.sampled_from(["a", "b", "[ab]", "."])
_patterns = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(
            inner, st.sampled_from(["*", "+", "?", "*?", "{0,3}", "{2}", "*+", "++", "?+"])
        ).map(lambda both: f"(?:{both[0]}){both[1]}"),
        inner.map(lambda each: f"(?>{each})"),
        inner.map(lambda each: f"(?={each})"),
    ),
    max_leaves=8,
)


def taken(pattern: str) -> float:
    """Return the processor's seconds that the worst of some values takes."""
    compiled = re.compile(f"(?:{pattern})", re.IGNORECASE)
    times = []
    for value in ("a" * 512, "ab" * 256, "a" * 511 + "b"):
        begun = time.process_time()
        compiled.search(value)
        times.append(time.process_time() - begun)
    return max(times)


@pytest.fixture(scope="module")
def most() -> float:
    """Return what about as many steps take here as all patterns together may."""
    return 4 * taken("[ab]*[ab]!")


@settings(max_examples=150, deadline=None)
@given(pattern=_patterns, anchored=st.booleans())
def test_whatever_is_let_through_takes_no_more_than_it_may(most, pattern, anchored):
    whole = f"{'^' if anchored else ''}{pattern}!"
    if patterns.steps(whole) <= patterns.MOST:
        assert taken(whole) < 20 * most, "the machine may be busy with something else"
