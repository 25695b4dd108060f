"""A stream of touchpoints that looks like a shop's: the same for the same seed, for benchmarks and the crash campaign.

Each person has a user id, one to three browsers and an e-mail address. A browser shows up anonymously, signs in sometimes, looks
at products, puts some into the basket, buys a few. About half of the touchpoints carry one identifier, the rest two or three.
"""

import random
from collections.abc import Iterator
from typing import Any

CATEGORIES = ("bread", "coffee", "fruit", "garden", "garments", "tools", "toys", "wine")
CITIES = ("Lille", "Lyon", "Nantes", "Nice", "Paris", "Rennes")


class Shop:
    """Draws touchpoints of `people` people. Payloads are those of a Segment library.

    Each is of anybody, so there are fewer and fewer new people. `growing`: one in two is of somebody new until all are there, the
    other of anybody who was there before, so the work stays of the same kind while the stores grow.
    """

    def __init__(
        self, people: int, *, seed: int = 0, prefix: str = "", growing: bool = False
    ) -> None:
        self._random = random.Random(seed)
        self._people = people
        self._known = 0 if growing else people
        self._prefix = prefix
        self._number = 0

    def touchpoints(self, count: int) -> Iterator[dict[str, Any]]:
        for _ in range(count):
            yield self._touchpoint()

    def _touchpoint(self) -> dict[str, Any]:
        draw, person = self._random, self._person()
        self._number += 1
        event: dict[str, Any] = {
            "messageId": f"{self._prefix}m{self._number}",
            "anonymousId": f"{self._prefix}browser-{person}-{draw.randrange(1 + person % 3)}",
        }
        kind = draw.random()
        if kind < 0.15:
            return event | self._identify(person)
        if kind < 0.45:
            return event | {"type": "page", "name": "Product", "properties": {"path": "/p"}}
        if draw.random() < 0.4:
            event["userId"] = f"{self._prefix}user-{person}"
        if kind < 0.75:
            return event | self._track("Product Viewed")
        if kind < 0.9:
            return event | self._track("Product Added")
        return event | self._order()

    def _person(self) -> int:
        draw = self._random
        if self._known < self._people and (not self._known or draw.random() < 0.5):
            self._known += 1
            return self._known - 1
        return draw.randrange(self._known)

    def _identify(self, person: int) -> dict[str, Any]:
        return {
            "type": "identify",
            "userId": f"{self._prefix}user-{person}",
            "traits": {
                "email": f"{self._prefix}person{person}@example.org",
                "city": CITIES[person % len(CITIES)],
                "age": 18 + person % 70,
                "newsletter": person % 4 != 0,
                "consent": {"marketing": person % 3 != 0},
            },
        }

    def _track(self, event: str) -> dict[str, Any]:
        draw = self._random
        return {
            "type": "track",
            "event": event,
            "properties": {
                "product_id": f"p{draw.randrange(500)}",
                "category": draw.choice(CATEGORIES),
                "price": draw.randrange(100, 9_900) / 100,
                "currency": "EUR",
            },
        }

    def _order(self) -> dict[str, Any]:
        return {
            "type": "track",
            "event": "Order Completed",
            "properties": {
                "order_id": f"{self._prefix}o{self._number}",
                "total": self._random.randrange(500, 20_000) / 100,
                "currency": "EUR",
            },
        }
