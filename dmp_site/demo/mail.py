"""The demo's mailbox: an SMTP server that keeps what it is given, and pages to read it."""

import asyncio
import email
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.template.loader import render_to_string

from dmp_site.demo import places, web
from dmp_site.demo.web import NOT_FOUND, Ask, Page

_SHOWN = 200  # mails on the list
_NAME = re.compile(r"^[0-9]{13}-[0-9a-f]{8}$")
_LINK = re.compile(r"""href=["'](https?://[^"']+)["']""", re.IGNORECASE)
# The pages show what came from outside: no script runs in them, and nothing is loaded but pictures of this installation.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'none'; base-uri 'none'"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as the pages show it. `links` are those of the HTML part, in order."""

    name: str
    subject: str
    sender: str
    recipient: str
    date: str
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    links: tuple[str, ...]


class Keeper:
    """What aiosmtpd calls: stores a mail as it came, in a file of its own, before it says yes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)  # noqa: S101 - decode_data is off
        name = f"{await asyncio.to_thread(self._next)}-{uuid.uuid4().hex[:8]}"
        await asyncio.to_thread((self._folder / f"{name}.eml").write_bytes, content)
        return "250 OK"

    def _next(self) -> str:
        """Return a number that sorts after every earlier one."""
        newest = max((path.name[:13] for path in self._folder.glob("*.eml")), default="0")
        return f"{int(newest) + 1:013d}"


def mails() -> Iterator[Mail]:
    """Yield the newest mails, newest first."""
    paths = sorted(places.mailbox().glob("*.eml"), reverse=True)[:_SHOWN]
    for path in paths:
        yield read(path)


def read(path: Path) -> Mail:
    """Parse a stored mail."""
    message = email.message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - what the default policy makes
    html = _part(message, "html")
    return Mail(
        name=path.stem,
        subject=str(message["subject"] or ""),
        sender=str(message["from"] or ""),
        recipient=str(message["to"] or ""),
        date=_date(message),
        headers=tuple((name, str(value)) for name, value in message.items()),
        text=_part(message, "plain"),
        html=html,
        links=tuple(dict.fromkeys(link.replace("&amp;", "&") for link in _LINK.findall(html))),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part: Any = message.get_body((kind,))
    return "" if part is None else str(part.get_content())


def _date(message: EmailMessage) -> str:
    try:
        return f"{parsedate_to_datetime(str(message['date'])):%d %b %Y %H:%M:%S}"
    except (TypeError, ValueError):
        return ""


async def answer(ask: Ask) -> Page:
    """Serve the list, one mail, its HTML part (for the sandboxed frame), its source."""
    if ask.path == "/health":
        return Page(b"ok", "text/plain")
    return await asyncio.to_thread(_answer, ask.path.strip("/").split("/"))


def _answer(parts: list[str]) -> Page:
    if parts == [""]:
        return _page("demo/mailbox.html", {"mails": list(mails())})
    name, kind = parts[0], parts[1] if len(parts) > 1 else ""
    path = places.mailbox() / f"{name}.eml"
    if not _NAME.match(name) or not path.is_file():
        return NOT_FOUND
    if kind == "html":
        return Page(read(path).html.encode(), headers={"content-security-policy": _frame_policy()})
    if kind == "source":
        return Page(path.read_bytes(), "text/plain; charset=utf-8")
    return _page("demo/mail.html", {"mail": read(path)}) if not kind else NOT_FOUND


def _page(template: str, context: dict[str, Any]) -> Page:
    body = render_to_string(template, {**context, "shop": places.shop_url()})
    return Page(body.encode(), status=HTTPStatus.OK)


def _frame_policy() -> str:
    """No script, no form; pictures from the collector alone, so that the open pixel works as in a real reader."""
    pictures = f"img-src {settings.COLLECTOR_URL} data:"
    return f"default-src 'none'; {pictures}; style-src 'unsafe-inline'; sandbox allow-popups allow-top-navigation-by-user-activation"


def serve(stop: threading.Event) -> None:
    """Run SMTP sink and pages until told to stop."""
    host, _, port = settings.DEMO_SMTP_BIND.rpartition(":")
    sink = Controller(
        Keeper(places.mailbox()), hostname=host, port=int(port), data_size_limit=20_000_000
    )
    sink.start()
    try:
        web.serve(web.application(answer, _POLICY), settings.DEMO_MAIL_BIND, stop)
    finally:
        sink.stop()
