"""What PostgreSQL and SQLite say of the data, and what of themselves."""

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import (
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from identity import postgres
from identity.outage import is_outage, sqlstate
from identity.sql import execute, fetch
from tests.environment import STORES

served = pytest.mark.skipif(STORES == "sqlite", reason="needs PostgreSQL")


def refusal(sql: str, *parameters: object) -> Error:
    """Return what the database says to a statement."""
    with pytest.raises(Error) as caught, transaction.atomic():
        execute(sql, parameters)
    return caught.value


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationalError("database is locked"), True),
        (InterfaceError("connection already closed"), True),
        (DataError("out of range"), False),
        (IntegrityError("not unique"), False),
        (ValueError("no word of a database"), False),
    ],
)
def test_without_a_code_the_class_tells(error: Exception, expected: bool) -> None:  # noqa: FBT001
    assert is_outage(error) is expected
    assert sqlstate(error) == ""


def files(path: Path) -> BaseDatabaseWrapper:
    """Open an SQLite database of our own that waits for nobody."""
    options = {"timeout": 0, "transaction_mode": "IMMEDIATE"}
    settings = {"ENGINE": "dmp_site.sqlite", "NAME": path, "OPTIONS": options}
    return ConnectionHandler({"default": settings})["default"]


def said(database: BaseDatabaseWrapper, sql: str, *parameters: object) -> Error:
    """Return what SQLite says to a statement."""
    with pytest.raises(Error) as caught:
        _ask(database, sql, parameters)
    return caught.value


def _ask(database: BaseDatabaseWrapper, sql: str, parameters: Sequence[Any]) -> None:
    with database.cursor() as cursor:
        cursor.execute(sql, parameters)
        cursor.fetchall()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[BaseDatabaseWrapper]:
    with contextlib.closing(files(tmp_path / "file.sqlite3")) as made:
        with made.cursor() as cursor:
            cursor.execute("CREATE TABLE narrow (number integer PRIMARY KEY, body text)")
        yield made


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT 1" + " + 1" * 2_000, []),  # expression tree is too large
        ("SELECT abs(%s)", [-(2**63)]),  # integer overflow
        ("SELECT sum(column1) FROM (VALUES (%s), (%s))", [2**63 - 1] * 2),
        ("SELECT json_extract(%s, '$.a')", ["{"]),
        ("SELECT %s LIKE %s", ["a", "%a" * 50_000]),  # pattern too complex
        ("SELECT zeroblob(%s)", [2**31 - 1]),
        ("INSERT INTO narrow VALUES (%s, '')", ["no number"]),
        ("INSERT INTO narrow VALUES (1, ''), (%s, '')", [1]),
    ],
)
def test_what_sqlite_finds_fault_with_is_no_outage(
    database: BaseDatabaseWrapper, sql: str, parameters: list[object]
) -> None:
    assert not is_outage(said(database, sql, *parameters))


@pytest.mark.django_db
def test_an_sqlite_file_that_is_locked_full_read_only_or_gone_is_away(
    database: BaseDatabaseWrapper, tmp_path: Path
) -> None:
    insert = "INSERT INTO narrow (body) VALUES (%s)"
    with contextlib.closing(sqlite3.connect(tmp_path / "file.sqlite3")) as other:
        other.execute("BEGIN EXCLUSIVE")
        locked = said(database, insert, "a")
    with database.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count=2")
        full = said(database, insert, "a" * 100_000)
        cursor.execute("PRAGMA query_only=ON")
        read_only = said(database, insert, "a")
    gone = said(files(tmp_path / "no directory" / "file.sqlite3"), "SELECT 1")
    assert [is_outage(error) for error in (locked, full, read_only, gone)] == [True] * 4


@served
@pytest.mark.django_db
def test_a_fault_in_the_data_is_no_outage() -> None:
    execute("CREATE TABLE tests_narrow (value text PRIMARY KEY, number int, body jsonb)")
    insert = "INSERT INTO tests_narrow VALUES (%s, %s, %s)"
    cases = {
        "54000": (secrets.token_hex(8_000), 1, "{}"),  # index row too long: an OperationalError
        "22003": ("a", 10**10, "{}"),
        "22P05": ("a", 1, '{"name": "a\\u0000b"}'),
        "23502": (None, 1, "{}"),
    }
    for code, values in cases.items():
        error = refusal(insert, *values)
        assert (sqlstate(error), is_outage(error)) == (code, False)
    nul = refusal(insert, "a\0b", 1, "{}")  # the driver's own word: no code
    assert not is_outage(nul)


@served
@pytest.mark.django_db(transaction=True)
def test_a_server_that_ends_the_connection_is_away() -> None:
    ((pid,),) = fetch("SELECT pg_backend_pid()")
    with contextlib.closing(postgres.connect("tests")) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    error = refusal("SELECT 1")
    connection.close()
    assert (sqlstate(error), is_outage(error)) == ("57P01", True)


@served
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("setting", "sql", "code"),
    [
        ("lock_timeout = 10", "LOCK TABLE identity_lane", "55P03"),
        ("statement_timeout = 10", "LOCK TABLE identity_lane", "57014"),
        ("default_transaction_read_only = on", "DELETE FROM identity_batch", "25006"),
    ],
)
def test_a_server_that_is_busy_or_a_standby_is_away(setting: str, sql: str, code: str) -> None:
    with contextlib.closing(postgres.connect("tests")) as other, other.transaction():
        other.execute("LOCK TABLE identity_lane")
        execute(f"SET {setting}")
        error = refusal(sql)
    connection.close()  # and the setting with it
    assert (sqlstate(error), is_outage(error)) == (code, True)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("08006", True),  # connection failure
        ("40001", True),  # serialization failure
        ("40P01", True),  # deadlock
        ("53100", True),  # disk full
        ("53200", True),  # out of memory
        ("57P03", True),  # starting up
        ("54000", False),
        ("22021", False),
    ],
)
def test_the_code_tells_more_than_the_class(code: str, expected: bool) -> None:  # noqa: FBT001
    error = OperationalError()
    error.__cause__ = psycopg.errors.lookup(code)()
    assert is_outage(error) is expected
