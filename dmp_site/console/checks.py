"""What can be wrong with an installation, how it shows, and the command that mends it.

`doctor`, the health page and GET /api/v1/health show the same list.
"""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from activation.audiences.models import Build
from activation.channels import registry
from activation.deliveries.models import Delivery
from activation.deliveries.types import DeliveryStatus
from dmp_site import jobs, setup
from dmp_site.console import clocks
from identity.clock import DAY, MINUTE, SECOND, Instant, from_datetime
from identity.privacy.keys import KeysMissing, require_keys
from identity.touchpoints import inbox, installation, lane
from identity.touchpoints.inbox.port import ForeignInbox, InboxAway
from identity.touchpoints.models import Lane, LaneCommand, SetAside
from journeys.enrolments.models import Enrolment, State

log = logging.getLogger(__name__)

# Silences that are faults: with the page's five seconds, each shows within 30 s, before the supervisor ends what hangs.
LANE_SILENT = 15 * SECOND  # it beats every second, and waits up to 10 s for a store that is away
CLUSTER_SILENT = 20 * SECOND  # it beats every 5 s, behind the slices of jobs that wait before it
_MEGABYTE = 1_000_000
_LATE = 5 * MINUTE
_DUE = 3 * MINUTE  # longer than a channel that was away is left alone
_CLOCKS_APART = 2 * MINUTE
_PATIENCE = 2.0  # seconds


class Level(StrEnum):
    """`NOTICE` is worth a look and no fault."""

    OK = "ok"
    NOTICE = "notice"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `mend` is what to do: a command or an address; "" when nothing is."""

    name: str
    level: Level
    what: str
    mend: str = ""

    @property
    def title(self) -> str:
        """Say the name in the reader's language."""
        return str(TITLES[self.name])


def ok(name: str, what: str) -> Finding:
    return Finding(name, Level.OK, what)


def fault(name: str, what: str, mend: str) -> Finding:
    return Finding(name, Level.FAULT, what, mend)


def database(_now: Instant) -> Finding:
    """Look whether the database can be asked and has this version's tables."""
    pending = setup.pending()
    if pending:
        what = _("%(count)d migrations are not applied.") % {"count": pending}
        return fault("database", what, "manage.py setup")
    return ok("database", _("The database answers; its tables are of this version."))


def keys(_now: Instant) -> Finding:
    """Look whether the key file is there and is the one that the data were written with."""
    try:
        installation.verify_keys(require_keys(settings.KEYS_FILE))
    except (KeysMissing, installation.Foreign) as error:
        mend = _("restore %(file)s from its backup, then: manage.py up") % {
            "file": settings.KEYS_FILE
        }
        return fault("keys", str(error), mend)
    return ok("keys", _("The keys belong to this database."))


def inbox_identity(_now: Instant) -> Finding:
    """Look whether the inbox is this installation's, neither older nor emptied."""
    try:
        reader = inbox.reader()
        installation.verify_inbox(reader.uuid())
        reader.check()
    except (ForeignInbox, installation.Foreign) as error:
        return fault("inbox", str(error), "manage.py restore DIRECTORY")
    return ok("inbox", _("The inbox belongs to this database."))


