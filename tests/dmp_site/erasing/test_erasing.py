"""A person is erased through the real lane: nothing that names them is left, whoever else is there stays as they are."""

import json
from typing import Any

import pytest

from dmp_site.erasing import evidence, parts
from dmp_site.models import Job
from identity.clock import DAY, HOUR, to_datetime
from identity.errors import NotFound
from identity.graph.types import Verdict
from identity.models import (
    AuditEntry,
    Consent,
    Decision,
    Erasure,
    Identifier,
    LaneCommand,
    ProfileMove,
    Refusal,
    SetAside,
    Suppression,
    Tombstone,
    Trait,
    VaultAccess,
    VaultEntry,
)
from identity.privacy import erasures, services, tombstones, vault
from identity.profiles import decisions, selectors
from identity.profiles import forgetting as forgetting_one
from identity.touchpoints import commands, forgetting, naming
from identity.touchpoints.types import Identifier as Value
from identity.touchpoints.types import Mode
from tests.dmp_site.erasing.searching import found
from tests.environment import STORES
from tests.road import Road
from tests.stores import cypher

pytestmark = [pytest.mark.slow, pytest.mark.stores]

MAIL = "alice@shop.example"
ALICE = Value("user_id", "alice-4711")


def iso(at: int) -> str:
    return to_datetime(at).isoformat()


def mail(address: str = MAIL) -> Value:
    return naming.identifier("email", address)


def come(
    road: Road, user: str = "alice-4711", address: str = MAIL, browser: str = "browser-a"
) -> None:
    """Let somebody browse, sign in and buy."""
    road.receive(
        {"type": "page", "anonymousId": browser},
        {
            "type": "identify",
            "anonymousId": browser,
            "userId": user,
            "traits": {
                "email": address,
                "first_name": "Alicia" if user == ALICE.value else "Robert",
                "city": "Lyon",
            },
        },
        {
            "event": "Order Completed",
            "userId": user,
            "properties": {"order_id": f"order-of-{user}", "revenue": 12},
        },
    )
    road.run()


def erase(road: Road, identifier: Value = ALICE) -> Erasure:
    row = erasures.ask(identifier=identifier, actor="tests", now=road.now)
    road.run()
    row.refresh_from_db()
    assert row.state == Erasure.State.DONE, LaneCommand.objects.order_by("-pk").values().first()
    return row


def needles() -> list[str]:
    return [MAIL, "Alicia", "alice-4711", "browser-a", mail().value]


def test_nothing_that_names_the_person_is_left(road: Road) -> None:
    come(road)
    uid = selectors.by_identifier(ALICE).uid
    touchpoints = [each.id for each in road.store.scan(after=0, limit=10)]
    assert {place for place, _, _ in found(needles())} > {
        "identity_trait",
        "identity_identifier",
    } - {"identity_trait"}
    row = erase(road)
    assert found([*needles(), uid, *touchpoints]) == []
    assert row.removed["graph.touchpoint"] == 3
    assert row.removed["graph.identifier"] == 3
    assert row.removed["graph.link"] == 3
    assert row.removed["identity.order"] == 1
    assert row.identifiers == 3


def test_who_else_is_there_stays_as_they_are(road: Road) -> None:
    come(road, "bob", "bob@shop.example", "browser-b")
    theirs = ["bob", "browser-b", mail("bob@shop.example").value]
    before = sorted(found(theirs))
    come(road)
    erase(road)
    assert sorted(found(theirs)) == before


def test_the_certificate_counts_and_names_nobody(road: Road) -> None:
    come(road)
    said = json.dumps(erasures.certificate(erase(road)))
    assert '"identity.trait": ' in said
    assert not [each for each in needles() if each in said]


def test_by_whichever_identifier_the_whole_person_goes(road: Road) -> None:
    come(road)
    erase(road, mail())
    assert not Identifier.objects.exists()


def test_by_the_id_of_a_profile_that_was_merged(road: Road) -> None:
    road.receive({"type": "page", "anonymousId": "browser-a"})
    road.run()
    old = selectors.by_identifier(Value("anonymous_id", "browser-a")).uid
    come(road)
    row = erasures.ask(profile=old, actor="tests", now=road.now)
    road.run()
    row.refresh_from_db()
    assert row.state == Erasure.State.DONE
    assert not Identifier.objects.exists()
    assert found([*needles(), old]) == []
    with pytest.raises(NotFound, match="erased"):
        selectors.find(old)


