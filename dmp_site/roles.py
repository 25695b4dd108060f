"""What each role may do. Roles are Django groups, made by `ensure`; a superuser may do everything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from django.contrib.auth.models import (
    AbstractBaseUser,
    AnonymousUser,
    Group,
    Permission,
    PermissionsMixin,
)
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_EDIT = frozenset({"view", "add", "change", "delete"})
_VIEW = frozenset({"view"})
_ALL = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Role:
    """`scopes`: of the REST API. `grants`: pattern of "app.model" -> verbs of Django's permissions; "*" = every verb."""

    title: str | Promise
    scopes: frozenset[str]
    grants: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def may(self, model: str, verb: str) -> bool:
        """Tell whether the role holds the permission `verb` ("view", "change", …) on `model` ("identity.source")."""
        return any(
            verb in verbs or "*" in verbs
            for pattern, verbs in self.grants.items()
            if fnmatchcase(model, pattern)
        )


# Everybody sees what the product knows, with PII masked; who has access and who did what is not everybody's business.
_SEE = {
    "identity.[!av]*": _VIEW,
    "identity.a[!u]*": _VIEW,
    "identity.visit": _VIEW,
    "activation.*": _VIEW,
    "journeys.*": _VIEW,
    "dmp_site.job": _VIEW,
}
_READ = "*:read"

ROLES: Mapping[str, Role] = {
    "viewer": Role(_("Viewer"), frozenset({_READ}), _SEE),
    "marketer": Role(
        _("Marketer"),
        frozenset(
            {_READ, "audiences:write", "journeys:write", "pressure:write", "templates:write"}
        ),
        {
            **_SEE,
            "activation.audience*": _EDIT,
            "activation.manualmember": _EDIT,
            "activation.policy*": _EDIT,
            "activation.personcap": _EDIT,
            "activation.quiethours": _EDIT,
            "activation.messageclass": _EDIT,
            "activation.channelweight": _EDIT,
            "activation.template*": _EDIT,
            "journeys.journey*": _EDIT,
        },
    ),
    "operator": Role(
        _("Operator"),
        frozenset(
            {
                *(_READ, "sources:write", "channels:write", "deliveries:write", "jobs:write"),
                "profiles:write",
            }
        ),
        {
            **_SEE,
            "identity.source": _EDIT,
            "identity.writekey": _EDIT,
            "identity.setaside": _VIEW | {"change"},
            "identity.decision": _EDIT,
            "activation.channelconfig": _EDIT,
            "activation.partnerlist": _EDIT,
            "activation.delivery": _VIEW | {"change"},
            "dmp_site.job": _VIEW | {"change"},
        },
    ),
    "privacy officer": Role(
        _("Privacy officer"),
        frozenset({_READ, "audit:read", "pii:read", "privacy:write", "profiles:write"}),
        {
            **_SEE,
            "identity.auditentry": _VIEW,
            "identity.vaultaccess": _VIEW,
            "identity.profile": _ALL,
            "identity.decision": _EDIT,
            "identity.consent*": _ALL,
            "identity.suppression*": _ALL,
            "identity.erasure": _VIEW,
        },
    ),
    "admin": Role(_("Admin"), frozenset({"*"}), {"*": _ALL}),
}


def ensure() -> None:
    """Make the groups of all roles, with exactly their permissions; those added by hand to them are taken away."""
    with transaction.atomic():
        permissions = Permission.objects.select_related("content_type")
        for name, role in ROLES.items():
            group, _made = Group.objects.get_or_create(name=name)
            group.permissions.set(held for held in permissions if _grants(role, held))


def _grants(role: Role, permission: Permission) -> bool:
    kind = permission.content_type
    verb = permission.codename.removesuffix(f"_{kind.model}")
    return role.may(f"{kind.app_label}.{kind.model}", verb)


def scopes_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[str]:
    """Return the REST scopes of a signed-in user: those of all roles held."""
    if not isinstance(user, PermissionsMixin) or not user.is_active:
        return frozenset()
    if user.is_superuser:
        return frozenset({"*"})
    held = Group.objects.filter(user=user.pk).values_list("name", flat=True)
    return frozenset().union(*(ROLES[name].scopes for name in held if name in ROLES))
