"""docs/matching.md says what is so."""

import json
import re
from pathlib import Path

from identity.graph import documents
from identity.graph.policy import DEFAULT
from identity.management.commands.link_records import Command
from identity.touchpoints.matching import columns
from tests.docs.examples import blocks

DOCUMENT = "docs/matching.md"
TEXT = (Path(__file__).resolve().parents[2] / DOCUMENT).read_text(encoding="utf-8")


def example(language: str) -> str:
    [found] = [block.text for block in blocks(DOCUMENT) if block.language == language]
    return found


def test_the_columns_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "columns.yaml"
    path.write_text(example("yaml"))
    assert set(columns.load(path)) == {"given", "family", "born", "zip", "job"}


def test_every_kind_of_column_is_described() -> None:
    assert [kind for kind in columns.Kind if f"`{kind.value}`" not in TEXT] == []


def test_columns_said_to_be_known_are() -> None:
    listed = re.search(r"Columns called (.*?) and the like", TEXT)
    assert listed is not None
    named = re.findall(r"`(\w+)`", listed[1])
    assert list(columns.told_by(named)) == named


def test_the_namespace_is_one_that_a_policy_may_have() -> None:
    document = documents.write(DEFAULT)
    document["namespaces"] |= json.loads(example("json"))
    made = documents.read(document, version=2)
    documents.require_successor(DEFAULT, made)
    assert made["record_id"].max is None


def test_every_option_is_described() -> None:
    parser = Command().create_parser("manage.py", "link_records")
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
    said = set(re.findall(r"^\| `(--[a-z-]+)", TEXT, re.MULTILINE))
    assert own - django == said
