"""What a profile's page shows about journeys: the newest runs, and the steps of them all with the reason of each."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from identity.profiles.sections import Section, linked, moment
from journeys.enrolments import selectors
from journeys.enrolments.models import Enrolment, Step

SHOWN = 20


def panel(request: HttpRequest, profile: int) -> list[Section]:
    """Return the tables of one profile, none for who may not see journeys."""
    if not request.user.has_perm("journeys.view_enrolment"):
        return []
    runs = selectors.of_profile(profile).order_by("-pk")[:SHOWN]
    steps = selectors.steps_of_profile(profile).order_by("-pk")[:SHOWN]
    return [
        Section(
            _("Journeys"),
            [
                _("journey"),
                _("version"),
                _("entered"),
                _("state"),
                _("node"),
                _("wakes"),
                _("goal reached"),
            ],
            [_run(each) for each in runs],
        ),
        Section(
            _("Steps in journeys"),
            [_("at"), _("journey"), _("node"), _("went on through"), _("reason")],
            [_step(each) for each in steps],
        ),
    ]


def _run(one: Enrolment) -> list[str]:
    state = f"{one.get_state_display()}: {one.reason}" if one.reason else one.get_state_display()
    name = f"{one.journey.name} ({one.key})" if one.key else one.journey.name
    return [
        linked(one, name),
        f"v{one.version.number}",
        moment(one.entered_at),
        state,
        one.node,
        moment(one.wake_at),
        moment(one.converted_at),
    ]


def _step(one: Step) -> list[str]:
    name = one.enrolment.journey.name
    return [moment(one.at), name, one.node, one.port or "-", one.reason or "-"]
