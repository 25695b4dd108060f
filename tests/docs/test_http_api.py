"""docs/http-api.md says what is so: addresses, limits, answers, refusals. Its examples are run by test_examples."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from dmp_site import public
from identity.clock import to_datetime
from identity.graph import policy
from identity.touchpoints import times
from identity.touchpoints.collector import app, documents, events, http
from identity.touchpoints.collector.app import Table
from identity.touchpoints.collector.collection import Collection
from identity.touchpoints.collector.intake import MOST_SHARED, Intake
from identity.touchpoints.public import Read
from journeys.enrolments.public import MOST_SLOTS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "http-api.md").read_text(encoding="utf-8")
LIMITS = {
    "bytes of a body, as sent and decompressed": http.LARGEST_BODY,
    "events of a batch": events.MOST,
    "members of a gzip body": http.MOST_MEMBERS,
    "bytes of the context of a batch": events.LARGEST,
    "bytes of the context of a batch, times its events": MOST_SHARED,
    "bytes of an event, with the context of its batch": events.LARGEST,
    "levels of nesting of an event": events.DEEPEST,
    "characters of a `messageId`": events.LONGEST_ID - 1,
    "identifiers of an event": policy.MAX_IDENTIFIERS,
    "bytes of an identifier": policy.MAX_BYTES,
    "fields of a query string": http.MOST_FIELDS,
    "slots of one question to `/v1/decisions`": MOST_SLOTS,
}
DOOR = {"invalid_token", "no_such_source"}  # codes of the loopback door, which is nobody's API


def section(heading: str) -> str:
    return TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the tables of a section, without their heads."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def words(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture(scope="module")
def table() -> Table:
    """Return what the public port answers; nothing is asked of it but where its handlers are."""
    collection = Collection(cast(Intake, Stand()), "http://collect.example.org")
    return app.public(collection, public.routes(), cast(Read, Stand()), lambda: 0)


class Stand:
    """Stands where a collector would be: the table of addresses is made without one."""

    record: Callable[..., Any]


def test_every_address_is_described_and_no_other(table: Table) -> None:
    answered = {*table.exact, *(offered for offered, _ in table.prefixes)}
    described = {
        (method, path)
        for methods, paths, _ in rows("Addresses")
        for method in methods.split(", ")
        for path in words(paths)
    }
    unsubscribe_alone = {("POST", "/c/"), ("POST", "/o/")}  # as the row says
    heads = {(method, path) for method, path in answered if method == "HEAD"}
    assert described - unsubscribe_alone == answered - heads


def test_every_limit_is_the_one_in_force() -> None:
    stated = {what: value for what, value, _ in rows("Limits") if value.isdigit()}
    assert stated == {what: str(value) for what, value in LIMITS.items()}


def test_other_numbers_are_those_in_force() -> None:
    clocks = section("Clocks that lie")
    assert f"more than {times.AHEAD // 60_000} minutes ahead" in clocks
    assert f"before the year {to_datetime(times.EARLIEST).year}" in clocks
    assert f"{http.REMEMBERED} seconds" in section("Other origins")
    assert f"{documents.KEPT} seconds" in section("Settings documents")


def test_every_refusal_is_described_and_no_other() -> None:
    described = [word for codes, _ in rows("Refusals") for word in words(codes)]
    assert sorted(described) == sorted(events.REASONS)


def test_every_error_is_described_and_no_other() -> None:
    folder = ROOT / "identity/touchpoints/collector"
    source = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    found = set(re.findall(r"Problem\(\s*(\d{3}),\s*\"([a-z_0-9]+)\"", source))
    described = {(status, word) for status, codes, *_ in rows("Answers") for word in words(codes)}
    assert len(found) > 12
    assert described == {(status, code) for status, code in found if code not in DOOR}
