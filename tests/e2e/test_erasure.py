"""A person with everything is erased from a running installation, whose lane is killed again and again meanwhile.

Afterwards every file is searched byte by byte, and every table and Parquet file through its reader, for what the person was known by.
"""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from pyarrow import parquet

from dmp_site.erasing.steps import PHASES
from tests.environment import STORES
from tests.installation import Installation, frozen, installation
from tests.places import Served
from tests.sink import Sink

pytestmark = [pytest.mark.process, pytest.mark.stores, pytest.mark.timeout(400)]

MAIL, USER, BROWSER, FIRST = "alice.gone@shop.example", "alice-471147", "browser-a1b2", "Alizarine"
CARD = "card-of-alice-0815"
# Where the lane is killed; tests/dmp_site/erasing kills one everywhere.
PARTS = ("begin", "links", "log")
# A process of its own takes seconds to begin, so few do much.
BEFORE = """
from django.core.management import call_command
from tests import content
from activation.audiences import services
from identity.clock import now
made = services.create("buyers", rule={"counter": "orders", "op": "ge", "value": 1}, actor="tests", now=now())
services.publish(made.pk, actor="tests", now=now())
mail = content.template("thanks", "Thanks")
content.journey("thanks", content.path(
    ("start", {"type": "entry", "config": {"on": "touchpoint", "event": "Order Completed"}}),
    ("send", {"type": "send", "config": {"channel": "email", "template": mail}}),
    ("wait", {"type": "wait", "config": {"duration": "P1D"}}),
    ("end", {"type": "exit"}),
))
call_command("import_touchpoints", ROWS, "--mapping", MAPPING, "--source", "crm", stdout=open("/dev/null", "w"))
call_command("createkey", "--source", "site", "--kind", "site", "--quiet")
call_command("createkey", "--api", "tests", "--scope", "*", "--quiet")
"""
# Writes files, sets a touchpoint aside, and tells by what an address is known.
AFTER = """
import json
from django.core.management import call_command
for exported in EXPORTED:
    call_command("export_profiles", "--output", exported, "--clear", "--why", "tests", stdout=open("/dev/null", "w"))
call_command("person_bundle", "user_id", USER, "--why", "tests", "--output", TOLD, stdout=open("/dev/null", "w"))
from django.conf import settings
from identity.clock import now
from identity.models import SetAside, Source
from identity.privacy.keys import keys_at
from identity.touchpoints import payload
sealed = payload.Sealer(keys_at(settings.KEYS_FILE).inbox).seal(b"\\n{}\\n" + json.dumps(EVENT).encode())
SetAside.objects.create(number=10**9, source=Source.objects.first().pk, mode="live", received_at=now(), payload=sealed,
    state="aside", changed_at=now())
from identity.touchpoints import naming
print(naming.identifier("email", ADDRESS).value)
"""
SEARCH = """
import json, re
from django.apps import apps
from django.db import connection
from identity.sql import fetch
wanted = re.compile("|".join(map(re.escape, NEEDLES)))
for table in connection.introspection.table_names():
    for row in fetch(f'SELECT * FROM "{table}"'):
        said = " ".join(each if isinstance(each, str) else json.dumps(each, default=repr) for each in row)
        if met := wanted.search(said):
            print(table, met[0], said[:200])
"""
EVERYTHING = (
    "MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN collect(properties(n)), collect(properties(r))"
)


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def home(tmp_path: Path, sink: Sink) -> Iterator[Installation]:
    settings = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(sink.port),
        "MACHINE_SECONDS": "0",
        "STAGE_FILE": str(tmp_path / "stage"),
    }
    with installation(tmp_path, **settings) as made:
        made.up()
        yield made


class Somebody(NamedTuple):
    user: str
    mail: str
    browser: str
    first: str


ALICE = Somebody(USER, MAIL, BROWSER, FIRST)
BOB = Somebody("bob", "bob@shop.example", "browser-b", "Robert")


