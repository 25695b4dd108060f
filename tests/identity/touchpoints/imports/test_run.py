"""An import: batches, back-pressure, interruptions, bad rows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from identity.profiles.exports import cleaning
from identity.touchpoints.door import Door
from identity.touchpoints.imports.files import rows
from identity.touchpoints.imports.mapping import AsEvents
from identity.touchpoints.imports.run import Checkpoint, Import, Progress
from identity.touchpoints.inbox.port import InboxAway
from identity.touchpoints.types import Mode

Answer = Callable[[list[dict[str, Any]]], httpx.Response]
TAKEN = httpx.Response(200, json={"success": True})


class Collector:
    """The other end of a door: answers in turn, keeps what it took."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.posted: list[dict[str, Any]] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = (
            self.answers.pop(0) if self.answers else httpx.Response(200, json={"success": True})
        )
        if answer.status_code == 200:
            self.posted += json.loads(request.content)["events"]
        return answer

    def load(self, file: Path, report: Callable[[Progress], None] = lambda _: None) -> Progress:
        transport = httpx.MockTransport(self)
        with httpx.Client(transport=transport, base_url="http://door") as client:
            return Import(
                door=Door(client),
                source=1,
                mode=Mode.HISTORY,
                translator=AsEvents(),
                checkpoint=Checkpoint(file.with_suffix(".checkpoint"), "this"),
                bad_file=file.with_suffix(".bad"),
                wait=self.waits.append,
                report=report,
            ).run(rows(file))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f.jsonl"
    lines = [{"type": "page", "userId": str(each % 7)} for each in range(1200)]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def ids(collector: Collector) -> list[str]:
    return [event["messageId"] for event in collector.posted]


def test_everything_arrives_once(file: Path) -> None:
    collector = Collector()
    assert collector.load(file) == Progress(done=1200, bad=0)
    assert len(set(ids(collector))) == 1200
    assert file.with_suffix(".bad").read_bytes() == b""
    assert not file.with_suffix(".checkpoint").exists()


def test_it_waits_as_long_as_it_is_told(file: Path) -> None:
    full = httpx.Response(429, headers={"Retry-After": "5"})
    collector = Collector(full, full, TAKEN)
    assert collector.load(file).done == 1200
    assert collector.waits == [5, 5]


def test_it_waits_for_a_collector_that_is_away_and_goes_on(file: Path) -> None:
    away = httpx.Response(503)
    collector = Collector(TAKEN, *[away] * 61)
    with pytest.raises(InboxAway):
        collector.load(file)
    assert len(collector.posted) == 500
    later = Collector()
    assert later.load(file).done == 1200
    together = ids(collector) + ids(later)
    assert len(together) == len(set(together)) == 1200
    whole = Collector()
    whole.load(file)
    assert ids(whole) == together  # the same rows have the same ids, interrupted or not


def test_another_import_does_not_go_on_where_this_one_stopped(file: Path) -> None:
    Checkpoint(file.with_suffix(".checkpoint"), "another").save(Progress(700, 0))
    assert Collector().load(file).done == 1200
    file.with_suffix(".checkpoint").write_text("{broken")
    assert Collector().load(file).done == 1200


def test_bad_rows_go_to_a_file_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "f.jsonl"
    file.write_text('{"type":"page","userId":"1"}\nbroken\n{"type":"dance","userId":"1"}\n')
    refusal = [[1, "type_unknown", "no such type"]]
    collector = Collector(httpx.Response(200, json={"success": True, "errors": refusal}))
    assert collector.load(file) == Progress(done=3, bad=2)
    bad = [json.loads(line) for line in file.with_suffix(".bad").read_text().splitlines()]
    assert [(each["row"], each["content"]) for each in bad] == [
        (2, None),
        (3, {"type": "dance", "userId": "1"}),
    ]
    assert bad[0]["reason"].startswith("it is no JSON object")
    assert bad[1]["reason"] == "type_unknown: no such type"
    assert file.with_suffix(".bad").stat().st_mode & 0o077 == 0


def test_an_erasure_may_replace_the_file_of_bad_rows_meanwhile(tmp_path: Path) -> None:
    file, bad_file = tmp_path / "f.jsonl", tmp_path / "f.bad"
    lines = [{"type": "dance", "userId": str(each)} for each in range(1200)]
    file.write_text("\n".join(json.dumps(line) for line in lines))
    refusals = [[each, "type_unknown", "no such type"] for each in range(500)]
    refused = httpx.Response(200, json={"success": True, "errors": refusals})
    rest = httpx.Response(200, json={"success": True, "errors": refusals[:200]})

    def erase(progress: Progress) -> None:
        if progress.done == 500:
            gone = cleaning.clean(bad_file, "jsonl", lambda row: row["row"] == 7, 100)
            assert list(gone)

    progress = Collector(refused, refused, rest).load(file, erase)
    assert progress == Progress(done=1200, bad=1200)
    left = [json.loads(line)["row"] for line in bad_file.read_text().splitlines()]
    assert left == [each for each in range(1, 1201) if each != 7]
    assert bad_file.stat().st_mode & 0o077 == 0
