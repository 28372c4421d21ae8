//! Generated histories run through booking-core's admission model and through the function library; they must agree.
//!
//! The clock is driven: the library under test is the production text around another `now` (see `lua/driven_now.lua`).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "support/functions.rs"]
mod functions;
#[path = "support/histories.rs"]
mod histories;
#[path = "support/reference.rs"]
mod reference;
mod support;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use booking_core::outcome::Refusal;
use booking_redis::Library;
use booking_redis::call::{self, Request};
use booking_redis::keys::Counter;
use booking_redis::reply::{self, Verdict};
use functions::Functions;
use histories::{PERMIT_TTL_MS, SESSIONS, START_MS, Step, gathered, history};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis::Value;
use reference::Reference;
use support::Server;

/// Histories of one comparison.
const CASES: u32 = 400;

/// What both sides are compared by: per counter (version, free, live), per permit its expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub generation: u64,
    pub open: bool,
    pub counters: BTreeMap<Counter, (u64, u32, u32)>,
    pub permits: BTreeMap<String, i64>,
}

fn agree(functions: &mut Functions, history: &[Step]) -> Result<(), TestCaseError> {
    redis::cmd("FLUSHALL")
        .exec(&mut functions.connection)
        .unwrap();
    functions.now_ms = START_MS;
    let mut reference = Reference::default();
    for (number, step) in history.iter().enumerate() {
        let now_ms = functions.now_ms;
        match step {
            Step::Pass(ms) => {
                functions.now_ms += ms;
                continue; // nobody looks, so that the next step meets permits that have run out and are still there
            }
            Step::Admit(requests) => {
                let gathered = gathered(requests);
                let expected: Vec<Verdict> = gathered
                    .iter()
                    .map(|request| reference.admit(now_ms, PERMIT_TTL_MS, request))
                    .collect();
                prop_assert_eq!(functions.admit(&gathered), expected, "step {}", number);
            }
            Step::Settle(settlements) => {
                let expected: Vec<bool> = settlements
                    .iter()
                    .map(|settlement| reference.settle(settlement))
                    .collect();
                let value = functions.call(call::settle_many(settlements));
                prop_assert_eq!(
                    reply::rebuilds(&value, settlements.len()).unwrap(),
                    expected,
                    "step {}",
                    number
                );
            }
            Step::Release(session_id, permits) => {
                reference.release(*session_id, permits);
                functions.call(call::release_many(&[(*session_id, permits.clone())]));
            }
            Step::Load(state) => {
                let expected = reference.load(state);
                let value = functions.call(call::load(state));
                prop_assert_eq!(reply::loaded(&value).unwrap(), expected, "step {}", number);
            }
            Step::Forget(session_id) => {
                reference.forget(*session_id);
                functions.call(call::forget(&[*session_id]));
            }
        }
        for session_id in 1..=SESSIONS {
            let expected = reference.view(session_id, functions.now_ms);
            prop_assert_eq!(
                functions.view(session_id),
                expected,
                "after step {} {:?}, session {}",
                number,
                step,
                session_id
            );
        }
    }
    Ok(())
}

