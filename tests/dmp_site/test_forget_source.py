"""forget_source asks the lane, once, and says how far it is."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from identity.clock import now
from identity.privacy.models import AuditEntry
from identity.touchpoints import sources
from identity.touchpoints.models import Forgetting, LaneCommand

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("forget_source", *arguments, stdout=out)
    return out.getvalue()


def test_it_asks_once_and_tells_the_progress() -> None:
    source = sources.create("old CRM", "crm", now(), actor="tests")
    with pytest.raises(CommandError, match="not being forgotten"):
        said("old CRM", "--progress")
    assert "Asked of the lane" in said("old CRM")
    command = LaneCommand.objects.get()
    assert (command.kind, command.actor) == ("sources.forget", "command:forget_source")
    assert AuditEntry.objects.filter(action="source.forget").count() == 1
    with pytest.raises(CommandError, match="already"):
        said(str(source.pk))
    Forgetting.objects.update(position=7, until=20, touchpoints=3)
    assert "at number 7 of 20, 3 touchpoints" in said("old CRM", "--progress")


def test_a_source_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="no source 'nothing'"):
        said("nothing")
    for _ in range(2):
        sources.create("twice", "crm", now(), actor="tests")
    with pytest.raises(CommandError, match="more than one"):
        said("twice")
