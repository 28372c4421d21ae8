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

#[path = "support/reference.rs"]
mod reference;
mod support;

use std::collections::BTreeMap;

use booking_core::outcome::Refusal;
use booking_redis::call::{
    self, CounterNews, QuotaState, Request, SessionState, Settlement, Status, StockState,
    WindowState,
};
use booking_redis::keys::Counter;
use booking_redis::reply::{self, Verdict};
use booking_redis::{Library, keys};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis::{Cmd, Connection, Value};
use reference::Reference;
use support::Server;

const SESSIONS: i64 = 3;
const PERMIT_TTL_MS: u32 = 1000;
const START_MS: i64 = 1_790_000_000_000;

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    Pass(i64),
    Admit(Vec<Request>),
    Settle(Vec<Settlement>),
    Release(i64, Vec<String>),
    Load(SessionState),
    Forget(i64),
}

/// The functions on a real server, told the time.
struct Functions {
    connection: Connection,
    now_ms: i64,
}

impl Functions {
    fn call(&mut self, mut cmd: Cmd) -> Value {
        cmd.arg(self.now_ms)
            .query(&mut self.connection)
            .expect("the function answers")
    }

    fn admit(&mut self, requests: &[Request]) -> Vec<Verdict> {
        reply::verdicts(
            &self.call(call::admit_many(requests, PERMIT_TTL_MS)),
            requests.len(),
        )
        .unwrap()
    }

    /// An admit of nothing sweeps, so that both sides are compared after forgetting what has run out.
    fn sweep(&mut self, session_id: i64) {
        let mut cmd = redis::cmd("FCALL");
        cmd.arg(booking_redis::library::function::ADMIT_MANY)
            .arg(2)
            .arg(keys::state(session_id))
            .arg(keys::permits(session_id))
            .arg(PERMIT_TTL_MS)
            .arg(0);
        assert_eq!(self.call(cmd), Value::Array(Vec::new()));
    }

    fn view(&mut self, session_id: i64) -> Option<View> {
        self.sweep(session_id);
        let read = reply::session(session_id, &self.call(call::read(session_id))).unwrap()?;
        let mut counters = BTreeMap::new();
        for window in &read.state.windows {
            counters.insert(
                Counter::Window {
                    window_id: window.window_id,
                },
                (window.version, window.free),
            );
        }
        for quota in &read.state.quotas {
            let counter = Counter::Quota {
                window_id: quota.window_id,
                channel: quota.channel.clone(),
            };
            counters.insert(counter, (quota.version, quota.free));
        }
        for stock in &read.state.stocks {
            counters.insert(
                Counter::Stock {
                    stock_id: stock.stock_id,
                },
                (stock.version, stock.free),
            );
        }
        Some(View {
            generation: read.state.generation,
            open: read.state.status == Status::Open,
            counters: counters
                .into_iter()
                .map(|(counter, (version, free))| {
                    let live = read.live[&counter];
                    (counter, (version, free, live))
                })
                .collect(),
            permits: read.permits.into_iter().collect(),
        })
    }
}

/// What both sides are compared by: per counter (version, free, live), per permit its expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub generation: u64,
    pub open: bool,
    pub counters: BTreeMap<Counter, (u64, u32, u32)>,
    pub permits: BTreeMap<String, i64>,
}

fn session_id() -> impl Strategy<Value = i64> {
    1..=SESSIONS
}

fn window_id() -> impl Strategy<Value = i64> {
    1..=3_i64
}

fn channel() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just("h5"), 2 => Just("desk"), 1 => Just("fax")].prop_map(ToOwned::to_owned)
}

fn stock_id() -> impl Strategy<Value = i64> {
    1..=3_i64
}

fn permit() -> impl Strategy<Value = String> {
    (0..12_u8).prop_map(|number| format!("person {number}:flu"))
}

fn instant() -> impl Strategy<Value = i64> {
    prop_oneof![2 => Just(0), 3 => 0..6000_i64].prop_map(|offset| START_MS + offset)
}

fn request() -> impl Strategy<Value = Request> {
    (session_id(), window_id(), channel(), stock_id(), permit()).prop_map(
        |(session_id, window_id, channel, stock_id, permit)| Request {
            session_id,
            window_id,
            channel,
            stock_id,
            permit,
        },
    )
}

fn counter() -> impl Strategy<Value = Counter> {
    prop_oneof![
        window_id().prop_map(|window_id| Counter::Window { window_id }),
        (window_id(), channel())
            .prop_map(|(window_id, channel)| Counter::Quota { window_id, channel }),
        stock_id().prop_map(|stock_id| Counter::Stock { stock_id }),
    ]
}

