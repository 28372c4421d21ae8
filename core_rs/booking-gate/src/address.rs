//! Whose address is it? Only what trusted proxies say is believed, and only from the right end of their list.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// The header that trusted proxies append to.
pub const FORWARDED_FOR: &str = "x-forwarded-for";
/// Longest list that is looked at; a longer one is not believed.
const HOPS_MAX: usize = 16;

/// The client behind a connection from `peer`: the right-most hop of `X-Forwarded-For` (its lines, in their order) that is
/// no trusted proxy.
///
/// A peer that is not trusted is the client, whatever it writes. A hop that is no address ends the reading: the nearest
/// believed hop counts.
pub fn client_of(peer: IpAddr, lines: &[&[u8]], trusted: &[IpNet]) -> IpAddr {
    let trusts = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut client = peer.to_canonical();
    if !trusts(&client) {
        return client;
    }
    let mut hops = 0;
    for line in lines.iter().rev() {
        let Some(line) = std::str::from_utf8(line)
            .ok()
            .filter(|line| line.is_ascii())
        else {
            return client;
        };
        for hop in line.rsplit(',') {
            hops += 1;
            let Ok(address) = hop.trim().parse::<IpAddr>() else {
                return client;
            };
            client = address.to_canonical();
            if hops >= HOPS_MAX || !trusts(&client) {
                return client;
            }
        }
    }
    client
}

/// What a limit counts as one: an IPv4 address, or the /64 of an IPv6 address (one subscriber's network).
pub fn counted_as(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}
