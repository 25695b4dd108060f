"""What the demo remembers from start to start: how far its data is moved, what is loaded, its keys."""

import hashlib
from pathlib import Path

import msgspec
from django.conf import settings

from dmp_site.demo import places
from dmp_site.demo.dataset import EVERYBODY
from identity.touchpoints.inbox import sqlite

FLOORS = ("identity", "activation", "journeys", "dmp_site")


class State(msgspec.Struct):
    """`weeks`: the shift of the data's times, `households`: up to which number they are loaded; both decided once.

    `done`: steps of the set-up that are finished.
    """

    schema: str
    weeks: int
    password: str
    write_key: str = ""
    api_key: str = ""
    households: int = EVERYBODY
    done: list[str] = []

    def finished(self, step: str) -> None:
        self.done.append(step)
        save(self)


def path() -> Path:
    return places.home() / "state.json"


def lock_file() -> Path:
    return Path(settings.DATA_DIR) / "demo.lock"


def load() -> State | None:
    """Return what an earlier start left, None at the first."""
    try:
        return msgspec.json.decode(path().read_bytes(), type=State)
    except FileNotFoundError:
        return None


def save(state: State) -> None:
    """Write the state, whole or not at all; it holds keys, so that only its owner may read it."""
    fresh = (places.folder() / path().name).with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(state)))
    fresh.replace(path())


def schema() -> str:
    """Return a fingerprint of the tables, as the migrations and the inbox describe them."""
    found = hashlib.sha256(sqlite.SCHEMA.encode())
    for floor in FLOORS:
        for migration in sorted((Path(settings.BASE_DIR) / floor / "migrations").glob("0*.py")):
            found.update(migration.name.encode() + migration.read_bytes())
    return found.hexdigest()


def set_aside() -> Path:
    """Move everything in the data directory into a folder of its own there; return it."""
    home = Path(settings.DATA_DIR)
    number = 1 + max(
        (int(old.name[6:]) for old in home.glob("aside-*") if old.name[6:].isdigit()), default=0
    )
    target = home / f"aside-{number}"
    target.mkdir(mode=0o700)
    for each in home.iterdir():
        if not each.name.startswith("aside-") and each != lock_file():
            each.rename(target / each.name)
    return target
