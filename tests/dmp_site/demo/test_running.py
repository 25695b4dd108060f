"""Starts of the demo as real processes, with a few households."""

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from dmp_site.demo import dataset, state
from tests.installation import ROOT
from tests.showing import Show, show

pytestmark = pytest.mark.process

SOME = 30  # households: enough to be interrupted in, few enough for seconds


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Show]:
    with show(tmp_path) as made:
        yield made


def answer_of(households: int) -> str:
    found = dataset.totals(households)
    return (
        f"The product answers: {found.profiles:,} people, {found.orders:,} orders worth {found.revenue / 100:,.2f} USD,"
        f" {found.contacts:,} contacts, {found.redemptions:,} redemptions"
    )


def all_quiet(demo: Show) -> bool:
    """Tell whether nothing listens any more."""
    for address in (demo.console, demo.collector, demo.shop, demo.mail):
        try:
            httpx.get(f"http://{address}/health", timeout=1)
        except httpx.TransportError:
            continue
        return False
    return True


def signed_in(demo: Show, password: str) -> bool:
    """Tell whether the console takes the login."""
    with httpx.Client(base_url=f"http://{demo.console}") as client:
        page = client.get("/admin/login/")
        token = next(value for name, value in page.cookies.items() if "csrf" in name)
        form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token}
        return client.post("/admin/login/?next=/admin/", data=form).status_code == 302


def test_a_start_that_is_interrupted_is_gone_on_with_and_later_ones_lose_nothing(
    demo: Show,
) -> None:
    # In its first second, before there is anything to end.
    demo.open(SOME)
    demo.wait_for((demo.data / "demo" / "state.json").exists, "the first file")
    assert demo.interrupt() == 0
    assert "Traceback" not in demo.said()
    weeks = change_the_shift(demo)
    # In the middle of the import.
    demo.open(SOME)
    demo.until("Importing 2,")
    assert demo.interrupt() == 0
    assert "Traceback" not in demo.said()
    assert all_quiet(demo)
    assert not demo.everybody()
    # To its end: what was done is not done again.
    demo.open(SOME)
    demo.until_open()
    assert answer_of(SOME) in demo.said()
    assert "Making audiences" not in demo.said()
    password = demo.state["password"]
    assert f"login admin / {password}" in demo.said()
    assert signed_in(demo, password)
    assert_that_it_says_where_to_look(demo)
    assert demo.state["weeks"] == weeks
    assert last_order(demo) == max(moment(one["timestamp"]) for one in dataset.orders(1, weeks))

    refuse_another(demo)

    do_as_the_readme_says(demo)

    demo.shell(
        "from django.contrib.auth.models import User; u = User.objects.get(); u.set_password('mine'); u.save()"
    )
    assert demo.interrupt() == 0
    assert all_quiet(demo)
    assert not demo.everybody()

    started = time.monotonic()
    demo.open()
    demo.until_open()
    assert time.monotonic() - started < 60
    assert "Importing" not in demo.said()
    assert "The product answers" not in demo.said()
    assert "login admin / the password that was set" in demo.said()
    assert password not in demo.said()
    assert demo.state["weeks"] == weeks
    assert demo.api(demo.state["api_key"], "GET", "profiles/by/user_id/alice").status_code == 200
    assert_that_it_says_where_to_look(demo)
    assert len(demo.everybody()) > 1
    assert demo.interrupt() == 0
    assert not demo.everybody()


def change_the_shift(demo: Show) -> int:
    """Store another shift than the one that today would give; return it."""
    weeks: int = demo.state["weeks"] - 3
    file = demo.data / "demo" / "state.json"
    file.write_text(json.dumps({**demo.state, "weeks": weeks}))
    return weeks


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def last_order(demo: Show) -> datetime:
    """Return when the product thinks that the first household bought last."""
    found = demo.api(demo.state["api_key"], "GET", "profiles/by/user_id/1").json()
    return max(moment(order["placed_at"]) for order in found["orders"]["latest"])


def assert_that_it_says_where_to_look(demo: Show) -> None:
    """Its last words name four addresses, each of which answers, and three things worth looking at."""
    addresses, things, _ = demo.said().split("\n\n")[-3:]
    shown = dict(re.findall(r"^(\w+) +(http://\S+)", addresses, re.MULTILINE))
    assert shown == {
        "Console": f"http://{demo.console}/admin/",
        "Shop": f"http://{demo.shop}/",
        "Mail": f"http://{demo.mail}/",
        "Collector": f"http://{demo.collector}/v1/batch",
    }
    assert [httpx.get(url, follow_redirects=True).status_code for url in shown.values()] == [
        200,
        200,
        200,
        405,  # it wants POST
    ]
    assert f"write key {demo.state['write_key']}" in addresses
    heading, *listed = things.splitlines()
    assert heading == "Worth looking at:"
    assert [line[:5] for line in listed] == ["  1. ", "  2. ", "  3. "]


