//! booking-core's admission model, asked in the words of the function library.

use std::collections::BTreeMap;

use booking_core::admission::{Admission, Cache, Copied, CounterId, Loaded, Terms, Try};
use booking_core::ids::{SessionId, StockId, WindowId};
use booking_core::time::Instant;
use booking_redis::call::{Request, SessionState, Settlement, Status};
use booking_redis::keys::Counter;
use booking_redis::reply::Verdict;

use crate::View;

/// The model of the cache.
#[derive(Default)]
pub struct Reference(Cache);

fn id_of(counter: &Counter) -> CounterId {
    match counter {
        Counter::Window { window_id } => CounterId::Window(WindowId(*window_id)),
        Counter::Quota { window_id, channel } => {
            CounterId::Quota(WindowId(*window_id), channel.clone())
        }
        Counter::Stock { stock_id } => CounterId::Stock(StockId(*stock_id)),
    }
}

fn counter_of(id: &CounterId) -> Counter {
    match id {
        CounterId::Window(window) => Counter::Window {
            window_id: window.0,
        },
        CounterId::Quota(window, channel) => Counter::Quota {
            window_id: window.0,
            channel: channel.clone(),
        },
        CounterId::Stock(stock) => Counter::Stock { stock_id: stock.0 },
    }
}

fn loaded_of(state: &SessionState) -> Loaded {
    let mut counters = BTreeMap::new();
    for window in &state.windows {
        let copied = Copied {
            version: window.version,
            free: window.free,
            terms: Terms::Until(Instant(window.until_ms)),
        };
        counters.insert(CounterId::Window(WindowId(window.window_id)), copied);
    }
    for quota in &state.quotas {
        let copied = Copied {
            version: quota.version,
            free: quota.free,
            terms: Terms::From(Instant(quota.from_ms)),
        };
        let id = CounterId::Quota(WindowId(quota.window_id), quota.channel.clone());
        counters.insert(id, copied);
    }
    for stock in &state.stocks {
        let copied = Copied {
            version: stock.version,
            free: stock.free,
            terms: Terms::Vials {
                size: stock.vial_size,
                sealed_from: stock.seal_ms.map(Instant),
            },
        };
        counters.insert(CounterId::Stock(StockId(stock.stock_id)), copied);
    }
    Loaded {
        generation: state.generation,
        open: state.status == Status::Open,
        counters,
    }
}

impl Reference {
    pub fn admit(&mut self, now_ms: i64, ttl_ms: u32, request: &Request) -> Verdict {
        let wanted = Try {
            window: WindowId(request.window_id),
            channel: request.channel.clone(),
            stock: StockId(request.stock_id),
            permit: request.permit.clone(),
        };
        let session = SessionId(request.session_id);
        match self.0.admit(Instant(now_ms), ttl_ms, session, &wanted) {
            Admission::Granted => Verdict::Granted,
            Admission::Rebuild => Verdict::Rebuild,
            Admission::Refused(refusal) => Verdict::Refused(refusal),
        }
    }

    /// True when the session must be loaded.
    pub fn settle(&mut self, settlement: &Settlement) -> bool {
        let news: Vec<(CounterId, u64, u32)> = settlement
            .news
            .iter()
            .map(|news| (id_of(&news.counter), news.version, news.free))
            .collect();
        let session = SessionId(settlement.session_id);
        !self.0.settle(session, &settlement.permits, &news)
    }

    pub fn release(&mut self, session_id: i64, permits: &[String]) {
        self.0.release(SessionId(session_id), permits);
    }

    pub fn load(&mut self, state: &SessionState) -> bool {
        self.0.load(SessionId(state.session_id), loaded_of(state))
    }

    pub fn forget(&mut self, session_id: i64) {
        self.0.forget(SessionId(session_id));
    }

    pub fn view(&mut self, session_id: i64, now_ms: i64) -> Option<View> {
        let session = self.0.read(SessionId(session_id), Instant(now_ms))?;
        let counters = session.loaded.counters.iter().map(|(id, copied)| {
            let live = u32::try_from(session.live(id)).unwrap_or(u32::MAX);
            (counter_of(id), (copied.version, copied.free, live))
        });
        Some(View {
            generation: session.loaded.generation,
            open: session.loaded.open,
            counters: counters.collect(),
            permits: session
                .permits
                .iter()
                .map(|(name, permit)| (name.clone(), permit.until.0))
                .collect(),
        })
    }
}
