"""benchmarks/RESULTS.md: one section per benchmark, each with the machine and the moment it was measured on."""

import os
import platform
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
_HEAD = """# Figures

Written by `make bench`. Each section says when it was measured and how busy the machine was at its beginning: absolute figures
belong to that machine, ratios were taken in one run. The load generators ran on the same cores.
"""
_TITLES = {
    "collector": "Collector",
    "pipeline": "Whole pipeline",
    "latency": "Latency in real processes",
    "served": "PostgreSQL and Neo4j",
}
_SECTION = re.compile(r"^<!-- (\w+) -->\n(.*?)(?=^<!-- |\Z)", re.DOTALL | re.MULTILINE)


def machine() -> str:
    """Return one line on the machine and the moment."""
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")  # noqa: TID251 - the date of a report
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{moment} · {os.cpu_count()} cores, {_memory()} GB · {platform.system()} {platform.release()} {platform.machine()}"
        f" · Python {platform.python_version()} · SQLite {sqlite3.sqlite_version} · load average {load}"
    )


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def write(name: str, measured_on: str, text: str, path: Path = RESULTS) -> None:
    """Put a section in the place of the one before; the other sections stay as they are."""
    sections = _read(path)
    sections[name] = f"## {_TITLES[name]}\n\n{measured_on}\n\n{text.strip()}\n"
    parts = [
        f"<!-- {each} -->\n{sections[each].strip()}\n" for each in _TITLES if each in sections
    ]
    path.write_text("\n".join([_HEAD, *parts]), encoding="utf-8")


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    return dict(_SECTION.findall(path.read_text(encoding="utf-8")))


def table(*head: str) -> list[str]:
    """Return the first two lines of a table in Markdown."""
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
