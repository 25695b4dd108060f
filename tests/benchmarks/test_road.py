"""The yardsticks of the pipeline do the product's work: the same touchpoints give the same digest. What measures stores does it on each kind."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from benchmarks import reading
from benchmarks.road import prepare, raw, raw_graph
from benchmarks.road.digest import digest
from benchmarks.road.drive import WHO, drive
from identity import graph
from identity.graph.contents import Part, add_up
from tests.environment import STORES
from tests.stores import use_inbox

TOUCHPOINTS, PEOPLE = 600, 60
NOT_BROUGHT = {"suppressions", "set aside", "delivery steps", "reactions"}

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.stores]


@pytest.fixture
def prepared(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    use_inbox(settings, tmp_path)
    graph.store().make()
    prepare.main(str(TOUCHPOINTS), str(PEOPLE))


@pytest.fixture
def driven(prepared: None) -> Callable[[str], dict[str, str]]:
    """Return a function that drives the same full inbox down a road and tells what came out; nothing of it stays."""

    def driven(who: str) -> dict[str, str]:
        with transaction.atomic():
            drive(WHO[who](), TOUCHPOINTS)
            found = digest()
            transaction.set_rollback(True)
        return found

    return driven


@pytest.mark.skipif(
    STORES != "sqlite",
    reason="a hash of row ids settles ties, and servers take no sequence back",
)
def test_the_yardsticks_give_the_digest_of_the_product(driven):
    product = driven("steady")
    empty = {subject for subject, hashed in product.items() if hashed.startswith("0 ")}
    assert empty == NOT_BROUGHT, "the stream brings something of everything else"
    assert driven("batched") == product
    assert driven("naive") == product


def test_the_raw_store_writes_what_the_lane_wrote(
    prepared: None, capsys: pytest.CaptureFixture[str]
) -> None:
    drive(WHO["product"](), TOUCHPOINTS)
    before = add_up(graph.store().contents()).counts
    capsys.readouterr()
    raw_graph.main(str(TOUCHPOINTS))
    assert float(capsys.readouterr().out) > 0
    assert add_up(graph.store().contents()).counts == before


@pytest.mark.skipif(STORES != "sqlite", reason="a loop over SQLite's own driver")
def test_the_rows_of_the_pipeline_are_written_by_hand(prepared: None, settings: Any) -> None:
    drive(WHO["product"](), TOUCHPOINTS)
    assert raw.write(TOUCHPOINTS) > 0
    with closing(sqlite3.connect(settings.DATA_DIR / "raw.sqlite3")) as written:
        (count,) = written.execute("SELECT count(*) FROM identity_graphtouchpoint").fetchone()
    assert count == add_up(graph.store().contents()).counts[Part.TOUCHPOINTS] > 0


def test_profiles_are_read(prepared: None, capsys: pytest.CaptureFixture[str]) -> None:
    drive(WHO["product"](), TOUCHPOINTS)
    capsys.readouterr()
    reading.main("50")
    half, nearly_all = map(float, capsys.readouterr().out.split())
    assert 0 < half <= nearly_all