fn settlement() -> impl Strategy<Value = Settlement> {
    let news = (counter(), 1..8_u64, 0..7_u32).prop_map(|(counter, version, free)| CounterNews {
        counter,
        version,
        free,
    });
    (
        session_id(),
        prop::collection::vec(permit(), 0..4),
        prop::collection::vec(news, 0..4),
    )
        .prop_map(|(session_id, permits, news)| Settlement {
            session_id,
            permits,
            news,
        })
}

/// Sessions with two of the three windows, channels and stocks that requests may name.
fn state() -> impl Strategy<Value = SessionState> {
    let window = (
        1..4_u64,
        0..6_u32,
        prop_oneof![Just(support::FAR_MS), instant()],
    );
    let quota = (
        1..4_u64,
        0..5_u32,
        prop_oneof![3 => Just(0), 1 => instant()],
    );
    let stock = (1..4_u64, 0..7_u32, 1..4_u32, prop::option::of(instant()));
    (
        session_id(),
        1..12_u64,
        prop::bool::weighted(0.85),
        prop::collection::vec(window, 2),
        prop::collection::vec(quota, 4),
        prop::collection::vec(stock, 2),
    )
        .prop_map(
            |(session_id, generation, open, windows, quotas, stocks)| SessionState {
                session_id,
                generation,
                status: if open { Status::Open } else { Status::Closed },
                windows: (1..)
                    .zip(windows)
                    .map(|(window_id, (version, free, until_ms))| WindowState {
                        window_id,
                        version,
                        free,
                        until_ms,
                    })
                    .collect(),
                quotas: [(1, "h5"), (1, "desk"), (2, "h5"), (2, "desk")]
                    .into_iter()
                    .zip(quotas)
                    .map(
                        |((window_id, channel), (version, free, from_ms))| QuotaState {
                            window_id,
                            channel: channel.to_owned(),
                            version,
                            free,
                            from_ms,
                        },
                    )
                    .collect(),
                stocks: (1..)
                    .zip(stocks)
                    .map(
                        |(stock_id, (version, free, vial_size, seal_ms))| StockState {
                            stock_id,
                            version,
                            free,
                            vial_size,
                            seal_ms,
                        },
                    )
                    .collect(),
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop_oneof![3 => 0..900_i64, 1 => Just(i64::from(PERMIT_TTL_MS))].prop_map(Step::Pass),
        8 => prop::collection::vec(request(), 1..10).prop_map(Step::Admit),
        3 => prop::collection::vec(settlement(), 1..4).prop_map(Step::Settle),
        2 => (session_id(), prop::collection::vec(permit(), 0..4)).prop_map(|(id, permits)| Step::Release(id, permits)),
        3 => state().prop_map(Step::Load),
        1 => session_id().prop_map(Step::Forget),
    ]
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    // Loaded first, or most histories would only ever hear `rebuild`.
    (
        prop::collection::vec(state(), 3),
        prop::collection::vec(step(), 1..40),
    )
        .prop_map(|(states, steps)| {
            (1..)
                .zip(states)
                .map(|(session_id, state)| {
                    Step::Load(SessionState {
                        session_id,
                        generation: 1,
                        ..state
                    })
                })
                .chain(steps)
                .collect()
        })
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
            Step::Pass(ms) => functions.now_ms += ms,
            Step::Admit(requests) => {
                // Answers come gathered by session.
                let gathered: Vec<Request> = gathered(requests);
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

fn gathered(requests: &[Request]) -> Vec<Request> {
    let mut order: Vec<i64> = Vec::new();
    for request in requests {
        if !order.contains(&request.session_id) {
            order.push(request.session_id);
        }
    }
    order
        .into_iter()
        .flat_map(|session_id| {
            requests
                .iter()
                .filter(move |request| request.session_id == session_id)
                .cloned()
        })
        .collect()
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
    let functions = std::cell::RefCell::new(Functions {
        connection,
        now_ms: START_MS,
    });
    let mut runner = TestRunner::new(Config {
        cases: 400,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&history(), |steps| {
            agree(&mut functions.borrow_mut(), &steps)
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
        ("window.live >= window.free", "window.live > window.free"),
        ("now_ms < quota.x", "now_ms <= quota.x"),
        (
            "stock.live >= stock.free % stock.x",
            "stock.live > stock.free % stock.x",
        ),
        (
            "tonumber(version) <= tonumber(stored)",
            "tonumber(version) < tonumber(stored)",
        ),
        ("'-inf', now_ms", "'-inf', now_ms - 1"),
    ] {
        let code = library().code().replace(right, wrong);
        assert_ne!(code, library().code(), "{right} is not in the library");
        assert!(compare(&code).is_err(), "nobody noticed {wrong}");
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
    for (from, granted) in [(0, 1000), (1000, 500)] {
        let requests: Vec<Request> = (from..from + 1000)
            .map(|number| support::request(1, &format!("p{number}")))
            .collect();
        let value: Value = call::admit_many(&requests, 60_000)
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
