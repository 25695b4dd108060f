"""What an erasure takes out of other people's history, and that it looks at no more of it than concerns the person."""

import contextlib
import json
from random import Random
from typing import Any

import pytest
from django.db.models import Q

from identity.clock import MINUTE
from identity.errors import DomainError
from identity.graph.types import Verdict
from identity.models import Decision, Erasure, Identifier, ProfileMove
from identity.privacy import erasures
from identity.profiles import decisions, selectors
from identity.profiles.occasions import Doing
from identity.touchpoints.types import Identifier as Value
from tests.dmp_site.erasing.test_erasing import ALICE, come
from tests.road import Road

pytestmark = [pytest.mark.slow, pytest.mark.stores]

BOB = Value("user_id", "bob")
STRANGERS = [Value("user_id", "carol"), Value("user_id", "dave")]


def rounds(road: Road, identifier: Value) -> int:
    """Erase somebody; return how many parts that took."""
    row = erasures.ask(identifier=identifier, actor="tests", now=road.now)
    for done in range(1_000):
        if row.state == Erasure.State.DONE:
            return done
        road.loop.step()
        row.refresh_from_db()
    raise AssertionError("it never ended")


def move_strangers(many: int, **said: Any) -> None:
    """Let two strangers have been grouped again and again."""
    there, here = map(selectors.by_identifier, STRANGERS)
    one = {
        "at": there.created_at,
        "kind": "split",
        "origin": there,
        "target": here,
        "identifiers": json.dumps([STRANGERS[0].key]),
        "evidence": '{"joined":[],"refused":[]}',
        "occasion": Doing.TOUCHPOINTS,
        "number": None,
        **said,
    }
    ProfileMove.objects.bulk_create(ProfileMove(**one) for _ in range(many))


def test_it_takes_as_many_parts_however_often_strangers_were_grouped(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmp_site.processes.lane._ERASING", 0.0)
    come(road)
    come(road, "bob", "bob@shop.example", "browser-b")
    road.receive(*({"event": "Seen", "userId": each.value} for each in STRANGERS))
    road.run()
    few = rounds(road, ALICE)
    move_strangers(5_500)
    assert rounds(road, BOB) == few
    assert ProfileMove.objects.count() == 5_500


def test_a_profile_that_very_many_left_is_looked_at_part_by_part(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alice's browser was a stranger's once: the moves of that one are looked at, each of a time with thousands too."""
    monkeypatch.setattr("dmp_site.processes.lane._ERASING", 0.0)
    road.receive(*({"event": "Seen", "userId": each.value} for each in STRANGERS))
    road.receive({"event": "Lent", "userId": "carol", "anonymousId": "browser-a"})
    road.run()
    road.pass_time(MINUTE)
    come(road)
    browser = Value("anonymous_id", "browser-a")
    assert selectors.by_identifier(browser) == selectors.by_identifier(ALICE)
    move_strangers(2_500)
    link = {"a": browser.key, "b": "user_id:carol"}
    move_strangers(1, evidence=json.dumps({"joined": [link], "refused": []}))
    move_strangers(2_500)
    rounds(road, ALICE)
    assert ProfileMove.objects.count() == 5_001
    assert not ProfileMove.objects.filter(evidence__contains=browser.value).exists()


# --- Whatever happened --------------------------------------------------------------------------------------------------


def live(road: Road, random: Random) -> None:
    """Let few people share few browsers, devices and addresses, and others decide about them."""
    for _ in range(40):
        road.now += MINUTE
        if random.random() < 0.25:
            _decide(road, random)
        else:
            road.receive(_event(random))
        road.run()


def _event(random: Random) -> dict[str, Any]:
    event: dict[str, Any] = {"type": "identify", "traits": {}}
    if random.random() < 0.6:
        event["userId"] = f"person-{random.randrange(4)}"
    if random.random() < 0.5 or not event.get("userId"):
        event["anonymousId"] = f"browser-{random.randrange(5)}"
    if random.random() < 0.4:
        event["context"] = {"device": {"id": f"device-{random.randrange(3)}"}}
    if random.random() < 0.3:
        event["traits"]["email"] = f"mailbox-{random.randrange(4)}@shop.example"
    return event


def _decide(road: Road, random: Random) -> None:
    known = sorted(Identifier.objects.values_list("key", flat=True))
    standing = list(Decision.objects.filter(undone_at=None))
    with contextlib.suppress(DomainError):
        if standing and random.random() < 0.4:
            chosen = random.choice(standing)
            decisions.ask_undo(chosen.pk, actor="tests", now=road.now)
        elif len(known) > 1:
            a, b = map(Value.of, random.sample(known, 2))
            verdict = random.choice([Verdict.ALWAYS, Verdict.ALWAYS, Verdict.NEVER])
            decisions.ask(verdict, a, b, why="", actor="tests", now=road.now)


def told(keys: set[str]) -> dict[int, tuple[list[str], dict[str, list[Any]]]]:
    """Return the moves as they are without these identifiers: whom they moved, and by what evidence."""
    found = {}
    for row in ProfileMove.objects.all():
        evidence = json.loads(row.evidence)
        found[row.pk] = (
            [each for each in json.loads(row.identifiers) if each not in keys],
            {
                name: [link for link in links if not keys & {link["a"], link["b"]}]
                for name, links in evidence.items()
            },
        )
    return found


def test_who_is_erased_is_named_in_nobodys_history_and_all_else_stays(road: Road) -> None:
    """Several lives, one after the other: of each a person goes."""
    lost = 0
    for seed in range(8):
        random = Random(seed)
        live(road, random)
        chosen = random.choice(sorted(Identifier.objects.values_list("key", flat=True)))
        row = erasures.ask(identifier=Value.of(chosen), actor="tests", now=road.now)
        with pytest.MonkeyPatch.context() as slow:
            slow.setattr("dmp_site.processes.lane._ERASING", 0.0)
            while row.phase != "history":
                road.loop.step()
                row.refresh_from_db()
        whole, left = told(set()), told(set(row.keys))
        for gone in ProfileMove.objects.filter(
            Q(origin__uid__in=row.uids) | Q(target__uid__in=row.uids)
        ):
            del left[gone.pk]
        expected = {move: said for move, said in left.items() if said[0]}
        road.run()
        row.refresh_from_db()
        assert row.state == Erasure.State.DONE
        assert told(set()) == expected
        lost += sum(whole[move] != said for move, said in left.items())
    assert lost, "somebody's history named who was erased"
