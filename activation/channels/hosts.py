"""Which hosts a webhook may reach: none inside the own network, unless the operator says so. No Django.

The address that was judged is the one that is connected to; asking the name service twice would let it answer differently.
"""

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

# Ways to write an IPv4 address, or a site's own: a gateway may lead them inside.
_ROUNDABOUT = [
    ipaddress.IPv6Network(network)
    for network in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "fec0::/10")
]


class Forbidden(Exception):
    """An address that must not be called; the message says why."""


def split(url: str) -> SplitResult:
    """Take an address apart. Raises Forbidden for one that is not http(s) with a host, or carries a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        (parts.hostname or "").encode("idna")  # the name service would stumble over it
    except ValueError as error:  # UnicodeError is one
        raise Forbidden("the address is malformed") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Forbidden("the address is not http:// or https:// with a host")
    if parts.username or parts.password:
        raise Forbidden("the address carries a user name or password")
    return parts


def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """Return the address to connect to. Raises Forbidden when any address of the host is private, OSError when it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not allow_private and not all(_is_public(address) for address in addresses):
        raise Forbidden(f"{host} is in a private network; set allow_private to call it")
    return addresses[0]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _ROUNDABOUT):
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            address = inner
    return address.is_global and not address.is_multicast
