"""The list of tables of this floor."""

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
    "Batch",
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
