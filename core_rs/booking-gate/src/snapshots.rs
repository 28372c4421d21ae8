//! Copies of the cache's sessions, and what residents are shown of them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use booking_core::ids::{StockId, WindowId};
use booking_core::snapshot::{Seen, Snapshot, StockSeen, WindowSeen};
use booking_core::time::Instant;
use booking_redis::call::{SessionState, Status};
use booking_redis::keys::Counter;

use crate::gate::Gate;
use crate::problem::city_time;

/// A session as the cache has it now, copied there from the ledger first where it was missing. Of one that is known
/// already only the counters are asked for.
pub async fn fetch(
    gate: Arc<Gate>,
    session_id: i64,
    known: Option<Arc<Snapshot>>,
) -> Option<Snapshot> {
    let channel = &gate.settings.channel;
    if let Some(known) = known {
        let counters = counters_of(&known, channel);
        let client = gate.admissions.client();
        let looked = client.look(session_id, known.generation, &counters).await;
        if let Some(state) = looked.ok()? {
            return Some(of_state(&state, channel));
        }
    }
    for _ in 0..2 {
        let read = gate.admissions.client().read(&[session_id]).await.ok()?;
        if let Some(read) = read.into_iter().next().flatten() {
            return Some(of_state(&read.state, channel));
        }
        if !gate.load(session_id).await {
            return None;
        }
    }
    None
}

/// The counters that a snapshot was made of.
fn counters_of(snapshot: &Snapshot, channel: &str) -> Vec<Counter> {
    let mut counters = Vec::with_capacity(snapshot.windows.len() * 2 + snapshot.stocks.len());
    for (WindowId(window_id), window) in &snapshot.windows {
        let window_id = *window_id;
        counters.push(Counter::Window { window_id });
        if window.share.is_some() {
            let channel = channel.to_owned();
            counters.push(Counter::Quota { window_id, channel });
        }
    }
    let stocks = snapshot.stocks.keys();
    counters.extend(stocks.map(|StockId(stock_id)| Counter::Stock {
        stock_id: *stock_id,
    }));
    counters
}

/// What one channel sees of a state.
pub fn of_state(state: &SessionState, channel: &str) -> Snapshot {
    let shares: HashMap<i64, (Seen, Instant)> = state
        .quotas
        .iter()
        .filter(|quota| quota.channel == channel)
        .map(|quota| {
            let seen = Seen {
                version: quota.version,
                free: quota.free,
            };
            (quota.window_id, (seen, Instant(quota.from_ms)))
        })
        .collect();
    let windows = state.windows.iter().map(|window| {
        let seen = WindowSeen {
            places: Seen {
                version: window.version,
                free: window.free,
            },
            until: Instant(window.until_ms),
            share: shares.get(&window.window_id).copied(),
        };
        (WindowId(window.window_id), seen)
    });
    let stocks = state.stocks.iter().map(|stock| {
        let seen = StockSeen {
            doses: Seen {
                version: stock.version,
                free: stock.free,
            },
            vial_size: stock.vial_size,
            sealed_from: stock.seal_ms.map(Instant),
        };
        (StockId(stock.stock_id), seen)
    });
    Snapshot {
        generation: state.generation,
        open: state.status == Status::Open,
        windows: windows.collect(),
        stocks: stocks.collect(),
    }
}

/// A session as residents are shown it, as JSON; `as_of` is when the cache was asked. The one rendering for gate and API.
pub fn availability(session_id: i64, snapshot: &Snapshot, as_of: Instant) -> String {
    let mut windows: Vec<_> = snapshot.windows.iter().collect();
    windows.sort_by_key(|(id, _)| **id);
    let mut stocks: Vec<_> = snapshot.stocks.iter().collect();
    stocks.sort_by_key(|(id, _)| **id);
    let mut text = String::with_capacity(128 + windows.len() * 96 + stocks.len() * 32);
    // Writing into a string cannot fail.
    let _ = write!(
        text,
        "{{\"session_id\":{session_id},\"version\":{},\"as_of\":\"{}\",\"windows\":[",
        snapshot.version(),
        city_time(as_of).unwrap_or_default(),
    );
    for (place, (id, window)) in windows.into_iter().enumerate() {
        let (state, free) = snapshot.shown(as_of, window);
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}{{\"window_id\":{},\"state\":\"{}\",\"free\":{free},",
            id.0,
            state.word()
        );
        match window.share.and_then(|(_, from)| city_time(from)) {
            Some(from) => {
                let _ = write!(text, "\"bookable_from\":\"{from}\"}}");
            }
            None => text.push_str("\"bookable_from\":null}"),
        }
    }
    text.push_str("],\"stocks\":[");
    for (place, (id, stock)) in stocks.into_iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}{{\"stock_id\":{},\"free\":{}}}",
            id.0,
            stock.open_at(as_of)
        );
    }
    text.push_str("]}");
    text
}
