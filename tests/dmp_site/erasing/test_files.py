"""A long file is cleaned some rows at a time: touchpoints are taken and the lane shows that it lives meanwhile, and may die."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pytest
from pyarrow import parquet

from identity.clock import SECOND
from identity.models import Erasure, LaneCommand, PersonalFile
from identity.privacy import erasures, personal_files
from identity.profiles.exports import files, records
from identity.touchpoints.models import Lane
from identity.touchpoints.types import Identifier
from tests.dmp_site.erasing.test_erasing import ALICE, come
from tests.road import Road

pytestmark = pytest.mark.django_db(databases="__all__")

PEOPLE = 4_500
HERS = (7, 4_321)  # rows
FORMATS = ("jsonl", "csv", "parquet")


@pytest.fixture(autouse=True)
def _one_part_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmp_site.processes.lane._ERASING", 0.0)


def people() -> list[dict[str, str]]:
    keys = [ALICE.key if each in HERS else f"user_id:u{each}" for each in range(PEOPLE)]
    return [
        {"id": f"profile-{each}", "identifiers": json.dumps([key])}
        for each, key in enumerate(keys)
    ]


def write(path: Path, format_: str, rows: Iterable[Mapping[str, str]]) -> None:
    rows = list(rows)
    if format_ == "jsonl":
        path.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    elif format_ == "parquet":
        parquet.write_table(arrow.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["id", "identifiers"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def read(path: Path, format_: str) -> list[dict[str, Any]]:
    if format_ == "parquet":
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return rows
    with path.open(newline="") as file:
        if format_ == "csv":
            return list(csv.DictReader(file))
        return [json.loads(line) for line in file]


def export(road: Road, directory: Path, format_: str) -> Path:
    """Register a file of more rows than a slice has, with a person in it."""
    path = directory / f"people.{format_}"
    write(path, format_, people())
    personal_files.note(path, PersonalFile.Kind.EXPORT, format_, road.now)
    return path


def left() -> list[dict[str, str]]:
    return [each for each in people() if ALICE.key not in each["identifiers"]]


def ask(road: Road, identifier: Identifier = ALICE) -> Erasure:
    return erasures.ask(identifier=identifier, actor="tests", now=road.now)


def step(road: Road, row: Erasure) -> None:
    """Let the lane do a round, a second after the last."""
    road.now += SECOND
    road.loop.step()
    row.refresh_from_db()


def come_to_files(road: Road, row: Erasure) -> None:
    while row.phase != "files":
        step(road, row)


def finish(road: Road, row: Erasure) -> Erasure:
    road.run()
    row.refresh_from_db()
    assert row.state == Erasure.State.DONE, LaneCommand.objects.order_by("-pk").values().first()
    return row


@pytest.mark.parametrize("format_", FORMATS)
def test_touchpoints_are_taken_and_the_heart_beats_while_a_long_file_is_cleaned(
    road: Road, tmp_path: Path, format_: str
) -> None:
    come(road)
    path = export(road, tmp_path, format_)
    row = ask(road)
    come_to_files(road, row)
    beats: set[int | None] = set()
    taken: list[int] = []
    while row.phase == "files":
        taken.append(road.receive({"event": "Seen", "userId": f"new-{len(taken)}"}))
        step(road, row)
        state = Lane.objects.get()
        beats.add(state.heartbeat_at)
        assert state.live_position == taken[-1]
        assert len(read(path, format_)) in {PEOPLE, len(left())}, "the file is always whole"
    assert len(beats) == len(taken) >= 5, "a beat and a touchpoint for each slice"
    assert finish(road, row).removed["file.export"] == len(HERS)
    assert read(path, format_) == left()
    assert [each.name for each in tmp_path.iterdir() if "people" in each.name] == [path.name]
    assert row.notes == []


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("rounds", [1, 4])
def test_a_lane_that_dies_between_two_slices_leaves_the_file_whole_and_the_next_one_cleans_it(
    road: Road, tmp_path: Path, format_: str, rounds: int
) -> None:
    come(road)
    path = export(road, tmp_path, format_)
    row = ask(road)
    come_to_files(road, row)
    for _ in range(rounds):
        step(road, row)
    assert row.phase == "files"
    dead, road.loop = road.loop, road.new_lane()
    assert read(path, format_) == people()
    assert finish(road, row).removed["file.export"] == len(HERS)
    assert read(path, format_) == left()
    assert [each.name for each in tmp_path.iterdir() if "people" in each.name] == [path.name]
    del dead  # as a killed process, it tidied nothing away


def test_what_dead_processes_left_beside_it_goes(road: Road, tmp_path: Path) -> None:
    """A lane that was killed in its last slice, and an export that was killed: both hold people who may not be in the file."""
    come(road)
    path = export(road, tmp_path, "jsonl")
    gone = tmp_path / "gone.jsonl"
    personal_files.note(gone, PersonalFile.Kind.EXPORT, "jsonl", road.now)
    for left_over in ("people.jsonl.erasing-a1b2", "people.jsonl.new", "gone.jsonl.new"):
        (tmp_path / left_over).write_text("alice-4711")
    (tmp_path / "people.jsonl.newer").write_text("somebody else's")
    finish(road, ask(road))
    assert read(path, "jsonl") == left()
    names = {
        each.name for each in tmp_path.iterdir() if "people" in each.name or "gone" in each.name
    }
    assert names == {"people.jsonl", "people.jsonl.newer"}


def test_a_file_that_is_written_anew_meanwhile_is_cleaned_anew(road: Road, tmp_path: Path) -> None:
    come(road)
    path = export(road, tmp_path, "jsonl")
    row = ask(road)
    come_to_files(road, row)
    for _ in range(4):
        step(road, row)
    newer = [*people(), {"id": "later", "identifiers": '["user_id:later"]'}]
    write(path.with_suffix(".draft"), "jsonl", newer)
    path.with_suffix(".draft").replace(path)
    finish(road, row)
    assert read(path, "jsonl") == [*left(), newer[-1]]
    assert row.notes == []


def test_of_two_who_are_erased_at_once_neither_comes_back(road: Road, tmp_path: Path) -> None:
    """Each rewrites the file that the other rewrites as well."""
    come(road)
    path = export(road, tmp_path, "parquet")
    other = Identifier("user_id", "u44")
    rows = [ask(road), ask(road, other)]
    for row in rows:
        finish(road, row)
    assert read(path, "parquet") == [
        each for each in left() if f'"{other.key}"' not in each["identifiers"]
    ]
    assert [row.removed["file.export"] for row in rows] == [len(HERS), 1]
    assert [row.notes for row in rows] == [[], []]


def test_a_file_in_which_lanes_die_again_and_again_is_named_and_the_erasure_ends(
    road: Road, tmp_path: Path
) -> None:
    come(road)
    path = export(road, tmp_path, "jsonl")
    row = ask(road)
    come_to_files(road, row)
    lanes = 0
    while row.phase == "files":
        for _ in range(3):  # the file is taken up, and two slices are done
            step(road, row)
        road.loop = road.new_lane()
        lanes += 1
        assert lanes < 10
    finish(road, row)
    assert row.notes == [f"{path} was not rewritten: 3 tries ended in it"]
    assert read(path, "jsonl") == people()


def test_lanes_that_come_further_each_time_are_not_held_against_a_file(
    road: Road, tmp_path: Path
) -> None:
    come(road)
    path = export(road, tmp_path, "jsonl")
    row = ask(road)
    come_to_files(road, row)
    for lane in range(1, 6):
        for _ in range(lane + 1):
            step(road, row)
        assert row.phase == "files"
        road.loop = road.new_lane()
    finish(road, row)
    assert row.notes == []
    assert read(path, "jsonl") == left()


def test_an_export_that_is_being_written_meanwhile_fails_and_says_why(
    road: Road, tmp_path: Path
) -> None:
    come(road)
    path = tmp_path / "people.jsonl"
    personal_files.note(path, PersonalFile.Kind.EXPORT, "jsonl", road.now)

    def blocks() -> Iterator[list[records.Record]]:
        yield from records.blocks()
        finish(road, ask(road))

    with pytest.raises(files.BadTarget, match="somebody was erased meanwhile"):
        files.write_file(path, "jsonl", blocks(), records.COLUMNS, lambda _: None)
    assert [each.name for each in tmp_path.iterdir() if "people" in each.name] == []
