"""Reads the JSON body of a request, within limits."""

from collections.abc import Mapping
from typing import IO, Any

import msgspec
from django.utils.translation import gettext
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from identity.errors import DomainError

MAX_BODY = 1_000_000
_MAX_DEPTH = 50


class JSONParser(BaseParser):
    """Strict JSON (RFC 8259) of up to 1 MB and 50 levels; no NaN, no NUL, no invalid UTF-8."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise DomainError(
                "too_large",
                gettext("the body is larger than %(max_body)s bytes") % {"max_body": MAX_BODY},
                status=413,
            )
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise ParseError(f"The body is not JSON: {error}") from None
        _check(value, _MAX_DEPTH)
        return value


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise ParseError(f"The body is nested more than {_MAX_DEPTH} levels deep.")
    if isinstance(value, str):
        if "\x00" in value:
            raise ParseError("The body holds a NUL character.")
    elif isinstance(value, dict):
        for name, part in value.items():
            _check(name, depth)
            _check(part, depth - 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, depth - 1)
