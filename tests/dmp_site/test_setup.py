"""The first run makes everything, the next ones nothing; foreign stores and missing keys are refused."""

import shutil

import pytest

from tests.environment import STORES
from tests.installation import installation
from tests.ports import free_port

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

ON_NEO4J = pytest.mark.skipif(
    STORES != "neo4j", reason="elsewhere the graph is in the database itself"
)
COUNTS = """
from django.contrib.auth.models import Group, User
from identity.touchpoints.models import Installation, Source
print(Installation.objects.count(), Source.objects.filter(kind="internal").count(), User.objects.count(), Group.objects.count())
"""
AUDITED = """
from identity.privacy.models import AuditEntry
print(*AuditEntry.objects.filter(actor="command:setup").order_by("pk").values_list("action", flat=True))
"""


@pytest.fixture
def site(tmp_path):
    with installation(tmp_path / "site") as made:
        made.directory.mkdir()
        yield made


def test_the_first_run_makes_all_and_shows_a_login_once(site):
    first = site.manage("setup").stdout
    assert "Login      admin / " in first
    assert (site.directory / "keys.json").stat().st_mode & 0o777 == 0o600
    before = (site.directory / "keys.json").read_bytes()
    again = site.manage("setup").stdout
    assert again == ""
    assert (site.directory / "keys.json").read_bytes() == before
    assert site.shell(COUNTS).split() == ["1", "1", "1", "5"]
    assert site.shell(AUDITED).split() == ["installation.add", "source.add", "user.add"]


def test_a_password_that_was_given_is_not_printed(site):
    said = site.manage("setup", FILROUGE_ADMIN_PASSWORD="correct horse").stdout
    assert "correct horse" not in said
    check = "from django.contrib.auth import authenticate as a; print(a(username='admin', password='correct horse'))"
    assert site.shell(check).strip() == "admin"


def test_no_key_is_made_beside_existing_data(site):
    site.manage("setup")
    (site.directory / "keys.json").unlink()
    refused = site.manage("setup", check=False)
    assert refused.returncode == 1
    assert "restore the key file" in refused.stderr
    assert not (site.directory / "keys.json").exists()


def test_keys_and_inboxes_of_another_installation_are_refused(site, tmp_path):
    site.manage("setup")
    with installation(tmp_path / "other") as other:
        other.directory.mkdir()
        other.manage("setup")
    for name, said in [("keys.json", "identifier key"), ("inbox.sqlite3", "inbox")]:
        own = site.directory / name
        own.rename(tmp_path / "kept")
        shutil.copy2(tmp_path / "other" / name, own)
        refused = site.manage("setup", check=False)
        assert refused.returncode == 1
        assert f"the {said}" in refused.stderr
        (tmp_path / "kept").replace(own)
    site.manage("setup")


def test_a_missing_inbox_is_not_replaced_by_an_empty_one(site):
    site.manage("setup")
    (site.directory / "inbox.sqlite3").unlink()
    refused = site.manage("setup", check=False)
    assert refused.returncode == 1
    assert "there is no inbox" in refused.stderr
    assert not (site.directory / "inbox.sqlite3").exists()


@pytest.fixture
def other(
    tmp_path, site
):  # asked for behind `site`: a place that is made on Neo4j begins with an empty graph
    with installation(tmp_path / "other") as made:
        made.directory.mkdir()
        yield made


def graph_of(site):
    return site.place.cypher("MATCH (g:Graph) RETURN g.uuid")


@ON_NEO4J
@pytest.mark.stores
def test_a_graph_of_another_installation_is_refused_until_it_is_emptied(site, other):
    site.set_up()
    [theirs] = graph_of(site)
    refused = other.manage("setup", check=False)
    assert refused.returncode == 1
    assert f"another installation's graph ({theirs})" in refused.stderr
    assert "FILROUGE_GRAPH_URL" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert other.place.ask("SELECT count(*) FROM identity_installation") == 0
    assert graph_of(site) == [theirs]
    site.set_up()  # it is this one's as before
    site.place.cypher("MATCH (n) DETACH DELETE n")
    other.set_up()
    assert graph_of(other) not in ([], [theirs])


@ON_NEO4J
@pytest.mark.stores
def test_a_graph_that_holds_anything_else_is_refused_and_left_alone(site):
    site.place.cypher("CREATE (:Anything {name: 'precious'})")
    refused = site.manage("setup", check=False)
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert site.place.cypher("MATCH (n) RETURN labels(n), n.name") == [["Anything"], "precious"]


@ON_NEO4J
@pytest.mark.stores
@pytest.mark.parametrize("command", ["setup", "up"])
def test_a_first_start_without_its_graph_says_so_and_goes_on_later(site, command):
    away = {"FILROUGE_GRAPH_URL": f"bolt://127.0.0.1:{free_port()}"}
    refused = site.manage(command, check=False, **away)
    assert refused.returncode == 1
    assert "the graph store cannot be used (Neo4j does not answer" in refused.stderr
    assert "Traceback" not in refused.stderr
    site.set_up()


@ON_NEO4J
@pytest.mark.stores
def test_a_setup_that_was_killed_before_it_knew_its_graph_goes_on(site):
    site.set_up()
    ours = graph_of(site)
    site.shell(
        "from identity.touchpoints.models import Installation; Installation.objects.all().delete()"
    )
    site.set_up()
    assert graph_of(site) == ours
