"""A log says what went wrong, and not of whom."""

import secrets

import pytest
from django.db import DataError, Error, IntegrityError, transaction

from identity import faults
from identity.graph.port import StoreRefuses
from identity.graph.sql_answers import answers
from identity.sql import execute
from tests.environment import STORES

pytestmark = pytest.mark.django_db

served = pytest.mark.skipif(STORES == "sqlite", reason="needs PostgreSQL")


@pytest.fixture
def value() -> str:
    """Store what somebody is known by, in a table that takes it once."""
    execute("CREATE TABLE tests_once (key text CONSTRAINT tests_once_is_once PRIMARY KEY)")
    made = secrets.token_hex(8)
    execute("INSERT INTO tests_once VALUES (%s)", [made])
    return made


def refused(sql: str, *parameters: object) -> Error:
    with pytest.raises(Error) as caught, transaction.atomic():
        execute(sql, parameters)
    return caught.value


def test_a_key_that_is_there_already_is_not_named(value: str) -> None:
    error = refused("INSERT INTO tests_once VALUES (%s)", value)
    assert isinstance(error, IntegrityError)
    column = "IntegrityError: UNIQUE constraint failed: tests_once.key"
    constraint = "IntegrityError (23505, tests_once_is_once)"
    assert faults.said(error) == (column if STORES == "sqlite" else constraint)
    assert value not in faults.traced(error)
    assert "in refused" in faults.traced(error)


@served
def test_a_value_that_cannot_be_read_is_not_named() -> None:
    value = secrets.token_urlsafe(8) + "x"
    error = refused("SELECT CAST(%s AS integer)", value)
    assert isinstance(error, DataError)
    assert value in str(error)
    assert faults.said(error) == "DataError (22P02)"
    assert value not in faults.traced(error)


def test_what_the_graph_store_refuses_is_not_named(value: str) -> None:
    with pytest.raises(StoreRefuses) as caught, transaction.atomic(), answers():
        execute("INSERT INTO tests_once VALUES (%s)", [value])
    assert "IntegrityError" in faults.said(caught.value)
    assert value not in faults.said(caught.value) + faults.traced(caught.value)
    assert faults.quotes(caught.value) is (STORES != "sqlite")


def test_an_error_of_ours_is_told_whole() -> None:
    error, cause = ValueError("no such file"), OSError("gone")
    error.__cause__, cause.__cause__ = cause, error  # as happens to one that is raised again
    assert faults.said(error) == "ValueError: no such file"
    assert not faults.quotes(error)
    told = faults.traced(error)
    assert told.index("OSError: gone") < told.index("ValueError: no such file")
