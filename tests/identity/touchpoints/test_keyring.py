"""A write key works from the moment at which it was made, and unknown ones cost the database little."""

import asyncio
import time

import pytest
from django.db import OperationalError

from identity.touchpoints import sources
from identity.touchpoints.collector.keyring import Keyring, Known, Origin
from identity.touchpoints.inbox.port import InboxAway


class Database:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.known, self.asked, self.away = Known(), 0, False

    async def run(self, _function: object) -> Known:
        self.asked += 1
        found = self.known
        if self.away:
            raise OperationalError
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
    assert database.asked <= 2  # one may have begun before some of them asked


def test_one_look_answers_for_all_keys_of_a_request() -> None:
    database, asked = Database(), 1

    async def ask() -> list[Origin | None]:
        keys = ring(database)
        return [await keys.find(f"wk_{number}", asked) for number in range(2_500)]

    assert set(asyncio.run(ask())) == {None}
    assert database.asked == 1


@pytest.mark.slow
def test_what_cannot_be_looked_up_is_not_refused() -> None:
    database, origin = Database(), Origin(1, "site", enabled=True)
    database.known = Known({sources.digest("wk_known"): origin}, {1: origin})

    async def ask() -> None:
        keys = ring(database)
        await keys.renew()
        database.away = True
        assert await keys.find("wk_known") == origin
        assert await keys.source(1) == origin
        with pytest.raises(InboxAway):
            await keys.find("wk_other")
        with pytest.raises(InboxAway):
            await keys.source(2)
        database.away = False
        assert await keys.find("wk_other") is None
        assert await keys.source(2) is None

    asyncio.run(ask())
