"""compose.yaml: servers that the addresses in it lead to, of versions that the tests and the backup know."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from dmp_site import addresses
from tests.servers.postgres import programs
from tests.servers.program import Missing

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
SERVICES = yaml.safe_load(TEXT)["services"]
PASSWORD = "p@ss:w/ord?#%[é]"


def address(variable: str) -> str:
    """Return the URL that a reader exports, with a password that a URL must not hold as it is."""
    [found] = re.findall(rf"export FILROUGE_{variable}=(\S+)", TEXT)
    return re.sub(r"\$\w+_PASSWORD", quote(PASSWORD, safe=""), found)


def published(service: str) -> str:
    [port] = SERVICES[service]["ports"]
    return str(port).rpartition(":")[0]


def test_the_database_is_where_its_address_leads() -> None:
    found = addresses.postgresql(address("DATABASE_URL"), "X")
    server = SERVICES["postgresql"]["environment"]
    assert (found["USER"], found["NAME"]) == (server["POSTGRES_USER"], server["POSTGRES_DB"])
    assert f"{found['HOST']}:{found['PORT']}" == published("postgresql")
    assert found["PASSWORD"] == PASSWORD


def test_the_graph_is_where_its_address_leads() -> None:
    found: dict[str, Any] = addresses.neo4j(address("GRAPH_URL"), "neo4j", "X")["OPTIONS"]
    assert SERVICES["neo4j"]["environment"]["NEO4J_AUTH"].startswith(f"{found['user']}/")
    assert found["url"] == f"bolt://{published('neo4j')}"
    assert found["password"] == PASSWORD


def test_both_come_back_when_the_machine_does() -> None:
    assert {one["restart"] for one in SERVICES.values()} == {"unless-stopped"}


def test_neo4j_is_the_version_that_the_tests_run() -> None:
    pom = (ROOT / "tests/servers/neo4j.xml").read_text(encoding="utf-8")
    [tested] = re.findall(r"<neo4j.version>(\d+\.\d+)\.", pom)
    assert SERVICES["neo4j"]["image"] == f"neo4j:{tested}-community"


def test_postgresql_is_no_newer_than_the_dump_that_this_host_has() -> None:
    try:
        here = programs().parent.name
    except Missing as missing:
        pytest.skip(f"for want of {missing}")
    image, _, version = SERVICES["postgresql"]["image"].partition(":")
    assert image == "postgres"
    assert int(version) <= int(here)
