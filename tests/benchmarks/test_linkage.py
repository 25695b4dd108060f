"""How right guesses are is reckoned over pairs of records."""

import pytest

from benchmarks.linkage import right


def test_all_in_one_nobody_and_some() -> None:
    labels = ["ann", "ann", "ann", "bob", "bob", "eve"]
    found = right([range(6)], labels)
    assert (found.precision, found.recall, found.largest) == (4 / 15, 1, 6)
    found = right([[0, 1], [2, 3], [4, 5]], labels)
    assert (found.precision, found.recall) == (1 / 3, 1 / 4)
    assert found.f1 == pytest.approx(2 / 7)
