"""The draft of the identity policy: every mistake is named with its place, and what is stored stays readable."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from identity.errors import DomainError, NotFound
from identity.graph import documents, policies
from identity.graph.documents import BadPolicy
from identity.graph.models import IdentityPolicy
from identity.graph.policy import DEFAULT
from identity.privacy.models import AuditEntry
from identity.profiles.policies import services
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import BatchContext, Mode

pytestmark = pytest.mark.django_db
NOW = 1_000
CONTEXT = BatchContext(now=NOW + 5, horizon=NOW, mode=Mode.LIVE, epoch=1)


def document(**changed):
    """Return the default document with these namespaces changed in these fields."""
    made = documents.write(DEFAULT)
    for name, fields in changed.items():
        made["namespaces"][name] = {**made["namespaces"].get(name, {}), **fields}
    return made


def change(made):
    return services.change(made, NOW, actor="tests")


def apply():
    command = services.apply(NOW, actor="tests")
    services.execute_apply(LaneCommand.objects.get(pk=command).payload, CONTEXT)


def test_the_default_holds_until_something_else_is_applied():
    assert policies.current() is DEFAULT
    services.seed(NOW)
    services.seed(NOW)
    assert IdentityPolicy.objects.count() == 1
    stored = policies.current()
    assert stored.version == 1
    assert documents.write(stored) == documents.write(DEFAULT)
    told = services.progress(IdentityPolicy.objects.get())
    assert told == services.Progress(0, 0, done=True)


@pytest.mark.stores
@pytest.mark.django_db(transaction=True)
def test_two_who_begin_a_draft_at_once_write_one_after_the_other():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one write at a time anyway")
    services.seed(NOW)
    written, failed = threading.Event(), []

    def other():
        try:
            written.wait(10)
            change(document(email={"hub": 30}))
        except IntegrityError as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=other)
    thread.start()
    with transaction.atomic():
        change(document(email={"hub": 20}))
        written.set()
        thread.join(1)  # it waits for this transaction
        assert thread.is_alive()
    thread.join(10)
    assert failed == []
    [drafted] = IdentityPolicy.objects.filter(requested_at=None)
    assert (drafted.version, drafted.document["namespaces"]["email"]["hub"]) == (2, 30)
    assert AuditEntry.objects.filter(action="identity_policy.change").count() == 2


def test_a_draft_changes_nothing_before_it_is_applied():
    services.seed(NOW)
    assert change(document(email={"hub": 20})).version == 2
    assert change(document(email={"hub": 30})).version == 2
    assert policies.current().version == 1
    apply()
    assert (policies.current().version, policies.current()["email"].hub) == (2, 30)
    assert services.draft() is None
    assert change(document()).version == 3
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
        *("identity_policy.change", "identity_policy.change", "identity_policy.apply"),
        "identity_policy.change",
    ]


def test_a_draft_is_thrown_away():
    change(document())
    services.discard(NOW, actor="tests")
    assert services.draft() is None
    for gone in (services.discard, services.apply):
        with pytest.raises(NotFound) as caught:
            gone(NOW, actor="tests")
        assert caught.value.code == "no_draft"


def test_a_family_and_a_new_namespace_hold():
    made = document(loyalty_card={"kind": "person", "priority": 2})
    made["families"]["pixel.x"] = {"kind": "cookie", "priority": 9, "hub": 4}
    change(made)
    apply()
    current = policies.current()
    assert current["loyalty_card"].normaliser == "strip"
    assert current["pixel.xa"].hub == 4
    assert current.find("pixelyxa") is None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda made: made["namespaces"].pop("email"), "namespaces.email: identifiers may be"),
        (lambda made: made["families"].pop("partner_"), "families.partner_: identifiers may be"),
        (lambda made: made["namespaces"]["email"].update(kind="device"), "namespaces.email.kind"),
        (lambda made: made["namespaces"]["email"].update(pii=False), "namespaces.email.pii"),
        (
            lambda made: made["namespaces"]["phone"].update(normaliser="strip"),
            "namespaces.phone.normaliser",
        ),
        (
            lambda made: made["namespaces"].update(
                partner_x={"kind": "person", "priority": 1, "hub": 50}
            ),
            "namespaces.partner_x.kind",
        ),
        (lambda made: made["namespaces"]["email"].update(max=0), "namespaces.email: Expected"),
        (lambda made: made["namespaces"]["email"].update(colour=1), "namespaces.email: Object"),
        (
            lambda made: made["namespaces"].update({"a:b": {"kind": "person", "priority": 1}}),
            "namespaces.a:b: a name has",
        ),
        (lambda made: made["blocked_patterns"].append("("), "blocked_patterns[2]: '(' is no"),
        # They are joined into one: options inside of it, groups by number and by name would mean something else.
        (
            lambda made: made["blocked_patterns"].append("(?i)x"),
            "blocked_patterns[2]: '(?i)x' is no",
        ),
        (
            lambda made: made["blocked_patterns"].append(r"(a)\1"),
            "blocked_patterns[2]: a pattern may",
        ),
        (
            lambda made: made["blocked_patterns"].append("(?P<a>x)"),
            "blocked_patterns[2]: a pattern may",
        ),
        # One that is none by itself, though it is one between the brackets of the joined one; and a number that is too large.
        (
            lambda made: made["blocked_patterns"].append("a)|(?:b"),
            "blocked_patterns[2]: 'a)|(?:b' is no",
        ),
        (
            lambda made: made["blocked_patterns"].append("a{4294967295}"),
            "blocked_patterns[2]: 'a{4294967295}' is no",
        ),
        (lambda made: made["blocked_values"].append("a\0b"), "Expected `str` matching"),
        (
            lambda made: made["families"].update(partner_x={"kind": "person", "priority": 1}),
            "families.partner_x: names that begin so are of the family partner_",
        ),
        (lambda made: made.update(more=1), "Object contains unknown field"),
        (lambda made: made.pop("namespaces"), "Object missing required field"),
    ],
)
def test_a_mistake_is_named_with_its_place(spoil, said):
    made = document()
    spoil(made)
    with pytest.raises(BadPolicy) as caught:
        change(made)
    assert caught.value.status == 422
    assert any(each.startswith(said) for each in caught.value.detail["mistakes"])
    assert services.draft() is None


def test_all_mistakes_are_named_at_once():
    made = document(email={"priority": 0}, phone={"hub": -1})
    made["blocked_patterns"].append("[")
    with pytest.raises(BadPolicy) as caught:
        change(made)
    assert len(caught.value.detail["mistakes"]) == 3


def test_a_draft_follows_the_versions_that_wait_for_the_lane_too():
    change(document(badge={"kind": "person", "priority": 2}))
    services.apply(NOW, actor="tests")
    with pytest.raises(BadPolicy, match=r"namespaces\.badge: identifiers may be stored"):
        change(document())
    assert change(document(badge={"kind": "person", "priority": 5})).version == 3


def test_how_far_a_version_is():
    change(document(email={"hub": 20}))
    assert services.progress(IdentityPolicy.objects.get()) is None
    apply()
    told = services.progress(IdentityPolicy.objects.get())
    assert told == services.Progress(0, 0, done=False)
    change(document(email={"hub": 30}))
    apply()
    assert services.progress(IdentityPolicy.objects.get(version=2)) is None
    assert services.progress(IdentityPolicy.objects.get(version=3)) == told


def test_what_was_overtaken_is_refused_by_the_lane():
    change(document(email={"hub": 20}))
    first = services.apply(NOW, actor="tests")
    change(document(email={"hub": 30}))
    apply()
    with pytest.raises(DomainError) as caught:
        services.execute_apply(LaneCommand.objects.get(pk=first).payload, CONTEXT)
    assert caught.value.code == "policy_passed"
    assert policies.current()["email"].hub == 30
