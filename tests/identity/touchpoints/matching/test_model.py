"""Splink on a small set whose labels are known."""

import csv
import logging

import pytest

from identity.touchpoints.matching import events, model
from identity.touchpoints.matching.columns import told_by
from tests.identity.touchpoints.matching import FAKE

pytest.importorskip("splink", reason="needs Splink: pip install -r requirements/matching.txt")
pytestmark = pytest.mark.slow


def fake(count: int | None = None) -> tuple[dict[str, list[str | None]], list[str]]:
    with FAKE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:count]
    return {name: [row[name] or None for row in rows] for name in rows[0]}, [
        row["cluster"] for row in rows
    ]


def test_guesses_are_right_unsure_and_the_same_each_time(caplog: pytest.LogCaptureFixture) -> None:
    records, labels = fake()
    columns = told_by(set(records) - {"unique_id", "cluster"})
    with caplog.at_level(logging.DEBUG):
        guesses = model.guess(records, columns, 0.5)
    assert not caplog.records  # they might quote people
    assert all(0.5 <= each.probability < 1 and each.a < each.b for each in guesses)
    assert guesses == sorted(guesses, key=lambda each: -each.probability)
    assert len(guesses) > 1_000
    assert sum(labels[a] == labels[b] for a, b, _ in guesses) > 0.99 * len(guesses)
    odd = {name: f'The "{name}", 1; --' for name in columns}  # whatever columns are called
    renamed = {odd[name]: records[name] for name in columns}
    assert model.guess(renamed, {odd[each]: columns[each] for each in columns}, 0.5) == guesses


def test_records_that_teach_nothing() -> None:
    records, _ = fake(3)
    with pytest.raises(model.NoModel, match="teach no model") as raised:
        model.guess(records, told_by(set(records) - {"unique_id", "cluster"}), 0.5)
    assert "Robert" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_records_of_one_key_are_no_pair() -> None:
    found = [model.Guess(0, 1, 0.9), model.Guess(0, 2, 0.6), model.Guess(1, 2, 0.7)]
    assert events.pairs(found, ["b", "b", "a"]) == {("a", "b"): 0.7}
