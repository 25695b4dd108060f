"""Fixtures of this room."""

from tests.identity.signing import sign_in

__all__ = ["sign_in"]
