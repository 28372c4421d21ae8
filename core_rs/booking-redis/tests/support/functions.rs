//! The function library on a real server, told the time (see `lua/driven_now.lua`).

use std::collections::{BTreeMap, BTreeSet};

use booking_redis::call::{self, Request, Status};
use booking_redis::keys::{self, Counter};
use booking_redis::reply::{self, Verdict};
use redis::{Cmd, Connection, Value};

use crate::View;
use crate::histories::{PERMIT_TTL_MS, START_MS};

/// The functions on a real server, told the time.
pub struct Functions {
    pub connection: Connection,
    pub now_ms: i64,
    /// Every word answered to a request so far.
    pub heard: BTreeSet<&'static str>,
}

impl Functions {
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            now_ms: START_MS,
            heard: BTreeSet::new(),
        }
    }

    pub fn call(&mut self, mut cmd: Cmd) -> Value {
        cmd.arg(self.now_ms)
            .query(&mut self.connection)
            .expect("the function answers")
    }

    pub fn admit(&mut self, requests: &[Request]) -> Vec<Verdict> {
        let value = self.call(call::admit_many(requests, PERMIT_TTL_MS));
        let verdicts = reply::verdicts(&value, requests.len()).unwrap();
        self.heard.extend(verdicts.iter().map(Verdict::code));
        verdicts
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
