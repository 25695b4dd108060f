"""A write key works from the moment at which it was made, and unknown ones cost the database little."""

import asyncio
import time

from identity.touchpoints import sources
from identity.touchpoints.collector.keyring import Keyring, Known, Origin


class Database:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.known, self.asked = Known(), 0

    async def run(self, _function: object) -> Known:
        self.asked += 1
        found = self.known
        await asyncio.sleep(0.01)
        return found


def ring(database: Database) -> Keyring:
    return Keyring(database.run, lambda: int(time.monotonic() * 1_000))


def test_a_key_made_while_the_copy_was_renewed_is_found_by_everybody() -> None:
    database, origin = Database(), Origin(1, "site", enabled=True)

    async def ask() -> list[Origin | None]:
        keys = ring(database)
        await keys.renew()
        database.known = Known({sources.digest("wk_new"): origin})
        return await asyncio.gather(*(keys.find("wk_new") for _ in range(50)))

    assert asyncio.run(ask()) == [origin] * 50
    assert database.asked == 2


def test_unknown_keys_share_a_few_looks() -> None:
    database = Database()

    async def ask() -> list[Origin | None]:
        keys = ring(database)
        return await asyncio.gather(*(keys.find(f"wk_{number}") for number in range(200)))

    assert set(asyncio.run(ask())) == {None}
    assert database.asked < 10  # one for those of a millisecond
