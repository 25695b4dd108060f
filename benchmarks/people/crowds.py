"""A shop's stream in which every second touchpoint is of a crowd: strangers whom something shared ties together. No Django.

Each touchpoint of the crowd brings one new link. What differs is where the links lead:
hub        one browser on which everybody signs in;
apart      one chain: everybody signs in on two browsers, each of which somebody else uses too; one user id per person keeps them apart;
together   one chain of browsers and devices, which nothing keeps apart: one profile.

Each has a yardstick, the same events with nothing special about them:
alone      everybody signs in on a browser of their own;
families   chains of ten links between browsers and user ids;
devices    chains of ten links between browsers and devices.
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


def _alone(number: int) -> dict[str, Any]:
    return _signed_in(f"own-{number}", f"visitor-{number}")


def _families(number: int) -> dict[str, Any]:
    return _signed_in(*_of_ten(number))


def _devices(number: int) -> dict[str, Any]:
    return _on_a_device(*_of_ten(number))


def _hub(number: int) -> dict[str, Any]:
    return _signed_in(_HUB, f"visitor-{number}")


def _apart(number: int) -> dict[str, Any]:
    return _signed_in(*_chain(number, "crowd"))


def _together(number: int) -> dict[str, Any]:
    return _on_a_device(*_chain(number, "crowd"))


def _of_ten(number: int) -> tuple[str, str]:
    family, link = divmod(number, _FAMILY)
    return _chain(link, str(family))


def _signed_in(browser: str, user: str) -> dict[str, Any]:
    return {"anonymousId": browser, "userId": user}


def _on_a_device(browser: str, device: str) -> dict[str, Any]:
    return {"anonymousId": browser, "context": {"device": {"id": device}}}


SHAPES: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "hub": _hub,
    "apart": _apart,
    "together": _together,
    "alone": _alone,
    "families": _families,
    "devices": _devices,
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
