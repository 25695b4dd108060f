"""Hands messages to an HTTP endpoint, signed as the Standard Webhooks specification has it."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult

import httpx

from activation.channels import hosts, signing
from activation.channels.deadline import deadline, shut
from activation.channels.port import Channel, ChannelError, Message
from identity.clock import DAY, SECOND, Instant, from_datetime, to_datetime

MAX_BODY = 20_000  # bytes; the specification's advice
_MAX_ANSWER = 64_000  # bytes that are read, so that the connection can be used again
_PATIENCE = 2  # times the time-out of one step: the longest that a call may take
_GONE = 410
_TRY_AGAIN = {408, 425, 429}
# The request never left in full, or not at all.
_NOT_TAKEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class WebhookChannel(Channel):
    """Posts `{type, timestamp, data}`; a 2xx is a yes, a redirect is a failure, 410 ends the endpoint.

    `secrets`: written secrets ("whsec_..."), several while one is being replaced. `allow_private`: also call hosts of the own
    network. `timeout`: seconds for each step; the whole call may take twice as long, however slowly the other side drips.
    """

    def __init__(
        self,
        name: str,
        *,
        url: str,
        secrets: Sequence[str],
        addressed_by: str = "",
        allow_private: bool = False,
        timeout: float = 10.0,
    ) -> None:
        super().__init__(name)
        self.addressed_by = addressed_by
        self._url = url
        self._secrets = tuple(secrets)
        self._allow_private = allow_private
        self._timeout = timeout
        self._stream: Any = None  # the connection that is open
        self._client = httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False)

    def send(self, message: Message, now: Instant) -> str:
        body = _body(message, now)
        if len(body) > MAX_BODY:
            raise ChannelError(f"the message has more than {MAX_BODY} bytes", permanent=True)
        try:
            parts = hosts.split(self._url)
            request = self._request(parts, message.unique, body, now)
            status, headers = self._call(request)
        except hosts.Forbidden as error:
            raise ChannelError(str(error), away=True) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ChannelError("the address is malformed", away=True) from error
        except (*_NOT_TAKEN, OSError) as error:
            raise ChannelError(
                f"the endpoint cannot be reached: {type(error).__name__}", away=True
            ) from error
        except httpx.HTTPError as error:
            raise ChannelError(
                f"no answer after the hand-over: {type(error).__name__}", uncertain=True
            ) from error
        _judge(status, headers, now)
        return ""

    def close(self) -> None:
        self._client.close()

    def _call(self, request: httpx.Request) -> tuple[int, Mapping[str, str]]:
        """Return status and headers; the rest of an answer says nothing, so whatever becomes of it changes nothing."""
        with deadline(_PATIENCE * self._timeout, self._cut):
            response = self._client.send(request, stream=True)
            with contextlib.suppress(httpx.HTTPError, OSError), contextlib.closing(response):
                size = 0
                for chunk in response.iter_raw():
                    size += len(chunk)
                    if size > _MAX_ANSWER:
                        break
        return response.status_code, response.headers

    def _cut(self) -> None:
        held = self._stream.get_extra_info("socket") if self._stream is not None else None
        if held is not None:
            shut(held)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._stream = info["return_value"]

    def _request(self, parts: SplitResult, key: str, body: bytes, now: Instant) -> httpx.Request:
        """Address the judged IP address itself, with the name in Host and in TLS."""
        host = str(parts.hostname)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = hosts.resolve(host, port, allow_private=self._allow_private)
        url = httpx.URL(self._url).copy_with(host=address)
        headers = {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "User-Agent": "Filrouge",
            **signing.headers(self._secrets, key, body, now),
        }
        return self._client.build_request(
            "POST",
            url,
            content=body,
            headers=headers,
            extensions={"sni_hostname": host, "trace": self._trace},
        )


def _body(message: Message, now: Instant) -> bytes:
    data = {"key": message.key, "address": message.address, "subject": message.subject}
    data |= {"text": message.text, "html": message.html, **message.data}
    document = {
        "type": "message.send",
        "timestamp": to_datetime(now).isoformat(timespec="milliseconds"),
        "data": {name: value for name, value in data.items() if value not in {"", None}},
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _judge(status: int, headers: Mapping[str, str], now: Instant) -> None:
    if httpx.codes.is_success(status):
        return
    text = f"the endpoint answered {status}"
    if httpx.codes.is_server_error(status) or status in _TRY_AGAIN:
        raise ChannelError(text, retry_after=_retry_after(headers.get("retry-after", ""), now))
    raise ChannelError(text, permanent=True, gone=status == _GONE)


def _retry_after(said: str, now: Instant) -> Instant:
    """Return the milliseconds to wait that a Retry-After header asks for: seconds or a date (RFC 9110, 10.2.3); a day at most."""
    if said.isascii() and said.isdigit():
        return min(int(said[:9]) * SECOND, DAY)
    try:
        asked = from_datetime(parsedate_to_datetime(said)) - now
    except (ValueError, TypeError):
        return 0
    return min(max(asked, 0), DAY)
