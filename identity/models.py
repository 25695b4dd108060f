"""The list of tables of this floor."""

from identity.graph.models import (
    GraphCarries,
    GraphIdentifier,
    GraphLink,
    GraphMark,
    GraphTouchpoint,
)
from identity.privacy.models import AuditEntry
from identity.profiles.models import Identifier, Profile
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
    "GraphCarries",
    "GraphIdentifier",
    "GraphLink",
    "GraphMark",
    "GraphTouchpoint",
    "Identifier",
    "Installation",
    "Lane",
    "LaneCommand",
    "Profile",
    "Refusal",
    "SetAside",
    "Source",
    "WriteKey",
]
