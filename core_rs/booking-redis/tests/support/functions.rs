//! The function library on a real server, told the time (see `lua/driven_now.lua`).

use std::collections::{BTreeMap, BTreeSet};

use booking_redis::call::{self, Request, Status};
use booking_redis::keys::{self, Counter};
use booking_redis::library::function;
use booking_redis::reply::{self, Verdict};
use redis::{Cmd, Connection, Value};

use crate::View;
use crate::histories::{PERMIT_TTL_MS, START_MS};

/// The functions on a real server, told the time.
pub struct Functions {
    pub connection: Connection,
    pub now_ms: i64,
    /// Asks as gates of releases before `admit_runs` did.
    pub as_before: bool,
    /// Every word answered to a request so far.
    pub heard: BTreeSet<&'static str>,
    /// Every two words answered one after the other within one run.
    pub heard_in_runs: BTreeSet<(&'static str, &'static str)>,
}

impl Functions {
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            now_ms: START_MS,
            as_before: false,
            heard: BTreeSet::new(),
            heard_in_runs: BTreeSet::new(),
        }
    }

    pub fn call(&mut self, mut cmd: Cmd) -> Value {
        cmd.arg(self.now_ms)
            .query(&mut self.connection)
            .expect("the function answers")
    }

    pub fn admit(&mut self, requests: &[Request]) -> Vec<Verdict> {
        let cmd = if self.as_before {
            admit_many(requests)
        } else {
            call::admit_runs(requests, PERMIT_TTL_MS)
        };
        let value = self.call(cmd);
        let verdicts = reply::verdicts(&value, requests.len()).unwrap();
        self.heard.extend(verdicts.iter().map(Verdict::code));
        for (at, pair) in requests.windows(2).enumerate() {
            if place(&pair[0]) == place(&pair[1]) {
                let words = (verdicts[at].code(), verdicts[at + 1].code());
                self.heard_in_runs.insert(words);
            }
        }
        verdicts
    }

    /// An admit of nothing sweeps, so that both sides are compared after forgetting what has run out.
    fn sweep(&mut self, session_id: i64) {
        let mut cmd = redis::cmd("FCALL");
        cmd.arg(function::ADMIT_RUNS)
            .arg(2)
            .arg(keys::state(session_id))
            .arg(keys::permits(session_id))
            .arg(PERMIT_TTL_MS)
            .arg(0);
        assert_eq!(self.call(cmd), Value::Array(Vec::new()));
    }

    pub fn view(&mut self, session_id: i64) -> Option<View> {
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

/// What requests of one run have in common.
fn place(request: &Request) -> (i64, i64, &str, i64) {
    (
        request.session_id,
        request.window_id,
        &request.channel,
        request.stock_id,
    )
}

/// `admit_many` for requests gathered by session, in the words of releases before `admit_runs`.
fn admit_many(requests: &[Request]) -> Cmd {
    let sessions: Vec<&[Request]> = requests
        .chunk_by(|one, next| one.session_id == next.session_id)
        .collect();
    let mut cmd = redis::cmd("FCALL");
    cmd.arg(function::ADMIT_MANY).arg(sessions.len() * 2);
    for requests in &sessions {
        cmd.arg(keys::state(requests[0].session_id))
            .arg(keys::permits(requests[0].session_id));
    }
    cmd.arg(PERMIT_TTL_MS);
    for requests in sessions {
        cmd.arg(requests.len());
        for request in requests {
            cmd.arg(keys::window(request.window_id))
                .arg(keys::quota(request.window_id, &request.channel))
                .arg(keys::stock(request.stock_id))
                .arg(keys::permit(&request.permit));
        }
    }
    cmd
}
