"""From a clear value that somebody names to the identifier under which it would be stored."""

import re

from django.conf import settings
from django.utils.translation import gettext

from identity.errors import DomainError
from identity.graph import policies, policy
from identity.graph.normalising import Refused, looks_like_pii
from identity.privacy.keys import keys_at
from identity.touchpoints.types import Identifier

_HMAC = re.compile("[0-9a-f]{64}")


def identifier(
    namespace: str, clear: str, *, region: str = "", public: bool = False
) -> Identifier:
    """Return the identifier of a clear value; `public`: it came in an address, where personal data must not be.

    `region` (ISO 3166) completes a phone number. Raises DomainError (400) for what can be none.
    """
    rules = policies.current()
    try:
        value = policy.clean(namespace, clear, region=region, policy=rules)
    except Refused as refused:
        raise DomainError(
            refused.reason,
            gettext("this value of %(namespace)r is no identifier") % {"namespace": namespace},
            status=400,
        ) from None
    if public and policy.is_pii(namespace, value, policy=rules):
        raise DomainError(
            "personal_in_address",
            gettext("personal data must not be in an address: POST it to profiles/lookup"),
            status=400,
        )
    key = keys_at(settings.KEYS_FILE).identifier
    return policy.identify(namespace, value, key=key, policy=rules)


def by_key(key: str) -> Identifier:
    """Return the identifier that an answer of ours named: "namespace:value", of personal data its HMAC. Raises DomainError (400)."""
    found = Identifier.of(key)
    known = policies.current().find(found.namespace)
    clear = known is not None and (
        looks_like_pii(found.value) or (known.pii and not _HMAC.fullmatch(found.value))
    )
    if known is None or clear or not found.value:
        raise DomainError(
            "unknown_key",
            gettext("this is no key of an identifier: give namespace and value"),
            status=400,
        )
    return found


def identifier_of(namespace: str, clear: str) -> Identifier | None:
    """Return the identifier of a clear value; None when it can be none (blocked, too long, of an unknown namespace)."""
    try:
        key = keys_at(settings.KEYS_FILE).identifier
        return policy.normalise(namespace, clear, key=key, policy=policies.current())
    except Refused:
        return None


def is_readable(namespace: str) -> bool:
    """Tell whether a namespace is known and its values are stored as they are: they are no personal data."""
    known = policies.current().find(namespace)
    return known is not None and not known.pii
