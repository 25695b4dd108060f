"""Addresses in messages, on the collector's public port: tracked links, open pixels, unsubscribe.

They act on nothing by themselves: what happened is recorded as a touchpoint and comes in at the front door like any other. A link
leads on whatever happens; the pixel says 200 only when the open is stored.
"""

import asyncio
import contextlib
import html
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.utils import translation
from django.utils.encoding import iri_to_uri
from django.utils.translation import gettext as _

from activation.deliveries import machines
from activation.deliveries.events import event_of, iso, message_id
from activation.deliveries.links import addresses
from activation.deliveries.tokens import BadToken, Purpose, Sent
from activation.deliveries.types import OpenKind
from identity.touchpoints.public import Call, InboxAway, Reply, Route

_GIF = b64decode("R0lGODlhAQABAPAAAP///wAAACH5BAUAAAAALAAAAAABAAEAAAICRAEAOw==")
_LEAD_ON_WITHIN = 2.0  # seconds that a click may take to be stored before the person is led on
_UNCACHED = {"Cache-Control": "no-cache, no-store, must-revalidate, private"}
_PAGE_HEADERS = {
    **_UNCACHED,
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


async def follow_link(call: Call) -> Reply:
    """Record a click and lead on. A destination that we did not sign is refused."""
    token = call.path.removeprefix("/c/")
    try:
        sent = addresses().unseal(token, Purpose.CLICK)
        url = addresses().destination(token, call.query.get("to", ""), call.query.get("s", ""))
    except BadToken:
        return _unknown(call)
    human = _kind(call, sent) is not OpenKind.MACHINE
    name = "Email Link Clicked" if sent.channel == "email" else "Message Clicked"
    event = event_of(sent, name if human else "Message Link Scanned", url=url)
    stored = asyncio.ensure_future(_record_if_possible(call, _once(event, call, str(uuid4()))))
    await asyncio.wait([stored], timeout=_LEAD_ON_WITHIN)  # it may still be stored afterwards
    return Reply(
        302, headers={"Location": _in_ascii(url), "Referrer-Policy": "no-referrer", **_UNCACHED}
    )


async def _record_if_possible(call: Call, event: Mapping[str, Any]) -> None:
    with contextlib.suppress(InboxAway):  # who clicked wants to get there; a lost click costs less
        await call.record([event])


async def load_pixel(call: Call) -> Reply:
    """Record an open, with who seems to have done it; always an image."""
    headers = {"Content-Type": "image/gif", **_UNCACHED}
    try:
        token = call.path.removeprefix("/o/").removesuffix(".gif")
        sent = addresses().unseal(token, Purpose.OPEN)
    except BadToken:
        return Reply(404, _GIF, headers)
    event = event_of(sent, "Email Opened", open_kind=_kind(call, sent).value)
    try:
        await call.record([_once(event, call, str(uuid4()))])
    except InboxAway:
        return Reply(503, _GIF, {**headers, "Retry-After": "5"})
    return Reply(200, _GIF, headers)


async def unsubscribe(call: Call) -> Reply:
    """RFC 8058: a POST unsubscribes, without cookie or login, and without a redirect; a GET shows a page and acts on nothing."""
    token = call.path.removeprefix("/u/")
    try:
        sent = addresses().unseal(token, Purpose.UNSUBSCRIBE)
    except BadToken:
        return _unknown(call)
    if call.method != "POST":
        return _ask(call)
    event = event_of(sent, "Unsubscribed", both=True)
    # Each is a word of its own: the person may have consented since the last one. Two clicks on one button say the same twice.
    own = message_id("unsubscribed", sent.key, str(call.now))
    try:
        await call.record([_once(event, call, own)])
    except InboxAway:
        return _page(call, 503, {"Retry-After": "5"}, "away")
    return _page(call, 200, {}, "done")


def _in_ascii(url: str) -> str:
    """Write an address the way a header can carry it: the host as the DNS has it, the rest percent-encoded."""
    parts = urlsplit(url)
    with contextlib.suppress(ValueError):
        host = (parts.hostname or "").encode("idna").decode()
        if not parts.netloc.isascii():
            port = f":{parts.port}" if parts.port else ""
            url = parts._replace(netloc=host + port).geturl()
    return iri_to_uri(url)


ROUTES = [
    Route(frozenset({"GET", "HEAD"}), "/c/", follow_link),
    Route(frozenset({"GET", "HEAD"}), "/o/", load_pixel),
    Route(frozenset({"GET", "HEAD", "POST"}), "/u/", unsubscribe),
]


def _once(event: Mapping[str, Any], call: Call, message_id: str) -> Mapping[str, Any]:
    return {**event, "messageId": message_id, "timestamp": iso(call.now)}


def _kind(call: Call, sent: Sent) -> OpenKind:
    forwarded = call.headers.get("x-forwarded-for", "").partition(",")[0].strip()
    return machines.kind(
        call.method,
        call.headers.get("user-agent", ""),
        forwarded,
        since_sent=call.now - sent.at,
        machine_within=machines.seconds(settings.MACHINE_SECONDS),
    )


def _ask(call: Call) -> Reply:
    with translation.override(_language(call)):
        question = _("Do you want to receive no more messages of this kind?")
        button = _("Unsubscribe")
    form = (
        f"<p>{html.escape(question)}</p><form method='post'>"
        "<input type='hidden' name='List-Unsubscribe' value='One-Click'>"
        f"<button>{html.escape(button)}</button></form>"
    )
    return Reply(200, _document(call, form), _PAGE_HEADERS)


def _page(call: Call, status: int, headers: Mapping[str, str], which: str) -> Reply:
    with translation.override(_language(call)):
        text = {
            "done": _("You are unsubscribed. No more messages of this kind will reach you."),
            "away": _("This cannot be stored just now. Please try again in a moment."),
            "unknown": _("This address is not one of ours, or was changed on its way."),
        }[which]
    body = _document(call, f"<p>{html.escape(text)}</p>")
    return Reply(status, body, {**_PAGE_HEADERS, **headers})


def _unknown(call: Call) -> Reply:
    return _page(call, 404, {}, "unknown")


def _document(call: Call, inner: str) -> bytes:
    with translation.override(_language(call)):
        title = html.escape(_("Your messages"))
    return (
        f"<!doctype html><html lang='{_language(call)}'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{title}</title><style>body{{font:1.1rem system-ui;max-width:32rem;margin:15vh auto;padding:0 1rem}}"
        "button{font:inherit;padding:.6rem 1.2rem}</style>"
        f"<h1>{title}</h1>{inner}</html>"
    ).encode()


def _language(call: Call) -> str:
    """Return the first language that the browser asks for and the project has."""
    for wanted in call.headers.get("accept-language", "").split(","):
        try:
            return translation.get_supported_language_variant(
                wanted.partition(";")[0].strip().lower()
            )
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
