"""Rows reach the database as they are, whatever stands in them."""

from typing import Any

import pytest
from django.db import DataError, connection
from hypothesis import given
from hypothesis import strategies as st

from identity.sql import Rows, fetch

pytestmark = pytest.mark.django_db

NUMBERS = st.none() | st.integers(-(2**63), 2**63 - 1)
TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
# What means something in the text of an array, in JSON, or in a statement.
AWKWARD = ["", "NULL", "null", '"', "\\", '\\"', "{}", "{a,b}", ",", "'", "%s", "%", "é\n\t", " "]


def back(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    given_rows = Rows(
        "g",
        position="bigint",
        number="bigint",
        text="text",
        flag="boolean",
        part="double precision",
    )
    numbered = [(position, *row) for position, row in enumerate(rows)]
    found = fetch(
        f"SELECT g.number, g.text, g.flag, g.part FROM {given_rows} ORDER BY g.position",
        given_rows.of(numbered),
    )
    return [
        (number, text, flag if flag is None else bool(flag), part)
        for number, text, flag, part in found
    ]


@given(
    st.lists(
        st.tuples(NUMBERS, TEXTS, st.none() | st.booleans(), st.none() | st.floats(-1e9, 1e9)),
        max_size=20,
    )
)
def test_rows_come_back_as_they_were_given(rows: list[tuple[Any, ...]]) -> None:
    assert back(rows) == rows


def test_what_means_something_to_the_database_is_only_text() -> None:
    rows = [(1, text, True, 0.5) for text in AWKWARD]
    assert back(rows) == rows


def test_no_rows_are_no_rows() -> None:
    assert back([]) == []


@pytest.mark.parametrize("row", [(2**63, "", True, 0.5), (1, "a\0b", True, 0.5)])
def test_what_postgresql_cannot_hold_is_a_fault_of_the_data(row: tuple[Any, ...]) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite takes both")
    with pytest.raises(DataError):
        back([row])
