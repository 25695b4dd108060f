"""One start of the demo: prepare, start everything, do what earlier starts have not finished, say where to look."""

import logging
import os
import sys
import time
from collections.abc import Callable
from functools import partial

import httpx
from django.conf import settings
from django.db import close_old_connections

from dmp_site.demo import catalogue, content, loading, places, preparing
from dmp_site.demo.preparing import Stopped
from dmp_site.demo.state import State
from dmp_site.processes import lifeline
from dmp_site.processes.children import children, environment
from dmp_site.processes.supervisor import Child, Supervisor, manage
from identity import clock
from identity.errors import DomainError

log = logging.getLogger(__name__)

_PATIENCE = 120  # seconds until everything must answer


def run(households: int, say: Callable[[str], object]) -> None:
    """Run the demo until told to stop. Raises Stopped; KeyboardInterrupt only before anything was started."""
    lifeline.hold()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    held = preparing.lock()
    try:
        state = preparing.prepare(households, clock.now(), say)
    except preparing.Rebuild:
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - ourselves
    assert held.held()  # noqa: S101 - the lock lives as long as the demo
    Demo(state, say).run()


class Demo:
    """Everything under one supervisor, and beside it what has to be done once. `say` prints one line."""

    def __init__(self, state: State, say: Callable[[str], object]) -> None:
        self._state = state
        self._say = say
        self._failed = ""
        self._supervisor = Supervisor([*children(), *_servers()], places.log().open("ab"))

    def run(self) -> None:
        """Run until told to stop. Raises Stopped when something failed."""
        self._supervisor.run(ready=self._guarded)
        if self._failed:
            raise Stopped(self._failed)
        self._say("Everything has ended; the next start goes on from here.")

    def _guarded(self) -> None:
        """Load and announce, beside the supervisor; whatever fails ends the demo with its message."""
        try:
            self._work()
        except (Stopped, DomainError, OSError, httpx.HTTPError, loading.Wrong) as error:
            self._fail(str(error))
        except Exception as error:
            if not self._supervisor.stop.is_set():
                log.exception("The demo could not be set up")
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            close_old_connections()

    def _fail(self, message: str) -> None:
        """End the demo with this message; what fails while it ends is no failure."""
        if not self._supervisor.stop.is_set():
            self._failed = message
            self._supervisor.stop.set()

    def _work(self) -> None:
        self._wait("the collector", settings.COLLECTOR_URL)
        self._wait("the console", settings.CONSOLE_URL)
        for name, step in self._steps():
            if name not in self._state.done:
                step()
                self._state.finished(name)
        self._wait("the shop", places.shop_url())
        self._wait("the mailbox", places.mail_url())
        self._announce()

    def _steps(self) -> list[tuple[str, Callable[[], None]]]:
        """Return what is done once. The content is in force before the history comes, which moves no journey all the same."""
        state, stopped = self._state, self._supervisor.stop.wait
        return [
            ("content", self._make_content),
            *(
                (part.file, partial(loading.load, part, self._say))
                for part in loading.parts(state.households, state.weeks)
            ),
            (
                "figures",
                lambda: loading.check(state.households, state.api_key, stopped, self._say),
            ),
            ("shop", lambda: catalogue.write(places.catalogue())),
        ]

    def _make_content(self) -> None:
        self._say("Making audiences, policies, mails and journeys")
        content.make(clock.now())

    def _wait(self, what: str, url: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not _answers(url):
            if self._supervisor.stop.wait(0.25):
                raise Stopped("stopped")
            if time.monotonic() > deadline:
                raise Stopped(f"{what} does not answer at {url}; see {places.log()}")

    def _announce(self) -> None:
        state, console, shop = self._state, settings.CONSOLE_URL, places.shop_url()
        for line in (
            "",
            f"Console    {console}/admin/   {preparing.login(state)}",
            f"Shop       {shop}/",
            f"Mail       {places.mail_url()}/",
            f"Collector  {settings.COLLECTOR_URL}/v1/batch   write key {state.write_key}",
            "",
            "Worth looking at:",
            "  1. The shop: click around, sign in and ask for offers, buy; the panel beside it shows your profile as it grows.",
            "  2. The mail that arrives: open it within two minutes, and the top of the shop changes for you; leave it, and it changes otherwise.",
            "  3. The console's profiles: find user_id 1, a household of the data set, with its orders, contacts and audiences.",
            "",
            f"Ctrl-C ends everything. What the processes say is in {places.log()}",
        ):
            self._say(line)


def _servers() -> list[Child]:
    return [
        Child(name, manage("demo", "--serve", name), environment()) for name in ("mail", "shop")
    ]


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=1, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
