"""The list of tables of this floor."""

from identity.graph.models import (
    GraphCarries,
    GraphIdentifier,
    GraphLink,
    GraphMark,
    GraphTouchpoint,
)
from identity.privacy.models import AuditEntry, Consent, Suppression, VaultAccess, VaultEntry
from identity.profiles.models import (
    ContactCount,
    Identifier,
    Order,
    OrderTotal,
    Profile,
    ProfileMove,
    Seen,
    Trait,
    Unshown,
    Visit,
)
from identity.touchpoints.models import (
    Batch,
    Installation,
    Lane,
    LaneCommand,
    Refusal,
    SetAside,
    Source,
    WriteKey,
)

__all__ = [
    "AuditEntry",
    "Batch",
    "Consent",
    "ContactCount",
    "GraphCarries",
    "GraphIdentifier",
    "GraphLink",
    "GraphMark",
    "GraphTouchpoint",
    "Identifier",
    "Installation",
    "Lane",
    "LaneCommand",
    "Order",
    "OrderTotal",
    "Profile",
    "ProfileMove",
    "Refusal",
    "Seen",
    "SetAside",
    "Source",
    "Suppression",
    "Trait",
    "Unshown",
    "VaultAccess",
    "VaultEntry",
    "Visit",
    "WriteKey",
]
