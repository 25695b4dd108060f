"""Commands while a store is away: nothing listens at its port. Each says what is away and what to do, and shows no traceback."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.environment import STORES
from tests.installation import Installation, installation
from tests.ports import free_port

pytestmark = pytest.mark.process
needs_postgresql = pytest.mark.skipif(STORES == "sqlite", reason="needs PostgreSQL")

PREPARE = "from tests.dmp_site import calling; calling.{}"
# The name that a test shows: what is typed. COPY is a backup, NEW a directory that is not there, FILE one with two lines of JSON.
ASK_POSTGRESQL = {
    "backup": "backup NEW",
    "createkey": "createkey --source shop",
    "erase_person": "erase_person user_id 4711",
    "erase_person --certificate": "erase_person --certificate 1",
    "export_profiles": "export_profiles --quiet",
    "forget_source": "forget_source shop",
    "import_touchpoints": "import_touchpoints FILE --format jsonl --source shop",
    "move_store": "move_store graph",
    "move_store --give-up": "move_store graph --give-up",
    "person_bundle": "person_bundle user_id 4711 --why test",
    "policy_dry_run": "policy_dry_run",
    "rebuild_graph": "rebuild_graph",
    "rebuild_graph --check": "rebuild_graph --check",
    "rebuild_graph --digest": "rebuild_graph --digest",
    "restore": "restore COPY",
    "setup": "setup",
    "setup_graph": "setup_graph",
    "up": "up",
    "worker": "worker --role lane",  # the last: it says to the others that something runs
}
# With the graph in Neo4j, which is away as well: PostgreSQL is asked first, so nothing is done to the graph for one that is away.
BOTH = ("backup", "move_store", "move_store --give-up", "rebuild_graph --check", "setup_graph")
ASK_NEO4J = {
    "backup": "backup NEW",
    "move_store": "move_store graph",
    "policy_dry_run": "policy_dry_run POLICY",
    "rebuild_graph --check": "rebuild_graph --check",
    "rebuild_graph --digest": "rebuild_graph --digest",
    "setup_graph": "setup_graph",
}
# They say it in a way of their own (`doctor`, `identity_cases`), are for a machine without servers, or need a package that few have.
OTHERS = {"doctor", "identity_cases", "demo", "link_records"}


def typed(commands: Mapping[str, str], directory: Path) -> dict[str, list[str]]:
    words = {each: str(directory / each.lower()) for each in ("COPY", "NEW", "FILE", "POLICY")}
    return {
        name: [words.get(word, word) for word in line.split()] for name, line in commands.items()
    }


def call(site: Installation, commands: Mapping[str, list[str]]) -> dict[str, tuple[int, str]]:
    """Call each in one process; return status and words of each by its name."""
    code = PREPARE.format(f"call({commands!r})")
    said = site.manage("shell", "--verbosity", "0", "-c", code).stdout
    found: dict[str, tuple[int, str]] = json.loads(said)
    return found


def closed(scheme: str, name: str = "") -> str:
    return f"{scheme}://somebody:secret@127.0.0.1:{free_port()}{name}"


def told(said: str) -> None:
    """See that it is said what happened, and what to do."""
    assert "Traceback" not in said, said
    assert "CommandError: " in said
    assert "refused" in said, said
    assert "manage.py doctor" in said, said
    assert "secret" not in said


@pytest.fixture(scope="module")
def without_postgresql(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    directory = tmp_path_factory.mktemp("without")
    addresses = {
        "DATABASE_URL": closed("postgresql", "/nothing"),
        "MOVE_GRAPH_URL": closed("bolt"),
    }
    site = Installation(directory, **addresses)
    (directory / "file").write_text("{}\n{}\n")
    copy = str(directory / "copy")
    site.shell(PREPARE.format(f"keys(); calling.backup_of({copy!r}, 'postgresql')"))
    return call(site, typed(ASK_POSTGRESQL, directory))


@pytest.mark.parametrize("name", ASK_POSTGRESQL)
def test_without_postgresql_a_command_says_so(
    without_postgresql: dict[str, tuple[int, str]], name: str
) -> None:
    status, said = without_postgresql[name]
    assert status == 1
    assert ("the database" if name in {"setup", "up", "worker"} else "PostgreSQL") in said
    told(said)


@pytest.fixture(scope="module")
def without_both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    directory = tmp_path_factory.mktemp("without")
    database, graph = closed("postgresql", "/nothing"), closed("bolt")
    site = Installation(directory, DATABASE_URL=database, GRAPH_URL=graph)
    site.shell(PREPARE.format("keys()"))
    return call(site, typed({name: ASK_POSTGRESQL[name] for name in BOTH}, directory))


@pytest.mark.parametrize("name", BOTH)
def test_without_both_postgresql_is_named(
    without_both: dict[str, tuple[int, str]], name: str
) -> None:
    status, said = without_both[name]
    assert status == 1
    assert "PostgreSQL" in said, said
    told(said)


def test_no_command_is_left_out() -> None:
    ours = {name for name, app in get_commands().items() if app in {"dmp_site", "identity"}}
    assert {each.split()[0] for each in ASK_POSTGRESQL} == ours - OTHERS


def test_what_the_driver_said_is_shown_when_it_is_asked_for(tmp_path: Path) -> None:
    site = Installation(tmp_path, DATABASE_URL=closed("postgresql", "/nothing"))
    said = site.manage("createkey", "--source", "shop", "--traceback", check=False).stderr
    assert "psycopg.OperationalError" in said
    assert "secret" not in said


@pytest.fixture(scope="module")
def without_neo4j(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    directory = tmp_path_factory.mktemp("without")
    with installation(directory) as site:
        site.set_up()
        policy = (
            "from identity.profiles.policies.services import in_force; import json;"
            "print(json.dumps(in_force().document))"
        )
        (directory / "policy").write_text(site.shell(policy))
        site.environment["FILROUGE_GRAPH_URL"] = closed("bolt")
        return call(site, typed(ASK_NEO4J, directory))


@pytest.mark.stores
@needs_postgresql
@pytest.mark.parametrize("name", ASK_NEO4J)
def test_without_neo4j_a_command_says_so(
    without_neo4j: dict[str, tuple[int, str]], name: str
) -> None:
    status, said = without_neo4j[name]
    assert status == 1
    assert "Neo4j" in said, said
    told(said)


@pytest.mark.stores
@needs_postgresql
def test_without_neo4j_nothing_is_restored(tmp_path: Path) -> None:
    with installation(tmp_path / "new") as site:
        site.directory.mkdir()
        copy = str(tmp_path / "copy")
        site.shell(
            PREPARE.format(f"keys(); calling.backup_of({copy!r}, 'neo4j', 'graph.jsonl.gz')")
        )
        refused = site.manage("restore", copy, check=False, FILROUGE_GRAPH_URL=closed("bolt"))
        assert "Neo4j" in refused.stderr
        told(refused.stderr)
        assert not site.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
