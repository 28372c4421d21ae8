//! The pace over many gates on a real server: generated histories through booking-core's specification and through the
//! function library agree; one call of the client reaches every bucket.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use booking_core::throttle::{Callers, Pace};
use booking_redis::call::{self, LetThrough};
use booking_redis::keys::{self, CallerKind, CallerName};
use booking_redis::{Client, ClientSettings, Library, reply};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis::Connection;
use support::Server;

const START_MS: u64 = 1_790_000_000_000;
const KINDS: [CallerKind; 3] = [CallerKind::Account, CallerKind::Device, CallerKind::Address];
const BUCKETS: u8 = 16;

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Report(Vec<LetThrough>),
}

/// A pace for each kind.
type Paces = [Pace; 3];

fn pace_of(paces: Paces) -> impl Fn(CallerKind) -> Pace {
    move |kind| paces[kind as usize]
}

fn paces() -> impl Strategy<Value = Paces> {
    // Bounds of seconds: a bucket's own end is the server's business and by its own clock, not by the driven one.
    let interval = prop_oneof![
        2 => (1_u64..5).prop_map(|s| s * 1_000_000),
        2 => 1_u64..5_000_000,
        1 => Just(1_000_000_000_000),
    ];
    let ahead_max = prop_oneof![
        2 => (10_u64..20).prop_map(|s| s * 1_000_000),
        2 => 10_000_000_u64..20_000_000,
        1 => Just(2_592_000_000_000),
    ];
    let pace = (interval, ahead_max).prop_map(|(interval, ahead_max)| Pace {
        interval: NonZeroU64::new(interval).unwrap(),
        ahead_max,
    });
    [pace.clone(), pace.clone(), pace]
}

fn name(number: u8) -> CallerName {
    // Neither text nor free of zeros and line ends.
    [
        0, b'\r', b'\n', 255, number, 0, 7, 7, 7, 7, 7, 7, 7, 7, 7, number,
    ]
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let caller = (
        0_usize..3,
        0_u8..20,
        prop_oneof![8 => 1_u32..5, 1 => any::<u32>()],
    );
    let caller = caller.prop_map(|(kind, number, requests)| LetThrough {
        kind: KINDS[kind],
        name: name(number),
        requests,
    });
    let step = prop_oneof![
        2 => prop_oneof![(0_u64..6).prop_map(|s| s * 1000), 0_u64..6000].prop_map(Step::Pass),
        3 => prop::collection::vec(caller, 0..12).prop_map(Step::Report),
    ];
    prop::collection::vec(step, 1..40)
}

/// Instants (us) by caller, as the server keeps them; the expired ones included.
fn stored(connection: &mut Connection) -> BTreeMap<(CallerKind, CallerName), u64> {
    let mut stored = BTreeMap::new();
    for kind in KINDS {
        for bucket in 0..BUCKETS {
            let scores: Vec<(Vec<u8>, String)> = redis::cmd("ZRANGE")
                .arg(keys::callers(kind, bucket))
                .arg(0)
                .arg(-1)
                .arg("WITHSCORES")
                .query(connection)
                .unwrap();
            for (name, score) in scores {
                let name: CallerName = name.try_into().unwrap();
                assert_eq!(keys::bucket(&name), bucket);
                stored.insert((kind, name), score.parse().unwrap());
            }
        }
    }
    stored
}

fn agree(connection: &mut Connection, paces: &Paces, steps: &[Step]) -> Result<(), TestCaseError> {
    redis::cmd("FLUSHALL").exec(connection).unwrap();
    let mut now_ms = START_MS;
    let mut model = paces.map(Callers::new);
    for (number, step) in steps.iter().enumerate() {
        let callers = match step {
            Step::Pass(ms) => {
                now_ms += ms;
                continue; // nobody looks, so that the next step meets instants that are over
            }
            Step::Report(callers) => callers,
        };
        let now = now_ms * 1000;
        // Answers come bucket by bucket, in the order in which each first appears.
        let mut order: Vec<(CallerKind, u8)> = Vec::new();
        let mut answers: BTreeMap<(CallerKind, u8), Vec<u64>> = BTreeMap::new();
        for caller in callers {
            let bucket = (caller.kind, keys::bucket(&caller.name));
            if !order.contains(&bucket) {
                order.push(bucket);
            }
            let ahead =
                model[caller.kind as usize].report(caller.name, u64::from(caller.requests), now);
            answers.entry(bucket).or_default().push(ahead);
        }
        let expected: Vec<u64> = order
            .iter()
            .flat_map(|bucket| answers[bucket].clone())
            .collect();
        let mut cmd = call::throttle_many(callers, pace_of(*paces));
        let value = cmd.arg(now_ms).query(connection).unwrap();
        prop_assert_eq!(
            reply::aheads(&value, callers.len()).unwrap(),
            expected,
            "step {}",
            number
        );

        let mut found = stored(connection);
        for ((kind, name), instant) in &found {
            let swept = order.contains(&(*kind, keys::bucket(name)));
            prop_assert!(
                !swept || *instant > now,
                "an instant that is over was left behind"
            );
        }
        found.retain(|_, instant| *instant > now);
        let expected = KINDS.iter().flat_map(|kind| {
            let ahead = model[*kind as usize].ahead(now);
            ahead.map(|(name, instant)| ((*kind, *name), instant))
        });
        prop_assert_eq!(found, expected.collect(), "after step {}", number);
    }
    Ok(())
}

