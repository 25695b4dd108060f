"""docs/journeys.md says what is so."""

import json
import re
from pathlib import Path

from journeys.definition import parse
from journeys.nodes import KINDS
from journeys.validation import validate

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "journeys.md").read_text(encoding="utf-8")


def test_the_example_can_be_published() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert validate(parse(json.loads(example))) == []


def test_every_kind_of_node_is_described() -> None:
    assert {name for name in KINDS if f"`{name}`" not in TEXT} == set()
