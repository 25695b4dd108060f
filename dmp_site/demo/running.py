"""One start of the demo: set up or rebuild, start everything, load what is missing, say where to look."""

import logging
import os
import secrets
import sys
import time
from collections.abc import Callable
from functools import partial

import httpx
from django.conf import settings
from django.contrib.auth.models import User
from django.db import close_old_connections

from dmp_site import apikeys, setup
from dmp_site.demo import catalogue, dataset, loading, places
from dmp_site.demo import state as states
from dmp_site.demo.state import State
from dmp_site.processes import lifeline
from dmp_site.processes.children import children, environment
from dmp_site.processes.supervisor import Child, Supervisor, manage
from identity.clock import Instant
from identity.errors import DomainError
from identity.touchpoints import sources

LOGIN = "admin"
_PATIENCE = 120  # seconds until everything must answer


class Stopped(Exception):
    """The demo cannot go on; the message says why."""


class Demo:
    """Runs until told to stop. `say` prints one line."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._failed = ""
        self._supervisor = Supervisor([*children(), *_servers()], places.log().open("ab"))

    def run(self, moment: Instant) -> None:
        """Run until told to stop. Raises Stopped."""
        lifeline.hold()
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
        state = self._prepared(moment)
        self._supervisor.run(ready=lambda: self._guarded(state))
        if self._failed:
            raise Stopped(self._failed)

    def _prepared(self, moment: Instant) -> State:
        """Return the state of an installation that is set up and fits this version."""
        state = states.load()
        if state is None and settings.KEYS_FILE.exists():
            raise Stopped(
                f"{settings.DATA_DIR} holds an installation that is not the demo's; give the demo a folder of its own:"
                " FILROUGE_DATA_DIR=… make demo"
            )
        if state is not None and state.schema != states.schema():
            aside = states.set_aside()
            self._say(
                f"The tables have changed since the last start: the old files are kept in {aside}; building again"
            )
            # Settings read the keys that lay there: begin anew.
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - ourselves
        if state is None:
            state = State(states.schema(), dataset.shift(moment), secrets.token_urlsafe(9))
            states.save(state)
        setup.ensure(moment)
        if "login" not in state.done:
            self._make_keys(state, moment)
        return state

    @staticmethod
    def _make_keys(state: State, moment: Instant) -> None:
        user = User.objects.get(username=settings.ADMIN_USER)
        user.set_password(state.password)
        user.save(update_fields=["password"])
        shop = sources.ensure("Corner Market", "site", moment, actor=loading.ACTOR)
        _, state.write_key = sources.create_key(shop.pk, moment, actor=loading.ACTOR)
        _, state.api_key = apikeys.create("Corner Market", ["*:read"], moment, actor=loading.ACTOR)
        state.finished("login")

    def _guarded(self, state: State) -> None:
        """Load and announce, beside the supervisor; what fails ends the demo with its message."""
        try:
            self._wait("the collector", settings.COLLECTOR_URL)
            self._load(state)
            self._wait("the console", settings.CONSOLE_URL)
            self._wait("the shop", places.shop_url())
            self._announce(state)
        except (Stopped, DomainError, OSError, httpx.HTTPError, loading.Wrong) as error:
            if not self._supervisor.stop.is_set():
                self._failed = str(error)
                self._supervisor.stop.set()
        finally:
            close_old_connections()

    def _load(self, state: State) -> None:
        """Do what earlier starts have not finished."""
        stopped = self._supervisor.stop.wait
        steps: list[tuple[str, Callable[[], None]]] = [
            *(
                (part.file, partial(loading.load, part, self._say))
                for part in loading.parts(state.weeks)
            ),
            ("figures", lambda: loading.check(state.api_key, stopped, self._say)),
            ("shop", lambda: catalogue.write(places.catalogue())),
        ]
        for name, step in steps:
            if name not in state.done:
                step()
                state.finished(name)

    def _wait(self, what: str, url: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not _answers(url):
            if self._supervisor.stop.wait(0.25):
                raise Stopped("stopped")
            if time.monotonic() > deadline:
                raise Stopped(f"{what} does not answer at {url}")

    def _announce(self, state: State) -> None:
        for line in (
            "",
            f"Console    {settings.CONSOLE_URL}/admin/   login {settings.ADMIN_USER} / {state.password}",
            f"Shop       {places.shop_url()}/",
            f"Mail       {places.mail_url()}/",
            f"Collector  {settings.COLLECTOR_URL}/v1/batch   write key {state.write_key}",
            "",
            "Worth looking at:",
            "  1. The shop: click around, sign in with offers, and watch your profile grow in the panel beside it.",
            "  2. The mail that then arrives: open it within two minutes, and the shop's top changes for you; leave it, and it changes otherwise.",
            f"  3. The console's people: search user_id 1 for a household of the data set, with its orders and audiences ({settings.CONSOLE_URL}/admin/).",
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
