"""Makes the world and fills the inbox of an installation: the same touchpoints for whoever drives the road.

Runs inside the installation: python -m benchmarks.inside benchmarks.road.prepare TOUCHPOINTS PEOPLE [growing]
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

import msgspec
from django.conf import settings

from benchmarks.road import world
from benchmarks.road.product import Product
from benchmarks.road.times import BATCH, START, moment
from benchmarks.stream import Shop
from identity.privacy.keys import keys_at
from identity.touchpoints import inbox, payload, sources
from identity.touchpoints.inbox.port import NewRow
from identity.touchpoints.types import Mode


def main(touchpoints: str, people: str, *how: str) -> None:
    world.build(START)
    Product().rest()
    fill(int(touchpoints), Shop(int(people), growing="growing" in how))


class Stream(Protocol):
    """Payloads as those of a Segment library."""

    def touchpoints(self, count: int) -> Iterator[dict[str, Any]]: ...


def fill(touchpoints: int, stream: Stream, *, name: str = "shop") -> None:
    """Put a stream's touchpoints into the inbox, encrypted as the collector does it; `name`: of their source."""
    source = sources.create(name, "site", START, actor="benchmark")
    seal = payload.Sealer(keys_at(settings.KEYS_FILE).inbox).seal
    events = stream.touchpoints(touchpoints)
    number = 0
    writer = inbox.writer(lambda: moment(number))
    try:
        while batch := list(islice(events, BATCH)):
            number += 1
            packed = (payload.pack(b"{}", msgspec.json.encode(event)) for event in batch)
            rows = [NewRow(source.pk, Mode.LIVE, seal(each)) for each in packed]
            writer.append(rows, moment(number))
    finally:
        writer.close()
