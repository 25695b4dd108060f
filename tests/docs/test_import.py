"""docs/import.md says what is so."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from identity.graph.policy import DEFAULT
from identity.management.commands.import_touchpoints import Command
from identity.touchpoints.imports import files, mapping
from identity.touchpoints.imports.mapping import ByMapping, Field, MappingFile

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
CUSTOMER = {"customer_number": "4711", "mail": "alice@shop.example", "card": "", "town": "Lyon"}
CALL = {"number": "+33 1 23 45 67 89", "called_at": "2025-03-01T10:00:00", "campaign": "spring"}


def load(folder: Path, number: int) -> ByMapping:
    path = folder / "mapping.yaml"
    path.write_text(re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[number])
    return mapping.load(path)


def named(field: str) -> bool:
    return f"`{field}`" in TEXT


def test_the_mapping_of_customers_can_be_used(tmp_path: Path) -> None:
    event = load(tmp_path, 0).event({**CUSTOMER, "age": "41", "is_member": "yes"})
    assert event["traits"] == {"city": "Lyon", "age": 41, "member": True, "origin": "crm"}
    assert event["context"]["externalIds"] == [{"type": "crm_id", "id": "4711"}]


def test_the_mapping_of_calls_can_be_used(tmp_path: Path) -> None:
    event = load(tmp_path, 1).event({**CALL, "seconds_total": "61.5"})
    assert (event["event"], event["timestamp"]) == ("Call Made", CALL["called_at"])
    assert event["properties"] == {"campaign_id": "spring", "minutes": 61.5}


def test_the_bad_row_is_one_that_the_mapping_refuses(tmp_path: Path) -> None:
    shown = json.loads(*re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))
    assert set(shown) == {"row", "reason", "content"}
    with pytest.raises(mapping.BadRow, match=shown["reason"]):
        load(tmp_path, 0).event(shown["content"])


@pytest.mark.parametrize("field", MappingFile.__struct_fields__)
def test_every_field_of_a_mapping_is_described(field: str) -> None:
    assert named(field)


def test_every_type_format_and_namespace_is_named() -> None:
    words: list[Any] = [*get_args(MappingFile.__annotations__["type"]), *files.FORMATS]
    words += get_args(get_args(Field.__annotations__["as_"])[0])
    words += [*DEFAULT.namespaces, *DEFAULT.families]
    assert [word for word in words if not named(word)] == []


def test_every_option_is_described() -> None:
    parser = Command().create_parser("manage.py", "import_touchpoints")
    own = {
        option
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    django = {
        "--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color",
        "--force-color", "--skip-checks",
    }  # fmt: skip
    said = set(re.findall(r"^\| `(--[a-z]+)", TEXT, re.MULTILINE))
    assert own - django == said


def test_the_longest_cell_is_stated() -> None:
    assert f"{files.LONGEST_CELL:,} characters" in TEXT
