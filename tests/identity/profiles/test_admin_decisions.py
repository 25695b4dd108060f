"""The page of decisions about who is who: made by a form, masked, taken back by an action; each with its audit entry."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from identity import graph
from identity.graph.port import StoreAway
from identity.privacy.models import AuditEntry
from identity.profiles import decisions
from identity.profiles.models import Decision, Identifier, Profile
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import Identifier as Value
from tests.identity.profiles.people import T0, touchpoint
from tests.identity.profiles.road import EPOCH, mail, take
from tests.identity.signing import SignIn

pytestmark = pytest.mark.django_db(databases="__all__")

ADDRESS = "alice@shop.example"
LIST, ADD = "/admin/identity/decision/", "/admin/identity/decision/add/"
WISH = {
    "verdict": "never_link",
    "namespace": "email",
    "value": f" {ADDRESS.upper()} ",
    "other_namespace": "anonymous_id",
    "other_value": "guest",
    "region": "",
    "why": "they called us",
}


@pytest.fixture
def key() -> str:
    made, _pii = mail(ADDRESS)
    take(touchpoint(1, of=("user_id:alice", made)), touchpoint(2, of=("anonymous_id:guest-1",)))
    return made


def test_a_decision_is_made_shown_masked_and_taken_back(sign_in: SignIn, key: str) -> None:
    operator = sign_in("operator")
    assert operator.post(ADD, WISH | {"other_value": "guest-1"}).status_code == 302
    row = Decision.objects.get()
    assert (row.verdict, row.a, row.b) == ("never_link", "anonymous_id:guest-1", key)
    assert AuditEntry.objects.filter(object=f"identity.decision:{row.pk}").count() == 1
    Decision.objects.update(applied_at=T0)
    for page in (LIST, f"{LIST}{row.pk}/change/"):
        shown = operator.get(page).content.decode()
        assert "anonymous_id: guest-1" in shown
        assert ADDRESS not in shown
        assert key not in shown
    page = f"/admin/identity/profile/{Profile.objects.get(identifiers__key=key).uid}/change/"
    assert "are never one person" in operator.get(page).content.decode()
    chosen = {"action": "undo", "_selected_action": [str(row.pk)]}
    assert operator.post(LIST, chosen).status_code == 302
    assert list(LaneCommand.objects.order_by("pk").values_list("kind", flat=True)) == [
        "profiles.decide",
        "profiles.undo",
    ]


def test_what_a_service_refuses_is_said_with_the_form(sign_in: SignIn, key: str) -> None:
    answer = sign_in("operator").post(ADD, WISH | {"other_value": "nobody"})
    assert answer.status_code == 200
    assert "no profile has this identifier" in answer.content.decode()
    assert not Decision.objects.exists()


def test_who_only_looks_decides_nothing(sign_in: SignIn, key: str) -> None:
    viewer = sign_in("viewer")
    assert viewer.get(LIST).status_code == 200
    assert viewer.post(ADD, WISH | {"other_value": "guest-1"}).status_code == 403


def test_lists_for_a_human_and_forgetting_by_whoever_may(
    sign_in: SignIn, key: str, settings: Any
) -> None:
    take(*(touchpoint(n, of=(f"loyalty_id:{n}", key)) for n in range(10, 22)))
    take(
        touchpoint(30, of=("anonymous_id:tablet", "loyalty_id:x")),
        touchpoint(31, of=("anonymous_id:tablet", "loyalty_id:y")),
    )
    viewer, officer = sign_in("viewer"), sign_in("privacy officer")
    hubs = viewer.get(f"{LIST}hubs/").content.decode()
    assert f"email: {key[6:18]}…" in hubs
    assert key not in hubs
    assert "loyalty_id: x, loyalty_id: y" in viewer.get(f"{LIST}undecided/").content.decode()
    settings.CROWD_LINKS = 3
    take(
        *(touchpoint(n, of=(f"anonymous_id:{n}", f"anonymous_id:{n + 1}")) for n in range(40, 44))
    )
    listed = viewer.get(f"{LIST}undecided/").content.decode()
    assert "anonymous_id: 40, anonymous_id: 41" in listed
    assert "<td>4</td>" in listed
    gone = {"namespace": "email", "value": ADDRESS, "region": ""}
    assert viewer.post(f"{LIST}forget/", gone).status_code == 403
    assert officer.post(f"{LIST}forget/", gone).status_code == 302
    command = LaneCommand.objects.get()
    assert (command.kind, command.payload) == ("profiles.forget", {"identifier": key})
    assert AuditEntry.objects.filter(action="identity.forget").count() == 1


# --- Why two are one person ---------------------------------------------------------------------------------------------


ASKED = {
    "namespace": "email",
    "value": f" {ADDRESS.upper()} ",
    "other_namespace": "user_id",
    "other_value": "alice",
    "region": "",
}


def test_why_two_are_one_person_is_shown_masked_and_written_down(
    sign_in: SignIn, key: str
) -> None:
    viewer = sign_in("viewer")
    assert f"{LIST}explain/" in viewer.get(LIST).content.decode()
    assert viewer.get(f"{LIST}explain/").status_code == 200
    assert not AuditEntry.objects.filter(action="identity.explain").exists()
    said = viewer.post(f"{LIST}explain/", ASKED).content.decode()
    assert "They are one person" in said
    assert f"email: {key[6:18]}…" in said
    assert "user_id:alice" in said
    assert key not in said
    assert said.lower().count(ADDRESS) == 1  # in the form, as it was typed
    row = dict(Identifier.objects.values_list("key", "pk"))
    entry = AuditEntry.objects.get(action="identity.explain")
    assert entry.object == f"identity.identifier:{row[key]}"
    assert entry.detail == {"and": row["user_id:alice"]}
    assert entry.actor.startswith("user:")


def test_each_step_says_its_evidence_and_why_it_joins_nobody(sign_in: SignIn, key: str) -> None:
    take(touchpoint(3, of=("user_id:bob", key)))
    answer = sign_in("viewer").post(f"{LIST}explain/", ASKED | {"other_value": "bob"})
    said = answer.content.decode()
    assert "They are not one person" in said
    assert "one profile would have more than 1 user_id" in said


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"other_namespace": "anonymous_id", "other_value": "guest-1"}, "Nothing connects them"),
        ({"other_value": "nobody"}, "Nothing connects them"),
        ({"other_value": "null"}, "is no identifier"),
        ({"other_value": ""}, "This field is required"),
        ({"other_namespace": "nonsense"}, "Select a valid choice"),
    ],
)
def test_what_nothing_connects_and_what_is_no_identifier(
    sign_in: SignIn, key: str, more: dict[str, str], words: str
) -> None:
    answer = sign_in("viewer").post(f"{LIST}explain/", ASKED | more)
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert AuditEntry.objects.filter(action="identity.explain").count() == (
        words == "Nothing connects them"
    )


def test_a_graph_that_is_away_is_said(
    sign_in: SignIn, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreAway("gone")

    monkeypatch.setattr(type(graph.store()), "neighbourhoods", away)
    said = sign_in("viewer").post(f"{LIST}explain/", ASKED).content.decode()
    assert "The graph store does not answer" in said


# --- The log in pages ---------------------------------------------------------------------------------------------------


def contradict(number: int) -> None:
    """Let people decide that two are one person, and later that they never are."""
    a, b = Value("user_id", f"a{number}"), Value("user_id", f"b{number}")
    take(touchpoint(2 * number, of=(a.key,)), touchpoint(2 * number + 1, of=(b.key,)))
    rows = [
        Decision.objects.create(
            verdict=verdict, a=a.key, b=b.key, made_at=T0, made_by="user:1", applied_at=T0
        )
        for verdict in ("always_link", "never_link")
    ]
    standing: Any = {(a, b): [decisions.value(row) for row in rows]}
    graph.store().decide(standing, epoch=EPOCH)


def test_whether_decisions_hold_is_asked_once_for_the_whole_list(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    took = []
    for numbers in (range(1, 3), range(3, 16)):
        for number in numbers:
            contradict(number)
        with CaptureQueriesContext(connection) as queries:
            shown = viewer.get(LIST).content.decode()
        took.append(len(queries))
        assert shown.count(">never_link<") + shown.count("\nnever_link\n") == max(numbers)
    assert took[0] == took[1]
