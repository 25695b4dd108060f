"""Who loads a pixel or follows a link: a person, a mail provider's proxy, or a machine. No Django, no clock.

Nothing here is certain, so it errs towards the machine: a person's open that is missed costs little, a machine's that counts moves
people. Sources: what the providers publish about their fetchers (docs/concepts.md).
"""

import re
from ipaddress import ip_address, ip_network

from activation.deliveries.types import OpenKind
from identity.clock import SECOND, Instant

# Apple Mail fetches every image of its privacy users, whether they look or not, and says no more than this.
_BARE = re.compile(r"^mozilla/[45]\.0$", re.IGNORECASE)
_APPLE = ip_network("17.0.0.0/8")
_PROXIES = re.compile(r"googleimageproxy|ggpht\.com|yahoomailproxy", re.IGNORECASE)
# Gmail's fetch ahead of any reader.
_PREFETCH = re.compile(r"chrome/42\.0\.2311\.135 safari/537\.36 edge/12\.246", re.IGNORECASE)
_ROBOTS = re.compile(
    r"bot\b|crawl|spider|scan|preview|fetch|monitor|headless|barracuda|proofpoint|mimecast|urldefense|symantec|trend ?micro"
    r"|fireeye|forcepoint|microsoft office|ms-office|msoffice|curl/|wget/|python-|go-http-client|java/|okhttp|libwww|axios"
    r"|node-fetch|slackbot|whatsapp|telegram|facebookexternalhit",
    re.IGNORECASE,
)


def kind(
    method: str, agent: str, client: str, *, since_sent: Instant, machine_within: Instant
) -> OpenKind:
    """Judge one request. `client`: its IP address, "" if unknown; times in milliseconds since the hand-over."""
    if method != "GET" or since_sent < machine_within:
        return OpenKind.MACHINE
    if not agent.strip() or _BARE.match(agent.strip()) or _of_apple(client):
        return OpenKind.MACHINE
    if _PREFETCH.search(agent):
        return OpenKind.MACHINE
    if _PROXIES.search(agent):
        return OpenKind.PROXY
    return OpenKind.MACHINE if _ROBOTS.search(agent) else OpenKind.HUMAN


def seconds(number: int) -> Instant:
    return number * SECOND


def _of_apple(client: str) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    return address.version == 4 and address in _APPLE  # noqa: PLR2004 - the protocol's number