/// Runs generated histories against a library; the first disagreement is an error.
fn compare(code: &str) -> Result<(), String> {
    let server = Server::start();
    let mut connection = server.connection();
    redis::cmd("FUNCTION")
        .arg("LOAD")
        .arg(code)
        .exec(&mut connection)
        .unwrap();
    let connection = RefCell::new(connection);
    let mut runner = TestRunner::new(Config {
        cases: 200,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&(paces(), history()), |(paces, steps)| {
            agree(&mut connection.borrow_mut(), &paces, &steps)
        })
        .map_err(|disagreement| disagreement.to_string())
}

fn library() -> Library {
    Library::with_clock(include_str!("lua/driven_now.lua"))
}

#[test]
fn generated_histories_agree() {
    compare(library().code()).unwrap();
}

#[test]
fn control_a_library_with_one_word_wrong_disagrees() {
    for (right, wrong) in [
        ("scores[i] or now_us", "scores[i] or 0"),
        ("* interval_us, bound_us", "* interval_us, bound_us + 1"),
        ("instants[caller] = instant\n", "\n"),
        ("texts[instant]", "texts[1]"),
        (
            "'-inf', string.format('%d', now_us)",
            "'-inf', string.format('%d', now_us - 1)",
        ),
    ] {
        let code = library().code().replace(right, wrong);
        assert_ne!(code, library().code(), "{right} is not in the library");
        assert!(compare(&code).is_err(), "nobody noticed {wrong}");
    }
}

fn three_a_minute() -> Paces {
    [Pace {
        interval: NonZeroU64::new(20_000_000).unwrap(),
        ahead_max: 100_000_000,
    }; 3]
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

fn client(url: &str, runtime: &tokio::runtime::Runtime) -> Client {
    let mut settings = ClientSettings::new(url).unwrap();
    settings.response_timeout = Duration::from_secs(20);
    settings.connect_timeout = Duration::from_secs(20);
    Client::start(settings, runtime.handle(), drop).0
}

/// Two thousand callers of every kind, spread over all buckets.
fn crowd() -> Vec<LetThrough> {
    (0..6000_usize)
        .map(|number| LetThrough {
            kind: KINDS[number % 3],
            name: u128::try_from(number / 3).unwrap().to_be_bytes(),
            requests: u32::try_from(number % 4).unwrap(),
        })
        .collect()
}

#[test]
fn one_call_answers_every_caller_in_its_place_and_adds_what_two_gates_tell() {
    let server = Server::start();
    let runtime = runtime();
    let (here, there) = (
        client(&server.url(), &runtime),
        client(&server.url(), &runtime),
    );
    let pace = pace_of(three_a_minute());
    let mut connection = server.connection();
    let calls = |connection: &mut Connection| -> String {
        let text: String = redis::cmd("INFO")
            .arg("commandstats")
            .query(connection)
            .unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("cmdstat_fcall:"))
            .unwrap();
        line.split([':', ',']).nth(1).unwrap().to_owned()
    };
    runtime.block_on(here.ping()).unwrap();
    runtime.block_on(there.ping()).unwrap();
    let before = calls(&mut connection);
    assert_eq!(before, "calls=4", "each asks for the version twice");
    for (round, client) in [&here, &there].into_iter().enumerate() {
        let crowd = crowd();
        let aheads = runtime.block_on(client.throttle(&crowd, &pace));
        assert_eq!(aheads.len(), crowd.len());
        for (caller, ahead) in crowd.iter().zip(aheads) {
            let told = u64::from(caller.requests) * 20_000_000 * (round as u64 + 1);
            let ahead = ahead.unwrap();
            // Time passes between the rounds, and nobody lies further ahead than the bound.
            let earliest = told.min(100_000_000).saturating_sub(15_000_000);
            assert!(
                ahead >= earliest && ahead <= told.min(100_000_000),
                "{caller:?}: {ahead}"
            );
        }
    }
    assert_eq!(calls(&mut connection), "calls=6", "one call a report");
    let left: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(left.len(), 48);
    for key in left {
        let ttl_ms: i64 = redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap();
        assert!(
            (1..=100_001).contains(&ttl_ms),
            "{key} goes by itself: {ttl_ms}"
        );
    }
}

#[test]
fn a_cache_that_is_away_answers_nothing_and_at_once() {
    let mut server = Server::start();
    let runtime = runtime();
    let client = client(&server.url(), &runtime);
    let pace = pace_of(three_a_minute());
    let one = &crowd()[1..2];
    assert_eq!(
        runtime.block_on(client.throttle(one, &pace)),
        [Some(20_000_000)]
    );
    server.kill();
    let killed = Instant::now();
    assert_eq!(runtime.block_on(client.throttle(one, &pace)), [None]);
    let waited = killed.elapsed();
    assert!(waited < Duration::from_secs(2), "{waited:?}");
}
