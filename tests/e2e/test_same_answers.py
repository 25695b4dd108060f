"""All kinds of stores give the same answers: the recorded stream leaves the digest that is kept in tests/same/answers.json.

Each kind is a run of its own (STORES), so they are compared through that file; `make answers` writes it afresh. Where they differ, the
rows lie in build/answers: run the test with ANSWERS=write on one kind, without it on the other, and compare the two folders.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.road.digest import hashed, lines
from identity.sql import fetch
from tests.environment import STORES
from tests.road import START
from tests.same.replay import Replay
from tests.same.stream import Recorded

ANSWERS = Path(__file__).parents[1] / "same" / "answers.json"
SHOWN = Path(__file__).parents[2] / "build" / "answers" / STORES
WRITE = os.environ.get("ANSWERS") == "write"

_BATCHES = "SELECT kind, now, horizon, mode, first_number, last_number, touchpoints FROM identity_batch ORDER BY id"

pytestmark = [
    pytest.mark.django_db(transaction=True, reset_sequences=True),
    pytest.mark.stores,
    pytest.mark.slow,
]


@pytest.fixture
def replay(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replay]:
    logging.disable(logging.ERROR)  # what is set aside on purpose fills pages
    made = Replay(tmp_path, settings, monkeypatch)
    yield made
    made.close()
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("touchpoints", [10_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_the_recorded_stream_gives_the_same_answers(replay: Replay, touchpoints: int) -> None:
    if not WRITE and str(touchpoints) not in json.loads(ANSWERS.read_text()):
        pytest.skip("no digest is kept for so many: `make answers` writes it")
    replay.run(Recorded(touchpoints, START))
    rows = lines()
    rows["batches"] = [json.dumps(row).encode() for row in fetch(_BATCHES)]
    kept, found = json.loads(ANSWERS.read_text()), hashed(rows)
    if WRITE:
        kept[str(touchpoints)] = found
        ANSWERS.write_text(f"{json.dumps(kept, indent=1)}\n")
    right = kept.get(str(touchpoints), {})
    differing = {
        each: (said, right.get(each)) for each, said in found.items() if said != right.get(each)
    }
    if WRITE or differing:
        show(rows)
    assert [each for each in rows if not rows[each]] == [], (
        "the stream brings something of everything"
    )
    assert {kind for (kind,) in fetch("SELECT kind FROM identity_profilemove")} == {
        "merge",
        "split",
    }
    assert differing == {}, f"(here, as it was written); the rows are in {SHOWN}"


def show(rows: Mapping[str, list[bytes]]) -> None:
    """Write all rows, one file per subject: two kinds of stores can be compared with `diff -r`."""
    SHOWN.mkdir(parents=True, exist_ok=True)
    for subject, each in rows.items():
        (SHOWN / subject).write_bytes(b"\n".join(each))
