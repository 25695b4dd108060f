"""The report of the benchmarks: a section that is measured again takes its own place and no other."""

from pathlib import Path

from benchmarks import report
from benchmarks.road.driven import Driven, Mark


def test_a_section_replaces_itself_and_leaves_the_others(tmp_path: Path):
    path = tmp_path / "RESULTS.md"
    report.write("latency", "monday", "slow", path)
    report.write("collector", "tuesday", "first", path)
    report.write("collector", "wednesday", "second", path)
    text = path.read_text()
    assert "slow" in text
    assert "second" in text
    assert "first" not in text
    assert text.index("## Collector\n\nwednesday") < text.index("## Latency in real processes")


def test_the_machine_is_described():
    assert "cores" in report.machine()
    assert "SQLite" in report.machine()


def test_a_drive_tells_when_so_many_were_done():
    driven = Driven([Mark(400, 1.0, 0.5), Mark(900, 2.0, 1.0), Mark(1_000, 2.5, 1.2)])
    assert driven.until(401).seconds == 2.0
    assert driven.until(5_000) == driven.whole
