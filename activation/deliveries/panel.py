"""What a profile's page shows about deliveries: the newest, what became of each, how the person reacted."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from activation.deliveries import selectors
from activation.deliveries.models import Delivery, Reaction
from identity.profiles.sections import Section, linked, moment

SHOWN = 20


def panel(request: HttpRequest, profile: int) -> list[Section]:
    """Return the table of one profile, none for who may not see deliveries."""
    if not request.user.has_perm("activation.view_delivery"):
        return []
    heads = [_("due"), _("channel"), _("template"), _("class"), _("status"), _("reactions")]
    rows = [_row(each) for each in selectors.of_profile(profile)[:SHOWN]]
    return [Section(_("Deliveries"), heads, rows)]


def _row(one: Delivery) -> list[str]:
    status = f"{one.status}: {one.reason}" if one.reason else one.status
    return [
        linked(one, moment(one.due_at)),
        one.channel,
        str(one.template),
        one.message_class,
        status,
        ", ".join(_reaction(each) for each in one.reactions.all()) or "-",
    ]


def _reaction(one: Reaction) -> str:
    what = f"{one.kind} ({one.open_kind})" if one.open_kind else one.kind
    return f"{what} {moment(one.at)}"
