"""What each role may do. Roles are Django groups, made by `ensure`; a superuser may do everything."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, PermissionsMixin


@dataclass(frozen=True, slots=True)
class Role:
    """`scopes`: of the REST API."""

    scopes: frozenset[str]


_READ = "*:read"

ROLES: Mapping[str, Role] = {
    "viewer": Role(frozenset({_READ})),
    "marketer": Role(
        frozenset(
            {_READ, "audiences:write", "journeys:write", "pressure:write", "templates:write"}
        )
    ),
    "operator": Role(
        frozenset({_READ, "sources:write", "channels:write", "deliveries:write", "jobs:write"})
    ),
    "privacy officer": Role(frozenset({_READ, "privacy:write", "profiles:write"})),
    "admin": Role(frozenset({"*"})),
}


def scopes_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[str]:
    """Return the REST scopes of a signed-in user: those of all roles held."""
    if not isinstance(user, PermissionsMixin) or not user.is_active:
        return frozenset()
    if user.is_superuser:
        return frozenset({"*"})
    held = Group.objects.filter(user=user.pk).values_list("name", flat=True)
    return frozenset().union(*(ROLES[name].scopes for name in held if name in ROLES))
