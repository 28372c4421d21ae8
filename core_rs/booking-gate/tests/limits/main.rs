//! Limits that hold across gates: two gates on real ports before one real cache.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod notes;
mod pair;
#[path = "../../../booking-redis/tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use booking_gate::limits::Rate;
use pair::{Door, LONG, Terms, WIDE, open, token};
use redis::Connection;
use support::Server;
use uuid::Uuid;

const BURST: u32 = 20;
/// So slow that nothing comes back while a test runs: one request in a quarter of an hour.
const SLOW: Rate = Rate {
    per_s: 0.001,
    burst: BURST,
};
const HERE: &str = "203.0.113.7";

fn by_account(shared: bool) -> Terms {
    Terms {
        account: SLOW,
        device: WIDE,
        address: WIDE,
        shared: shared.then_some(LONG),
    }
}

fn two(terms: Terms, server: &Server) -> [Door; 2] {
    [false, true].map(|turned| open(terms, &server.url(), turned))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Asks the two gates in turn and counts who was let through; a report is heard before the other gate is asked.
async fn in_turn(doors: &mut [Door; 2], times: usize, token: &str, shared: bool) -> [u64; 2] {
    let mut passed = [0; 2];
    for number in 0..times {
        let door = &mut doors[number % 2];
        passed[number % 2] += u64::from(door.ask(token, HERE).await);
        if shared {
            door.settled().await;
        }
    }
    passed
}

#[test]
fn an_account_that_asks_two_gates_in_turn_gets_one_burst() {
    let server = Server::start();
    let mut doors = two(by_account(true), &server);
    let (account, device) = (Uuid::from_u128(6), Uuid::from_u128(1));
    let passed = runtime().block_on(in_turn(&mut doors, 80, &token(account, device), true));
    // A report each, and nothing comes back while it lasts.
    let (together, most) = (passed[0] + passed[1], u64::from(BURST) + 2);
    assert!(
        together >= u64::from(BURST) && together <= most,
        "{passed:?}"
    );
    assert!(
        doors
            .iter()
            .all(|door| door.gate.metrics.limits.raised.get() > 0)
    );
}

#[test]
fn control_gates_that_do_not_tell_each_other_give_a_burst_each() {
    let server = Server::start();
    let mut doors = two(by_account(false), &server);
    let account = token(Uuid::from_u128(7), Uuid::from_u128(1));
    let passed = runtime().block_on(in_turn(&mut doors, 80, &account, false));
    assert_eq!(passed, [u64::from(BURST); 2]);
    let left: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query(&mut server.connection())
        .unwrap();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn two_bursts_at_once_are_paid_for_afterwards() {
    let server = Server::start();
    // One request in 50 ms; two bursts are worth two seconds.
    let terms = Terms {
        account: Rate {
            per_s: 20.0,
            burst: BURST,
        },
        ..by_account(true)
    };
    let mut doors = two(terms, &server);
    let account = token(Uuid::from_u128(8), Uuid::from_u128(1));
    runtime().block_on(async {
        let began = Instant::now();
        let mut passed = [0_u64; 2];
        while began.elapsed() < Duration::from_secs(3) {
            let [one, other] = &mut doors;
            let (one, other) = tokio::join!(one.ask(&account, HERE), other.ask(&account, HERE));
            passed[0] += u64::from(one);
            passed[1] += u64::from(other);
        }
        let in_time = u64::try_from(began.elapsed().as_millis() / 50).unwrap();
        // Overshoot: what each gate lets through between a report and the answer to the next, which is a burst at most.
        let together = passed[0] + passed[1];
        let most = u64::from(BURST) * 3 + in_time;
        assert!(together <= most, "{passed:?} of {most}");
        assert!(
            together >= u64::from(BURST) + in_time / 2,
            "{passed:?}: nobody is shut out"
        );
        // Each gate alone would have given its burst and the whole rate.
        let apart = 2 * (u64::from(BURST) + in_time);
        assert!(together * 4 <= apart * 3, "{passed:?} of {apart} apart");
    });
}

#[test]
fn who_asks_one_gate_alone_never_notices() {
    let server = Server::start();
    let terms = Terms {
        account: SLOW,
        device: SLOW,
        address: SLOW,
        shared: Some(LONG),
    };
    let mut door = open(terms, &server.url(), false);
    let account = token(Uuid::from_u128(9), Uuid::from_u128(2));
    runtime().block_on(async {
        for _ in 0..BURST {
            assert!(door.ask(&account, HERE).await);
            door.settled().await;
        }
        assert!(!door.ask(&account, HERE).await);
    });
    assert_eq!(door.gate.metrics.limits.raised.get(), 0);
    assert_eq!(door.reported(), (u64::from(BURST) * 3, 0));
}

/// Every member of every bucket, and every key.
fn everything(connection: &mut Connection) -> (Vec<String>, Vec<Vec<u8>>) {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(connection).unwrap();
    let members = keys.iter().flat_map(|key| {
        let mut range = redis::cmd("ZRANGE");
        range.arg(key).arg(0).arg(-1);
        range.query::<Vec<Vec<u8>>>(connection).unwrap()
    });
    let members = members.collect();
    (keys, members)
}

#[test]
fn addresses_are_limited_together_and_known_to_nobody() {
    let server = Server::start();
    let terms = Terms {
        account: WIDE,
        device: WIDE,
        address: SLOW,
        shared: Some(LONG),
    };
    let mut doors = two(terms, &server);
    runtime().block_on(async {
        let mut passed = 0;
        for number in 0..60_u128 {
            // Another account and device each time, and another address of the same /64.
            let token = token(Uuid::from_u128(100 + number), Uuid::from_u128(200 + number));
            let from = format!("2001:db8:77:88::{:x}", number + 1);
            let door = &mut doors[usize::try_from(number % 2).unwrap()];
            passed += u64::from(door.ask(&token, &from).await);
            door.settled().await;
        }
        assert!((20..=22).contains(&passed), "{passed}");
    });
    // What else is counted is over at once; an address's instant lies ahead for hours.
    let (keys, members) = everything(&mut server.connection());
    let addresses: Vec<&String> = keys.iter().filter(|key| key.contains("address")).collect();
    assert_eq!(addresses.len(), 1, "one /64 at two gates is one caller");
    let network = [0x20, 0x01, 0x0d, 0xb8, 0x00, 0x77, 0x00, 0x88];
    let shows = |member: &Vec<u8>| {
        let mut parts = network.windows(4);
        parts.any(|part| member.windows(4).any(|bytes| bytes == part))
    };
    assert!(!members.is_empty() && members.iter().all(|member| member.len() == 16));
    assert!(!members.iter().any(shows));
}

#[test]
fn with_the_cache_gone_each_gate_limits_alone_and_answers_all_the_same() {
    let mut server = Server::start();
    let mut doors = two(by_account(true), &server);
    let account = token(Uuid::from_u128(11), Uuid::from_u128(1));
    let other = token(Uuid::from_u128(12), Uuid::from_u128(2));
    runtime().block_on(async {
        let before = in_turn(&mut doors, 10, &account, true).await;
        assert_eq!(before, [5, 5]);
        server.kill();
        let mut passed = [5, 5];
        for number in 0..80 {
            passed[number % 2] += u64::from(doors[number % 2].ask(&account, HERE).await);
        }
        // Each knew of nine or ten, give or take one, when the cache went.
        for passed in passed {
            assert!((15..=17).contains(&passed), "{passed}");
        }
        server.restart();
        let deadline = Instant::now() + LONG;
        for (number, door) in doors.iter_mut().enumerate() {
            let stranger = Uuid::from_u128(100 + number as u128);
            let told = door.reported().0;
            while door.reported().0 == told {
                assert!(Instant::now() < deadline, "reports did not come back");
                let _ = door.ask(&token(stranger, stranger), HERE).await;
                door.settled().await;
            }
        }
        let passed = in_turn(&mut doors, 80, &other, true).await;
        let together = passed[0] + passed[1];
        assert!(
            (20..=22).contains(&together),
            "{passed:?}: limited together again"
        );
    });
}

#[test]
fn a_cache_that_hangs_delays_nobody() {
    let server = Server::start();
    let mut door = open(by_account(true), &server.url(), false);
    runtime().block_on(async {
        assert!(
            door.ask(&token(Uuid::from_u128(1), Uuid::from_u128(1)), HERE)
                .await
        );
        door.settled().await;
        server.freeze(true);
        let began = Instant::now();
        for number in 100..200 {
            let caller = Uuid::from_u128(number);
            assert!(door.ask(&token(caller, caller), HERE).await);
        }
        let waited = began.elapsed();
        // The first of these reports waits for its answer until LONG.
        assert_eq!(door.reported(), (3, 0));
        server.freeze(false);
        assert!(waited < LONG / 2, "{waited:?}");
        door.settled().await;
        assert_eq!(door.reported(), (3 + 300, 0));
    });
}

#[test]
fn of_more_callers_than_a_report_carries_the_busiest_are_told() {
    let server = Server::start();
    let mut doors = two(by_account(true), &server);
    let robot = token(Uuid::from_u128(1), Uuid::from_u128(1));
    runtime().block_on(async {
        let [one, other] = &mut doors;
        assert!(
            one.ask(&token(Uuid::from_u128(2), Uuid::from_u128(2)), HERE)
                .await
        );
        one.settled().await;
        server.freeze(true);
        for number in 0..700 {
            let caller = Uuid::from_u128(1000 + number);
            assert!(one.ask(&token(caller, caller), HERE).await);
            if number % 50 == 0 {
                assert!(one.ask(&robot, HERE).await);
            }
        }
        server.freeze(false);
        one.settled().await;
        assert!(one.missed() > 0, "{:?}", one.reported());
        let mut passed = 0;
        for _ in 0..2 * BURST {
            passed += u64::from(other.ask(&robot, HERE).await);
            other.settled().await;
        }
        // Fourteen at the first gate, and at most a request more than the rest of the burst at the second.
        assert!((6..=7).contains(&passed), "{passed}");
    });
}
