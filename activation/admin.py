"""The list of admin pages of this floor."""

from activation.channels import admin as channels
from activation.deliveries import admin as deliveries

__all__ = ["channels", "deliveries"]
