"""How many values of a column one person may have."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from identity.touchpoints.matching.limits import people, within
from identity.touchpoints.matching.model import Guess

DATES = ["1970-01-01", "1970-01-01", "1980-02-02", None, "1990-03-03"]
CHAIN = [Guess(0, 1, 0.9), Guess(1, 2, 0.8), Guess(2, 3, 0.7), Guess(3, 4, 0.6)]


def test_without_a_limit_every_guess_holds() -> None:
    assert within(CHAIN, {"dob": DATES}, {}) == CHAIN


def test_equal_values_count_once_and_the_surest_guess_has_its_way() -> None:
    assert within(CHAIN, {"dob": DATES}, {"dob": 1}) == [CHAIN[0], CHAIN[2]]
    assert within(CHAIN, {"dob": DATES}, {"dob": 2}) == CHAIN[:3]
    assert within(CHAIN, {"dob": DATES}, {"dob": 3}) == CHAIN
    turned = [Guess(a, b, 1 - p) for a, b, p in CHAIN]
    assert within(turned, {"dob": DATES}, {"dob": 1}) == [turned[0], turned[3]]


def test_an_equal_value_joins_nobody() -> None:
    apart = [Guess(0, 2, 0.9), Guess(1, 4, 0.9)]  # 0 and 1 have one date
    home = people(apart, {"dob": DATES}, {"dob": 2})
    assert home[0] != home[1]


def test_every_limit_holds() -> None:
    names = ["ann", "bob", "bob", "bob", "bob"]
    assert within(CHAIN, {"dob": DATES, "name": names}, {"dob": 3, "name": 1}) == CHAIN[1:]


_RECORD = st.integers(0, 11)
_GUESSES = st.dictionaries(
    st.tuples(_RECORD, _RECORD).filter(lambda pair: pair[0] < pair[1]),
    st.sampled_from((0.6, 0.7, 0.8)),
    min_size=1,
)


@given(_GUESSES, st.lists(st.sampled_from("abcd"), min_size=12, max_size=12), st.integers(1, 3))
def test_nobody_ever_has_more_values(
    found: dict[tuple[int, int], float], values: list[str], most: int
) -> None:
    guesses = [Guess(a, b, p) for (a, b), p in found.items()]
    home = people(guesses, {"x": values}, {"x": most})
    assert set(home) == {end for pair in found for end in pair}
    held = Counter(person for person, _ in {(home[each], values[each]) for each in home})
    assert max(held.values()) <= most
    assert home == people(guesses[::-1], {"x": values}, {"x": most})
