"""Hands e-mails to an SMTP server. The only module that meets smtplib."""

import contextlib
import hashlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr

from activation.channels.deadline import deadline, shut
from activation.channels.port import Channel, ChannelError, Message
from identity.clock import Instant, to_datetime

_READY_FOR_DATA = 354
_ACCEPTED = {250, 251, 252}
_CLOSING = 421
_PERMANENT = 500
_PATIENCE = 2  # times the time-out of one step: the longest that a mail may take
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


class _OneLine(UnstructuredHeader):
    """A header of addresses, on one line as it is: folded or encoded, mail programs would not find the addresses in it."""

    def fold(self, *, policy: EmailPolicy) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _OneLine)  # type: ignore[arg-type]  # a mixin, as all of them are
_POLICY = SMTP.clone(header_factory=_HEADERS)


def message_id(key: str, sender: str) -> str:
    """Return the Message-ID of a delivery: the same for every try, and telling nothing about the person."""
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"


class EmailChannel(Channel):
    """Sends over one connection, kept open between messages and opened again when the server has closed it.

    `security`: "none", "starttls" or "tls". `sender`: the From header, also the envelope's sender. `timeout`: seconds for each
    step; the whole mail may take twice as long, however slowly the server drips.
    """

    addressed_by = "email"

    def __init__(
        self,
        name: str,
        *,
        host: str,
        port: int = 25,
        user: str = "",
        password: str = "",
        security: str = "none",
        sender: str,
        timeout: float = 20.0,
    ) -> None:
        super().__init__(name)
        if security not in {"none", "starttls", "tls"}:
            raise ValueError(f"security is none, starttls or tls, not {security!r}")
        self._host, self._port = host, port
        self._user, self._password = user, password
        self._security, self._sender, self._timeout = security, sender, timeout
        self._connection: smtplib.SMTP | None = None
        self._line: socket.socket | None = None  # the connection's own, under TLS
        self._late = threading.Event()  # the mail that is being sent takes too long

    def send(self, message: Message, now: Instant) -> str:
        address = _ascii_domain(message.address)
        written = self._compose(message, address, now)
        with deadline(_PATIENCE * self._timeout, self._cut) as self._late:
            connection = self._begin([] if address.isascii() else ["SMTPUTF8"])
            self._envelope(connection, address)
            self._hand_over(connection, written)
        return message_id(message.unique, self._sender)

    def close(self) -> None:
        if self._connection is not None:
            with (
                deadline(self._timeout, self._cut),
                contextlib.suppress(smtplib.SMTPException, OSError),
            ):
                self._connection.quit()
        self._drop()

    # --- The mail ---

    def _compose(self, message: Message, address: str, now: Instant) -> bytes:
        """Write a multipart mail with its text part. Raises ChannelError for an address that is none."""
        mail = EmailMessage(policy=_POLICY.clone(utf8=not address.isascii()))
        try:
            mail["From"] = self._sender
            mail["To"] = _recipient(address)
            mail["Subject"] = " ".join(message.subject.split())
            mail["Date"] = format_datetime(to_datetime(now))
            mail["Message-ID"] = message_id(message.unique, self._sender)
            for name, value in message.headers.items():
                mail[name] = value
            mail.set_content(message.text or " ")
            if message.html:
                mail.add_alternative(message.html, subtype="html")
            return mail.as_bytes()
        except (
            Exception
        ) as error:  # whatever the library makes of odd values: nothing was sent yet
            raise ChannelError(
                f"the mail cannot be built: {type(error).__name__}", permanent=True
            ) from error

    # --- The conversation ---

    def _begin(self, options: list[str]) -> smtplib.SMTP:
        """Return a connection on which MAIL FROM was accepted; a stale one is replaced, which is safe before DATA."""
        sender = parseaddr(self._sender)[1]
        if self._connection is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                if self._connection.mail(sender, options)[0] in _ACCEPTED:
                    return self._connection
            self._drop()
        connection = self._connect()
        try:
            code, _ = connection.mail(sender, options)
        except smtplib.SMTPNotSupportedError as error:
            raise ChannelError("the mail server takes no such address", permanent=True) from error
        except (smtplib.SMTPException, OSError) as error:
            raise self._away(error) from error
        if code not in _ACCEPTED:
            self._drop()
            raise ChannelError(f"the mail server refuses the sender with {code}", away=True)
        return connection

    def _connect(self) -> smtplib.SMTP:
        try:
            context = ssl.create_default_context()
            connection = _Connection(
                self._host,
                self._port,
                timeout=self._timeout,
                tls=context if self._security == "tls" else None,
                opened=self._opened,
            )
            self._connection = connection
            if self._security == "starttls":
                connection.starttls(context=context)
            connection.ehlo_or_helo_if_needed()
            if self._user:
                connection.login(self._user, self._password)
        except (smtplib.SMTPException, OSError) as error:
            raise self._away(error) from error
        return connection

    def _opened(self, line: socket.socket) -> None:
        self._line = line
        if self._late.is_set():
            self._cut()

    def _cut(self) -> None:
        line = self._line
        if line is not None:
            shut(line)

    def _envelope(self, connection: smtplib.SMTP, address: str) -> None:
        """Name the recipient and ask for DATA; nothing was handed over when this fails."""
        try:
            code, _ = connection.rcpt(address)
            if code in _ACCEPTED:
                code, _ = connection.docmd("DATA")
        except (smtplib.SMTPException, OSError) as error:
            raise self._away(error) from error
        if code != _READY_FOR_DATA:
            self._refused(connection, code)

    def _hand_over(self, connection: smtplib.SMTP, mail: bytes) -> None:
        """Send the mail itself. What goes wrong now, without an answer, leaves open whether the server has it."""
        try:
            connection.send(_stuffed(mail))
            code, _ = connection.getreply()
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            raise ChannelError(
                f"no answer after the hand-over: {self._why(error)}", uncertain=True
            ) from error
        if code not in _ACCEPTED:
            self._refused(connection, code)

    def _refused(self, connection: smtplib.SMTP, code: int) -> None:
        """Raise what a refusal means, with the connection ready for the next mail."""
        if code == _CLOSING:
            self._drop()
            raise ChannelError("the mail server is closing", away=True)
        try:
            connection.rset()
        except (smtplib.SMTPException, OSError):
            self._drop()
        raise ChannelError(f"the mail server answered {code}", permanent=code >= _PERMANENT)

    def _away(self, error: Exception) -> ChannelError:
        self._drop()
        return ChannelError(f"the mail server is away: {self._why(error)}", away=True)

    def _why(self, error: Exception) -> str:
        return "it takes too long" if self._late.is_set() else type(error).__name__

    def _drop(self) -> None:
        """Let go of a connection that may no longer answer, without a farewell to wait for."""
        connection, self._connection = self._connection, None
        line, self._line = self._line, None
        for held in (connection, line):
            if held is not None:
                held.close()


