"""The recorded stream: a shop's touchpoints, and everything that makes who is who hard to say. The same for the same numbers.

It comes in cuts: what is received at one instant. People sign in on each other's browsers, are declared to be one, share an address
that nobody owns; touchpoints come late, twice, out of an import, or unreadable; people take their consent back.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.stream import CITIES, Shop
from identity.clock import DAY, HOUR, SECOND, Instant, to_datetime
from identity.touchpoints.types import Mode

Event = dict[str, Any]

SITE, CRM = "site", "crm"
DEADLY = "Deadly"  # an event that the replay lets fail until it is mended
_SIZES = (1, 20, 150, 400, 700)  # touchpoints in a cut; the last is more than one batch
_PACE = 50  # milliseconds between two touchpoints
_REMEMBERED = 3_000  # events that may come a second time
_PER_PERSON = 6


class Row(NamedTuple):
    """A row of the inbox to be: an event of a source, or bytes that nobody can read."""

    event: Mapping[str, Any] | bytes
    source: str = SITE
    mode: Mode = Mode.LIVE


@dataclass(frozen=True)
class Cut:
    """What is received at one instant, after which the lane comes to its rest."""

    now: Instant
    rows: list[Row]


class Recorded:
    """Draws `touchpoints` touchpoints from `start` on, of so many `people` (0: as many as a shop would have)."""

    def __init__(
        self, touchpoints: int, start: Instant, *, seed: int = 4, people: int = 0
    ) -> None:
        self._left, self._now = touchpoints, start
        self._people = people or max(20, touchpoints // _PER_PERSON)
        self._random = random.Random(seed)
        self._shop = Shop(self._people, seed=seed)
        self._number = 0
        self._seen: list[Row] = []
        shares = {
            self._again: 4,
            self._late: 4,
            self._imported: 3,
            self._borrowed: 4,
            self._former: 2,
            self._alias: 1,
            self._two_at_once: 0.5,
            self._desk: 1,
            self._wish: 2,
            self._contact: 3,
            self._opened: 2,
            self._customer: 3,
            self._household: 0.5,
            self._deadly: 0.05,  # each costs a dozen transactions: its batch is halved until it stands alone
            self._unreadable: 0.04,
        }
        self._kinds = [*shares, self._usual]
        self._shares = [*shares.values(), 100 - sum(shares.values())]

    def cuts(self) -> Iterator[Cut]:
        while self._left:
            size = min(self._left, self._random.choice(_SIZES))
            self._left -= size
            self._now += size * _PACE + SECOND
            if self._random.random() < 0.1:
                self._now += self._random.randrange(30) * HOUR
            yield Cut(self._now, [self._row() for _ in range(size)])

    def _row(self) -> Row:
        [kind] = self._random.choices(self._kinds, self._shares)
        row = kind()
        self._seen = (
            [*self._seen[-_REMEMBERED:], row] if len(self._seen) > 2 * _REMEMBERED else self._seen
        )
        self._seen.append(row)
        return row

    # --- Of the shop ---

    def _usual(self) -> Row:
        return Row(self._bought())

    def _bought(self) -> Event:
        [event] = self._shop.touchpoints(1)
        return event

    def _again(self) -> Row:
        return self._random.choice(self._seen) if self._seen else self._usual()

    def _late(self) -> Row:
        """From minutes to some days ago, by the clock of the device, which may be wrong itself."""
        ago = int(self._random.expovariate(1 / (6 * HOUR)))
        times = {"originalTimestamp": _iso(self._now - ago)}
        if self._random.random() < 0.2:
            wrong = self._random.randrange(-DAY, DAY)
            times = {
                "originalTimestamp": _iso(self._now - ago + wrong),
                "sentAt": _iso(self._now + wrong),
            }
        return Row(self._bought() | times)

    def _imported(self) -> Row:
        ago = self._random.randrange(1, 90) * DAY
        return Row(self._bought() | {"timestamp": _iso(self._now - ago)}, mode=Mode.HISTORY)

    # --- Who is who ---

    def _borrowed(self) -> Row:
        """Somebody signs in on the browser of the person next to them."""
        person = self._person()
        return Row(self._track("Product Viewed", person, anonymousId=self._browser(person ^ 1)))

    def _former(self) -> Row:
        """Use a login that somebody had before: two logins in one browser, until an alias says that they are one."""
        person = self._person()
        return Row(
            self._event("page", userId=f"former-{person}", anonymousId=self._browser(person))
        )

    def _alias(self) -> Row:
        person = self._person()
        return Row(self._event("alias", userId=f"user-{person}", previousId=f"former-{person}"))

    def _two_at_once(self) -> Row:
        """Refused as evidence: nobody has two logins."""
        person, other = self._person(), self._person()
        external = [{"type": "user_id", "id": f"user-{other}"}]
        return Row(self._track("Product Viewed", person, context={"externalIds": external}))

    def _desk(self) -> Row:
        """Give an address at which many sign in, until it says nothing about who is who any more."""
        traits = {"email": f"desk{self._random.randrange(6)}@example.org"}
        return Row(self._event("identify", userId=f"user-{self._person()}", traits=traits))

    def _customer(self) -> Row:
        person = self._person()
        traits = {
            "email": f"person{person}@example.org",
            "phone": f"+3361{person:07}",
            "city": self._random.choice(CITIES),
            "first_name": f"Given{person}",
        }
        external = [{"type": "crm_id", "id": f"crm-{person}"}]
        if person % 5 == 0:
            external.append(
                {"type": "loyalty_id", "id": f"card-{person}-{self._random.randrange(5)}"}
            )
        return Row(self._event("identify", traits=traits, context={"externalIds": external}), CRM)

    def _household(self) -> Row:
        person = self._person()
        context = {"externalIds": [{"type": "crm_id", "id": f"crm-{person}"}]}
        return Row(self._event("group", groupId=f"house-{person // 3}", context=context), CRM)

    # --- What people want, and what was done about them ---

    def _wish(self) -> Row:
        allowed = self._random.random() < 0.5
        person = self._person()
        if self._random.random() < 0.3:
            return Row(self._track("Unsubscribed", person))
        traits = {"email": f"person{person}@example.org", "consent": {"marketing": allowed}}
        return Row(self._event("identify", userId=f"user-{person}", traits=traits))

    def _contact(self) -> Row:
        name = self._random.choice(["Email Sent", "Ad Impression", "Call Made", "Letter Sent"])
        return Row(
            self._track(name, self._person(), properties={"message_class": "marketing"}), CRM
        )

    def _opened(self) -> Row:
        kind = self._random.choice(["human", "proxy", ""])
        return Row(self._track("Email Opened", self._person(), properties={"open_kind": kind}))

    # --- What is wrong ---

    def _deadly(self) -> Row:
        """Evidence that is recorded, and then taken out again: it alone joins these two."""
        person = self._person()
        return Row(
            self._track(DEADLY, person, anonymousId=self._browser((person + 7) % self._people))
        )

    def _unreadable(self) -> Row:
        if self._random.random() < 0.5:
            return Row(self._random.randbytes(40))
        return Row(self._track("Product\0Viewed", self._person(), properties={"note": "a\0b"}))

    # --- Parts ---

    def _person(self) -> int:
        return self._random.randrange(self._people)

    def _browser(self, person: int) -> str:
        return f"browser-{person}-{self._random.randrange(1 + person % 3)}"

    def _track(self, name: str, person: int, **more: Any) -> Event:
        return self._event("track", event=name, userId=f"user-{person}", **more)

    def _event(self, type_: str, **more: Any) -> Event:
        self._number += 1
        return {"messageId": f"own-{self._number}", "type": type_, **more}


def _iso(at: Instant) -> str:
    return to_datetime(at).isoformat()
