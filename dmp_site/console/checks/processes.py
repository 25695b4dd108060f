"""Whether every process of the product lives and keeps up."""

from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from activation.channels import registry
from activation.deliveries.models import Delivery
from activation.deliveries.types import DeliveryStatus
from dmp_site import jobs
from dmp_site.console.checks.findings import Finding, Level, fault, ok
from identity import graph
from identity.clock import MINUTE, SECOND, Instant, from_datetime
from identity.profiles import showing
from identity.touchpoints import inbox, lane
from identity.touchpoints.inbox.port import ForeignInbox
from identity.touchpoints.models import Lane

# Silences that are faults: with the page's five seconds, each shows within 30 s, before the supervisor ends what hangs.
LANE_SILENT = 15 * SECOND  # it beats every second, and waits up to 10 s for a store that is away
CLUSTER_SILENT = 20 * SECOND  # it beats every 5 s, behind the slices of jobs that wait before it
_SHOWN = 10 * SECOND
_LATE = 5 * MINUTE
_DUE = 3 * MINUTE  # longer than a channel that was away is left alone
_PATIENCE = 2.0  # seconds


def the_lane(now: Instant) -> Finding:
    """Look whether the lane has said lately that it lives."""
    epoch, beaten_at = lane.heartbeat()
    if beaten_at is None:
        return fault("lane", _("No lane has ever worked here."), "manage.py up")
    age = max(0, now - beaten_at)
    said = {"epoch": epoch, "holder": _holder(), "seconds": age // SECOND}
    if age > LANE_SILENT * lane.patience():
        what = _("The lane (%(holder)s) has said nothing for %(seconds)d s.") % said
        return fault("lane", what, _restart("lane"))
    trouble, since = lane.trouble()
    if since is not None and trouble == lane.RESTS:
        what = _("The lane has rested for %(seconds)d s, while a backup copies the stores.") % {
            "seconds": max(0, now - since) // SECOND
        }
        return Finding("lane", Level.NOTICE, what, _("it goes on by itself"))
    if since is not None:
        what = _("A store is away, for %(seconds)d s: %(trouble)s") % {
            "seconds": (now - since) // SECOND,
            "trouble": trouble,
        }
        return fault("lane", what, _("start that store; the lane waits for it and goes on"))
    return ok("lane", _("Epoch %(epoch)d, %(holder)s, heard %(seconds)d s ago.") % said)


def backlog(now: Instant) -> Finding:
    """Look whether what waits stays under the limit at which the collector answers 429."""
    try:
        waiting = inbox.reader().backlog()
    except ForeignInbox:
        return fault("backlog", _("There is no inbox to look at."), "manage.py setup")
    what = _("%(live)s live and %(history)s history rows wait; the limit is %(limit)s.") % {
        "live": f"{waiting.live:,}",
        "history": f"{waiting.history:,}",
        "limit": f"{settings.INBOX_LIMIT:,}",
    }
    if waiting.live + waiting.history >= settings.INBOX_LIMIT:
        full = _("The collector answers 429: senders try again later. ") + what
        return fault("backlog", full, "manage.py worker --role lane")
    if waiting.oldest is not None and now - waiting.oldest > _LATE:
        late = _("The oldest live row has waited for %(minutes)d minutes. ") % {
            "minutes": (now - waiting.oldest) // MINUTE
        }
        batches = f"{settings.CONSOLE_URL}/admin/identity/batch/"
        return Finding("backlog", Level.NOTICE, late + what, batches)
    return ok("backlog", what)


def cluster(now: Instant) -> Finding:
    """Look whether the task cluster answers its heartbeats."""
    beaten_at = jobs.heartbeat()
    if beaten_at is None:
        return fault("jobs", _("No task cluster has ever worked here."), "manage.py up")
    age = max(0, now - beaten_at)
    if age > CLUSTER_SILENT:
        what = _("The task cluster has not worked for %(seconds)d s.") % {"seconds": age // SECOND}
        return fault("jobs", what, _restart("jobs"))
    return ok("jobs", _("The task cluster worked %(seconds)d s ago.") % {"seconds": age // SECOND})


def sender(now: Instant) -> Finding:
    """Look whether due messages are handed over in time."""
    pushed = [
        name for name, one in registry.descriptions().items() if one.enabled and not one.pull
    ]
    waiting = Delivery.objects.filter(
        status=DeliveryStatus.QUEUED, held=False, channel__in=pushed, due_at__lt=now - _DUE
    )
    first = waiting.order_by("due_at").first()
    if first is None:
        return ok("sender", _("No message is late."))
    what = _("Messages for %(channel)s have been due for %(minutes)d minutes.") % {
        "channel": first.channel,
        "minutes": (now - from_datetime(first.due_at)) // MINUTE,
    }
    return fault("sender", what, "manage.py worker --role send")


def members(now: Instant) -> Finding | None:
    """Look whether the graph store shows who belongs to which profile; None where it does not show that."""
    if not graph.store().shows_members:
        return None
    waiting, oldest = showing.lag()
    if oldest is None:
        return ok("members", _("Neo4j shows every membership."))
    what = _(
        "%(waiting)s changes of membership are not shown in Neo4j yet, for %(seconds)d s."
    ) % {
        "waiting": f"{waiting:,}",
        "seconds": max(0, now - oldest) // SECOND,
    }
    if now - oldest > _SHOWN:
        return Finding("members", Level.NOTICE, what, "manage.py worker --role lane")
    return ok("members", what)


def collector(_now: Instant) -> Finding:
    """Look whether the collector answers."""
    try:
        answer = httpx.get(f"{_here(settings.COLLECTOR_BIND)}/health", timeout=_PATIENCE)
    except httpx.HTTPError as error:
        what = _("The collector does not answer (%(error)s).") % {"error": type(error).__name__}
        return fault("collector", what, "manage.py worker --role collector")
    if answer.status_code != httpx.codes.OK:
        what = _("The collector answers %(status)d.") % {"status": answer.status_code}
        return fault("collector", what, "manage.py worker --role collector")
    return ok("collector", _("The collector answers."))


def _restart(role: str) -> str:
    """Return how a process that hangs or ended comes back; `up` does it by itself."""
    return _("manage.py worker --role %(role)s (kill one that hangs; `up` does both)") % {
        "role": role
    }


def _holder() -> str:
    return str(Lane.objects.filter(pk=lane.ROW).values_list("holder", flat=True).first() or "")


def _here(bind: str) -> str:
    """Turn an address to listen on into one to call."""
    parts = urlsplit(f"//{bind}")
    host = parts.hostname or "127.0.0.1"
    host = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - not listened on here
    return f"http://[{host}]:{parts.port}" if ":" in host else f"http://{host}:{parts.port}"