class _Connection(smtplib.SMTP):
    """An SMTP connection, inside TLS if a context is given, whose line is known as soon as it is open.

    `opened` is called with a handle of its own on the TCP connection: it can be shut during a TLS handshake, and while the
    constructor waits for the greeting.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout: float,
        tls: ssl.SSLContext | None,
        opened: Callable[[socket.socket], None],
    ) -> None:
        self._tls, self._opened = tls, opened
        super().__init__(host, port, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Open the connection; smtplib.SMTP_SSL overrides this method in the same way."""
        line: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self._opened(line.dup())
        return self._tls.wrap_socket(line, server_hostname=host) if self._tls else line


def _ascii_domain(address: str) -> str:
    """Write the domain the way the DNS does. Raises ChannelError for one that it cannot hold."""
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{domain.encode('idna').decode()}"
    except UnicodeError as error:
        raise ChannelError("the address has no valid domain", permanent=True) from error


def _recipient(address: str) -> Address:
    """Raise ValueError or MessageError for what is no address. Beyond ASCII the library parses none, but writes them."""
    Address(addr_spec=_BEYOND_ASCII.sub("a", address))
    local, _, domain = address.rpartition("@")
    return Address(username=local, domain=domain)


def _stuffed(body: bytes) -> bytes:
    """End the mail with a lone dot, doubling dots that begin a line (RFC 5321, 4.5.2)."""
    doubled = body.replace(b"\r\n.", b"\r\n..")
    if doubled.startswith(b"."):
        doubled = b"." + doubled
    return doubled + (b"" if doubled.endswith(b"\r\n") else b"\r\n") + b".\r\n"
