"""Errors that a person can do something about."""

from collections.abc import Mapping
from typing import Any


class DomainError(Exception):
    """A request that cannot be done. `code` is stable and for machines; the message says what, where and what to do.

    `detail`: more for machines, such as the faulty fields; it is part of the REST answer.
    """

    status = 409
    detail: Mapping[str, Any] = {}

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        if status is not None:
            self.status = status


class NotFound(DomainError):
    """What was asked for does not exist, or no longer does; the message says which."""

    status = 404
