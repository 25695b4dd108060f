"""Nothing below the edges reads a clock: a batch can be replayed with the time it had. Ruff bans most; here is the rest."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # `make check` runs them too

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("identity", "activation", "journeys", "dmp_site")
# Who asks identity.clock what time it is: pages, APIs and commands, and the loops of processes.
EDGES = re.compile(r"/(admin(_\w+)?|api|panel)(\.py|/)|/management/commands/|^dmp_site/")
LOOPS = {
    "activation/deliveries/crew.py",
    "identity/profiles/exports/records.py",
    "identity/touchpoints/collector/server.py",
    "identity/touchpoints/inbox/__init__.py",
}
BELOW = {"dmp_site/pipeline.py", "dmp_site/processes/clockwork.py", "dmp_site/processes/care.py"}
COMPARES = "dmp_site/console/clocks.py"  # doctor compares this machine's clock with the server's
DATABASE_CLOCKS = re.compile(
    r"\bauto_now(_add)?\b|\b(clock|statement|transaction)_timestamp\(|\bCURRENT_(TIMESTAMP|TIME|DATE)\b|\bN(ow|OW)\(\)|'now'|\bunixepoch\b"
)


def modules() -> Iterator[tuple[str, str]]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "/migrations/" not in name and "node_modules" not in name:
                yield name, path.read_text(encoding="utf-8")


def asks_the_clock(code: str) -> bool:
    return any(
        (
            isinstance(node, ast.ImportFrom)
            and node.module == "identity.clock"
            and any(each.name == "now" for each in node.names)
        )
        or (isinstance(node, ast.Attribute) and ast.unparse(node) == "clock.now")
        for node in ast.walk(ast.parse(code))
    )


def test_only_edges_ask_what_time_it_is() -> None:
    found = {name for name, code in modules() if asks_the_clock(code)}
    assert {name for name in found if not EDGES.search(name)} == LOOPS
    assert not found & BELOW


def test_no_field_and_no_statement_reads_the_databases_clock() -> None:
    lines = [
        f"{name}: {line.strip()}"
        for name, code in modules()
        for line in code.splitlines()
        if name != COMPARES and DATABASE_CLOCKS.search(line) and not line.lstrip().startswith("#")
    ]
    assert lines == []
