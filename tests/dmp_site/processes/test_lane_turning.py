"""A policy that turns what very many hang on moves them slice by slice, whenever a lane dies."""

from typing import Any

import pytest

from activation.audiences import services as audiences
from activation.audiences.models import Membership
from dmp_site.processes import clockwork
from identity import graph
from identity.graph import documents, policies
from identity.models import Identifier, IdentityPolicy
from identity.profiles import assignment
from identity.profiles.policies import services, settling
from identity.profiles.rebuild import rebuild
from tests.dmp_site.processes.faults import deaths
from tests.dmp_site.processes.test_lane_forgetting import deadly
from tests.road import Road

PEOPLE, SLICE = 30, 4
SHARED = {"email": "everybody@shop.example"}


def limit(road: Road, hub: int) -> None:
    """Let an address be a hub with more person identifiers around it than this."""
    document = documents.write(policies.current())
    document["namespaces"]["email"]["hub"] = hub
    services.change(document, road.now, actor="tests")
    services.apply(road.now, actor="tests")


def sharing(road: Road) -> None:
    """Let people share an address; each looks at something from a browser of their own."""
    rule = {"did": "Product Viewed", "within_days": 1, "at_least": 2}
    buyers = audiences.create("Buyers", rule=rule, actor="tests", now=road.now)
    audiences.publish(buyers.pk, actor="tests", now=road.now)
    limit(road, 2 * PEOPLE)
    road.run()
    for n in range(PEOPLE):
        phone = f"+336123456{n:02}"
        road.receive(
            {"event": "Product Viewed", "anonymousId": f"c{n}"},
            {"type": "identify", "anonymousId": f"c{n}", "traits": {**SHARED, "phone": phone}},
        )
    road.run()
    assert (homes(), Membership.objects.count()) == (1, 1)


def homes() -> int:
    return Identifier.objects.values("profile").distinct().count()


def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the identifiers that each transaction moves, or looks at under the policy; those that are read are about as many."""
    found: list[int] = []
    real = {name: getattr(assignment, name) for name in ("write", "members")}

    def counting(name: str) -> Any:
        def called(*arguments: Any) -> Any:
            answer = real[name](*arguments)
            found.append(len(answer if name == "members" else arguments[0]))
            return answer

        return called

    for name in real:
        monkeypatch.setattr(assignment, name, counting(name))
    return found


def test_a_hub_with_more_around_it_than_a_slice_is_turned_in_several_transactions(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clockwork, "DUE", SLICE)
    sharing(road)
    sizes = written(monkeypatch)
    deadly(monkeypatch, settling, "keep", at=20)  # while they are grouped
    limit(road, 10)
    assert deaths(road) == 1
    assert homes() == 1 + PEOPLE
    assert max(sizes) <= 2 * SLICE + 1  # each with a browser, and the address
    assert IdentityPolicy.objects.filter(settled_at=None).count() == 0
    assert not Identifier.objects.exclude(policy=3).exists()
    assert rebuild(graph.store(), now=None).agrees
    assert not Membership.objects.exists()


def test_a_policy_that_comes_in_between_leaves_nobody_behind(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose profile is left to a later slice is left to the next policy, too: nobody is in an audience for what others did."""
    monkeypatch.setattr(clockwork, "DUE", SLICE)
    sharing(road)
    road.receive({"type": "identify", "userId": "founder", "traits": SHARED})
    road.run()
    assert (homes(), Membership.objects.count()) == (1, 1)
    limit(road, 10)
    while homes() < PEOPLE + 2:
        road.loop.step()
    left = settling.left()
    assert left is not None
    assert (left.step, len(left.deferred)) == (settling.TURNED, 1)  # the founder's own is the last
    assert Membership.objects.count() == 1
    limit(road, 11)
    road.run()
    assert homes() == PEOPLE + 2
    assert rebuild(graph.store(), now=None).agrees
    assert not Membership.objects.exists()
