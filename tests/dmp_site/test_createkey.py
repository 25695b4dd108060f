"""createkey prints a key that works, once, and notes in the audit log that it was made."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from dmp_site import apikeys
from dmp_site.models import ApiKey
from identity.clock import now
from identity.privacy.models import AuditEntry
from identity.touchpoints import sources
from identity.touchpoints.models import Source, WriteKey

pytestmark = pytest.mark.django_db


def createkey(*arguments):
    out = StringIO()
    call_command("createkey", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_a_write_key_for_a_new_source_and_another_for_the_same():
    [first] = createkey("--source", "shop", "--kind", "app", "--quiet")
    [second] = createkey("--source", "shop", "--quiet")
    source = Source.objects.get(name="shop")
    assert source.kind == "app"
    assert set(WriteKey.objects.filter(source=source).values_list("digest", flat=True)) == {
        sources.digest(first),
        sources.digest(second),
    }


def test_an_api_key_with_scopes_and_channel():
    said, key = createkey("--api", "crm", "--scope", "deliveries:read", "--channel", "letter")
    assert "crm" in said
    caller = apikeys.recognise(key, now())
    assert caller is not None
    assert (set(caller.scopes), caller.channel) == ({"deliveries:read"}, "letter")


def test_who_made_a_key_is_in_the_audit_log_and_the_key_is_not():
    [key] = createkey("--api", "crm", "--scope", "*:read", "--quiet")
    entry = AuditEntry.objects.get()
    assert entry.actor == "command:createkey"
    assert key not in str(entry.detail)


def test_a_source_that_is_made_for_a_key_is_in_the_audit_log_too():
    createkey("--source", "shop", "--quiet")
    createkey("--source", "shop", "--quiet")
    entries = AuditEntry.objects.order_by("pk").values_list("actor", "action")
    assert list(entries) == [
        ("command:createkey", "source.add"),
        ("command:createkey", "writekey.add"),
        ("command:createkey", "writekey.add"),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--api", "crm"],
        ["--api", "crm", "--scope", "everything"],
        ["--source", "shop", "--scope", "*"],
        ["--source", "shop", "--api", "crm", "--scope", "*"],
        ["--source", "shop", "--kind", "internal"],
    ],
)
def test_what_makes_no_sense_is_refused(arguments):
    with pytest.raises(CommandError):
        createkey(*arguments)
    assert not ApiKey.objects.exists()
    assert not WriteKey.objects.exists()


def test_the_products_own_source_gets_no_key_and_the_refusal_says_what_to_do():
    own = sources.internal(now())
    with pytest.raises(
        CommandError, match=f"{own.name} is the product's own source.*Take another"
    ):
        createkey("--source", own.name)
    assert not WriteKey.objects.exists()
