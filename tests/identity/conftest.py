"""Fixtures that several rooms share."""

from tests.identity.signing import sign_in

__all__ = ["sign_in"]