# --- Who comes back -----------------------------------------------------------------------------------------------------


def test_who_comes_back_is_somebody_new(road: Road) -> None:
    come(road)
    uid = selectors.by_identifier(ALICE).uid
    erase(road)
    road.pass_time(HOUR)
    come(road)
    back = selectors.by_identifier(ALICE)
    assert back.uid != uid
    assert Trait.objects.filter(owner__profile=back).exists()
    with pytest.raises(NotFound, match="erased") as refusal:
        selectors.find(uid)
    assert refusal.value.code == "profile_erased"
    erase(road)
    road.pass_time(HOUR)
    come(road)
    assert selectors.by_identifier(ALICE).uid not in {uid, back.uid}


def test_what_happened_before_is_refused_and_counted(road: Road) -> None:
    come(road)
    erase(road)
    before = iso(road.now - DAY)
    road.pass_time(HOUR)
    road.receive(
        {"event": "Late", "userId": "alice-4711", "timestamp": before},
        {
            "event": "Late",
            "traits": {},
            "context": {"traits": {"email": MAIL}},
            "timestamp": before,
        },
        {"event": "Late", "userId": "bob", "timestamp": before},
    )
    road.receive({"event": "Undated", "userId": "alice-4711"}, mode=Mode.HISTORY)
    road.run()
    assert list(Identifier.objects.values_list("key", flat=True)) == ["user_id:bob"]
    [refusal] = Refusal.objects.filter(reason="erased")
    assert (refusal.count, refusal.detail) == (3, "")


def test_what_waits_in_the_inbox_is_refused(road: Road) -> None:
    come(road)
    road.receive({"event": "Waits", "userId": "alice-4711"}, mode=Mode.HISTORY)
    erasures.ask(identifier=ALICE, actor="tests", now=road.now)
    road.receive({"event": "Waits", "userId": "alice-4711"})
    road.run()
    assert not Identifier.objects.exists()
    assert found(needles()) == []


def test_an_identifier_that_nobody_has_yet_is_erased_too(road: Road) -> None:
    row = erase(road)
    assert row.identifiers == 1
    road.receive({"event": "Old", "userId": "alice-4711"}, mode=Mode.HISTORY)
    road.run()
    assert not Identifier.objects.exists()


def test_an_objection_holds_again_for_who_comes_back(road: Road) -> None:
    come(road)
    services.ask_suppression([mail()], "email", active=True, actor="tests", now=road.now)
    services.ask_consent([ALICE], "marketing", "email", granted=False, actor="tests", now=road.now)
    road.run()
    erase(road)
    assert not Suppression.objects.exists()
    assert not Consent.objects.exists()
    road.pass_time(HOUR)
    come(road)
    [bar] = Suppression.objects.all()
    assert (bar.identifier, bar.channel, bar.active) == (mail().key, "email", True)
    [word] = Consent.objects.all()
    assert (word.identifier, word.purpose, word.granted) == (ALICE.key, "marketing", False)


# --- Who shares something with the person -------------------------------------------------------------------------------


def test_a_touchpoint_of_somebody_else_loses_the_identifier_and_stays(road: Road) -> None:
    """Bob signed in on a browser that is Alice's by her own evidence, which is newer."""
    road.receive({"event": "Shared", "userId": "bob", "anonymousId": "browser-a"})
    road.pass_time(HOUR)
    come(road)
    assert selectors.by_identifier(Value("anonymous_id", "browser-a")) == selectors.by_identifier(
        ALICE
    )
    erase(road)
    [left] = road.store.scan(after=0, limit=10)
    assert left.event == "Shared"
    assert [each.key for each in left.identifiers] == ["user_id:bob"]
    assert found(needles()) == []
    assert list(Identifier.objects.values_list("key", flat=True)) == ["user_id:bob"]


def test_a_household_stays_while_somebody_lives_there(road: Road) -> None:
    home = {"context": {"externalIds": [{"type": "household_id", "id": "house-9"}]}}
    road.receive({"event": "At home", "userId": "alice-4711", **home})
    road.receive({"event": "At home", "userId": "bob", **home})
    road.run()
    erase(road)
    assert found(["house-9"]) != []
    erase(road, Value("user_id", "bob"))
    assert found(["house-9"]) == []
    road.receive({"event": "At home", "userId": "carol", "timestamp": iso(road.now - DAY), **home})
    road.run()
    assert Identifier.objects.count() == 1, "a household has no tombstone: carol is welcome"


