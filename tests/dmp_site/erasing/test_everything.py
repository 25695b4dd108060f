"""People of the recorded stream are erased: they have orders, mails, clicks, audiences, journeys, merges, imports, rows set aside.

Then every table (found by walking the models), and every node and relationship, is searched for what they were known by; and
everybody else's rows are as they were.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.road.digest import lines
from dmp_site.erasing import bundle
from identity import graph
from identity import holdings as identity
from identity.models import Erasure, Household, Identifier, Profile
from identity.privacy import erasures, vault
from identity.privacy.holdings import Subject, tell
from identity.profiles import assignment, selectors
from identity.sql import fetch
from identity.touchpoints import naming
from tests.dmp_site.erasing.searching import found, pattern
from tests.road import START
from tests.same.replay import Replay
from tests.same.stream import Recorded

pytestmark = [
    pytest.mark.django_db(transaction=True, reset_sequences=True),
    pytest.mark.stores,
    pytest.mark.slow,
]
PEOPLE = 4  # who together have something everywhere
ALONE = 3


@pytest.fixture
def replay(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replay]:
    logging.disable(logging.ERROR)
    made = Replay(tmp_path, settings, monkeypatch)
    made.run(Recorded(2_000, START))
    made._rest()  # what people did about the last mails
    yield made
    made.close()
    logging.disable(logging.NOTSET)


def person(profile: Profile) -> tuple[list[str], Subject]:
    mine = selectors.identifiers(profile.pk)
    keys = [each.key for each in mine]
    return keys, identity.subject(keys, [profile.uid, *assignment.uids_of(mine)])


def held(profile: Profile) -> set[str]:
    """Return the names of the tables that have something of a person."""
    _, subject = person(profile)
    return {each.name for each in bundle.HOLDINGS if each.told and tell(each, subject)}


def richest() -> list[Profile]:
    """Return people who together have something in as many tables as there are, those with the most first."""
    alive = Profile.objects.filter(identifiers__isnull=False).distinct()
    tables = {each: held(each) for each in alive}
    chosen: list[Profile] = []
    seen: set[str] = set()
    for _ in range(PEOPLE):
        best = max(
            (each for each in tables if each not in chosen),
            key=lambda each: (len(tables[each] - seen), len(tables[each]), -each.pk),
        )
        chosen.append(best)
        seen |= tables[best]
    return chosen


def needles(profile: Profile) -> list[str]:
    """Return everything that names a person: keys, hashes, clear values, ids of the profile and of its touchpoints."""
    keys, subject = person(profile)
    clear = vault.reveal([(key, vault.VALUE) for key in keys], actor="tests", why="t", now=START)
    values = [key.partition(":")[2] for key in keys if len(key.partition(":")[2]) == 64]
    uids = Profile.objects.filter(pk__in=subject.profiles).values_list("uid", flat=True)
    mine = set(keys)
    own = [
        each.id
        for each in graph.store().carrying(selectors.identifiers(profile.pk), limit=100_000)
        if all(one.key in mine for one in each.identifiers)
    ]
    return [*keys, *values, *clear.values(), *uids, *own]


def come_home(replay: Replay, profile: Profile) -> list[str]:
    """Let somebody be alone in a household, which is named without anybody too; return what it is known by."""
    address = f"home-{profile.pk}@shop.example"
    home = {"context": {"externalIds": [{"type": "household_id", "id": address}]}}
    fields = {"user_id": "userId", "anonymous_id": "anonymousId"}
    who = next(each for each in selectors.identifiers(profile.pk) if each.namespace in fields)
    replay._road.receive(
        {"event": "At home", fields[who.namespace]: who.value, **home}, {"event": "Door", **home}
    )
    replay._rest()
    named = naming.identifier("household_id", address)
    assert named.value != address
    assert Household.objects.filter(key=named.key).exists()
    return [address, named.key, named.value]


def shared(profile: Profile) -> bool:
    """Tell whether some touchpoint of theirs carries somebody else's identifier too."""
    keys = set(person(profile)[0])
    carried = graph.store().carrying(selectors.identifiers(profile.pk), limit=100_000)
    return any(each.key not in keys for one in carried for each in one.identifiers)


def erase(replay: Replay, profile: Profile) -> Erasure:
    row = erasures.ask(profile=profile.uid, actor="tests", now=replay._road.now)
    replay._rest()
    row.refresh_from_db()
    assert row.state == Erasure.State.DONE
    return row


def test_nothing_is_left_of_people_who_had_everything(replay: Replay) -> None:
    people = richest()
    tables = {table for each in people for table in held(each)}
    never = {
        "identity.auditentry",
        "identity.vaultaccess",
        "identity.decision",
        "activation.personcap",
    }
    never |= {"activation.listentry", "activation.manualmember", "journeys.slot"}
    never.add("activation.replay")  # until the lane's next round
    everything = {each.name for each in bundle.HOLDINGS if each.told}
    assert everything - tables <= never, "the stream brings something of everything else"
    for profile in people:
        names = needles(profile) + come_home(replay, profile)
        assert found(names)
        row = erase(replay, profile)
        assert found(names) == []
        assert row.removed["graph.identifier"] == row.identifiers > 0
    counted = dict(fetch("SELECT audience_id, COUNT(*) FROM activation_membership GROUP BY 1"))
    sizes = dict(fetch("SELECT audience_id, size FROM activation_build"))
    assert {each: size for each, size in sizes.items() if size} == counted


def test_everybody_else_stays_as_they_are(replay: Replay) -> None:
    alive = Profile.objects.filter(identifiers__isnull=False).distinct().order_by("pk")
    alone = sorted((each for each in alive if not shared(each)), key=lambda each: -len(held(each)))
    for profile in alone[:ALONE]:
        wanted = pattern(needles(profile))
        before = without(wanted)
        erase(replay, profile)
        after = lines()
        assert {
            each: set(before[each]) ^ set(after[each])
            for each in before
            if before[each] != after[each] and each not in {"sizes", "set aside"}
        } == {}
    assert Identifier.objects.exists()


def without(wanted: re.Pattern[str]) -> dict[str, list[bytes]]:
    """Return all rows of everybody but one."""
    return {
        subject: [line for line in said if not wanted.search(line.decode())]
        for subject, said in lines().items()
    }
