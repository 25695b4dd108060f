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
    Replay,
)
from activation.channels.models import ChannelConfig
from activation.deliveries.models import (
    Delivery,
    DeliveryStep,
    ListEntry,
    PartnerList,
    Reaction,
    Template,
)
from activation.pressure.models import (
    ChannelWeight,
    Decision,
    Intent,
    LedgerRow,
    MessageClass,
    PersonCap,
    Policy,
    PolicyVersion,
    QuietHours,
)

__all__ = [
    "Audience",
    "AudienceVersion",
    "Build",
    "ChannelConfig",
    "ChannelWeight",
    "Decision",
    "Delivery",
    "DeliveryStep",
    "Intent",
    "LedgerRow",
    "ListEntry",
    "ManualMember",
    "Match",
    "Membership",
    "MembershipLog",
    "MessageClass",
    "PartnerList",
    "PersonCap",
    "Policy",
    "PolicyVersion",
    "Predicate",
    "QuietHours",
    "Reaction",
    "Recheck",
    "Replay",
    "Template",
]
