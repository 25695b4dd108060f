"""A profile of very many identifiers opens: no statement takes a parameter for each of them."""

import contextlib
import sqlite3
from collections.abc import Iterator

import pytest
from django.db import connection

from identity.profiles.models import Decision, Profile
from tests.identity.profiles.people import T0, touchpoint
from tests.identity.profiles.road import take
from tests.identity.profiles.test_api import Api
from tests.identity.signing import SignIn

pytestmark = pytest.mark.django_db(databases="__all__")

MANY = 600
FEW = 500  # parameters of one statement; SQLite takes 32,766 or 250,000, so a profile of as many would be needed


@pytest.fixture
def alice() -> Profile:
    take(*(touchpoint(n, of=("user_id:alice", f"anonymous_id:c{n}")) for n in range(1, MANY + 1)))
    Decision.objects.create(
        verdict="never_link", a="anonymous_id:c7", b="user_id:bob", made_at=T0, made_by="user:1"
    )
    return Profile.objects.get(founder="user_id:alice")


@contextlib.contextmanager
def few_parameters() -> Iterator[None]:
    if connection.vendor != "sqlite":
        yield
        return
    limit = sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    before = connection.connection.setlimit(limit, FEW)
    try:
        yield
    finally:
        connection.connection.setlimit(limit, before)


def test_the_page_opens(alice: Profile, sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    with few_parameters():
        answer = viewer.get(f"/admin/identity/profile/{alice.pk}/change/")
    assert answer.status_code == 200
    said = answer.content.decode()
    assert f"anonymous_id:c{MANY}" in said
    assert "are never one person" in said


@pytest.mark.parametrize("part", ["", "/history", "/timeline", "/links", "/refused-links"])
def test_the_api_answers(alice: Profile, part: str) -> None:
    api = Api("profiles:read")
    with few_parameters():
        api.get(f"profiles/{alice.uid}{part}")
