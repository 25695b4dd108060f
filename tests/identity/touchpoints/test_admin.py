"""What operators do with sources and set-aside touchpoints."""

import re

import pytest

from identity import graph
from identity.graph.port import StoreAway
from identity.privacy.models import AuditEntry
from identity.touchpoints import aside, lane, sources, unowned
from identity.touchpoints.decode import decode
from identity.touchpoints.models import (
    Forgetting,
    LaneCommand,
    Refusal,
    SetAside,
    Source,
    WriteKey,
)
from identity.touchpoints.types import InboxRow, Mode
from tests.identity.signing import SignIn
from tests.identity.touchpoints.events import row

pytestmark = pytest.mark.django_db(databases="__all__")

NOW = 1_700_000_000_000
LIST = "/admin/identity/source/"


def test_a_source_is_made_with_a_key_that_is_shown_once(sign_in: SignIn) -> None:
    client = sign_in("operator")
    asked = {"name": "Shop", "kind": "site", "enabled": "on", "region": "fr"}
    answer = client.post(f"{LIST}add/", asked, follow=True)
    [clear] = set(re.findall(r"wk_[0-9a-f]{48}", answer.content.decode()))
    source = Source.objects.get(name="Shop")
    assert (source.region, source.settings) == ("FR", {"group_is_household": False})
    assert WriteKey.objects.get(digest=sources.digest(clear)).source == source
    page = client.get(f"{LIST}{source.pk}/change/").content.decode()
    assert clear[:8] in page
    assert clear not in page
    written = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(written) == ["source.add", "writekey.add"]


def test_a_changed_source_keeps_its_uuid_and_other_settings(sign_in: SignIn) -> None:
    source = sources.create("Shop", "site", NOW, actor="tests")
    Source.objects.filter(pk=source.pk).update(settings={"kept": 1})
    asked = {"name": "Store", "kind": "app", "group_is_household": "on"}
    sign_in("operator").post(f"{LIST}{source.pk}/change/", asked | _inlines())
    changed = Source.objects.get()
    assert (changed.name, changed.kind, changed.enabled) == ("Store", "app", False)
    assert changed.uuid == source.uuid
    assert changed.settings == {"kept": 1, "group_is_household": True}


def _inlines() -> dict[str, str]:
    return {
        f"{name}-{part}_FORMS": "0"
        for name in ("write_keys", "refusals")
        for part in ("TOTAL", "INITIAL")
    }


def test_a_source_gets_another_key_and_the_leaked_one_is_revoked(sign_in: SignIn) -> None:
    client = sign_in("operator")
    source = sources.create("Shop", "site", NOW, actor="tests")
    old, _clear = sources.create_key(source.pk, NOW, actor="tests")
    client.post(LIST, {"action": "new_key", "_selected_action": [source.pk]})
    assert WriteKey.objects.count() == 2
    client.post("/admin/identity/writekey/", {"action": "revoke", "_selected_action": [old.pk]})
    old.refresh_from_db()
    assert old.revoked_at is not None


def test_the_products_own_source_is_not_changed(sign_in: SignIn) -> None:
    own = sources.internal(NOW)
    sign_in("admin").post(f"{LIST}{own.pk}/change/", {"name": "x", "kind": "site"} | _inlines())
    assert Source.objects.get().name == "Filrouge"


def test_the_products_own_source_gets_no_key(sign_in: SignIn) -> None:
    chosen = {"action": "new_key", "_selected_action": [sources.internal(NOW).pk]}
    page = sign_in("operator").post(LIST, chosen, follow=True).content.decode()
    assert "own source: what it sends is believed" in page
    assert not WriteKey.objects.exists()


def test_a_sources_page_shows_how_often_its_events_were_refused_and_why(sign_in: SignIn) -> None:
    shop, other = (sources.create(name, "site", NOW, actor="tests") for name in ("Shop", "Other"))
    for source, reason, detail in [
        (shop, "event_missing", "a track call needs event"),
        (other, "wrong_type", "Expected object"),
    ]:
        Refusal.objects.create(
            source=source, reason=reason, detail=detail, count=4711, first_at=NOW, last_at=NOW
        )
    page = sign_in("viewer").get(f"{LIST}{shop.pk}/change/").content.decode()
    shown = re.sub(r"<[^>]*>|\s+", " ", page)
    assert re.search(r"event_missing +4711 +a track call needs event", shown)
    assert "wrong_type" not in page


