"""What a row of a file becomes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from identity.touchpoints.imports.mapping import AsEvents, BadMapping, BadRow, ByMapping, load

CRM = """
type: identify
identifiers: {crm_id: number, email: mail, user_id: login}
key: [number]
traits:
  city: town
  age: {column: age, as: integer}
  member: {column: member, as: boolean}
  origin: {value: crm}
"""


def mapping(folder: Path, text: str, name: str = "mapping.yaml") -> ByMapping:
    path = folder / name
    path.write_text(text)
    return load(path)


def row(**changes: Any) -> dict[str, Any]:
    plain = {
        "number": "7",
        "mail": "a@b.fr",
        "login": "",
        "town": "Lyon",
        "age": "41",
        "member": "yes",
    }
    return plain | changes


def test_columns_become_identifiers_and_traits(tmp_path: Path) -> None:
    event = mapping(tmp_path, CRM).event(row())
    assert event.pop("messageId").startswith("key-")
    assert event == {
        "type": "identify",
        "traits": {"city": "Lyon", "age": 41, "member": True, "origin": "crm"},
        "properties": {},
        "context": {
            "traits": {"email": "a@b.fr"},
            "externalIds": [{"type": "crm_id", "id": "7"}],
        },
    }


def test_an_empty_cell_is_no_value(tmp_path: Path) -> None:
    event = mapping(tmp_path, CRM).event(row(town="", mail=" ", login="u1"))
    assert event["userId"] == "u1"
    assert "city" not in event["traits"]
    assert event["context"] == {"externalIds": [{"type": "crm_id", "id": "7"}]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"number": "", "mail": ""}, "none of the identifiers"),
        ({"age": "old"}, "does not hold a integer"),
        ({"member": "maybe"}, "does not hold a boolean"),
    ],
)
def test_bad_rows_say_why(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        mapping(tmp_path, CRM).event(row(**changes))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRow, match="no column 'number'"):
        mapping(tmp_path, CRM).event(
            {name: cell for name, cell in row().items() if name != "number"}
        )


def test_key_columns_make_the_id(tmp_path: Path) -> None:
    first = mapping(tmp_path, CRM).event(row())["messageId"]
    assert mapping(tmp_path, CRM).event(row(town="Nice"))["messageId"] == first
    assert mapping(tmp_path, CRM).event(row(number="8"))["messageId"] != first


def test_the_same_key_of_another_kind_of_row_is_another_id(tmp_path: Path) -> None:
    orders = "{identifiers: {user_id: number}, key: [number], event: {value: Bought}, time: at}"
    calls = orders.replace("Bought", "Called")
    cells = {"number": "7", "at": "2024-01-01"}
    ids = {
        mapping(tmp_path, text).event({**row(), **cells})["messageId"]
        for text in (CRM, orders, calls)
    }
    assert len(ids) == 3


def test_an_empty_key_is_a_bad_row(tmp_path: Path) -> None:
    text = "{identifiers: {user_id: u}, key: [n], event: {value: Bought}, time: at}"
    with pytest.raises(BadRow, match="the key column 'n' is empty"):
        mapping(tmp_path, text).event({"u": "1", "n": " ", "at": "2024-01-01"})


def test_without_key_content_and_occurrence_make_the_id(tmp_path: Path) -> None:
    text = '{"identifiers": {"user_id": "number"}, "event": {"value": "Contacted"}, "time": "at"}'
    rows = [{"number": "1", "at": "2024-01-01"}, {"number": "2", "at": "2024-01-01"}]
    translator = mapping(tmp_path, text, "m.json")
    ids = [translator.event(each)["messageId"] for each in [*rows, rows[0]]]
    assert len(set(ids)) == 3
    corrected = [{"number": "9", "at": "2024-01-01"}, *rows, rows[0]]
    again = mapping(tmp_path, text, "m.json")
    assert [again.event(each)["messageId"] for each in corrected][1:] == ids


def test_times(tmp_path: Path) -> None:
    translator = mapping(tmp_path, "{identifiers: {user_id: u}, event: {value: E}, time: at}")
    for said, expected in (
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
        ("1700000000000", 1700000000000),
        (1700000000000, 1700000000000),
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00+00:00"),
    ):
        assert translator.event({"u": "1", "at": said})["timestamp"] == expected
    wrong: tuple[Any, ...] = ("soon", "", None, [], {}, "²", "9" * 5_000)
    for bad in wrong:
        with pytest.raises(BadRow, match="time"):
            translator.event({"u": "1", "at": bad})


@pytest.mark.parametrize(
    "text",
    [
        "identifiers: {}\nevent: E",
        "identifiers: {user_id: u}",
        "identifiers: {user_id: u}\nevent: E\nunknown: 1",
        "type: alias\nidentifiers: {user_id: u}",
        "[1]",
        "{",
    ],
)
def test_a_bad_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadMapping, match=r"mapping\.yaml"):
        mapping(tmp_path, text)
    with pytest.raises(BadMapping, match="nowhere"):
        load(tmp_path / "nowhere.yaml")


def test_events_keep_their_message_id_or_get_one_by_content() -> None:
    translator = AsEvents()
    assert translator.event({"messageId": "m"})["messageId"] == "m"
    ids = [translator.event({"type": "page"})["messageId"] for _ in range(2)]
    assert ids == [AsEvents().event({"type": "page"})["messageId"], ids[1]]
    assert ids[0] != ids[1]