/// Runs generated histories against a library; the first disagreement is an error. Returns what was heard.
fn compare(code: &str, cases: u32, as_before: bool) -> Result<Functions, String> {
    let server = Server::start();
    let mut connection = server.connection();
    redis::cmd("FUNCTION")
        .arg("LOAD")
        .arg(code)
        .exec(&mut connection)
        .unwrap();
    let functions = RefCell::new(Functions {
        as_before,
        ..Functions::new(connection)
    });
    let mut runner = TestRunner::new(Config {
        cases,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&history(), |steps| {
            agree(&mut functions.borrow_mut(), &steps)
        })
        .map_err(|disagreement| disagreement.to_string())?;
    Ok(functions.into_inner())
}

fn library() -> Library {
    Library::with_clock(include_str!("lua/driven_now.lua"))
}

#[test]
fn generated_histories_agree() {
    let functions = compare(library().code(), CASES, false).unwrap();
    let words = [
        "granted",
        "rebuild",
        "session_closed",
        "unknown_window",
        "wrong_channel",
        "no_such_stock",
        "booking_ended",
        "not_yet_bookable",
        "in_flight",
        "window_full",
        "channel_full",
        "out_of_stock",
        "vial_not_opened",
    ];
    assert_eq!(
        functions.heard,
        BTreeSet::from(words),
        "histories in which every word was said"
    );
    for word in [
        "granted",
        "in_flight",
        "window_full",
        "channel_full",
        "out_of_stock",
    ] {
        assert!(
            functions.heard_in_runs.contains(&("granted", word)),
            "runs in which {word} follows on granted"
        );
    }
}

#[test]
fn the_function_of_releases_before_agrees_too() {
    compare(library().code(), CASES / 4, true).unwrap();
}

#[test]
fn control_a_library_with_one_word_wrong_disagrees() {
    for (right, wrong) in [
        ("window.free - window.live", "window.free - window.live + 1"),
        ("now_ms < quota.x", "now_ms <= quota.x"),
        (
            "quota.free - quota.live < left",
            "quota.free - quota.live <= left",
        ),
        (
            "stock.free % stock.x - stock.live",
            "stock.free % stock.x - stock.live + 1",
        ),
        ("granted >= left", "granted > left"),
        ("or lent[permit]", ""),
        ("gone < held", "false"),
        ("written[field] or values", "values"),
        (
            "tonumber(version) <= tonumber(stored)",
            "tonumber(version) < tonumber(stored)",
        ),
        ("'-inf', now_ms", "'-inf', now_ms - 1"),
    ] {
        let code = library().code().replace(right, wrong);
        assert_ne!(code, library().code(), "{right} is not in the library");
        assert!(
            compare(&code, CASES, false).is_err(),
            "nobody noticed {wrong}"
        );
    }
}

#[test]
fn a_call_of_a_thousand_requests_is_decided_like_a_small_one() {
    let server = Server::start();
    let mut connection = server.connection();
    redis::cmd("FUNCTION")
        .arg("LOAD")
        .arg(Library::production().code())
        .exec(&mut connection)
        .unwrap();
    call::load(&support::session(1, 1, 1500))
        .exec(&mut connection)
        .unwrap();
    // A thousand runs, every other one for a channel that is not there.
    let apart: Vec<Request> = (0..1000)
        .map(|number| {
            let mut request = support::request(1, &format!("apart {number}"));
            if number % 2 == 1 {
                request.channel = "fax".to_owned();
            }
            request
        })
        .collect();
    let value: Value = call::admit_runs(&apart, 60_000)
        .query(&mut connection)
        .unwrap();
    let verdicts = reply::verdicts(&value, 1000).unwrap();
    assert!(
        verdicts
            .chunks(2)
            .all(|pair| { *pair == [Verdict::Granted, Verdict::Refused(Refusal::WrongChannel),] })
    );
    let permits = apart.into_iter().map(|request| request.permit).collect();
    call::release_many(&[(1, permits)])
        .exec(&mut connection)
        .unwrap();

    for (from, granted) in [(0, 1000), (1000, 500)] {
        let requests: Vec<Request> = (from..from + 1000)
            .map(|number| support::request(1, &format!("p{number}")))
            .collect();
        let value: Value = call::admit_runs(&requests, 60_000)
            .query(&mut connection)
            .unwrap();
        let verdicts = reply::verdicts(&value, 1000).unwrap();
        assert_eq!(
            verdicts
                .iter()
                .filter(|verdict| **verdict == Verdict::Granted)
                .count(),
            granted
        );
        assert!(
            verdicts[granted..]
                .iter()
                .all(|verdict| *verdict == Verdict::Refused(Refusal::WindowFull))
        );
    }
    let permits: Vec<String> = (0..1500).map(|number| format!("p{number}")).collect();
    call::release_many(&[(1, permits)])
        .exec(&mut connection)
        .unwrap();
    let read = reply::session(1, &call::read(1).query(&mut connection).unwrap())
        .unwrap()
        .unwrap();
    assert!(read.permits.is_empty() && read.live.values().all(|live| *live == 0));
}
