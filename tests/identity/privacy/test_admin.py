"""The pages of privacy show enough of a personal identifier to tell two apart, too little to look somebody up."""

import pytest
from django.urls import reverse

from identity.privacy import services
from identity.privacy.models import AuditEntry
from identity.touchpoints import naming
from identity.touchpoints.types import Identifier
from tests.identity.signing import SignIn

pytestmark = pytest.mark.django_db

NOW = 1_700_000_000_000


@pytest.fixture
def email() -> Identifier:
    found = naming.identifier("email", "alice@shop.example")
    services.ask_suppression([found], "email", active=True, actor="user:7", now=NOW)
    return found


def test_the_audit_log_masks_whom_somebody_asked_about(sign_in: SignIn, email: Identifier) -> None:
    entry, officer = AuditEntry.objects.get(), sign_in("privacy officer")
    assert entry.object == f"identifier:{email.key}"
    listed, page = (
        officer.get(reverse(f"admin:identity_auditentry_{what}", args=arguments)).content.decode()
        for what, arguments in (("changelist", []), ("change", [entry.pk]))
    )
    for shown in (listed, page):
        assert f"identifier:email:{email.value[:12]}…" in shown
        assert email.value not in shown
        assert "user:7" in shown


def test_the_audit_log_is_searched_by_who_and_what_and_by_nobody_s_identifier(
    sign_in: SignIn, email: Identifier
) -> None:
    officer, address = sign_in("privacy officer"), reverse("admin:identity_auditentry_changelist")
    for asked, rows in (("user:7", 1), ("suppression", 1), (email.value, 0)):
        found = officer.get(address, {"q": asked}).context["cl"].result_list
        assert len(found) == rows, asked
