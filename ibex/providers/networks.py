"""Where a provider may live. An address that an operator types must not lead IBEX to its own machine's secrets.

Clouds hand out their machines' credentials at link-local and a few fixed addresses: these are closed to everyone, as
are those that no server can have. Loopback and private networks are open, for a model server of one's own (Ollama,
vLLM), unless IBEX_PROVIDER_NETWORKS says otherwise. A name is judged by the address that is really connected to.
"""

from __future__ import annotations

import socket
import unicodedata
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ibex.env import env

METADATA_NAMES = frozenset(
    {"metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"}
)
"""Refused when they are typed; when they are connected to, their address tells."""
_CLOSED = [
    ip_network(network)
    for network in (
        "169.254.0.0/16", "fe80::/10",  # link-local: metadata of AWS, Azure, Google, DigitalOcean and others
        "fd00:ec2::/32", "fd20:ce::254/128",  # of AWS and Google by IPv6
        "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32",  # of Alibaba, of Oracle, Azure's own channel
        "224.0.0.0/4", "ff00::/8", "240.0.0.0/4",  # no server has these
    )
]  # fmt: skip
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")
_IPV4_BITS = 0xFFFF_FFFF

Address = IPv4Address | IPv6Address


class ForbiddenAddress(OSError):
    """A connection that was not made: its address is closed."""


def may_be_typed(host: str) -> bool:
    """Whether `host`, a name or an address in any of its spellings, may be saved; names are resolved later."""
    name = unicodedata.normalize("NFKC", host).lower().rstrip(".")
    if name in METADATA_NAMES:
        return False
    if env().provider_networks == "public" and (name == "localhost" or name.endswith(".localhost")):
        return False
    literal = _literal(name)
    return literal is None or is_open(literal)


def connecting_socket(addr_info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
    """A socket for one resolved address, as `socket.getaddrinfo` gives it. Raises ForbiddenAddress."""
    family, kind, protocol, _, address = addr_info
    if not is_open(_address(str(address[0]))):
        raise ForbiddenAddress("the provider's address is closed")
    return socket.socket(family, kind, protocol)


def is_open(address: Address) -> bool:
    """Whether a provider may have this address."""
    is_public_only = env().provider_networks == "public"
    return not any(
        any(each in network for network in _CLOSED) or (is_public_only and not each.is_global)
        for each in _meant_by(address)
    )


def _meant_by(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address that an IPv6 one carries on: mapped, compatible, 6to4, NAT64."""
    yield address
    if isinstance(address, IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if carried is None and (address in _NAT64 or (address in _COMPATIBLE and int(address) > 1)):
            carried = IPv4Address(int(address) & _IPV4_BITS)
        if carried is not None:
            yield carried


def _literal(host: str) -> Address | None:
    """The address that `host` spells, also as one number, in octal or with parts left out; None for a name."""
    try:
        return _address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _address(text: str) -> Address:
    return ip_address(text.partition("%")[0])  # a zone is of this machine, and no part of the address
