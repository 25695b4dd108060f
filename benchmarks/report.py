"""Reports in Markdown that are measured in parts: one section each, with the machine and the moment that it was measured on."""

import os
import platform
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

STORES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "neo4j": "PostgreSQL + Neo4j"}
_PER_STORES = {
    "served": "The road on",
    "million": "A million touchpoints on",
    "failover": "Fail-over of the lane on",
}
_SECTION = re.compile(r"^<!-- (\w+) -->\n(.*?)(?=^<!-- |\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Report:
    """A file and what stands in it: a head, and under their titles the sections that were measured so far, in this order."""

    path: Path
    head: str
    titles: Mapping[str, str]

    def write(self, name: str, measured_on: str, text: str) -> None:
        """Put a section in the place of the one before; the other sections stay as they are."""
        sections = self._read()
        sections[name] = f"## {self.titles[name]}\n\n{measured_on}\n\n{text.strip()}\n"
        parts = [
            f"<!-- {each} -->\n{sections[each].strip()}\n"
            for each in self.titles
            if each in sections
        ]
        self.path.write_text("\n".join([self.head, *parts]), encoding="utf-8")

    def _read(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        return dict(_SECTION.findall(self.path.read_text(encoding="utf-8")))


RESULTS = Report(
    Path(__file__).parent / "RESULTS.md",
    """# Figures

Written by `make bench`. Each section says when it was measured and how busy the machine was at its beginning: absolute figures
belong to that machine, ratios were taken in one run. The load generators ran on the same cores.
""",
    {
        "collector": "Collector",
        "pipeline": "Whole pipeline",
        "latency": "Latency in real processes",
        "identity": "Who is who",
        "crowds": "Crowds that arrive live",
        "linkage": "Guesses about offline records",
        **{
            f"{benchmark}_{kind}": f"{title} {stores}"
            for benchmark, title in _PER_STORES.items()
            for kind, stores in STORES.items()
        },
    },
)


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


def table(*head: str) -> list[str]:
    """Return the first two lines of a table in Markdown."""
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
