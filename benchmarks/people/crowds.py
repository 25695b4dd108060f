"""A shop's stream in which every second touchpoint is of a crowd: strangers whom something shared ties together. No Django.

Each touchpoint of the crowd brings one new link. What differs is where the links lead:
families   chains of ten links: the yardstick, with as many links that are nothing special;
hub        one browser on which everybody signs in;
apart      one chain: everybody signs in on two browsers, each of which somebody else uses too; one user id per person keeps them apart;
together   one chain of browsers and devices, which nothing keeps apart: one profile.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.stream import Shop

_FAMILY = 10  # links: one identifier for each, and one more
SHARED = "shared-"  # how every browser of the crowd begins
_HUB = f"{SHARED}browser"


def _chain(number: int, name: str) -> tuple[str, str]:
    """Return a browser, and who or what it is linked with by this link of a chain."""
    return f"{SHARED}{name}-{number // 2}", f"visitor-{name}-{(number + 1) // 2}"


def _families(number: int) -> dict[str, Any]:
    family, link = divmod(number, _FAMILY)
    browser, visitor = _chain(link, str(family))
    return {"anonymousId": browser, "userId": visitor}


def _hub(number: int) -> dict[str, Any]:
    return {"anonymousId": _HUB, "userId": f"visitor-{number}"}


def _apart(number: int) -> dict[str, Any]:
    browser, visitor = _chain(number, "crowd")
    return {"anonymousId": browser, "userId": visitor}


def _together(number: int) -> dict[str, Any]:
    browser, device = _chain(number, "crowd")
    return {"anonymousId": browser, "context": {"device": {"id": device}}}


SHAPES: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "families": _families,
    "hub": _hub,
    "apart": _apart,
    "together": _together,
}


class Crowd:
    """A stream as `Shop` is one, of so many touchpoints, half of them of the crowd. `shape`: a key of SHAPES."""

    def __init__(self, shape: str, touchpoints: int) -> None:
        self._shape = SHAPES[shape]
        self._shop = Shop(max(1, touchpoints // 4))

    def touchpoints(self, count: int) -> Iterator[dict[str, Any]]:
        for number, event in enumerate(self._shop.touchpoints(count - count // 2)):
            yield event
            if 2 * number + 1 < count:
                seen = {"type": "track", "event": "Product Viewed", "messageId": f"crowd-{number}"}
                yield seen | self._shape(number)
