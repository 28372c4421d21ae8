//! What people who wait cost a gate in memory; a process of its own, so that nothing else is counted.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use booking_core::room::Place;
use booking_core::time::Instant;
use booking_gate::rooms::{Head, Known, Rooms, Standing};
use serde_json::json;
use uuid::Uuid;

#[allow(dead_code, reason = "shared with the laws")]
#[path = "../stage/tokens.rs"]
mod tokens;

use tokens::{GENERATION, NOW_S, SECRET, header, keyring, signed};

const ROOM: i64 = 7;
const NOW: Instant = Instant(1_000_000);

fn ticket(place: Place) -> [u8; 16] {
    u128::from(place)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        .to_be_bytes()
}

/// Resident memory of this process (bytes).
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// 200,000 tickets that wait, each read from its signed form once and polled once.
#[test]
fn two_hundred_thousand_tickets_cost_less_than_200_mb() {
    const WAITING: Place = 200_000;
    let before = resident_bytes();
    let (rooms, keys) = (Rooms::default(), keyring().with_rooms(GENERATION));
    let header = header().to_string();
    rooms.take_heads(vec![Head {
        room_id: ROOM,
        is_on: true,
        is_open: true,
        is_drawn: true,
        pace: 1_000,
        places: WAITING,
        present: (1..=WAITING).collect(),
        ..Head::default()
    }]);
    let entries = (1..=WAITING).map(|place| (place, ticket(place), Standing::Waits));
    rooms.take_places(ROOM, entries);
    for place in 1..=WAITING {
        let id = Uuid::from_bytes(ticket(place)).to_string();
        let claims = json!({
            "iss": "humiao", "aud": "room", "iat": NOW_S, "exp": NOW_S + 86_400, "gen": GENERATION,
            "sub": id, "acc": id, "room": ROOM, "tkt": id,
        });
        let token = signed(SECRET, &header, &claims.to_string());
        let read = keys.ticket(token.as_bytes(), NOW_S).unwrap();
        assert!(
            rooms
                .poll(read.room_id, *read.ticket.as_bytes(), NOW)
                .is_some()
        );
    }
    let cost = resident_bytes().saturating_sub(before);
    println!("{WAITING} tickets: {} MB", cost / 1_000_000);
    assert!(cost <= 200_000_000, "{cost} bytes");
    assert_eq!(rooms.tickets(), WAITING as usize);
    let last = rooms.look(ROOM, ticket(WAITING), NOW).unwrap().known;
    let Known::Waits { place, ahead, .. } = last else {
        panic!("{last:?}")
    };
    assert_eq!((place, ahead), (WAITING, WAITING - 1));
}
