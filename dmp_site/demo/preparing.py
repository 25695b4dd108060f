"""Before anything starts: nobody else runs here, the files are the demo's and fit this version, the installation is set up."""

import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
from django.conf import settings
from django.contrib.auth.models import User

from dmp_site import setup
from dmp_site.demo import dataset, keys
from dmp_site.demo import state as states
from dmp_site.demo.state import State
from dmp_site.processes.lock import FileLock
from identity.clock import Instant
from identity.graph.port import GraphMissing, StoreAway
from identity.privacy.keys import KeysMissing
from identity.touchpoints import inbox
from identity.touchpoints.inbox.port import ForeignInbox, InboxTaken
from identity.touchpoints.installation import Foreign


class Stopped(Exception):
    """The demo cannot go on; the message says why."""


class Rebuild(Exception):
    """The old files were kept aside; settings still hold what lay there, so a new process has to begin."""


def lock() -> FileLock:
    """Take the lock of the demo, held as long as the process lives. Raises Stopped when something runs on these files."""
    taken = FileLock(states.lock_file())
    if not taken.acquire():
        raise Stopped(f"a demo runs in {settings.DATA_DIR} already; end it with Ctrl-C first")
    try:
        inbox.writer().close()
    except InboxTaken as error:
        raise Stopped(
            f"an installation runs in {settings.DATA_DIR}: stop `manage.py up` first"
        ) from error
    except ForeignInbox:  # there is none yet
        pass
    return taken


def prepare(households: int, now: Instant, say: Callable[[str], object]) -> State:
    """Return the state of an installation that is set up and fits this version. Raises Stopped, Rebuild."""
    state = _known()
    if state is not None and state.schema != states.schema():
        say("The tables have changed since the last start.")
        say(f"The old files are kept in {states.set_aside()}; the demo is built again.")
        raise Rebuild
    if state is None:
        _refuse_foreign()
        state = State(
            states.schema(), dataset.shift(now), secrets.token_urlsafe(9), households=households
        )
        states.save(state)
    try:
        setup.ensure(now)
    except (Foreign, ForeignInbox, GraphMissing, KeysMissing, StoreAway) as error:
        raise Stopped(str(error)) from error
    if "login" not in state.done:
        _open(state, now)
    return state


def _known() -> State | None:
    try:
        return states.load()
    except msgspec.MsgspecError as error:
        raise Stopped(
            f"{states.path()} cannot be read ({error}); move {settings.DATA_DIR} away to begin anew"
        ) from error


def _refuse_foreign() -> None:
    """Refuse an installation that somebody else made here. The key file may live elsewhere and says nothing."""
    files = [settings.DATABASES["default"]["NAME"], settings.INBOX["OPTIONS"].get("path")]
    if any(name and Path(name).exists() for name in files):
        raise Stopped(
            f"{settings.DATA_DIR} holds an installation that is not the demo's; give the demo a folder of its own:"
            " FILROUGE_DATA_DIR=… make demo"
        )


def _open(state: State, now: Instant) -> None:
    """Give the first login its password and the shop its keys."""
    user = User.objects.filter(username=settings.ADMIN_USER).first()
    if user is not None and not settings.ADMIN_PASSWORD:
        user.set_password(state.password)
        user.save(update_fields=["password"])
    state.write_key, state.api_key = keys.make(now)
    state.finished("login")


def login(state: State) -> str:
    """Return how to sign in: the demo's password while it holds, nothing secret that somebody chose."""
    user = User.objects.filter(username=settings.ADMIN_USER).first()
    if user is None:
        return "login as you set it up"
    known = user.check_password(state.password)
    return (
        f"login {user.get_username()} / {state.password if known else 'the password that was set'}"
    )
