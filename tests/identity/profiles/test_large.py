"""A profile of very many identifiers opens: no statement takes a parameter for each of them, and no list grows with them unsaid."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator

import pytest
from django.db import connection

from identity.profiles import portrait
from identity.profiles.models import Decision, Profile
from tests.identity.profiles.people import T0, touchpoint
from tests.identity.profiles.road import mail, take
from tests.identity.profiles.test_api import Api, walk
from tests.identity.signing import SignIn

pytestmark = pytest.mark.django_db(databases="__all__")

MANY = 600
FEW = 500  # parameters of one statement; SQLite takes 32,766 or 250,000, so a profile of as many would be needed


@pytest.fixture
def alice() -> Profile:
    """Make somebody of very many cookies, who was seen last with the one of the highest number."""
    take(
        *(
            touchpoint(n, of=("user_id:alice", f"anonymous_id:c{n}"), at=n)
            for n in range(1, MANY + 1)
        )
    )
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


def table(page: str, title: str) -> str:
    """Return a section of the page, from its title to the next one."""
    parts = re.split(r"<h2[^>]*>\s*(.*?)\s*</h2>", page)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[title]


def test_the_page_shows_the_strongest_and_newest_and_says_how_many_there_are(
    alice: Profile, sign_in: SignIn
) -> None:
    page = sign_in("viewer").get(f"/admin/identity/profile/{alice.pk}/change/").content.decode()
    said = table(page, "Identifiers")
    assert said.count("anonymous_id:c") == portrait.LISTED - 1
    assert "user_id:alice" in said
    assert f"anonymous_id:c{MANY}<" in said
    assert "anonymous_id:c1<" not in said
    assert f"{portrait.LISTED} of {MANY + 1} identifiers" in said
    assert f"/api/v1/profiles/{alice.uid}/identifiers" in said


def test_the_api_counts_the_identifiers_and_pages_hold_all(alice: Profile) -> None:
    api = Api("profiles:read")
    found = api.get(f"profiles/{alice.uid}")
    keys = [one["key"] for one in found["identifiers"]]
    assert found["identifier_count"] == MANY + 1
    assert len(keys) == portrait.LISTED
    assert keys[0] == "user_id:alice"
    assert f"anonymous_id:c{MANY}" in keys
    whole = walk(api, f"profiles/{alice.uid}/identifiers", 200)
    assert len(whole) == MANY + 1
    assert [one for one in whole if one["key"] in keys] == found["identifiers"]


def test_a_merge_of_very_many_names_some_of_them_and_counts_the_rest(
    alice: Profile, sign_in: SignIn
) -> None:
    key, pii = mail()
    cookies = [
        touchpoint(MANY + n, of=(key, f"anonymous_id:d{n}"), pii=pii) for n in range(1, 100)
    ]
    take(*cookies)
    take(touchpoint(2 * MANY, of=("user_id:alice", key)))
    page = sign_in("viewer").get(f"/admin/identity/profile/{alice.pk}/change/").content.decode()
    said = table(page, "Merges and splits")
    assert said.count("anonymous_id:d") + said.count("email: ") == 20
    assert "and 80 more" in said


def test_personal_data_of_identifiers_that_are_not_listed_are_not_either(
    alice: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = dict(mail(f"{name}@shop.example") for name in ("alice", "work"))
    for number, (key, pii) in enumerate(mails.items(), MANY + 1):
        take(touchpoint(number, "identify", of=("user_id:alice", key), at=number, pii=pii))
    old, new = mails
    monkeypatch.setattr(portrait, "LISTED", 2)
    found = Api("profiles:read").get(f"profiles/{alice.uid}")
    assert [one["key"] for one in found["identifiers"]] == ["user_id:alice", new]
    assert [one["identifier"] for one in found["personal"]] == [new]
    assert old not in str(found)


@pytest.mark.parametrize("part", ["", "/history", "/timeline", "/links", "/refused-links"])
def test_the_api_answers(alice: Profile, part: str) -> None:
    api = Api("profiles:read")
    with few_parameters():
        api.get(f"profiles/{alice.uid}{part}")
