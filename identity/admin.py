"""The list of admin pages of this floor."""

from identity.privacy import admin as privacy
from identity.profiles import admin as profiles
from identity.touchpoints import admin as touchpoints

__all__ = ["privacy", "profiles", "touchpoints"]
