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

__all__ = [
    "Audience",
    "AudienceVersion",
    "Build",
    "ManualMember",
    "Match",
    "Membership",
    "MembershipLog",
    "Predicate",
    "Recheck",
]
