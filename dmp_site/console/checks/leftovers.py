"""What the lane put out of its way and a person should look at."""

from django.conf import settings
from django.utils.translation import gettext as _

from activation.audiences.models import Build
from dmp_site.console.checks.findings import Finding, Level, ok
from identity.clock import DAY, SECOND, Instant
from identity.graph.models import Crowd
from identity.touchpoints import waiting
from identity.touchpoints.models import LaneCommand, SetAside
from journeys.enrolments.models import Enrolment, State


def set_aside(_now: Instant) -> Finding:
    """Look whether a touchpoint waits for a person's decision."""
    count = SetAside.objects.filter(state="aside").count()
    if count:
        what = _("%(count)d touchpoints are set aside.") % {"count": count}
        mend = f"{settings.CONSOLE_URL}/admin/identity/setaside/"
        return Finding("set aside", Level.NOTICE, what, mend)
    return ok("set aside", _("No touchpoint is set aside."))


def crowds(now: Instant) -> Finding:
    """Look whether touchpoints wait since their neighbourhood is too large; a human should look at that one."""
    known, queue = Crowd.objects.count(), waiting.queue()
    if not known and not queue.touchpoints:
        return ok("crowds", _("No neighbourhood is too large."))
    what = _("%(count)d neighbourhoods are too large.") % {"count": known}
    if queue.oldest is not None:
        seconds = max(0, now - queue.oldest) // SECOND
        told = _("%(count)d of their touchpoints wait, the first for %(seconds)d seconds.")
        what += " " + told % {"count": queue.touchpoints, "seconds": seconds}
    mend = f"{settings.CONSOLE_URL}/admin/identity/decision/undecided/"
    return Finding("crowds", Level.NOTICE, what, mend)


def broken(now: Instant) -> Finding:
    """Look whether the lane put something out of its way because it raised: a rule, a run, a command."""
    found = {
        _("%(count)d audiences"): Build.objects.exclude(failed="").count(),
        _("%(count)d people in journeys"): Enrolment.objects.filter(state=State.FAILED).count(),
        _("%(count)d commands"): LaneCommand.objects.filter(
            broke=True, done_at__gt=now - DAY
        ).count(),
    }
    said = [text % {"count": count} for text, count in found.items() if count]
    if not said:
        return ok("broken", _("Nothing was put out of the lane's way."))
    what = _("Put out of the lane's way, since they failed: %(what)s.") % {"what": ", ".join(said)}
    mend = f"{settings.CONSOLE_URL}/admin/identity/lanecommand/?broke__exact=1"
    return Finding("broken", Level.NOTICE, what, mend)
