"""A number in an address that no row has, and no database could hold, is told so: it never makes a 5xx."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from dmp_site import apikeys

pytestmark = pytest.mark.django_db(databases="__all__")

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "openapi.yaml"
ROWS = yaml.load(DOCUMENT.read_text(), yaml.CSafeLoader)["paths"]


def numbered() -> list[tuple[str, str]]:
    """Return (method, address) of what is named by the number of a row."""
    return [
        (method.upper(), path)
        for path, operations in ROWS.items()
        for method, said in operations.items()
        if any(_is_number(one) for one in said.get("parameters", []))
    ]


def _is_number(parameter: Any) -> bool:
    return bool(parameter["in"] == "path" and parameter["schema"]["type"] == "integer")


@pytest.mark.parametrize(
    "number", [2**31, 2**63, "9" * 20, "9" * 5_000], ids=lambda one: len(f"{one}")
)
def test_a_number_that_no_row_has(number: int | str) -> None:
    key = apikeys.create("tests", ["*", "pii:read", "audit:read"], 1, actor="tests")[1]
    client = Client(raise_request_exception=False)
    answers = {
        (method, path): client.generic(
            method,
            re.sub(r"\{\w+\}", str(number), path),
            b"{}",
            "application/json",
            headers={"Authorization": f"Bearer {key}"},
        ).status_code
        for method, path in numbered()
    }
    assert len(answers) > 20
    assert {place: status for place, status in answers.items() if status >= 500} == {}