def test_a_household_goes_with_what_was_refused_as_evidence_and_names_it(road: Road) -> None:
    home = {"context": {"externalIds": [{"type": "household_id", "id": "house-9"}]}}
    road.receive({"event": "At home", "userId": "alice-4711", **home}, {"event": "Door", **home})
    road.run()
    assert len(road.store.unowned(road.source.pk, before=None, limit=10)) == 1
    erase(road)
    assert found(["house-9"]) == []


def test_a_household_that_a_forgotten_source_told_of_goes_too(road: Road) -> None:
    home = {"context": {"externalIds": [{"type": "household_id", "id": "house-9"}]}}
    road.receive({"event": "At home", "userId": "alice-4711", **home})
    road.receive({"event": "At home", "userId": "bob", **home})
    forgetting.ask(road.source.pk, actor="tests", now=road.now)
    road.run()
    erase(road)
    assert found(["house-9"]) != [], "what bob's touchpoints say is his"
    erase(road, Value("user_id", "bob"))
    assert found(["house-9"]) == []


def test_a_household_that_somebody_comes_to_meanwhile_stays(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmp_site.processes.lane._ERASING", 0.0)
    home = {"context": {"externalIds": [{"type": "household_id", "id": "house-9"}]}}
    road.receive({"event": "At home", "userId": "alice-4711", **home})
    road.run()
    row = erasures.ask(identifier=ALICE, actor="tests", now=road.now)
    while row.phase != "nodes":
        road.loop.step()
        row.refresh_from_db()
    road.receive({"event": "At home", "userId": "carol", **home})
    road.run()
    carol = Value("user_id", "carol")
    assert "household_id:house-9" in str(found(["household_id:house-9"]))
    assert len(road.store.carrying([Value("household_id", "house-9")], limit=9)) == 1
    assert found(needles()) == []
    assert [each.key for each in selectors.identifiers(selectors.by_identifier(carol).pk)] == [
        carol.key
    ]


# --- Who has very many links --------------------------------------------------------------------------------------------


def test_many_links_go_a_slice_at_a_time(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that many share: no transaction deletes more links than a slice has, and everybody else stays."""
    monkeypatch.setattr(evidence, "SLICE", 4)
    shared = Value("anonymous_id", "library")
    visitors = [f"visitor-{number}" for number in range(60)]
    road.receive(
        *({"event": "Lent", "userId": each, "anonymousId": "library"} for each in visitors)
    )
    road.run()
    before = {each: selectors.by_identifier(Value("user_id", each)).uid for each in visitors}
    taken: list[int] = []
    whole = road.store.unlink

    def unlink(pairs: Any, around: Any, *, epoch: int) -> None:
        taken.append(len(pairs))
        whole(pairs, around, epoch=epoch)

    monkeypatch.setattr(road.store, "unlink", unlink)
    row = erase(road, shared)
    assert (max(taken), sum(taken)) == (4, 60)
    assert row.removed["graph.link"] == 60
    assert found(["library"]) == []
    assert before == {
        each: selectors.by_identifier(Value("user_id", each)).uid for each in visitors
    }
    near = road.store.neighbourhoods([Value("user_id", each) for each in visitors])
    assert [(len(each.nodes), each.nodes[0].degree) for each in near] == [(1, 0)] * 60


def test_a_person_of_many_identifiers_goes_a_slice_at_a_time(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "SLICE", 3)
    come(road)
    browsers = [f"browser-{number}" for number in range(20)]
    for each in browsers:
        road.receive({"event": "Seen", "userId": "alice-4711", "anonymousId": each})
        road.receive({"event": "Seen", "anonymousId": each})
    road.run()
    row = erase(road)
    assert found([*needles(), *browsers]) == []
    assert (row.identifiers, row.removed["graph.identifier"]) == (23, 23)
    assert row.removed["graph.touchpoint"] == 43


def test_who_stays_is_grouped_afresh(road: Road) -> None:
    """An address of eleven people is nobody's; of ten it is one's again."""
    people = [Value("user_id", f"user-{number}") for number in range(11)]
    for each in people:
        road.receive({"type": "identify", "userId": each.value, "traits": {"email": MAIL}})
    road.run()
    assert [hub.degree for hub in road.store.hubs(after="", limit=9)] == [11]
    erase(road, people[0])
    assert road.store.hubs(after="", limit=9) == []
    theirs = selectors.identifiers(selectors.by_identifier(mail()).pk)
    assert len(theirs) == 2
    assert theirs[0] in people


def test_what_was_refused_as_evidence_goes_too(road: Road) -> None:
    road.receive(
        {
            "event": "Two at once",
            "userId": "alice-4711",
            "context": {"externalIds": [{"type": "user_id", "id": "bob"}]},
        }
    )
    road.run()
    assert len(road.store.unowned(road.source.pk, before=None, limit=10)) == 1
    erase(road)
    assert road.store.unowned(road.source.pk, before=None, limit=10) == []
    assert found(needles()) == []


def test_what_a_forgotten_source_brought_goes_too(road: Road) -> None:
    """It carries nothing any more, and belongs to the person still."""
    come(road, "bob", "bob@shop.example", "browser-a")
    forgetting.ask(road.source.pk, actor="tests", now=road.now)
    road.run()
    erase(road, Value("user_id", "bob"))
    assert found(["bob", "bob@shop.example"]) == []


def test_what_people_decided_about_the_person_goes(road: Road) -> None:
    come(road)
    come(road, "bob", "bob@shop.example", "browser-b")
    bob = Value("user_id", "bob")
    decisions.ask(Verdict.NEVER, ALICE, bob, why="", actor="tests", now=road.now)
    road.run()
    assert Decision.objects.exists()
    erase(road)
    assert not Decision.objects.exists()
    assert found(needles()) == []


@pytest.mark.parametrize("phase", ["touchpoints", "links", "traces", "end"])
def test_what_is_asked_for_meanwhile_names_the_person_nowhere(
    road: Road, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    monkeypatch.setattr("dmp_site.processes.lane._ERASING", 0.0)
    come(road)
    come(road, "bob", "bob@shop.example", "browser-b")
    row = erasures.ask(identifier=ALICE, actor="tests", now=road.now)
    while row.phase != phase:
        road.loop.step()
        row.refresh_from_db()
    bob = Value("user_id", "bob")
    decisions.ask(Verdict.NEVER, ALICE, bob, why="", actor="tests", now=road.now)
    forgetting_one.ask(ALICE, actor="tests", now=road.now)
    services.ask_consent([ALICE], "news", "email", granted=True, actor="tests", now=road.now)
    commands.enqueue(decisions.STAND, {"pairs": [[ALICE.key, bob.key]]}, "tests", road.now)
    road.run()
    row.refresh_from_db()
    assert row.state == Erasure.State.DONE
    assert found(needles()) == []
    assert LaneCommand.objects.filter(kind=forgetting_one.FORGET).exclude(error="").exists()


# --- Traces -------------------------------------------------------------------------------------------------------------


def test_the_logs_keep_what_was_done_and_not_to_whom(road: Road) -> None:
    come(road)
    vault.reveal([(mail().key, vault.VALUE)], actor="user:7", why="call back", now=road.now)
    services.ask_consent([mail()], "news", "email", granted=True, actor="user:7", now=road.now)
    road.run()
    erase(road)
    assert found(needles()) == []
    assert VaultAccess.objects.filter(actor="user:7", why="call back").exists()
    assert AuditEntry.objects.filter(action="consent.set", actor="user:7").exists()


def test_rows_that_were_set_aside_go(road: Road) -> None:
    come(road)
    for number, event in enumerate(
        (
            '{"userId": "alice-4711", "type": "track", "messageId": "m"}',
            '["alice@shop.example"',
            '{"userId": "bob", "messageId": "n", "type": "track"}',
        )
    ):
        SetAside.objects.create(
            number=1000 + number,
            source=road.source.pk,
            mode="live",
            received_at=road.now,
            payload=road._sealer.seal(b"\n{}\n" + event.encode()),
            state="aside",
            changed_at=road.now,
        )
    erase(road)
    assert [each.number for each in SetAside.objects.all()] == [1002]


def test_what_a_job_found_is_emptied_and_one_that_is_not_over_begins_again(road: Road) -> None:
    come(road)
    said = {"after": ALICE.key, "found": {"examples": [["user_id:bob", ALICE.key], [mail().key]]}}
    times: dict[str, Any] = {
        "created_at": road.now,
        "changed_at": road.now,
        "kind": "prune",
        "processed": 7,
    }
    over = Job.objects.create(state="done", checkpoint=said, **times)
    going = Job.objects.create(state="running", checkpoint=said, token="t", **times)
    other = Job.objects.create(state="running", checkpoint={"after": "user_id:bob"}, **times)
    row = erase(road)
    for each in (over, going, other):
        each.refresh_from_db()
    assert over.checkpoint == {"after": "", "found": {"examples": [["user_id:bob"], []]}}
    assert (going.checkpoint, going.processed, going.state, going.token) == ({}, 0, "waiting", "")
    assert (other.checkpoint, other.processed) == ({"after": "user_id:bob"}, 7)
    assert row.removed["dmp_site.job"] == 2


def test_a_fault_that_names_the_person_is_taken_out_of_whatever_met_it(road: Road) -> None:
    """The row that failed may be somebody else's, and its payload may name nobody."""
    come(road)
    said = f"IntegrityError: DETAIL: Key (key)=({mail().key}) already exists."
    times: dict[str, Any] = {"created_at": road.now, "kind": "prune", "error": said}
    job = Job.objects.create(
        state="failed", changed_at=road.now, checkpoint={"after": "user_id:bob"}, **times
    )
    command = LaneCommand.objects.create(done_at=road.now, broke=True, **times)
    bobs = road._sealer.seal(b'\n{}\n{"userId": "bob", "messageId": "n", "type": "track"}')
    SetAside.objects.create(
        number=1000,
        source=road.source.pk,
        mode="live",
        received_at=road.now,
        payload=bobs,
        state="aside",
        error=said,
        changed_at=road.now,
    )
    row = erase(road)
    assert found(needles()) == []
    job.refresh_from_db()
    command.refresh_from_db()
    assert (job.error, job.state, job.checkpoint) == ("", "failed", {"after": "user_id:bob"})
    assert (command.error, SetAside.objects.get().error) == ("", "")
    assert row.removed["dmp_site.job"] == row.removed["identity.setaside"] == 1


def test_a_person_whom_nobody_knows_leaves_an_empty_certificate(road: Road) -> None:
    row = erase(road)
    assert row.removed == {}


# --- A lane that dies ---------------------------------------------------------------------------------------------------


class Died(BaseException):
    """As if the process had been killed."""


@pytest.mark.parametrize("at", range(0, 50, 3))
def test_a_lane_that_dies_in_it_leaves_what_the_next_one_needs(
    road: Road, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    come(road)
    come(road, "bob", "bob@shop.example", "browser-a")
    row = erasures.ask(identifier=ALICE, actor="tests", now=road.now)
    left = [at]

    def dying(whole: Any) -> Any:
        def write(*arguments: Any, **named: Any) -> Any:
            done = whole(*arguments, **named)
            left[0] -= 1
            if left[0] < 0:
                left[0] = 1_000
                raise Died
            return done

        return write

    with monkeypatch.context() as broken:
        for name in ("erase", "unnamed", "silence", "unlink", "drop", "carrying"):
            broken.setattr(road.store, name, dying(getattr(road.store, name)), raising=True)
        broken.setattr("dmp_site.erasing.parts.go_on", dying(parts.go_on))
        for _ in range(3):
            try:
                road.run()
                break
            except Died:
                road.loop = road.new_lane()
    row.refresh_from_db()
    assert row.state == Erasure.State.DONE
    assert found(["alice-4711", MAIL, "Alicia", mail().value]) == []
    removed = {name: row.removed[f"graph.{name}"] for name in ("touchpoint", "link", "identifier")}
    assert removed == {"touchpoint": 4, "link": 5, "identifier": 3}, (
        "counted once, however often it is tried"
    )


def test_neo4j_shows_no_profile_of_the_person(road: Road) -> None:
    if STORES != "neo4j":
        pytest.skip("asks Neo4j")
    come(road)
    erase(road)
    assert cypher("MATCH (n:Profile) RETURN n") == []
    assert cypher("MATCH (n:Identifier) RETURN n") == []
    assert tombstones.buries("nobody") is False
    assert Tombstone.objects.count() == 4
    assert not ProfileMove.objects.exists()
    assert not VaultEntry.objects.exists()
