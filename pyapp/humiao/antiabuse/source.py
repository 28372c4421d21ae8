"""Where a request comes from: the device that the client names, and the network of its address.

Both are counted and neither is trusted: a device id can be made up, a network is shared by thousands. They are kept as
keyed digests; what a reviewer sees is a masked label.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Annotated

from fastapi import Header, Request

from humiao.errors import Problem
from humiao.kit.crypto import Vault

DEVICE_PATTERN = re.compile(r"[A-Za-z0-9_-]{16,64}")
V4_PREFIX, V6_PREFIX = 24, 64


@dataclass(frozen=True, slots=True)
class Source:
    """As the request says it: a device id, and the client's address as the edge vouches for it."""

    device_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Origin:
    """As it is counted: digests of device and network, and their labels for reviewers."""

    device: bytes
    network: bytes
    device_label: str
    network_label: str


def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /64 of an IPv6 one; what is no address is one network, "unknown"."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return str(ip_network((found, V4_PREFIX if found.version == 4 else V6_PREFIX), strict=False))


def network_label(network: str) -> str:
    """203.0.113.0/24 -> 203.0.113.*, 2001:db8:1:2::/64 -> 2001:db8:1:2::*."""
    prefix = network.partition("/")[0]
    return f"{prefix.removesuffix('.0')}.*" if "." in prefix else f"{prefix}*" if ":" in prefix else network


def origin_of(vault: Vault, source: Source) -> Origin:
    """Digest what a request says about where it comes from."""
    network = network_of(source.address)
    device = vault.blind_index("device", source.device_id)
    return Origin(device, vault.blind_index("network", network), device.hex()[:8], network_label(network))


def source_of(
    request: Request,
    device_id: Annotated[
        str | None, Header(alias="Device-Id", description="设备标识：客户端自己生成并一直保留的随机串")
    ] = None,
) -> Source:
    """Read where a request comes from; raises Problem where the device id is missing or malformed."""
    if device_id is None:
        raise Problem("device_missing")
    if not DEVICE_PATTERN.fullmatch(device_id):
        raise Problem("device_malformed")
    return Source(device_id, request.client.host if request.client else "")
