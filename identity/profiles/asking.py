"""Somebody asks why two identifiers are one person, or are not: that is written down, since it looks people up."""

from identity.clock import Instant
from identity.privacy import audit
from identity.profiles import models
from identity.profiles.explain import Explanation, explain
from identity.touchpoints.types import Identifier


def explained(a: Identifier, b: Identifier, *, actor: str, now: Instant) -> Explanation:
    """Return the chain of evidence between two identifiers; the entry of the audit log names their rows, and no value."""
    wanted = models.Identifier.objects.filter(key__in=[a.key, b.key])
    row = dict(wanted.values_list("key", "pk"))
    object_ = f"identity.identifier:{row[a.key]}" if a.key in row else "identity.identifier"
    audit.record(actor, "identity.explain", object_, {"and": row.get(b.key)}, now)
    return explain(a, b)