def live(home: Installation, key: str, sink: Sink, who: Somebody) -> None:
    """Let somebody browse, sign in, agree to mail, buy, get a mail and click in it."""
    user, mail, browser, first = who
    agreed = {"consent": {"marketing": {"email": True}}}
    home.post(
        key,
        {"type": "page", "anonymousId": browser, "messageId": f"page-{user}"},
        {
            "type": "identify",
            "anonymousId": browser,
            "userId": user,
            "messageId": f"identify-{user}",
            "traits": {"email": mail, "first_name": first, "city": "Lyon", **agreed},
        },
    )
    home.wait_for(lambda: not home.waiting(), "the sign-in")
    home.post(
        key,
        {
            "type": "track",
            "event": "Order Completed",
            "userId": user,
            "messageId": f"order-{user}",
            "properties": {"order_id": f"o-{user}", "revenue": 9, "currency": "EUR"},
        },
    )
    [sent, *_] = home.wait_for(lambda: sink.to(mail), "the mail")
    part = sent.get_body(("html",))
    assert part is not None
    [link] = re.findall(r'href="(http[^"]+/c/[^"]+)"', part.get_content())[:1]
    browser_of_hers = {
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    }
    answer = httpx.get(link.replace("&amp;", "&"), headers=browser_of_hers, timeout=10)
    assert answer.status_code == 302, answer.text
    home.wait_for(
        lambda: home.ask("SELECT count(*) FROM activation_reaction"),
        "the click",
    )
    home.wait_for(lambda: not home.waiting(), "what came back")


def write_rows(home: Installation) -> dict[str, str]:
    """Write a file of customers with a bad row about her, and its mapping."""
    rows, mapping = home.directory / "customers.csv", home.directory / "customers.json"
    rows.write_text(
        f"mail,card,spent\n{MAIL},{CARD},12\n{MAIL},{CARD},many\nbob@shop.example,card-b,none\n"
    )
    mapping.write_text(
        json.dumps(
            {
                "identifiers": {"email": "mail", "loyalty_id": "card"},
                "type": "identify",
                "traits": {"spent": {"column": "spent", "as": "number"}},
            }
        )
    )
    return {"ROWS": str(rows), "MAPPING": str(mapping)}


def run(home: Installation, code: str, **values: Any) -> list[str]:
    """Run a text above with these values; return the lines that it printed."""
    for name, value in values.items():
        code = code.replace(name, repr(value))
    return home.shell(code).split()


