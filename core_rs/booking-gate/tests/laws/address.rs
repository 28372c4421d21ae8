//! Whose address is it?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use booking_gate::address::{FORWARDED_FOR, client_of, counted_as};
use booking_gate::asks::Asks;
use hyper::header::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use proptest::prelude::*;

fn trusted() -> Vec<IpNet> {
    ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"]
        .map(|net| net.parse().unwrap())
        .to_vec()
}

fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
    }
    headers
}

fn client(peer: &str, lines: &[&str]) -> String {
    client_of(
        peer.parse().unwrap(),
        &Asks::of(&headers(lines)).hops,
        &trusted(),
    )
    .to_string()
}

/// Why, the peer, its lines, the client.
#[test]
fn row_by_row() {
    let long: Vec<_> = (0..40).map(|_| "10.0.0.1").collect();
    let long = format!("203.0.113.9, {}", long.join(", "));
    let rows: &[(&str, &str, &[&str], &str)] = &[
        (
            "a stranger is believed nothing",
            "192.0.2.1",
            &["203.0.113.9"],
            "192.0.2.1",
        ),
        (
            "a proxy without a list is the client",
            "10.0.0.1",
            &[],
            "10.0.0.1",
        ),
        (
            "a proxy is believed",
            "10.0.0.1",
            &["203.0.113.9"],
            "203.0.113.9",
        ),
        (
            "only the right end counts",
            "10.0.0.1",
            &["198.51.100.1, 203.0.113.9"],
            "203.0.113.9",
        ),
        (
            "a proxy behind a proxy",
            "10.0.0.1",
            &["198.51.100.1, 203.0.113.9, 10.2.3.4"],
            "203.0.113.9",
        ),
        (
            "only proxies: the farthest",
            "10.0.0.1",
            &["10.9.9.9, 10.2.3.4"],
            "10.9.9.9",
        ),
        (
            "several lines are one list",
            "10.0.0.1",
            &["198.51.100.1", "203.0.113.9", "10.2.3.4"],
            "203.0.113.9",
        ),
        (
            "junk ends the reading",
            "10.0.0.1",
            &["203.0.113.9, unknown, 10.2.3.4"],
            "10.2.3.4",
        ),
        (
            "junk at the end",
            "10.0.0.1",
            &["203.0.113.9, _hidden"],
            "10.0.0.1",
        ),
        (
            "a port is junk",
            "10.0.0.1",
            &["203.0.113.9:80"],
            "10.0.0.1",
        ),
        (
            "nothing between commas is junk",
            "10.0.0.1",
            &["203.0.113.9,,"],
            "10.0.0.1",
        ),
        (
            "decimal and octal are junk",
            "10.0.0.1",
            &["3405803785", "0313.0.0161.011"],
            "10.0.0.1",
        ),
        (
            "gaps around are none",
            "10.0.0.1",
            &["  203.0.113.9\t "],
            "203.0.113.9",
        ),
        (
            "a mapped proxy is a proxy",
            "::ffff:10.0.0.1",
            &["203.0.113.9"],
            "203.0.113.9",
        ),
        (
            "a mapped stranger is a stranger",
            "::ffff:192.0.2.1",
            &["203.0.113.9"],
            "192.0.2.1",
        ),
        (
            "a mapped hop is the address itself",
            "10.0.0.1",
            &["::ffff:203.0.113.9"],
            "203.0.113.9",
        ),
        (
            "a mapped hop of a proxy",
            "10.0.0.1",
            &["203.0.113.9, ::ffff:10.1.1.1"],
            "203.0.113.9",
        ),
        (
            "a proxy of IPv6",
            "fd00::1",
            &["2001:db8::9"],
            "2001:db8::9",
        ),
        (
            "brackets are junk",
            "fd00::1",
            &["[2001:db8::9]"],
            "fd00::1",
        ),
        (
            "a list without end is read so far",
            "10.0.0.1",
            &[&long],
            "10.0.0.1",
        ),
    ];
    for (why, peer, lines, expected) in rows {
        assert_eq!(client(peer, lines), *expected, "{why}");
    }
}

#[test]
fn one_network_of_ipv6_is_one() {
    let one = |text: &str| counted_as(text.parse().unwrap());
    assert_eq!(
        one("2001:db8:1:2::1"),
        one("2001:db8:1:2:ffff:ffff:ffff:ffff")
    );
    assert_ne!(one("2001:db8:1:2::1"), one("2001:db8:1:3::1"));
    assert_ne!(one("192.0.2.1"), one("192.0.2.2"));
}

fn anybody() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits))),
        any::<u32>().prop_map(|bits| IpAddr::V6(Ipv4Addr::from(bits).to_ipv6_mapped())),
        any::<u16>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(0x0A00_0000 + u32::from(bits)))),
    ]
}

fn stranger() -> impl Strategy<Value = IpAddr> {
    anybody().prop_filter("no proxy", |address| {
        !trusted()
            .iter()
            .any(|net| net.contains(&address.to_canonical()))
    })
}

/// What a liar may write: anything that a header can hold.
fn lie() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\t]{0,60}",
        prop::collection::vec(anybody(), 0..20).prop_map(|hops| hops
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")),
    ]
}

proptest! {
    #[test]
    fn a_stranger_is_itself_whatever_it_writes(peer in stranger(), lies in prop::collection::vec(lie(), 0..4)) {
        let lies: Vec<_> = lies.iter().map(String::as_str).collect();
        prop_assert_eq!(client_of(peer, &Asks::of(&headers(&lies)).hops, &trusted()), peer.to_canonical());
    }

    #[test]
    fn what_stands_before_the_hop_of_a_proxy_changes_nothing(
        lies in prop::collection::vec(lie(), 0..4), client in stranger(), proxies in prop::collection::vec(0_u16.., 0..8)
    ) {
        // Each proxy appends whom it saw: first the client, then the proxies before it.
        let mut appended = client.to_string();
        for proxy in &proxies {
            appended = format!("{appended}, {}", Ipv4Addr::from(0x0A00_0000 + u32::from(*proxy)));
        }
        let peer = "10.0.0.1".parse().unwrap();
        let mut lines: Vec<_> = lies.iter().map(String::as_str).collect();
        let on_one_line = lies.last().map(|lie| format!("{lie},{appended}"));
        lines.push(&appended);
        prop_assert_eq!(client_of(peer, &Asks::of(&headers(&lines)).hops, &trusted()), client.to_canonical());
        if let Some(line) = &on_one_line {
            prop_assert_eq!(client_of(peer, &Asks::of(&headers(&[line])).hops, &trusted()), client.to_canonical());
        }
    }

    #[test]
    fn an_address_is_counted_with_its_network_and_with_nobody_else(one in any::<u128>(), other in any::<u128>()) {
        let (a, b) = (IpAddr::V6(one.into()), IpAddr::V6(other.into()));
        prop_assert_eq!(counted_as(a) == counted_as(b), one >> 64 == other >> 64);
        let neighbour = IpAddr::V6(((one >> 64 << 64) | (other << 64 >> 64)).into());
        prop_assert_eq!(counted_as(a), counted_as(neighbour));
        prop_assert_eq!(counted_as(counted_as(a)), counted_as(a));
    }
}
