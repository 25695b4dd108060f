"""What is exported while somebody is being erased is without them, whichever of the two is first at the file. No file is forgotten."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from identity.models import Erasure, PersonalFile
from identity.privacy import personal_files
from identity.privacy.keys import make_keys
from identity.profiles.exports import files, records
from tests.dmp_site.erasing.test_doors import run
from tests.dmp_site.erasing.test_erasing import MAIL, come, needles
from tests.dmp_site.erasing.test_files import ask, come_to_files, export, finish, step
from tests.road import Road

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def _one_part_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmp_site.processes.lane._ERASING", 0.0)


@pytest.fixture
def _keys(settings: Any, tmp_path: Path) -> None:
    """Make a key file, which an import needs."""
    settings.KEYS_FILE = tmp_path / "keys.json"
    make_keys(settings.KEYS_FILE)


@pytest.fixture(autouse=True)
def _two_people(_keys: None, road: Road) -> None:
    come(road)
    come(road, "bob", "bob@shop.example", "browser-b")


def write(path: Path) -> None:
    run("export_profiles", "--output", str(path), "--clear", "--why", "tests", "--quiet")


def says(path: Path) -> list[str]:
    """Return what the file says of alice; bob is in it."""
    text = path.read_text()
    assert "bob@shop.example" in text
    return [each for each in needles() if each in text]


def pass_files(road: Road, row: Erasure) -> None:
    while row.phase in {"", "contacts", "files"}:
        step(road, row)


@pytest.mark.parametrize("phase", ["touchpoints", "nodes", "rows", "traces", "end"])
def test_an_export_that_begins_behind_the_files_leaves_out_who_is_erased(
    road: Road, tmp_path: Path, phase: str
) -> None:
    row = ask(road)
    while row.phase != phase:
        step(road, row)
    path = tmp_path / "people.jsonl"
    write(path)
    finish(road, row)
    assert says(path) == []
    assert PersonalFile.objects.filter(path=str(path)).exists()


def test_so_does_one_that_is_written_anew_when_its_file_was_cleaned_and_others_are_not(
    road: Road, tmp_path: Path
) -> None:
    path = tmp_path / "people.jsonl"
    write(path)
    assert says(path) != []
    (tmp_path / "other").mkdir()
    export(road, tmp_path / "other", "csv")
    first = PersonalFile.objects.get(path=str(path)).pk
    row = ask(road)
    come_to_files(road, row)
    while row.cursor.get("file") != first:
        step(road, row)
    write(path)
    assert row.phase == "files"
    finish(road, row)
    assert says(path) == []


def test_so_does_one_that_goes_on_while_the_erasure_does(road: Road, tmp_path: Path) -> None:
    row = ask(road)
    pass_files(road, row)

    def whose(after: int, limit: int) -> Sequence[int]:
        for _ in range(5):
            step(road, row)
        return records.everybody(after, limit)

    path = tmp_path / "people.jsonl"
    blocks = records.blocks(whose, size=1)
    files.write_file(path, "jsonl", blocks, records.COLUMNS, lambda _: None)
    finish(road, row)
    text = path.read_text()
    assert "user_id:bob" in text
    assert not [each for each in needles() if each in text]


@pytest.fixture
def erased(road: Road, monkeypatch: pytest.MonkeyPatch) -> Erasure:
    """Let an erasure come to the files as soon as one is registered."""
    row = ask(road)
    register = personal_files.note

    def note(path: Path, kind: str, format_: str, now: int) -> None:
        register(path, kind, format_, now)
        pass_files(road, row)

    monkeypatch.setattr(personal_files, "note", note)
    return row


def test_an_erasure_that_comes_to_a_file_that_is_only_begun_does_not_forget_it(
    road: Road, tmp_path: Path, erased: Erasure
) -> None:
    path = tmp_path / "people.jsonl"
    with contextlib.suppress(CommandError):
        write(path)
    finish(road, erased)
    assert not path.exists() or PersonalFile.objects.filter(path=str(path)).exists()
    assert not path.exists() or says(path) == []


def test_nor_a_file_of_bad_rows_of_an_import_that_only_begins(
    road: Road, tmp_path: Path, erased: Erasure
) -> None:
    mapping, customers = tmp_path / "m.yaml", tmp_path / "customers.csv"
    mapping.write_text(
        "type: identify\nidentifiers: {crm_id: id}\nkey: [id]\ntraits: {mail: mail}\n"
    )
    customers.write_text(f"id,mail\n,{MAIL}\n")  # a row of nobody, which no collector gets
    run("import_touchpoints", str(customers), "--mapping", str(mapping), "--source", "crm")
    finish(road, erased)
    bad = tmp_path / "customers.csv.bad.jsonl"
    assert MAIL in bad.read_text()
    assert PersonalFile.objects.filter(path=str(bad), kind=PersonalFile.Kind.BAD_ROWS).exists()


@pytest.mark.parametrize("phase", ["contacts", "touchpoints", "rows", "end"])
def test_no_bundle_of_who_is_being_erased_stays(road: Road, tmp_path: Path, phase: str) -> None:
    row = ask(road)
    while row.phase != phase:
        step(road, row)
    path = tmp_path / "alice.json"
    with pytest.raises(CommandError, match="being erased"):
        run("person_bundle", "email", "--why", "tests", "--output", str(path), given=MAIL)
    finish(road, row)
    assert not path.exists()
