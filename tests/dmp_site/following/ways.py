"""How two people become one, and two again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from identity.graph.types import Verdict
from identity.touchpoints.types import Identifier as Known
from tests.dmp_site.following.life import MAIL_B, Life, email

ALICE: Mapping[str, Any] = {"userId": "alice", "anonymousId": "browser-a"}
BOB: Mapping[str, Any] = {"anonymousId": "browser-b", "traits": {"email": MAIL_B}}


@dataclass(frozen=True)
class Way:
    """How two people become one and two again.

    `joined`: what makes them one, where no touchpoint does (`more` is nothing then).
    `bob`: what tells Bob from the beginning, `meanwhile` while they are one. `stays`: the merging evidence stays in the graph, refused.
    `emptied`: the tables of which the split leaves nothing.
    `strongest`: whose everything is that is decided while they are one. `decided`: the tables in which something is.
    """

    said: Mapping[str, Any]
    more: Mapping[str, Any]
    split: Callable[[Life], None]
    bob: Mapping[str, Any]
    meanwhile: Mapping[str, Any]
    stays: bool = True
    joined: Callable[[Life], None] | None = None
    emptied: frozenset[str] = frozenset()
    strongest: str = "user_id:alice"
    decided: frozenset[str] = frozenset(
        {
            "identity.ProfileMove",
            "activation.Delivery",
            "activation.Decision",
            "journeys.Enrolment",
        }
    )


def signs_in(life: Life) -> None:
    """Let each use their own login: nobody has two."""
    life.seen("page", **ALICE)
    life.identify(userId="bob", **BOB)


def comes_back(life: Life) -> None:
    life.seen("page", userId="bob", anonymousId="browser-b")


def decides(verdict: Verdict, one: str) -> Callable[[Life], None]:
    """Return how somebody decides about one of Alice's identifiers and Bob's address."""
    return lambda life: life.decide(verdict, Known.of(one), email(MAIL_B))


BROWSER_A = "anonymous_id:browser-a"
AT_THE_DESK: tuple[Mapping[str, Any], Mapping[str, Any]] = (
    {"context": {"traits": {"email": MAIL_B}}},
    {"anonymousId": "browser-a"},
)
WAYS = {
    "the merging touchpoint is set aside": Way(
        {"context": {"traits": {"email": MAIL_B}}},
        {"anonymousId": "browser-a"},
        Life.set_aside,
        BOB,
        BOB,
        stays=False,
    ),
    "a limit breaks": Way(
        {"context": {"traits": {"email": MAIL_B}}},
        {"anonymousId": "browser-a"},
        signs_in,
        BOB,
        BOB,
    ),
    "newer evidence moves a cookie": Way(
        {"userId": "alice"},
        {"anonymousId": "browser-b"},
        comes_back,
        {"userId": "bob", **BOB},
        {"anonymousId": "browser-b"},
    ),
    "somebody unlinks them": Way(*AT_THE_DESK, decides(Verdict.UNLINK, BROWSER_A), BOB, BOB),
    "somebody says never": Way(*AT_THE_DESK, decides(Verdict.NEVER, "user_id:alice"), BOB, BOB),
    "what somebody decided is undone": Way(
        {"context": {"traits": {"email": MAIL_B}}},
        {},
        Life.undo,
        BOB,
        BOB,
        stays=False,
        joined=decides(Verdict.ALWAYS, BROWSER_A),
    ),
    "the source is forgotten": Way(
        *AT_THE_DESK,
        Life.forget_crm,
        BOB,
        BOB,
        stays=False,
        emptied=frozenset({"identity.HouseholdTie"}),
    ),
    "another policy in force": Way(*AT_THE_DESK, Life.one_address, BOB, BOB),
}
