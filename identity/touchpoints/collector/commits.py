"""Group commit: whatever queued while the last commit ran goes into the next one. One thread writes, nobody sleeps."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import msgspec

from identity.clock import Instant
from identity.privacy import wishes
from identity.stages import reach
from identity.touchpoints.decode import NO_SOURCE, Refused
from identity.touchpoints.inbox.port import InboxAway, InboxWriter, NewRow
from identity.touchpoints.payload import Sealer
from identity.touchpoints.types import Mode

log = logging.getLogger(__name__)

LARGEST_COMMIT = 5_000  # rows
# Rows that may wait for the disk before senders are told to wait: 256 connections of hundreds have their place. At 1 kB, as events usually
# are, 30 MB of memory, and below 1 GB when each is as large as it may be; even a disk that takes 4,000 a second has them within PATIENCE.
MOST_QUEUED = 30_000
PATIENCE = 8.0  # seconds that a sender waits for the commit before being told to come again
STOP_WITHIN = 3.0  # seconds that the last commits may take
_TICK = 0.5  # seconds between looks at refusals and at what can be pruned, when nothing comes in

_PRUNE_EVERY = 100  # ms


class TooMuch(Exception):
    """More rows wait than the inbox may hold; the sender is told to come back."""


@dataclass(slots=True)
class _Job:
    rows: Sequence[NewRow]
    done: asyncio.Future[None]


@dataclass(slots=True)
class Waiting:
    """Rows that wait for the lane, as far as is known; and the numbers of each mode below which none is needed."""

    live: int = 0
    history: int = 0
    keep_from_live: int = 0
    keep_from_history: int = 0


@dataclass
class Committer:
    """Stores rows durably. `limit`: rows that may wait for the lane; history leaves half of it to what is live."""

    writer: InboxWriter
    sealer: Sealer
    clock: Callable[[], Instant]
    limit: int
    waiting: Waiting = field(default_factory=Waiting)
    _jobs: SimpleQueue[_Job | None] = field(default_factory=SimpleQueue)
    _refused: dict[tuple[int, str], Refused] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _queued: int = 0
    _prune_after: Instant = 0
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin. The thread is a daemon: a store that hangs must not keep the process from ending."""
        self._thread = threading.Thread(target=self._run, name="commits", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Commit what is queued, then end; leave a commit that hangs to itself: nobody was told that it is stored."""
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join(STOP_WITHIN)
            if self._thread.is_alive():
                log.error("The inbox hangs inside a commit: it is left there")
                return
        self.writer.close()

    # --- In the event loop ---

    def has_room(self, mode: Mode) -> bool:
        waiting = self.waiting.live + self.waiting.history
        room = self.limit if mode is Mode.LIVE else self.limit // 2
        return waiting < room and self._queued < MOST_QUEUED

    async def submit(self, rows: Sequence[NewRow]) -> None:
        """Return when the rows (payloads still clear) are on the disk. Raises TooMuch (none is), or InboxAway.

        After InboxAway none is, or nobody knows: a commit that hangs may still end well.
        """
        if not rows:
            return
        if not self.has_room(rows[0].mode):
            raise TooMuch
        self._queued += len(rows)
        job = _Job(rows, asyncio.get_running_loop().create_future())
        self._jobs.put(job)
        try:
            await asyncio.wait_for(job.done, PATIENCE)
        except TimeoutError as error:
            raise InboxAway(f"the inbox has not answered for {PATIENCE:g} s") from error

    def refuse(self, source: int, code: str, detail: str) -> None:
        """Count an event that was not taken; the sums go to the lane through the inbox."""
        with self._guard:
            entry = self._entry(source, code, detail)
            entry.count += 1
            entry.detail = detail

    def _entry(self, source: int, code: str, detail: str) -> Refused:
        return self._refused.setdefault((source, code), Refused(source, code, detail, 0))

    def _finish(self, jobs: Sequence[_Job], error: InboxAway | None) -> None:
        for job in jobs:
            self._queued -= len(job.rows)
            if job.done.done():
                continue
            if error is None:
                job.done.set_result(None)
            else:
                job.done.set_exception(error)

    # --- In the thread that writes ---

    def _run(self) -> None:
        running = True
        while running:
            jobs, running = self._take()
            refused = self._refusals()
            if jobs or refused:
                self._commit(jobs, refused)
            self._prune()

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for a job, then take all that are there; the flag falls when the end was among them."""
        jobs: list[_Job] = []
        size = 0
        try:
            job = self._jobs.get(timeout=_TICK)
            while job is not None:
                jobs.append(job)
                size += len(job.rows)
                if size >= LARGEST_COMMIT:
                    return jobs, True
                job = self._jobs.get_nowait()
        except Empty:
            return jobs, True
        return jobs, False

    def _refusals(self) -> list[Refused]:
        with self._guard:
            refused, self._refused = self._refused, {}
        return list(refused.values())

    def _keep(self, refused: Sequence[Refused]) -> None:
        """Count again what did not come into the inbox, or may have: a commit that was cut off says neither.

        The sender, who is told to come again, has the same events refused and counted once more in any case.
        """
        with self._guard:
            for each in refused:
                self._entry(each.source, each.reason, each.detail).count += each.count

    def _commit(self, jobs: Sequence[_Job], refused: Sequence[Refused]) -> None:
        awaited = [
            job for job in jobs if not job.done.cancelled()
        ]  # others were told to come again
        clear = [row for job in awaited for row in job.rows]
        if refused:
            clear.append(NewRow(NO_SOURCE, Mode.LIVE, msgspec.json.encode(refused)))
        error: InboxAway | None = None
        try:
            if clear:
                self._append(clear)
        except InboxAway as away:
            log.error("%s", away)  # noqa: TRY400 - senders are told; a trace says no more
            error = away
            self._keep(refused)
        if jobs:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
                jobs[0].done.get_loop().call_soon_threadsafe(self._finish, jobs, error)

    def _append(self, clear: Iterable[NewRow]) -> None:
        seal = self.sealer.seal
        rows = [
            NewRow(source, mode, seal(payload), wishes.may_hold(payload))
            for source, mode, payload, _ in clear
        ]
        self.writer.append(rows, self.clock())
        reach("0 acknowledged")
        live = sum(row.mode is Mode.LIVE for row in rows)
        self.waiting.live += live
        self.waiting.history += len(rows) - live

    def _prune(self) -> None:
        """Delete a slice now and then: each is a commit of its own that the next append waits for."""
        moment = self.clock()
        if moment < self._prune_after:
            return
        self._prune_after = moment + _PRUNE_EVERY
        try:
            self.writer.prune(
                keep_from_live=self.waiting.keep_from_live,
                keep_from_history=self.waiting.keep_from_history,
            )
        except InboxAway as away:
            log.warning("%s", away)
