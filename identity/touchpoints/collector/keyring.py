"""Write keys and sources as the collector knows them: a copy of the database's, renewed every two seconds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import DatabaseError

from identity import faults
from identity.clock import Instant
from identity.touchpoints import sources
from identity.touchpoints.inbox.port import InboxAway
from identity.touchpoints.models import Source, WriteKey

log = logging.getLogger(__name__)

_PATIENCE = 5.0  # seconds that a sender with an unknown key waits for the database
_AGAIN = 250  # ms before another unknown key makes the copy be renewed out of turn


class Origin(NamedTuple):
    """A source, as far as the collector has to know it."""

    source: int
    name: str
    enabled: bool


@dataclass(frozen=True)
class Known:
    """`keys` are SHA-256 digests; `sources` the ids of sources that the loopback door may write for."""

    keys: Mapping[str, Origin] = field(default_factory=dict)
    sources: Mapping[int, Origin] = field(default_factory=dict)


def load() -> Known:
    """Read all sources and the keys in use."""
    found = {
        pk: Origin(pk, name, enabled)
        for pk, name, enabled in Source.objects.values_list("pk", "name", "enabled")
    }
    keys = WriteKey.objects.filter(revoked_at=None).values_list("digest", "source_id")
    return Known({digest: found[source] for digest, source in keys if source in found}, found)


@dataclass
class Keyring:
    """Looks keys up in memory. `run` calls a function in the thread that may ask the database."""

    run: Callable[[Callable[[], Known]], Awaitable[Known]]
    clock: Callable[[], Instant]
    known: Known = field(default_factory=Known)
    _answered: bool = False  # whether the last look at the database succeeded
    _renewed_at: Instant = 0
    _known_at: Instant = 0  # when the look that `known` is from began
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def renew(self) -> None:
        """Read the database; while it does not answer, go on with what is known."""
        async with self._renewing:
            await self._look()

    async def _look(self) -> None:
        self._renewed_at = begun = self.clock()
        answered = False
        try:
            self.known = await self.run(load)
            self._known_at, answered = begun, True
        except DatabaseError as error:
            log.warning("Write keys could not be renewed: %s", faults.said(error))
        finally:  # also when whoever looked gave up: others waited for that look
            self._answered = answered

    async def find(self, write_key: str, asked: Instant | None = None) -> Origin | None:
        """Return whose key it is. One that is not known may be new: the database is asked, seldom enough not to hurt.

        `asked`: since when the sender waits, by this keyring's clock. One look that began later answers for all keys of a request.
        Raises InboxAway when it hangs or is away: a key that may be good is not refused.
        """
        digest = sources.digest(write_key)
        return await self._looked_up(lambda: self.known.keys.get(digest), asked)

    async def source(self, source: int) -> Origin | None:
        """Return the source that the loopback door may write for, in the same way. Raises InboxAway."""
        return await self._looked_up(lambda: self.known.sources.get(source))

    async def _looked_up(
        self, look: Callable[[], Origin | None], asked: Instant | None = None
    ) -> Origin | None:
        asked = self.clock() if asked is None else asked
        if (found := look()) is not None or self._known_at > asked:
            return found
        try:
            await asyncio.wait_for(self._renewed_since(asked), _PATIENCE)
        except TimeoutError as error:
            raise InboxAway("write keys cannot be looked up: the database hangs") from error
        found = look()
        if found is None and not self._answered:
            raise InboxAway("write keys cannot be looked up: the database is away")
        return found

    async def _renewed_since(self, asked: Instant) -> None:
        """Wait for a look at the database that began later than this; many who ask at once share one."""
        if self._renewed_at <= asked:
            await asyncio.sleep(max(0, self._renewed_at + _AGAIN - asked) / 1_000)
        async with self._renewing:  # somebody else's look may be on its way
            if self._renewed_at <= asked:
                await self._look()
