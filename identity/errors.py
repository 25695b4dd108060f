"""Errors that a person can do something about."""


class DomainError(Exception):
    """A request that cannot be done. `code` is stable and for machines; the message says what, where and what to do."""

    status = 409

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        if status is not None:
            self.status = status


class NotFound(DomainError):
    """What was asked for does not exist, or no longer does; the message says which."""

    status = 404
