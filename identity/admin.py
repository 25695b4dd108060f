"""The list of admin pages of this floor."""

from identity.privacy import admin as privacy
from identity.profiles import admin as profiles
from identity.profiles import admin_decisions as decisions
from identity.profiles.households import admin as households
from identity.profiles.policies import admin as policies
from identity.touchpoints import admin as touchpoints

__all__ = ["decisions", "households", "policies", "privacy", "profiles", "touchpoints"]
