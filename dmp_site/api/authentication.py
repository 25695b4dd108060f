"""Who calls, and whether they may: API keys (Bearer) and sessions of the console."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.urls import URLResolver, get_resolver
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from dmp_site import apikeys, roles
from identity import clock
from identity.access import Caller


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer frk_…`."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        scheme, _, key = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        caller = apikeys.recognise(key.strip(), clock.now())
        if caller is None:
            raise exceptions.AuthenticationFailed("This API key is unknown or revoked.")
        return AnonymousUser(), caller

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ConsoleAuthentication(SessionAuthentication):
    """The console's own session, with Django's CSRF token for what writes."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        return user, Caller(f"user:{user.pk}", roles.scopes_of(user))


class HasScope(BasePermission):
    """Reads `required_scope` of the view: one scope, or a dict from method to scope. A view without it is closed."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Caller):
            raise exceptions.NotAuthenticated
        scope = required_scope(view, request.method or "")
        if scope is None:
            # What the view does not offer goes on to become a 405; what it offers without a scope stays closed.
            method = (request.method or "").lower()
            return method == "options" or not hasattr(view, method)
        if not request.auth.may(scope):
            raise exceptions.PermissionDenied(f"This needs the scope {scope}.")
        return True


def required_scope(view: Any, method: str) -> str | None:
    """Return the scope that a method of the view needs; HEAD needs what GET needs."""
    needed = getattr(view, "required_scope", None)
    if isinstance(needed, dict):
        method = "GET" if method == "HEAD" else method
        return needed.get(method)
    return needed


def known_scopes() -> list[str]:
    """Return every scope that some view asks for, sorted; `further_scopes` of a view let a caller do more there."""
    return sorted(
        {scope for view in _views(get_resolver().url_patterns) for scope in _scopes(view)}
    )


def _scopes(view: Any) -> Iterable[str]:
    needed = getattr(view, "required_scope", None) or {}
    required = needed.values() if isinstance(needed, dict) else [needed]
    return [*required, *getattr(view, "further_scopes", ())]


def _views(patterns: Iterable[Any]) -> Iterator[Any]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
        elif view := getattr(pattern.callback, "cls", None):
            yield view


class _KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = KeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A key made by `manage.py createkey`.",
        }


class _ConsoleScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ConsoleAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "session"}
