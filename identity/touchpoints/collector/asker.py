"""A thread that asks the database for the event loop, and a deadline for who waits for its answer."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from django.db import connections

from identity.outage import is_outage
from identity.touchpoints.public import DatabaseAway

_READ_WITHIN = 3.0  # seconds that a page waits for what it shows to everybody else at once
_CLOSE_WITHIN = 1.0  # seconds that the database may take to say good-bye
_T = TypeVar("_T")


class Asker:
    """One thread, one connection. It is a daemon, and no executor's: a server that hangs must not keep the process from ending."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]]] = SimpleQueue()
        threading.Thread(target=self._run, name="database", daemon=True).start()

    async def ask(self, function: Callable[[], _T]) -> _T:
        """Return what the function returns, once those before it have; one that nobody waits for any more is passed over."""
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._asked.put((function, future))
        return await future

    async def read(self, function: Callable[[], _T]) -> _T:
        """Return what a read of the database returns, within seconds. Raises DatabaseAway."""
        try:
            return await asyncio.wait_for(self.ask(function), _READ_WITHIN)
        except TimeoutError as error:
            raise DatabaseAway("the database hangs") from error
        except Exception as error:
            if is_outage(error):
                raise DatabaseAway("the database is away") from error
            raise

    async def close(self) -> None:
        """Give the connection back, unless the database hangs."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ask(connections.close_all), _CLOSE_WITHIN)

    def _run(self) -> None:
        while True:
            function, future = self._asked.get()
            if future.cancelled():
                continue
            try:
                settle = functools.partial(_settle, future, function(), None)
            except Exception as error:  # noqa: BLE001 - who asked is told
                connections.close_all()  # it may be broken: the next one opens another
                settle = functools.partial(_settle, future, None, error)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                future.get_loop().call_soon_threadsafe(settle)


def _settle(future: "asyncio.Future[Any]", value: object, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
