"""What the page of a profile says about caps of one's own: those that hold, as they hold at the decision."""

import re

import pytest
from django.urls import reverse

from activation.pressure import caps
from activation.pressure.types import PersonCap
from identity.clock import DAY, now
from identity.profiles.models import Identifier
from tests.activation.people import context, person
from tests.identity.signing import SignIn

pytestmark = pytest.mark.django_db(databases="__all__")


def shown(sign_in: SignIn, profile: int) -> list[tuple[str, str, str]]:
    """Return channel, limit and origin of the caps that the page lists."""
    page = sign_in("viewer").get(reverse("admin:identity_profile_change", args=[profile]))
    section = re.split(r"<h2[^>]*>", page.content.decode().split("Caps of one&#x27;s own</h2>")[1])
    rows = re.findall(r"<tr>(.*?)</tr>", section[0], re.DOTALL)
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in rows]
    return sorted((row[0], row[1], row[4]) for row in cells if row)


def test_the_page_lists_only_the_last_word_on_each_channel(sign_in: SignIn) -> None:
    profile, (one, other) = person("alice", "email:aa")
    at = now() - DAY
    later = now() + DAY

    def say(owner: Identifier, channel: str, limit: int, origin: str, when: int) -> None:
        cap = PersonCap(owner.pk, channel, limit, DAY, later, origin)
        caps.change([cap], context(when))

    say(other, "display", 0, "journey 3", at)
    say(one, "display", 5, "journey 4", at + 1)
    say(one, "email", 2, "journey 3", at)
    assert shown(sign_in, profile.pk) == [
        ("display", "5", "journey 4"),
        ("email", "2", "journey 3"),
    ]


def test_a_last_word_that_ran_out_frees_the_channel(sign_in: SignIn) -> None:
    profile, (one, other) = person("alice", "email:aa")
    at = now() - DAY
    caps.change([PersonCap(other.pk, "display", 0, DAY, now() + DAY, "before")], context(at))
    caps.change([PersonCap(one.pk, "display", 5, DAY, at + 2, "ended")], context(at + 1))
    assert shown(sign_in, profile.pk) == []
