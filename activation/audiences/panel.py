"""What a profile's page shows about audiences: those it is in, what it entered and left."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from activation.audiences import selectors
from identity.profiles.sections import Section, linked, moment

SHOWN = 20


def panel(request: HttpRequest, profile: int) -> list[Section]:
    """Return the tables of one profile, none for who may not see audiences."""
    if not request.user.has_perm("activation.view_audience"):
        return []
    return [
        Section(
            _("Audiences"),
            [_("audience"), _("since"), _("because of")],
            [
                [linked(each.audience), moment(each.since), each.cause]
                for each in selectors.memberships(profile)
            ],
        ),
        Section(
            _("Audiences entered and left"),
            [_("at"), _("what"), _("audience"), _("because of")],
            [
                [
                    moment(each.at),
                    _("entered") if each.entered else _("left"),
                    linked(each.audience),
                    each.cause,
                ]
                for each in selectors.changes(profile)[:SHOWN]
            ],
        ),
    ]