def the_lane(now: Instant) -> Finding:
    """Look whether the lane has said lately that it lives."""
    epoch, beaten_at = lane.heartbeat()
    if beaten_at is None:
        return fault("lane", _("No lane has ever worked here."), "manage.py up")
    age = max(0, now - beaten_at)
    said = {"epoch": epoch, "holder": _holder(), "seconds": age // SECOND}
    if age > LANE_SILENT:
        what = _("The lane (%(holder)s) has said nothing for %(seconds)d s.") % said
        return fault("lane", what, _restart("lane"))
    trouble, since = lane.trouble()
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


def disk(_now: Instant) -> Finding:
    """Look whether there is room where the data live."""
    free = shutil.disk_usage(settings.DATA_DIR).free // _MEGABYTE
    what = _("%(free)d MB are free for %(directory)s.") % {
        "free": free,
        "directory": settings.DATA_DIR,
    }
    if free < settings.MIN_FREE_MB:
        return fault(
            "disk", what, _("make room there, or move the data and set FILROUGE_DATA_DIR")
        )
    return ok("disk", what)


def clock(now: Instant) -> Finding:
    """Compare this machine's clock with what other clocks have stamped."""
    for who, there in clocks.others(now):
        apart = now - there
        if abs(apart) > _CLOCKS_APART:
            what = _("The clock is %(minutes)d minutes %(way)s %(who)s.") % {
                "minutes": round(abs(apart) / MINUTE),
                "way": _("ahead of") if apart > 0 else _("behind"),
                "who": who,
            }
            return fault("clock", what, "timedatectl set-ntp true")
    return ok("clock", _("The clock agrees with the data and the collector."))


def public_address(_now: Instant) -> Finding:
    """Look whether links, pixels and unsubscribe addresses of messages are https, as one-click unsubscribe needs them (RFC 8058)."""
    parts = urlsplit(settings.COLLECTOR_URL)
    if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
        return ok("address", _("Messages carry addresses that mail programs can use."))
    what = _("Messages carry %(url)s: one-click unsubscribe works over https only.") % {
        "url": settings.COLLECTOR_URL
    }
    return Finding("address", Level.NOTICE, what, "FILROUGE_COLLECTOR_URL=https://...")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def set_aside(_now: Instant) -> Finding:
    """Look whether a touchpoint waits for a person's decision."""
    count = SetAside.objects.filter(state="aside").count()
    if count:
        what = _("%(count)d touchpoints are set aside.") % {"count": count}
        mend = f"{settings.CONSOLE_URL}/admin/identity/setaside/"
        return Finding("set aside", Level.NOTICE, what, mend)
    return ok("set aside", _("No touchpoint is set aside."))


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


Check = Callable[[Instant], Finding]

CHECKS: Mapping[str, Check] = {
    "keys": keys,
    "inbox": inbox_identity,
    "lane": the_lane,
    "backlog": backlog,
    "sender": sender,
    "jobs": cluster,
    "collector": collector,
    "disk": disk,
    "clock": clock,
    "set aside": set_aside,
    "broken": broken,
    "address": public_address,
}
TITLES: Mapping[str, Promise] = {
    "address": gettext_lazy("address"),
    "database": gettext_lazy("database"),
    "keys": gettext_lazy("keys"),
    "inbox": gettext_lazy("inbox"),
    "lane": gettext_lazy("lane"),
    "backlog": gettext_lazy("backlog"),
    "sender": gettext_lazy("sender"),
    "jobs": gettext_lazy("jobs"),
    "collector": gettext_lazy("collector"),
    "disk": gettext_lazy("disk"),
    "clock": gettext_lazy("clock"),
    "set aside": gettext_lazy("set aside"),
    "broken": gettext_lazy("broken"),
}
WITHOUT_DATABASE = ("collector", "disk")


def run(now: Instant) -> list[Finding]:
    """Run every check; one that cannot be carried out is a fault of its own, named by what mends that."""
    first = _carefully("database", database, now)
    left = CHECKS if first.level is Level.OK else WITHOUT_DATABASE
    return [first, *(_carefully(name, CHECKS[name], now) for name in left)]


def worst(findings: Sequence[Finding]) -> Level:
    """Return the level of the worst finding."""
    found = {finding.level for finding in findings}
    return next((level for level in (Level.FAULT, Level.NOTICE) if level in found), Level.OK)


def _carefully(name: str, check: Check, now: Instant) -> Finding:
    try:
        return check(now)
    except Exception as error:
        log.debug("The check of %s failed", name, exc_info=error)
        return fault(name, f"{type(error).__name__}: {error}", _mend(error))


def _mend(error: Exception) -> str:
    """Return what mends the cause of an error that kept a check from being carried out."""
    if isinstance(error, ImproperlyConfigured):
        return _("correct the setting, then: manage.py up")
    if isinstance(error, Error):
        return _mend_database(getattr(error.__cause__, "sqlite_errorcode", None))
    if isinstance(error, InboxAway | OSError):
        return _room()
    return _("manage.py setup, then: manage.py up")


def _mend_database(code: int | None) -> str:
    """Return what mends a database that SQLite refuses with this code; None: it is not SQLite's."""
    if code is None:
        return _("start the database that FILROUGE_DATABASE_URL names")
    if code & 0xFF in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:  # the rest is detail
        return "manage.py restore DIRECTORY"
    if code & 0xFF == sqlite3.SQLITE_ERROR:
        return "manage.py setup"
    return _room()


def _room() -> str:
    return _("see that there is room in %(directory)s and that it may be written") % {
        "directory": settings.DATA_DIR
    }


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