def bundle(home: Installation, api: str, user: str) -> Any:
    body = {"namespace": "user_id", "value": user, "why": "tests"}
    answer = home.api(api, "POST", "bundle", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    tables = told["tables"]
    del told["told_at"], tables["identity.vaultaccess"]
    log = "identity.auditentry"  # each bundle is an entry of it
    tables[log] = [each for each in tables[log] if each["action"] != "person.bundle"]
    return told


def kill_in_each_part(home: Installation, key: str) -> None:
    """Kill the lane at the beginning of many a part; meanwhile more of the person comes in, and waits."""
    assert set(PARTS) <= PHASES.keys()
    for part in PARTS:
        home.wait_for(lambda: frozen(home.lane()), f"the lane to stop at {part}")
        if part != "log":  # by then she is erased, and who comes is somebody new
            home.post(
                key, {"type": "track", "event": "Waits", "userId": USER, "messageId": f"m-{part}"}
            )
        if part != PARTS[-1]:
            home.pause_at(f"erase: {PARTS[PARTS.index(part) + 1]}")
        os.kill(home.lane(), signal.SIGKILL)


def in_files(home: Installation, needles: list[str]) -> list[str]:
    """Search every byte of every file in the installation's folder."""
    wanted = re.compile(b"|".join(re.escape(each.encode()) for each in needles))
    return [
        f"{path.name} at {met.start()}: {met[0]!r}"
        for path in sorted(home.directory.rglob("*"))
        if path.is_file()
        for met in list(wanted.finditer(path.read_bytes()))[:3]
    ]


def in_parquet(home: Installation, needles: list[str]) -> list[str]:
    """Search all Parquet files in the installation's folder as who reads them: their bytes are compressed."""
    found = []
    for path in sorted(home.directory.rglob("*.parquet*")):
        said = json.dumps(parquet.read_table(path).to_pylist(), default=repr)
        found += [f"{path.name}: {each}" for each in needles if each in said]
    return found


def in_neo4j(home: Installation, needles: list[str]) -> list[str]:
    """Search all nodes and relationships, where Neo4j keeps the graph."""
    if not isinstance(home.place, Served) or STORES != "neo4j":
        return []
    said = repr(home.place.cypher(EVERYTHING))
    assert "bob" in said
    return [each for each in needles if each in said]


def test_a_person_with_everything_is_erased_whenever_the_lane_is_killed(
    home: Installation, sink: Sink
) -> None:
    key, api = run(home, BEFORE, **write_rows(home))
    (home.directory / "customers.csv").unlink()  # ours, not the product's
    live(home, key, sink, BOB)
    live(home, key, sink, ALICE)
    exported, told = home.directory / "people.jsonl", home.directory / "bundle.json"
    columns = home.directory / "people.parquet"
    bad = home.directory / "customers.csv.bad.jsonl"
    event = {"type": "track", "messageId": "x", "userId": USER}
    names = {"EVENT": event, "ADDRESS": MAIL, "USER": USER}
    [hashed] = run(home, AFTER, EXPORTED=[str(exported), str(columns)], TOLD=str(told), **names)
    uid = bundle(home, api, USER)["profile"]
    needles = [MAIL, USER, BROWSER, FIRST, CARD, hashed, uid]
    assert in_files(home, [USER])
    assert MAIL in told.read_text()
    assert MAIL in exported.read_text()
    assert MAIL in bad.read_text()
    assert len(in_parquet(home, needles)) == len(needles), "the file holds all of it"
    theirs = bundle(home, api, "bob")

    home.pause_at(f"erase: {PARTS[0]}")
    answer = home.api(api, "POST", "erasures", json={"namespace": "email", "value": MAIL})
    number = answer.json()["erasure"]
    kill_in_each_part(home, key)
    home.wait_for(
        lambda: home.api(api, "GET", f"erasures/{number}").json()["state"] == "done", "the erasure"
    )
    home.wait_for(lambda: not home.waiting(), "what waited")

    assert run(home, SEARCH, NEEDLES=needles) == []
    assert in_files(home, needles) == []
    assert in_parquet(home, needles) == []
    assert in_neo4j(home, needles) == []
    said = home.api(api, "GET", f"erasures/{number}").json()
    assert said["notes"] == []
    assert said["removed"]["graph.touchpoint"] >= 6
    assert said["removed"]["file.export"] == 2
    assert said["removed"]["file.bundle"] == 1
    assert said["removed"]["file.bad_rows"] == 1
    assert said["removed"]["identity.setaside"] == 1
    assert said["removed"]["activation.reaction"] >= 1
    # Not the first, which was processed before the tombstones stood and then erased, and none was sent after the end.
    refused = home.ask("SELECT count FROM identity_refusal WHERE reason = 'erased'")
    assert refused == len(PARTS) - 2
    assert bundle(home, api, "bob") == theirs
    assert "bob@shop.example" in exported.read_text()
    assert in_parquet(home, ["bob@shop.example"]) == ["people.parquet: bob@shop.example"]
    assert home.api(api, "GET", f"profiles/{uid}").json()["code"] == "profile_erased"
    home.post(key, {"type": "page", "userId": USER, "messageId": "back"})
    home.wait_for(
        lambda: home.ask(
            "SELECT count(*) FROM identity_identifier WHERE key = 'user_id:alice-471147'"
        ),
        "her return",
    )
    assert bundle(home, api, USER)["profile"] != uid
