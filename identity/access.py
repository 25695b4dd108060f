"""Who is calling, for REST views and the audit log, without knowing how they proved it.

dmp_site authenticates and puts a `Caller` into `request.auth`; a view names what it needs in `required_scope` and asks here for
the rest. Scopes read "thing:read" and "thing:write"; a key of one channel carries that channel's name and reaches no other.
"""

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import gettext
from rest_framework.request import Request

from identity.errors import DomainError

BY_NAME = frozenset(
    {"pii", "audit"}
)  # of scopes that have to be given by name: clear data, who did what


@dataclass(frozen=True, slots=True)
class Caller:
    """`actor` goes to the audit log: "key:<prefix>" or "user:<row id>"; `channel` is "" unless the key is one channel's own."""

    actor: str
    scopes: frozenset[str]
    channel: str = ""

    def may(self, scope: str) -> bool:
        """Tell whether the caller has this scope; "*" stands for all, "*:read" for all that only reads, except clear data and the audit log."""
        thing, _, verb = scope.rpartition(":")
        general = set() if thing in BY_NAME else {f"*:{verb}"}
        return bool(self.scopes & {scope, "*", *general})


def caller(request: Request) -> Caller:
    """Return who calls a REST view; dmp_site's permission has seen to it that there is one."""
    if not isinstance(request.auth, Caller):
        raise DomainError(
            "not_authenticated", gettext("an API key or a session is needed"), status=401
        )
    return request.auth


def actor(request: Request | HttpRequest) -> str:
    """Return the name for the audit log of who sent a REST or an admin request. A row id, since user names can be e-mails."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, Caller):
        return auth.actor
    return f"user:{request.user.pk}"
