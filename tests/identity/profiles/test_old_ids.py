"""Every id that was ever handed out answers at every door, whatever was merged and split; one of a login never reads another login's."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings

from dmp_site import apikeys
from identity.graph.policy import DEFAULT
from identity.profiles import models
from identity.profiles.exports import records
from identity.touchpoints import sources
from identity.touchpoints.types import Identifier
from tests.identity.graph.evidence import Event, events, renamed, touchpoint
from tests.identity.profiles.identities import Stages, assignment, seen
from tests.identity.touchpoints.events import NOW, decoder
from tests.soaking import examples
from tests.stores import undone

pytestmark = pytest.mark.django_db(databases="__all__")

LISTS = ("identifiers", "links", "refused-links", "history", "households")


@dataclass
class Doors:
    """Everything through which somebody asks for a profile by an id."""

    api: Client
    console: Client

    @classmethod
    def open(cls) -> "Doors":
        _, clear = apikeys.create("tests", ["profiles:read"], 1, actor="tests")
        console = Client()
        console.force_login(User.objects.create_superuser("admin"))
        return cls(Client(headers={"Authorization": f"Bearer {clear}"}), console)

    def check(self, aliases: Iterable[Identifier] = (), *, every: bool = True) -> None:
        """Ask for every id that there ever was, at `every` door or at the most important ones."""
        homes = assignment()
        exported = [each for block in records.blocks() for each in block]
        assert sorted(each["id"] for each in exported) == sorted(set(homes.values()))
        for profile in models.Profile.objects.all():
            present, founder = homes[profile.founder], Identifier.of(profile.founder)
            said = self.get(profile.uid)
            told = present if present != profile.uid else None
            assert (said["id"], said["merged_into"]) == (present, told)
            if every:
                self.console_shows(profile.uid, present)
                for name in LISTS:
                    self.get(f"{profile.uid}/{name}")
            timeline = self.get(f"{profile.uid}/timeline?limit=200")["results"]
            [row] = [each for each in exported if each["id"] == present]
            keys = [each["key"] for each in said["identifiers"]]
            assert profile.founder in keys
            if DEFAULT[founder.namespace].max == 1 and founder not in aliases:
                read = [
                    *keys,
                    *row["identifiers"],
                    *(k for t in timeline for k in t["identifiers"]),
                ]
                same = {key for key in read if Identifier.of(key).namespace == founder.namespace}
                assert same == {profile.founder}

    def get(self, path: str) -> Any:
        answer = self.api.get(f"/api/v1/profiles/{path}")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def console_shows(self, uid: str, present: str) -> None:
        answer = self.console.get(reverse("admin:identity_profile_change", args=[uid]))
        if present != uid:
            row = models.Profile.objects.get(uid=present).pk
            page = reverse("admin:identity_profile_change", args=[row])
            assert answer.headers["Location"] == page
            return
        assert answer.status_code == 200
        assert present in answer.content.decode()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(4, soak=500),
)
@given(stream=events(most=8), more=events(most=3))
def test_every_id_answers_after_random_merges_and_splits(
    stream: list[Event], more: list[Event]
) -> None:
    later = [
        touchpoint(event, DEFAULT, number=100 + event.number, source=9, id=uid(event.number))
        for event in more
    ]
    aliases = renamed((*stream, *more))
    with undone():
        stages, doors = Stages(DEFAULT), Doors.open()
        stages.run(*stream)
        doors.check(aliases, every=False)
        stages.run(*later)
        doors.check(aliases, every=False)
        stages.set_aside(*later)
        doors.check(aliases)


def uid(number: int) -> str:
    return f"00000000-0000-5000-8000-{number:012}"


def test_a_touchpoint_that_went_to_another_person_with_its_owner_does_not_name_the_first() -> None:
    stages, doors = Stages(DEFAULT), Doors.open()
    stages.run(seen(1, "crm_id:d", "user_id:d"))
    stages.run(seen(9, "crm_id:d", "user_id:b"))
    doors.check()
    b = models.Profile.objects.get(founder="crm_id:d").uid
    carried = [each["identifiers"] for each in doors.get(f"{b}/timeline")["results"]]
    assert carried == [["crm_id:d", "user_id:b"], ["crm_id:d"]]


def test_a_login_that_lost_its_cookie_to_another_reads_nothing_of_it() -> None:
    stages, doors = Stages(DEFAULT), Doors.open()
    stages.run(seen(1, "anonymous_id:c"))
    stages.run(seen(2, "user_id:a", "anonymous_id:c"))
    stages.run(seen(3, "user_id:b", "anonymous_id:c"), seen(4, "anonymous_id:c"))
    doors.check()
    old = models.Profile.objects.get(founder="anonymous_id:c").uid
    b = models.Profile.objects.get(founder="user_id:b").uid
    assert doors.get(old)["merged_into"] == b


def joined(*pairs: tuple[str, str]) -> dict[str, Any]:
    """Return RudderStack's merge call."""
    return {
        "type": "merge",
        "mergeProperties": [{"type": name, "value": value} for name, value in pairs],
    }


def alias(login: str) -> dict[str, Any]:
    """Return the call that libraries send of their own accord when somebody signs in."""
    return {"type": "alias", "previousId": "a1", "anonymousId": "a1", "userId": login}


@pytest.mark.parametrize(
    "call",
    [
        alias,
        lambda login: joined(("anonymous_id", "a1"), ("user_id", login)),
        lambda login: joined(("user_id", login), ("email", "jane@shop.example")),
    ],
    ids=["alias", "merge with a cookie", "merge with an address"],
)
def test_two_logins_that_are_called_one_with_the_same_browser_stay_two(
    call: Callable[[str], dict[str, Any]],
) -> None:
    one = decoder(sources.create("shop", "site", NOW, actor="tests"))
    stages, doors = Stages(DEFAULT), Doors.open()
    stages.run(one(messageId="1", **call("alice")))
    stages.run(one(messageId="2", **call("bob")))
    homes = assignment()
    assert homes["user_id:alice"] != homes["user_id:bob"]
    doors.check()
    stages.run(one(messageId="3", type="alias", previousId="alice", userId="bob"))
    assert len(set(assignment().values())) == 1