def test_a_sources_page_lists_what_was_refused_as_evidence_the_latest_first(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unowned, "SHOWN", 2)
    shop, other = (sources.create(name, "site", NOW, actor="tests") for name in ("Shop", "Other"))
    two = [{"id": f"{name}@example.org", "type": "email"} for name in ("alice", "bob")]
    two += [{"id": f"{number}", "type": "user_id"} for number in (1, 2)]
    rows = [
        row(one, {"type": "track", "event": event, "messageId": event, "context": {"externalIds": two}})
        for one, event in [(shop, "EventFirst"), (shop, "EventSecond"), (shop, "EventThird"), (other, "EventElsewhere")]
    ]  # fmt: skip
    rows.append(
        row(shop, {"type": "track", "event": "EventCounted", "userId": "1", "messageId": "m"})
    )
    store = graph.store()
    store.raise_epoch(1)
    store.record(decode(rows), epoch=1, contested=())
    client = sign_in("viewer")
    page = client.get(f"{LIST}{shop.pk}/change/").content.decode()
    assert 0 < page.index("EventThird") < page.index("EventSecond")
    assert "too_many:user_id" in page
    assert "user_id: 1" in page
    assert not re.search("EventFirst|EventElsewhere|EventCounted|example.org", page)
    assert not re.search(r"\b[0-9a-f]{64}\b", page)  # an HMAC as it is
    [older] = re.findall(r'href="(\?before=\d+)#', page)
    rest = client.get(f"{LIST}{shop.pk}/change/{older}").content.decode()
    assert "EventFirst" in rest
    assert "EventSecond" not in rest
    assert "?before=" not in rest


def test_a_sources_page_opens_while_the_graph_store_is_away(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sources.create("Shop", "site", NOW, actor="tests")
    client = sign_in("operator")

    def away(*_: object, **__: object) -> None:
        raise StoreAway("it does not answer")

    monkeypatch.setattr(type(graph.store()), "unowned", away)
    answer = client.get(f"{LIST}{source.pk}/change/")
    assert answer.status_code == 200
    assert "The graph store does not answer." in answer.content.decode()


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "٣", ""])
def test_a_place_in_the_list_that_is_none_shows_its_head(sign_in: SignIn, before: str) -> None:
    source = sources.create("Shop", "site", NOW, actor="tests")
    answer = sign_in("viewer").get(f"{LIST}{source.pk}/change/", {"before": before})
    assert answer.status_code == 200
    assert "Touchpoints refused as evidence" in answer.content.decode()


def test_a_viewer_may_look_only(sign_in: SignIn) -> None:
    client = sign_in("viewer")
    source = sources.create("Shop", "site", NOW, actor="tests")
    client.post(LIST, {"action": "new_key", "_selected_action": [source.pk]})
    assert client.get(f"{LIST}add/").status_code == 403
    assert not WriteKey.objects.exists()


def test_a_set_aside_touchpoint_is_tried_again(sign_in: SignIn) -> None:
    epoch = lane.take_over("tests", NOW)
    aside.trying(InboxRow(7, 1, Mode.LIVE, NOW, b"sealed"), NOW, epoch=epoch)
    aside.set_aside(7, "t", "ValueError: no", NOW)
    client = sign_in("operator")
    chosen = {"action": "try_again", "_selected_action": [SetAside.objects.get().pk]}
    client.post("/admin/identity/setaside/", chosen)
    assert LaneCommand.objects.get().kind == aside.RETRY
    again = client.post("/admin/identity/setaside/", chosen, follow=True).content.decode()
    assert "No set-aside touchpoint has the number 7" in again
    assert AuditEntry.objects.filter(action="setaside.retry").count() == 1


def test_a_source_is_forgotten_by_an_action_and_its_page_says_how_far_it_is(
    sign_in: SignIn,
) -> None:
    source = sources.create("old CRM", "crm", NOW, actor="tests")
    chosen = {"action": "forget", "_selected_action": [str(source.pk)]}
    sign_in("viewer").post(LIST, chosen)
    assert not LaneCommand.objects.exists()
    client = sign_in("operator")
    client.post(LIST, chosen)
    assert LaneCommand.objects.get().kind == "sources.forget"
    assert AuditEntry.objects.filter(action="source.forget").count() == 1
    again = client.post(LIST, chosen, follow=True).content.decode()
    assert "This source is forgotten already." in again
    Forgetting.objects.update(position=4_321, until=9_000)
    assert "4321" in client.get(f"{LIST}{source.pk}/change/").content.decode().replace(",", "")
