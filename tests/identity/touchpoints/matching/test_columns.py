"""What the columns of a file hold, and which records are compared by them."""

from pathlib import Path

import pytest

from identity.touchpoints.imports.files import Read
from identity.touchpoints.imports.mapping import BadRow
from identity.touchpoints.matching import rules
from identity.touchpoints.matching.columns import BadColumns, Kind, load, told_by
from identity.touchpoints.matching.records import BadRecords, read

NAMES = {"First Name": Kind.GIVEN_NAME, "last_name": Kind.FAMILY_NAME, "DOB": Kind.BIRTH_DATE}


def test_names_of_columns_tell_what_they_hold() -> None:
    assert told_by([*NAMES, "shoe_size"]) == NAMES


@pytest.mark.parametrize(
    "names", [[], ["city", "town"], ["first_name", "city"], ["first_name", "forename", "dob"]]
)
def test_columns_that_tell_nobody_apart_are_refused(names: list[str]) -> None:
    with pytest.raises(BadColumns):
        told_by(names)


def test_a_file_explains_columns(tmp_path: Path) -> None:
    path = tmp_path / "columns.yaml"
    path.write_text("columns: {given: given_name, born: birth_date, job: text}")
    assert load(path) == {"given": Kind.GIVEN_NAME, "born": Kind.BIRTH_DATE, "job": Kind.TEXT}
    for wrong in (
        "columns: {given: first}",
        "column: {}",
        "columns: {given: given_name}",
        "- 1",
        "{",
    ):
        path.write_text(wrong)
        with pytest.raises(BadColumns):
            load(path)
    with pytest.raises(BadColumns):
        load(tmp_path / "none.yaml")


def test_every_column_is_learned_about_in_some_block() -> None:
    for columns in (
        NAMES,
        {"e": Kind.EMAIL, "p": Kind.PHONE},
        {"z": Kind.POSTCODE, "f": Kind.FAMILY_NAME},
    ):
        held = [{piece.column for piece in block} for block in rules.training(columns)]
        assert not set.intersection(*held)
        assert rules.blocks(columns)
        assert rules.sure(columns)


def test_a_place_has_a_block_for_each_column() -> None:
    columns = {**NAMES, "city": Kind.PLACE, "town": Kind.PLACE}
    found = [[piece.column for piece in block] for block in rules.blocks(columns)]
    assert ["DOB", "city"] in found
    assert ["DOB", "town"] in found


def test_records_are_read_as_they_are_compared() -> None:
    rows: list[Read] = [
        {"n": 7, "First Name": "  ANN  Lee ", "last_name": "", "DOB": "1970-01-01"},
        BadRow("it is no CSV"),
        {"n": " ", "First Name": "x", "last_name": "y", "DOB": None},
        {"n": 7, "First Name": None, "last_name": "y", "DOB": None},
    ]
    found = read(rows, "n", NAMES)
    assert (found.keys, found.bad) == (["7", "7"], 2)
    assert found.values == {
        "First Name": ["ann lee", None],
        "last_name": [None, "y"],
        "DOB": ["1970-01-01", None],
    }


def test_files_without_records_or_the_column() -> None:
    with pytest.raises(BadRecords, match="no record"):
        read([], "n", None)
    with pytest.raises(BadRecords, match="no column 'n'"):
        read([dict.fromkeys(NAMES, "x")], "n", NAMES)
    with pytest.raises(BadRecords, match="no column 'DOB'"):
        read([{"n": "1", "First Name": "x", "last_name": "y"}], "n", NAMES)
