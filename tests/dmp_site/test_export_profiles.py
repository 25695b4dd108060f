"""The command export_profiles: formats, files, audiences, personal data."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pyarrow import parquet

from activation.audiences.models import Membership
from activation.audiences.services import create
from dmp_site.management.commands.export_profiles import ACTOR, Command
from identity.privacy import vault
from identity.privacy.models import VaultAccess
from identity.privacy.vault import Entry
from identity.profiles.exports.records import COLUMNS, PERSONAL
from tests.docs.examples import ROOT
from tests.identity.profiles.people import T0, profile

pytestmark = pytest.mark.django_db

TEXT = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def people() -> list[str]:
    made = [profile(f"user_id:{name}", f"email:{name * 8}").uid for name in ("alice", "bob")]
    vault.store([Entry(f"email:{'alice' * 8}", "value", "alice@shop.example", T0, T0, "t")])
    return made


def export(*arguments: str) -> str:
    out = StringIO()
    call_command("export_profiles", *arguments, "--quiet", stdout=out, stderr=StringIO())
    return out.getvalue()


def test_json_lines_on_standard_output(people: list[str]) -> None:
    records = [json.loads(line) for line in export().splitlines()]
    assert [record["id"] for record in records] == people
    assert tuple(records[0]) == COLUMNS


def test_every_format_says_the_same(people: list[str], tmp_path: Path) -> None:
    plain = [json.loads(line) for line in export().splitlines()]
    for name in ("people.csv", "people.jsonl", "people.parquet"):
        path = tmp_path / name
        assert export("--output", str(path)) == ""
        assert read(path) == plain
        assert path.stat().st_mode & 0o777 == 0o600
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".jsonl", ".parquet"}


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    else:
        rows = list(csv.DictReader(StringIO(path.read_text())))
    for row in rows:
        for column in ("identifiers", "traits", "consent", "suppressed", "revenue"):
            row[column] = json.loads(row[column])
        row["orders"] = int(row["orders"])
        row["first_seen"] = row["first_seen"] or None
        row["last_seen"] = row["last_seen"] or None
    return rows


def test_an_audience_alone(people: list[str]) -> None:
    audience = create("Friends", actor="tests", now=T0, kind="manual", slug="friends")
    assert export("--audience", "friends") == ""
    bob = profile("user_id:bobby")
    Membership.objects.create(audience=audience, profile=bob, since=T0, cause="hand")
    assert json.loads(export("--audience", "friends"))["id"] == bob.uid
    with pytest.raises(CommandError, match="no audience strangers"):
        export("--audience", "strangers")


def test_personal_data_only_with_a_reason(people: list[str]) -> None:
    assert "alice@shop.example" not in export()
    for wrong in (["--clear"], ["--why", "x"], ["--clear", "--why", "  "]):
        with pytest.raises(CommandError, match="needs a reason"):
            export(*wrong)
    assert not VaultAccess.objects.exists()
    first, second = map(json.loads, export("--clear", "--why", "request 7").splitlines())
    assert [one["value"] for one in first[PERSONAL]] == ["alice@shop.example"]
    assert second[PERSONAL] == []
    [entry] = VaultAccess.objects.values_list("actor", "why")
    assert entry == (ACTOR, "request 7")


def test_an_export_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "people.csv"
    target.write_text("of yesterday")
    monkeypatch.setattr("identity.profiles.rendering.revenue", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export("--output", str(target))
    assert target.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--output", "people.xlsx"], "say --format"),
        (["--format", "parquet"], "needs a file"),
        (["--output", "/nowhere/people.csv"], "No such file"),
    ],
)
def test_a_target_that_cannot_be(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        export(*arguments)


def test_the_document_names_every_column_and_option() -> None:
    columns = [*COLUMNS, PERSONAL]
    assert [column for column in columns if f"`{column}`" not in TEXT] == []
    shown = json.loads(TEXT.split("```json\n")[1].split("```")[0])
    assert tuple(shown) == COLUMNS
    options = Command().create_parser("manage.py", "export_profiles").format_help()
    for option in ("--output", "--format", "--audience", "--clear", "--why", "--quiet"):
        assert option in options
        assert f"`{option}" in TEXT