def refuse_another(demo: Show) -> None:
    """Refuse a second demo on the same files, which touches nothing, even if the tables had changed under it."""
    file = demo.data / "demo" / "state.json"
    kept = file.read_bytes()
    file.write_text(json.dumps({**json.loads(kept), "schema": "another"}))
    other = demo.manage("demo", check=False)
    assert other.returncode == 1
    assert f"a demo runs in {demo.data} already" in other.stderr
    assert not list(demo.data.glob("aside-*"))
    file.write_bytes(kept)
    assert demo.answers(demo.collector)


def do_as_the_readme_says(demo: Show) -> None:
    """Send what its first screen sends; the profile and the mail that it shows come out."""
    [body] = re.findall(r"-d '(\{.*?\})'\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    sent = httpx.post(
        f"http://{demo.collector}/v1/batch", auth=(demo.state["write_key"], ""), content=body
    )
    assert sent.status_code == 200
    demo.wait_for(lambda: "Welcome to Corner Market" in mails(demo), "the welcome", seconds=60)
    assert "alice@example.org" in mails(demo)
    alice = demo.api(demo.state["api_key"], "GET", "profiles/by/user_id/alice").json()
    assert {"user_id:alice", "anonymous_id:a-1"} < {one["key"] for one in alice["identifiers"]}
    assert [one["value"] for one in alice["identifiers"] if one["namespace"] == "email"] == [None]
    assert alice["traits"]["plan"]["value"] == "gold"
    assert [(one["purpose"], one["channel"], one["granted"]) for one in alice["consent"]] == [
        ("marketing", "email", True)
    ]
    assert alice["orders"]["count"] == 0


def mails(demo: Show) -> str:
    return httpx.get(f"http://{demo.mail}/").text


def left_by_an_earlier_start(demo: Show, schema: str, *done: str) -> None:
    """Make an installation, and the note that the demo made it."""
    demo.manage("setup")
    state = {"schema": schema, "weeks": 400, "password": "p", "households": 1, "done": done}
    (demo.data / "demo").mkdir()
    (demo.data / "demo" / "state.json").write_text(json.dumps(state))


def test_when_the_tables_changed_the_old_files_are_kept_aside_and_it_is_built_again(
    tmp_path: Path,
) -> None:
    """Even when the key file lives elsewhere, and so stays where it is."""
    keys = tmp_path / "elsewhere" / "keys.json"
    keys.parent.mkdir()
    with show(tmp_path, KEYS_FILE=str(keys)) as demo:
        left_by_an_earlier_start(demo, "an older one", "login", "content", "figures", "shop")
        demo.open(1)
        demo.until_open()
        said = demo.said()
        assert "The tables have changed since the last start." in said
        assert f"The old files are kept in {demo.data / 'aside-1'}" in said
        assert answer_of(1) in said
        aside = {path.name for path in (demo.data / "aside-1").iterdir()}
        assert {"demo", "filrouge.sqlite3", "inbox.sqlite3"} <= aside
        assert demo.interrupt() == 0


def test_what_goes_wrong_while_it_is_set_up_ends_it_with_a_message(demo: Show) -> None:
    """A database that lost a table is nothing that the set-up expects."""
    left_by_an_earlier_start(demo, state.schema(), "login")
    demo.shell(
        "from django.db import connection; connection.cursor().execute('DROP TABLE activation_template')"
    )
    demo.open(1)
    assert demo.process is not None
    assert demo.process.wait(120) == 1
    assert "no such table: activation_template" in demo.said()
    assert all_quiet(demo)


def test_an_installation_of_somebody_else_is_left_alone(demo: Show) -> None:
    demo.manage("setup")
    before = {path: path.stat().st_mtime_ns for path in demo.data.glob("*.sqlite3")}
    refused = demo.manage("demo", check=False)
    assert refused.returncode == 1
    assert "holds an installation that is not the demo's" in refused.stderr
    assert not (demo.data / "demo").exists()
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_installation_that_runs_is_left_alone(demo: Show) -> None:
    demo.up()
    refused = demo.manage("demo", check=False)
    assert refused.returncode == 1
    assert "stop `manage.py up` first" in refused.stderr


def test_a_state_that_cannot_be_read_is_said(demo: Show) -> None:
    (demo.data / "demo").mkdir(parents=True)
    (demo.data / "demo" / "state.json").write_text("{")
    refused = demo.manage("demo", check=False)
    assert refused.returncode == 1
    assert "state.json cannot be read" in refused.stderr
