"""Everything that hangs on a profile follows it: a merge that is taken back leaves what would be there had it never been.

Two people live through the same weeks twice, once with a merge in between and once without. All rows of all tables are compared; what differs
may only be what was decided while the two were one, and says so by its own time.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activation.audiences.models import Audience
from identity.clock import DAY, HOUR
from identity.profiles.models import Identifier
from identity.touchpoints.types import Identifier as Known
from tests.dmp_site.following import hanging
from tests.dmp_site.following.hanging import Reading, Row
from tests.dmp_site.following.life import MAIL_A, MAIL_B, Life, email, fix, set_up
from tests.dmp_site.following.ways import ALICE, WAYS, Way
from tests.identity.profiles.identities import uid_of
from tests.stores import undone

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]

# When a row was made. What only says since when something holds (`since`, `due_at`, `changed_at`) is no excuse.
_MADE = (
    "created_at",
    "made_at",
    "entered_at",
    "decided_at",
    "asked_at",
    "noted_at",
    "now",
    "handed_at",
    "moved_at",
)
# Only where the graph store shows memberships; only until the lane's next round.
_ELSEWHERE = {"identity.Unshown", "activation.Replay"}
_LOGGED = "at"  # of a table that nothing else tells apart: a log


NO_MAILBOX = "carol10@example.org"  # the mail server says so


def before(life: Life, bob: Mapping[str, Any]) -> None:
    life.identify(userId="carol", traits={"email": NO_MAILBOX})
    life.seen("Order Completed", userId="carol", properties={"order_id": "c", "total": 200})
    life.identify(userId="dave")
    life.keep_apart("user_id:carol", "user_id:dave")
    consent = {"consent": {"marketing": True}, "city": "Lyon", "newsletter": True, "age": 25}
    life.identify(**ALICE, traits={"email": MAIL_A, "phone": "+33612345678", **consent})
    life.identify(**{**bob, "traits": {**bob["traits"], **consent, "city": "Nice"}})
    known = {key: value for key, value in bob.items() if key != "traits"}
    for who in (ALICE, known):
        life.seen("page", **who)
        life.seen("Product Viewed", **who, properties={"category": "coffee"})
        life.seen("Product Added", **who, properties={"price": 95})
        life.seen("Order Completed", **who, properties=order(who, 1, 180))
    life.seen("Ad Impression", life.crm, context={"traits": {"email": MAIL_B}})
    life.seen("", life.crm, type="group", groupId="house", context={"traits": {"email": MAIL_B}})
    vip = Audience.objects.get(slug="vip").pk
    for address in (MAIL_A, MAIL_B):
        life.wish(email(address))
        life.by_hand(email(address), vip)
        life.look(email(address))
    life.rest(6 * HOUR)
    life.partner()
    for who in (ALICE, known):
        life.seen("Asked", **who)
    life.rest(6 * HOUR)


def while_merged(life: Life, bob: Mapping[str, Any]) -> None:
    known = {key: value for key, value in bob.items() if key != "traits"}
    for who in (ALICE, known):
        life.seen("page", **who)
        life.seen("Order Completed", **who, properties=order(who, 2, 220))
        life.seen("Product Viewed", **who, properties={"category": "tea"})
    life.looser()
    life.other_identities()
    life.seen("Ad Impression", life.crm, context={"traits": {"email": MAIL_A}})
    if "traits" in bob:
        life.identify(**{**bob, "traits": {**bob["traits"], "city": "Paris"}})
    life.send()
    life.rest(3 * HOUR)


def after(life: Life, bob: Mapping[str, Any]) -> None:
    life.rest(3 * DAY)
    life.rest(9 * DAY, step=3 * DAY)
    known = {key: value for key, value in bob.items() if key != "traits"}
    for who in (ALICE, known):
        life.seen("Order Completed", **who, properties=order(who, 3, 190))
    life.partner()
    life.rest(2 * HOUR)


def order(who: Mapping[str, Any], number: int, total: int) -> dict[str, Any]:
    return {"order_id": f"{who['anonymousId']}-{number}", "total": total, "currency": "EUR"}


def live(directory: Path, way: Way, *, merged: bool) -> Life:
    life = Life(directory, merged)
    before(life, way.bob)
    people = profiles()
    life.merge(way.said, way.more, way.joined)
    assert (profiles() != people) is merged
    while_merged(life, way.meanwhile)
    life.split(way.split)
    after(life, way.bob)
    life.close()
    return life


def profiles() -> dict[str, str]:
    return dict(Identifier.objects.values_list("key", "profile__uid"))


FIRST, *OTHERS = WAYS  # on servers a way takes half a minute: one is enough there


@pytest.mark.parametrize("name", [pytest.param(FIRST, marks=pytest.mark.stores), *OTHERS])
def test_a_merge_that_is_taken_back_leaves_what_would_be_there_without_it(
    name: str, tmp_path: Path, settings: Any
) -> None:
    fix(tmp_path, settings)
    set_up()
    way = WAYS[name]
    with undone():
        life = live(tmp_path / "merged", way, merged=True)
        homes = profiles()
        found = Run(hanging.read(), life, way)
    with undone():
        live(tmp_path / "apart", way, merged=False)
        right = Run(hanging.read(), life, way)
    assert set(found.unseen()) == way.emptied, (
        "leave a row of it in the lives (life.py), so that it can be looked at"
    )
    assert found.hidden() == [], (
        "say in hanging.py, by a rule, what leads from this table to a person"
    )
    counted = found.about.keys() | right.about.keys()
    assert differing(found.kept(counted), right.kept(counted)) == []
    assert differing(right.kept(counted), found.kept(counted)) == []
    decided = differing(found.made, right.made)
    assert {row.table for row in decided} >= way.decided
    for row in decided:
        if "owner" in row.words:
            assert (row.words["owner"], homes[row.words["owner"]]) == (
                way.strongest,
                uid_of(Known.of(way.strongest)),
            )


def differing(here: list[Row], there: list[Row]) -> list[Row]:
    """Return the rows that are here and not there."""
    left = Counter(row.text for row in there)
    found = []
    for row in here:
        if left[row.text]:
            left[row.text] -= 1
        else:
            found.append(row)
    return found


class Run:
    """What one life left, with what was decided between merge and split told apart.

    `made`: rows that were made then, and messages handed over then, with all that is part of them. `about`: how often which counter
    counted what became of such messages.
    """

    def __init__(self, reading: Reading, merged: Life, way: Way) -> None:
        self._reading, self._merged, self._way = reading, merged, way
        decided = {f"{row.table} {row.name}" for row in reading.rows if self._decided(row)}
        self.made = [row for row in reading.rows if self._decided(row) or row.parents & decided]
        names = {id(row) for row in self.made}
        self._rest = [row for row in reading.rows if id(row) not in names]
        self.about = Counter(way_of(row) for row in self.made if row.table == hanging.TIMELINE)

    def _decided(self, row: Row) -> bool:
        logged = (_LOGGED,) if row.is_logged else ()
        times = (row.words.get(each) for each in (*_MADE, *logged))
        return any(
            at is not None and self._merged.began <= at <= self._merged.ended for at in times
        )

    def kept(self, counted: Collection[tuple[Any, ...]]) -> list[Row]:
        """Return all other rows. Of the counters that counted what became of messages, their numbers without them."""
        return [
            self._plain(row, counted) for row in self._rest if row.name != self._merged.merging
        ]

    def _plain(self, row: Row, counted: Collection[tuple[Any, ...]]) -> Row:
        words = dict(row.words)
        if row.table == "identity.Identifier" and self._way.stays:
            words["contested"] = None  # the evidence is still there, and refused
        if row.table == "identity.ContactCount" and way_of(row) in counted:
            words |= {
                "count": words["count"] - self.about[way_of(row)],
                "first_at": None,
                "last_at": None,
            }
        return replace(row, words=words)

    def hidden(self) -> list[str]:
        """Return the tables in which a person is named, though nothing in their columns leads to one."""
        rows = self._reading.rows
        keys = [row.words["key"] for row in rows if row.table == "identity.Identifier"]
        uids = [row.words["uid"] for row in rows if row.table == "identity.Profile"]
        words = [
            word.encode() for word in (*keys, *uids, *(key.partition(":")[2] for key in keys))
        ]
        strange = [row for row in rows if not row.owners and not row.parents]
        return sorted(
            {
                f"{row.table}: {row.text!r}"
                for row in strange
                if any(word in row.text for word in words)
            }
        )

    def unseen(self) -> list[str]:
        """Return the tables of which nothing was seen: this life has to touch every one."""
        seen = {row.table for row in self._reading.rows}
        return sorted({each._meta.label for each in hanging.models()} - seen - _ELSEWHERE)


def way_of(row: Row) -> tuple[Any, ...]:
    return tuple(
        row.words[each] for each in ("owner", "direction", "channel", "message_class", "event")
    )
