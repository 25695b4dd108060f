"""The list of tables: the models of this floor's rooms."""

from activation.audiences.models import (
    Audience,
    AudienceVersion,
    Build,
    ManualMember,
    Match,
    Membership,
    MembershipLog,
    Predicate,
    Recheck,
)
from activation.channels.models import ChannelConfig

__all__ = [
    "Audience",
    "AudienceVersion",
    "Build",
    "ChannelConfig",
    "ManualMember",
    "Match",
    "Membership",
    "MembershipLog",
    "Predicate",
    "Recheck",
]
