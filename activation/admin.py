"""The list of admin pages of this floor."""

from activation.audiences import admin as audiences
from activation.channels import admin as channels
from activation.deliveries import admin as deliveries
from activation.pressure import admin as pressure

__all__ = ["audiences", "channels", "deliveries", "pressure"]
