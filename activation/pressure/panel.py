"""What a profile's page shows about pressure: the account, its rows, what was refused, caps of the person's own."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from activation.pressure import selectors
from activation.pressure.models import Decision, LedgerRow
from activation.pressure.selectors import Account
from activation.pressure.types import PersonCap
from identity import clock
from identity.clock import HOUR
from identity.profiles.sections import Section, linked, moment, when

SHOWN = 20


def panel(request: HttpRequest, profile: int) -> list[Section]:
    """Return the tables of one profile, none for who may not see the ledger."""
    if not request.user.has_perm("activation.view_ledgerrow"):
        return []
    now = clock.now()
    newest = selectors.ledger(profile).order_by("-effective_at", "-id")[:SHOWN]
    refused = selectors.decisions(profile).filter(passed=False).order_by("-id")[:SHOWN]
    return [
        Section(
            _("Pressure"),
            [_("period"), _("points"), _("contacts")],
            [_account(each) for each in selectors.accounts(profile, now)],
        ),
        Section(
            _("Pressure ledger"),
            [_("at"), _("channel"), _("class"), _("points"), _("status"), _("origin")],
            [_entry(each) for each in newest],
        ),
        Section(
            _("Refused contacts"),
            [_("at"), _("channel"), _("class"), _("reason"), _("refused by"), _("would pass")],
            [_refusal(each) for each in refused],
        ),
        Section(
            _("Caps of one's own"),
            [_("channel"), _("contacts"), _("hours"), _("until"), _("origin")],
            [_cap(each) for each in selectors.caps(profile, now)],
        ),
    ]


def _account(one: Account) -> list[str]:
    contacts = [f"{channel}: {count}" for channel, count in one.contacts.items()]
    period = _("last %(days)d days") % {"days": one.days}
    return [period, f"{one.points:g}", ", ".join(contacts) or "0"]


def _entry(one: LedgerRow) -> list[str]:
    status = f"{one.status}: {one.reason}" if one.reason else one.status
    points = f"{one.points / 100:g}"
    at = linked(one, moment(one.effective_at))
    return [at, one.channel, one.message_class, points, status, one.origin]


def _refusal(one: Decision) -> list[str]:
    at = linked(one, moment(one.decided_at))
    passes = moment(one.earliest)
    return [at, one.channel, one.message_class, one.reason, one.winner or "-", passes]


def _cap(one: PersonCap) -> list[str]:
    hours = f"{one.window / HOUR:g}"
    return [one.channel, str(one.limit), hours, when(one.until), one.origin or "-"]
