"""Networks: a /24, a /64, whatever the spelling; labels say no more than that."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humiao.antiabuse.source import Source, network_label, network_of, origin_of
from humiao.kit.crypto import Vault

VAULT = Vault(data_key=b"d" * 16, index_key=b"i" * 32)


@given(st.ip_addresses(v=4), st.integers(0, 255))
def test_addresses_of_a_24_are_one_network(address: IPv4Address, last: int) -> None:
    neighbour = IPv4Address((int(address) & ~0xFF) | last)
    assert network_of(str(address)) == network_of(str(neighbour)) == str(ip_network((address, 24), strict=False))


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_addresses_of_a_64_are_one_network(address: IPv6Address, rest: int) -> None:
    neighbour = IPv6Address((int(address) >> 64 << 64) | rest)
    if address.ipv4_mapped is None and neighbour.ipv4_mapped is None:
        assert network_of(str(address)) == network_of(str(neighbour))
        assert network_of(str(address)).endswith("/64")


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_ipv6_is_the_same_network(address: IPv4Address) -> None:
    assert network_of(f"::ffff:{address}") == network_of(str(address))


@given(st.text(max_size=60))
def test_whatever_comes_has_a_network(text: str) -> None:
    network = network_of(text)
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        assert network == "unknown"


@pytest.mark.parametrize(
    ("network", "label"),
    [
        ("203.0.113.0/24", "203.0.113.*"),
        ("10.0.0.0/24", "10.0.0.*"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::*"),
        ("unknown", "unknown"),
    ],
)
def test_a_label_is_the_network_with_a_star(network: str, label: str) -> None:
    assert network_label(network) == label


def test_neither_device_nor_address_can_be_read_from_an_origin() -> None:
    origin = origin_of(VAULT, Source("device-of-somebody-01", "203.0.113.77"))
    text = repr(origin)
    assert "device-of-somebody" not in text and "203.0.113.77" not in text
    assert origin != origin_of(VAULT, Source("device-of-somebody-02", "203.0.113.77"))
