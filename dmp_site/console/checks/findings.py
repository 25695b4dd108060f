"""What a check finds, and what it is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

TITLES: Mapping[str, Promise] = {
    "address": gettext_lazy("address"),
    "database": gettext_lazy("database"),
    "move": gettext_lazy("move"),
    "keys": gettext_lazy("keys"),
    "inbox": gettext_lazy("inbox"),
    "graph": gettext_lazy("graph"),
    "lane": gettext_lazy("lane"),
    "backlog": gettext_lazy("backlog"),
    "members": gettext_lazy("memberships in Neo4j"),
    "sender": gettext_lazy("sender"),
    "jobs": gettext_lazy("jobs"),
    "collector": gettext_lazy("collector"),
    "disk": gettext_lazy("disk"),
    "clock": gettext_lazy("clock"),
    "set aside": gettext_lazy("set aside"),
    "crowds": gettext_lazy("neighbourhoods that are too large"),
    "broken": gettext_lazy("broken"),
}


class Level(StrEnum):
    """`NOTICE` is worth a look and no fault."""

    OK = "ok"
    NOTICE = "notice"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `mend` is what to do: a command or an address; "" when nothing is."""

    name: str
    level: Level
    what: str
    mend: str = ""

    @property
    def title(self) -> str:
        """Say the name in the reader's language."""
        return str(TITLES[self.name])


def ok(name: str, what: str) -> Finding:
    return Finding(name, Level.OK, what)


def fault(name: str, what: str, mend: str) -> Finding:
    return Finding(name, Level.FAULT, what, mend)
