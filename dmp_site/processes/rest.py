"""Letting the lane rest while the graph is copied, by an advisory lock of PostgreSQL: the lane shares it while it works on a step.

The lock goes with the session of who took it, and the server ends a session that says nothing for a minute: a backup that dies or hangs
holds the lane up no longer. Whoever asks for the lock alone goes before those who share it, so the next step of the lane waits.
"""

import contextlib
from collections.abc import Callable, Iterator

from django.utils.translation import gettext

from dmp_site.processes.lock import REST
from identity import postgres
from identity.errors import DomainError

LEASE = 60  # seconds of silence after which the server ends the pause
_PATIENCE = 60  # seconds until a step of the lane is taken to hang


@contextlib.contextmanager
def lane_at_rest(lease: int = LEASE) -> Iterator[Callable[[], None]]:
    """Let no lane begin a step while the context lasts; what it yields is to be called at least every few seconds.

    Raises DomainError when the lane does not come to rest, or when the pause ended before its time: what was copied is worthless then.
    """
    with contextlib.closing(postgres.connect("filrouge pause")) as session:

        def renew() -> None:
            try:
                session.execute("SELECT 1")
            except postgres.Error as error:
                raise DomainError(
                    "pause_lost",
                    gettext("the lane's pause ended before the copy was whole: %(error)s")
                    % {"error": error},
                ) from error

        _take(session, lease)
        yield renew
        renew()


def _take(session: postgres.Connection, lease: int) -> None:
    try:
        session.execute(f"SET lock_timeout = '{_PATIENCE}s'")
        session.execute("SELECT pg_advisory_lock(%s, %s)", REST)
        session.execute(f"SET idle_session_timeout = '{lease}s'")
    except postgres.Error as error:
        raise DomainError(
            "lane_hangs",
            gettext("the lane does not come to rest: %(error)s") % {"error": error},
        ) from error
