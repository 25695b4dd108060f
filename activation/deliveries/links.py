"""The addresses of this installation, for who writes them into messages and who answers them."""

from django.conf import settings

from activation.deliveries.tokens import Addresses
from identity.privacy.keys import keys_at


def addresses() -> Addresses:
    """Return the maker and reader of this installation's addresses."""
    return Addresses(keys_at(settings.KEYS_FILE).token, settings.COLLECTOR_URL)
