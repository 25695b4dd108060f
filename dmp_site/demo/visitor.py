"""What the shop shows visitors of their own profile, asked of the product's REST API with a key that stays here."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

NOBODY: Mapping[str, Any] = {"profile": None, "audiences": [], "journeys": [], "timeline": []}
Look = Callable[[str], Awaitable[Mapping[str, Any]]]
SHOWN, MOST, RUNS = 8, 50, 3  # touchpoints, audiences, journeys
_TIMEOUT = 5.0


class Away(Exception):
    """The console does not answer, or not as it should."""


class Window:
    """Looks into the product for one visitor at a time."""

    def __init__(self, console: str, api_key: str) -> None:
        self._console = console
        self._client = httpx.AsyncClient(
            base_url=f"{console}/api/v1/",
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=_TIMEOUT,
            trust_env=False,
        )

    async def look(self, anonymous_id: str) -> Mapping[str, Any]:
        """Return what the page shows of the person with this anonymous id. Raises Away."""
        profile = await self._find(anonymous_id)
        if profile is None:
            return NOBODY
        uid = profile["id"]
        lists = ("timeline", SHOWN), ("audiences", MOST), ("journeys", RUNS)
        timeline, audiences, journeys = await asyncio.gather(
            *(self._get(f"profiles/{uid}/{name}?limit={limit}") for name, limit in lists)
        )
        return {
            "profile": {
                "id": uid,
                "url": f"{self._console}/admin/identity/profile/{uid}/change/",
                "identifiers": [_identifier(one) for one in profile["identifiers"]],
                "figures": figures(profile),
            },
            "audiences": [one["name"] for one in audiences["results"]],
            "journeys": [_run(one) for one in journeys["results"]],
            "timeline": [_touchpoint(one) for one in timeline["results"]],
        }

    async def _find(self, anonymous_id: str) -> Any:
        """Return the profile, None for somebody of whom nothing is known yet."""
        answer = await self._ask(f"profiles/by/anonymous_id/{quote(anonymous_id, safe='')}")
        return None if answer.status_code == HTTPStatus.NOT_FOUND else _json(answer)

    async def _get(self, path: str) -> Any:
        return _json(await self._ask(path))

    async def _ask(self, path: str) -> httpx.Response:
        try:
            return await self._client.get(path)
        except httpx.HTTPError as error:
            raise Away from error


def _json(answer: httpx.Response) -> Any:
    if answer.status_code != HTTPStatus.OK:
        raise Away(f"{answer.url.path} answered {answer.status_code}")
    return answer.json()


def figures(profile: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the numbers on the panel, with their labels."""
    touched = sum(one["count"] for one in profile["contacts"] if one["direction"] == "inbound")
    sent = sum(one["count"] for one in profile["contacts"] if one["direction"] == "outbound")
    spent = " + ".join(f"{sum_} {code}" for code, sum_ in profile["orders"]["revenue"].items())
    return [
        ("Visits", str(profile["visits"]["count"])),
        ("Touchpoints", str(touched)),
        ("Contacted", str(sent)),
        ("Orders", str(profile["orders"]["count"])),
        ("Spent", spent or "0"),
        ("Offers", _offers(profile["consent"])),
    ]


def _offers(consent: Sequence[Mapping[str, Any]]) -> str:
    said = {one["granted"] for one in consent if one["purpose"] == "marketing"}
    return "no" if False in said else "yes" if said else "not asked"


def _run(one: Mapping[str, Any]) -> str:
    where = one["node"].replace("_", " ") if one["state"] == "active" else one["state"]
    return f"{one['journey_name']}: {where}"


def _identifier(one: Mapping[str, Any]) -> str:
    return f"{one['namespace']}: {one['value'] or '•••'}"


def _touchpoint(one: Mapping[str, Any]) -> dict[str, Any]:
    properties = one["properties"]
    about = properties.get("name") or properties.get("category") or properties.get("subject") or ""
    return {
        "key": one["id"],
        "at": int(datetime.fromisoformat(one["at"]).timestamp() * 1000),
        "text": f"{one['event']}{f' · {about}' if about else ''}",
        "outbound": one["direction"] == "outbound",
    }
