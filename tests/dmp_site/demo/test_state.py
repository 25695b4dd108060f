"""What the demo remembers, and how it steps aside for a new schema."""

import shutil
from pathlib import Path

from dmp_site.demo import places, state
from dmp_site.demo.state import State
from identity.touchpoints.inbox import sqlite


def test_the_first_start_finds_nothing(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    assert state.load() is None


def test_the_shift_is_stored_and_never_worked_out_again(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    made = State(state.schema(), weeks=460, password="p")
    made.finished("orders.jsonl")
    found = state.load()
    assert found is not None
    assert (found.weeks, found.done) == (460, ["orders.jsonl"])
    assert state.path().stat().st_mode & 0o077 == 0


def test_the_fingerprint_changes_with_the_tables_of_the_database_and_of_the_inbox(
    tmp_path, settings, monkeypatch
):
    before = state.schema()
    assert state.schema() == before
    monkeypatch.setattr(sqlite, "SCHEMA", sqlite.SCHEMA.replace("wish", "wanted"))
    assert state.schema() != before
    monkeypatch.undo()
    for floor in state.FLOORS:
        shutil.copytree(
            Path(settings.BASE_DIR) / floor / "migrations", tmp_path / floor / "migrations"
        )
    settings.BASE_DIR = tmp_path
    assert state.schema() == before
    with (tmp_path / "journeys" / "migrations" / "0001_initial.py").open("a") as migration:
        migration.write("# one more column")
    assert state.schema() != before


def test_old_files_are_kept_aside_in_a_folder_of_their_own(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    for generation in ("first", "second"):
        (tmp_path / "filrouge.sqlite3").write_text(generation)
        (places.folder() / "state.json").write_text("{}")
        aside = state.set_aside()
        assert (aside / "filrouge.sqlite3").read_text() == generation
        assert (aside / "demo" / "state.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aside-1", "aside-2"]
    assert (tmp_path / "aside-1" / "filrouge.sqlite3").read_text() == "first"
