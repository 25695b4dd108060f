"""The report of the benchmarks: a section that is measured again takes its own place and no other."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.report import RESULTS, machine
from benchmarks.road.driven import Driven, Mark


def test_a_section_replaces_itself_and_leaves_the_others(tmp_path: Path):
    report = replace(RESULTS, path=tmp_path / "RESULTS.md")
    report.write("latency", "monday", "slow")
    report.write("collector", "tuesday", "first")
    report.write("collector", "wednesday", "second")
    text = report.path.read_text()
    assert "slow" in text
    assert "second" in text
    assert "first" not in text
    assert text.index("## Collector\n\nwednesday") < text.index("## Latency in real processes")


def test_a_million_on_one_kind_of_stores_outlives_what_is_measured_after_it(tmp_path: Path):
    report = replace(RESULTS, path=tmp_path / "RESULTS.md")
    report.write("million_neo4j", "monday", "steady")
    report.write("pipeline", "tuesday", "fast")
    report.write("million_sqlite", "wednesday", "steadier")
    text = report.path.read_text()
    assert "## A million touchpoints on PostgreSQL + Neo4j\n\nmonday\n\nsteady\n" in text
    assert "## Whole pipeline\n\ntuesday\n\nfast\n" in text
    assert "steadier" in text


def test_the_machine_is_described():
    assert "cores" in machine()
    assert "SQLite" in machine()


def test_a_drive_tells_when_so_many_were_done():
    driven = Driven([Mark(400, 1.0, 0.5), Mark(900, 2.0, 1.0), Mark(1_000, 2.5, 1.2)])
    assert driven.until(401).seconds == 2.0
    assert driven.until(5_000) == driven.whole


def test_a_drive_tells_how_fast_its_second_and_its_last_part_were():
    driven = Driven([Mark(10, 5.0, 0), Mark(20, 6.0, 0), Mark(30, 8.0, 0), Mark(40, 12.0, 0)])
    assert driven.flatness(10) == (10.0, 2.5)
    assert driven.flatness(10, warm=10) == (5.0, 2.5)
    assert driven.rate(0, 20) == pytest.approx(20 / 6)


def test_a_drive_tells_how_steady_the_machine_was():
    marks = [Mark(10, 5.0, 0), Mark(20, 6.0, 0), Mark(30, 8.0, 0)]
    assert Driven(marks, [(8, 9.0), (12, 4.0), (20, 6.0), (30, 4.0)]).steadiness(10) == 0.8
    assert Driven(marks).steadiness(10) == 1.0
