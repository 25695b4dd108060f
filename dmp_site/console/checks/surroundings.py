"""Whether the machine's clock and the public address serve."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from dmp_site.console import clocks
from dmp_site.console.checks.findings import Finding, Level, fault, ok
from identity.clock import MINUTE, Instant

_CLOCKS_APART = 2 * MINUTE


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
