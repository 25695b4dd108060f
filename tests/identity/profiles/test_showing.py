"""Memberships shown in Neo4j: they follow merges and splits, survive whoever shows them, and an older lane shows nothing."""

from collections.abc import Mapping
from io import StringIO

import pytest
from django.core.management import call_command

from identity.graph.port import LaneSuperseded
from identity.profiles import models, showing
from identity.touchpoints.types import Identifier
from tests.environment import STORES
from tests.identity.profiles.identities import EPOCH, Stages, assignment, seen
from tests.stores import cypher

pytestmark = pytest.mark.django_db
USER, OTHER, COOKIE = "user_id:a", "user_id:b", "anonymous_id:c"


if STORES != "neo4j":
    pytest.skip("needs STORES=neo4j", allow_module_level=True)


def show(stages: Stages) -> None:
    while showing.show(stages.store, epoch=EPOCH):
        pass


def shown() -> dict[str, str]:
    """Return identifier -> id of its profile, as Neo4j has it; each has one."""
    found = cypher("MATCH (i:Identifier)-[:MEMBER_OF]->(p:Profile) RETURN i.key, p.id")
    pairs = [(key, uid) for key, uid in found]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def profiles() -> set[str]:
    return {uid for [uid] in cypher("MATCH (p:Profile) RETURN p.id")}


def test_a_merge_and_a_split_are_followed() -> None:
    stages = Stages()
    stages.run(seen(1, COOKIE), seen(2, USER))
    show(stages)
    assert shown() == assignment()
    assert len(profiles()) == 2
    stages.run(seen(3, COOKIE, USER))
    assert shown() != assignment()
    show(stages)
    assert shown() == assignment()
    assert len(profiles()) == 1
    stages.run(seen(4, COOKIE, OTHER))
    show(stages)
    assert shown() == assignment()
    assert profiles() == set(assignment().values())


def test_the_lag_says_how_many_wait_and_since_when() -> None:
    stages = Stages()
    stages.run(seen(1, COOKIE), now=1_000)
    stages.run(seen(2, COOKIE, USER), now=2_000)
    assert showing.lag() == (3, 1_000)
    stages.run(seen(3, COOKIE), now=3_000)  # moves nobody
    assert showing.lag() == (3, 1_000)
    show(stages)
    assert showing.lag() == (0, None)


def test_who_dies_between_the_two_stores_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages = Stages()
    stages.run(seen(1, COOKIE, USER))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(showing, "execute", killed)
        with pytest.raises(KeyboardInterrupt):
            showing.show(stages.store, epoch=EPOCH)
    assert showing.lag()[0] == 2
    show(stages)
    assert shown() == assignment()


def test_what_moves_while_it_is_shown_is_shown_next(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages()
    stages.run(seen(1, COOKIE), seen(2, USER))
    real = stages.store.show_members

    def slowly(members: Mapping[Identifier, str], *, epoch: int) -> None:
        stages.run(seen(3, COOKIE, USER))
        real(members, epoch=epoch)

    with monkeypatch.context() as patched:
        patched.setattr(stages.store, "show_members", slowly)
        showing.show(stages.store, epoch=EPOCH)
    assert shown() != assignment()
    show(stages)
    assert shown() == assignment()


def test_an_older_lane_shows_nothing() -> None:
    stages = Stages()
    stages.run(seen(1, COOKIE, USER))
    stages.store.raise_epoch(EPOCH + 1)
    with pytest.raises(LaneSuperseded):
        showing.show(stages.store, epoch=EPOCH)
    assert shown() == {}
    assert models.Unshown.objects.count() == 2


def test_setting_the_graph_up_shows_everything_again() -> None:
    stages = Stages()
    stages.run(seen(1, COOKIE, USER))
    show(stages)
    cypher("MATCH (p:Profile) DETACH DELETE p")
    call_command("setup_graph", stdout=StringIO())
    show(stages)
    assert shown() == assignment()


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "BATCH", 2)
    stages = Stages()
    stages.run(*(seen(number, f"user_id:{number}") for number in range(1, 6)))
    assert [showing.show(stages.store, epoch=EPOCH) for _ in range(4)] == [2, 2, 1, 0]
    assert shown() == assignment()
