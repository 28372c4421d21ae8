//! Generated histories of a cache with three sessions: what is asked of it, step by step.

use booking_redis::call::{
    CounterNews, QuotaState, Request, SessionState, Settlement, Status, StockState, WindowState,
};
use booking_redis::keys::Counter;
use proptest::prelude::*;

use crate::support::FAR_MS;

pub const SESSIONS: i64 = 3;
pub const PERMIT_TTL_MS: u32 = 1000;
pub const START_MS: i64 = 1_790_000_000_000;

/// One step of a history.
#[derive(Debug, Clone)]
pub enum Step {
    Pass(i64),
    Admit(Vec<Request>),
    Settle(Vec<Settlement>),
    Release(i64, Vec<String>),
    Load(SessionState),
    Forget(i64),
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

/// Requests in a row for one place.
fn run() -> impl Strategy<Value = Vec<Request>> {
    (request(), prop::collection::vec(permit(), 2..7)).prop_map(|(first, permits)| {
        permits
            .into_iter()
            .map(|permit| Request {
                permit,
                ..first.clone()
            })
            .collect()
    })
}

/// Requests of one call: lone ones and runs, over places and sessions as it comes.
fn requests() -> impl Strategy<Value = Vec<Request>> {
    let some = prop_oneof![2 => request().prop_map(|request| vec![request]), 1 => run()];
    prop::collection::vec(some, 1..7).prop_map(|parts| parts.concat())
}

fn counter() -> impl Strategy<Value = Counter> {
    prop_oneof![
        window_id().prop_map(|window_id| Counter::Window { window_id }),
        (window_id(), channel())
            .prop_map(|(window_id, channel)| Counter::Quota { window_id, channel }),
        stock_id().prop_map(|stock_id| Counter::Stock { stock_id }),
    ]
}

/// Permits that end; now and then all of them are named twice.
fn ended() -> impl Strategy<Value = Vec<String>> {
    let permits = prop::collection::vec(permit(), 0..4);
    (permits, prop::bool::weighted(0.3)).prop_map(|(mut permits, twice)| {
        if twice {
            permits.extend_from_within(..);
        }
        permits
    })
}

fn settlement() -> impl Strategy<Value = Settlement> {
    let news = (counter(), 1..8_u64, 0..7_u32).prop_map(|(counter, version, free)| CounterNews {
        counter,
        version,
        free,
    });
    (session_id(), ended(), prop::collection::vec(news, 0..4)).prop_map(
        |(session_id, permits, news)| Settlement {
            session_id,
            permits,
            news,
        },
    )
}

/// Sessions with two of the three windows, channels and stocks that requests may name.
fn state() -> impl Strategy<Value = SessionState> {
    let window = (1..4_u64, 0..6_u32, prop_oneof![Just(FAR_MS), instant()]);
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
        8 => requests().prop_map(Step::Admit),
        3 => prop::collection::vec(settlement(), 1..4).prop_map(Step::Settle),
        2 => (session_id(), ended()).prop_map(|(id, permits)| Step::Release(id, permits)),
        3 => state().prop_map(Step::Load),
        1 => session_id().prop_map(Step::Forget),
    ]
}

pub fn history() -> impl Strategy<Value = Vec<Step>> {
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

/// Requests as a call carries them, and as their answers come: gathered by session, else in order.
pub fn gathered(requests: &[Request]) -> Vec<Request> {
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
