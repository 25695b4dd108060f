"""The shop's server: a visitor sees their own profile and nobody else's, and no file but the shop's."""

import asyncio
from typing import Any

import msgspec
import pytest

from dmp_site.demo import places, shop, visitor
from dmp_site.demo.web import Ask


class Glass:
    """Stands where the console would: remembers who was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def look(self, anonymous_id: str) -> Any:
        self.asked.append(anonymous_id)
        if anonymous_id == "away":
            raise visitor.Away
        return {**visitor.NOBODY, "audiences": [anonymous_id]}


def get(path: str, cookie: str = "", glass: Glass | None = None):
    answer = shop.answers((glass or Glass()).look, b"{}")
    return asyncio.run(answer(Ask(path, {"cookie": cookie} if cookie else {})))


@pytest.mark.parametrize(
    ("cookies", "expected"),
    [
        ("", ""),
        ("other=1", ""),
        ("ajs_anonymous_id=a-1", "a-1"),
        ("x=y; ajs_anonymous_id=%22a-1%22; z=1", "a-1"),
        ('ajs_anonymous_id="a-1"', "a-1"),
        ("ajs_anonymous_id=" + "a" * 500, "a" * 100),
    ],
)
def test_the_visitor_is_known_by_their_own_cookie(cookies: str, expected: str):
    assert shop.own_id(cookies) == expected


def test_who_has_no_cookie_sees_nobody():
    glass = Glass()
    assert msgspec.json.decode(get("/api/me", glass=glass).body) == visitor.NOBODY
    assert glass.asked == []


def test_a_visitor_sees_their_own_profile():
    page = get("/api/me", "ajs_anonymous_id=alice-1")
    assert msgspec.json.decode(page.body)["audiences"] == ["alice-1"]
    assert page.headers["cache-control"] == "no-store"


def test_a_console_that_is_away_is_said():
    assert get("/api/me", "ajs_anonymous_id=away").status == 502


@pytest.mark.parametrize(
    "path", ["/../package.json", "/assets/../../../package.json", "/nothing", "//etc/passwd"]
)
def test_no_other_file_is_served(path: str, tmp_path, monkeypatch: pytest.MonkeyPatch):
    files = tmp_path / "dist" / "shop"
    files.mkdir(parents=True)
    (files / "index.html").write_text("shop")
    (tmp_path / "package.json").write_text("secret")
    monkeypatch.setattr(places, "shop_files", lambda: files)
    assert get(path).status == 404


def test_figures_are_read_from_the_profile():
    profile = {
        "contacts": [
            {"direction": "inbound", "count": 3},
            {"direction": "outbound", "count": 2},
            {"direction": "", "count": 9},
        ],
        "orders": {"count": 1, "revenue": {"USD": "2.17"}},
        "visits": {"count": 1},
        "consent": [{"purpose": "marketing", "granted": True}],
    }
    assert dict(visitor.figures(profile)) == {
        "Visits": "1",
        "Touchpoints": "3",
        "Contacted": "2",
        "Orders": "1",
        "Spent": "2.17 USD",
        "Offers": "yes",
    }
