"""Loaded before Django's settings (see addopts): every test process has a data directory of its own, and the stores that STORES names.

STORES is `sqlite` (the default), `postgresql` (PostgreSQL alone) or `neo4j` (PostgreSQL and Neo4j). The servers are started once per
run, by the first process; where one cannot be had, the run says so in one line and ends: well on a developer's machine, badly with CI set.
"""

import atexit
import os
import shutil
import signal
import sys
import tempfile

from tests.places import KINDS
from tests.places import NEO4J as _NEO4J
from tests.places import POSTGRES as _POSTGRES
from tests.servers.neo4j import Neo4j
from tests.servers.postgres import Postgres
from tests.servers.program import Missing
from tests.tables import SHARED as _SHARED

STORES = os.environ.get("STORES", "sqlite")


def _start_servers() -> None:
    """Start what STORES names, unless the process that started this one has."""
    if STORES not in KINDS:
        sys.exit(f"STORES is {STORES!r}: {', '.join(KINDS)}")
    if STORES == "sqlite" or _POSTGRES in os.environ:  # handed down to the workers of pytest-xdist
        return
    graph = Neo4j() if STORES == "neo4j" else None  # what it lacks is known before anything starts
    postgres = Postgres()
    postgres.start()
    os.environ[_POSTGRES] = postgres.url()
    if graph is not None:
        graph.start()
        os.environ[_NEO4J] = graph.url()


# Who is started in the background ignores Ctrl-C, and all that it starts would too: tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

try:
    _start_servers()
except Missing as missing:
    sys.stdout.write(f"Left out: the tests on STORES={STORES}, for want of {missing}\n")
    sys.exit(1 if os.environ.get("CI") else 0)

if _SHARED not in os.environ:  # the first process of the run
    os.environ[_SHARED] = tempfile.mkdtemp(prefix="filrouge-tests-")
    atexit.register(shutil.rmtree, os.environ[_SHARED], ignore_errors=True)
_directory = tempfile.mkdtemp(prefix="filrouge-test-")
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("FILROUGE_")]:
    del os.environ[_name]
os.environ["FILROUGE_DATA_DIR"] = _directory
if STORES != "sqlite":
    os.environ["FILROUGE_DATABASE_URL"] = os.environ[_POSTGRES]
if STORES == "neo4j":
    os.environ["FILROUGE_GRAPH_URL"] = os.environ[_NEO4J]
