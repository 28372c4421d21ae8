//! What a process knows of a clinic session without asking: a copy of the cache's counters, some milliseconds old.
//!
//! It can only say no. A no for want of places rests on the counters of the window, of the channel's share of it and of the
//! stock, so that whoever keeps the answers given up to their versions knows who may not be told so (a repeat gets its first
//! answer, P7). It never looks at permits: a place that somebody is trying for may come free any moment, so such a request
//! goes on to the cache.

use std::collections::HashMap;

use crate::ids::{StockId, WindowId};
use crate::outcome::Refusal;
use crate::time::Instant;

/// A counter as it was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Rises with every change in the ledger.
    pub version: u64,
    /// What was free then.
    pub free: u32,
}

/// A window, and one channel's share of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSeen {
    /// Places of the window.
    pub places: Seen,
    /// From this instant on nobody may book.
    pub until: Instant,
    /// The channel's share and when it opens; none where the channel has no share.
    pub share: Option<(Seen, Instant)>,
}

/// The stock of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockSeen {
    /// Doses.
    pub doses: Seen,
    /// Doses of a vial, at least 1.
    pub vial_size: u32,
    /// From this instant on no vial is begun.
    pub sealed_from: Option<Instant>,
}

impl StockSeen {
    /// Doses that may be promised at `now`: once sealed, those of the vial that is begun.
    pub fn open_at(&self, now: Instant) -> u32 {
        match self.sealed_from {
            Some(sealed_from) if now >= sealed_from => self.doses.free % self.vial_size.max(1),
            _ => self.doses.free,
        }
    }
}

/// How far the three counters have come on which a refusal may rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Versions {
    /// Of the window's places.
    pub window: u64,
    /// Of the channel's share of them; 0 where it has none.
    pub quota: u64,
    /// Of the stock's doses; 0 where there is no such stock.
    pub stock: u64,
}

impl Versions {
    /// Whether nothing that `other` knows is missing here. Each by itself: a claim raises all three, but they may be heard
    /// of apart, as the stock's moves through other windows too.
    pub const fn reach(self, other: Self) -> bool {
        self.window >= other.window && self.quota >= other.quota && self.stock >= other.stock
    }
}

/// How sure the reader is of the time: the true instant lies within `now ± margin_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The reader's estimate.
    pub now: Instant,
    /// Its error at most (ms).
    pub margin_ms: u32,
}

impl Reading {
    /// Certain to be at or past `at`.
    const fn surely_past(self, at: Instant) -> bool {
        self.now.0.saturating_sub(self.margin_ms as i64) >= at.0
    }

    /// Certain to be before `at`.
    const fn surely_before(self, at: Instant) -> bool {
        self.now.0.saturating_add(self.margin_ms as i64) < at.0
    }
}

/// A state that residents are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    /// Places are free.
    Open,
    /// No place is free.
    Full,
    /// The channel opens later.
    NotYet,
    /// The booking deadline has passed.
    Ended,
    /// The session takes no bookings, or not through this channel.
    Closed,
}

impl WindowState {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Full => "full",
            Self::NotYet => "not_yet",
            Self::Ended => "ended",
            Self::Closed => "closed",
        }
    }
}

/// One clinic session through the eyes of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Rises whenever the session is loaded anew.
    pub generation: u64,
    /// Whether it takes bookings.
    pub open: bool,
    /// Its windows.
    pub windows: HashMap<WindowId, WindowSeen>,
    /// Its stocks.
    pub stocks: HashMap<StockId, StockSeen>,
}

impl Snapshot {
    /// Why a request for these would be refused, if that is certain; in the order of the admission model.
    pub fn refusal(&self, time: Reading, window: WindowId, stock: StockId) -> Option<Refusal> {
        if !self.open {
            return Some(Refusal::SessionClosed);
        }
        let Some(window) = self.windows.get(&window) else {
            return Some(Refusal::UnknownWindow);
        };
        let Some((share, from)) = window.share else {
            return Some(Refusal::WrongChannel);
        };
        let Some(stock) = self.stocks.get(&stock) else {
            return Some(Refusal::NoSuchStock);
        };
        if time.surely_past(window.until) {
            return Some(Refusal::BookingEnded);
        }
        // Where the deadline or the opening may or may not have passed, only the cache can say which.
        let surely_in_time = time.surely_before(window.until);
        if surely_in_time && time.surely_before(from) {
            return Some(Refusal::NotYetBookable { from });
        }
        if window.places.free == 0 {
            return Some(Refusal::WindowFull);
        }
        if share.free == 0 {
            return Some(Refusal::ChannelFull);
        }
        if stock.doses.free == 0 {
            return Some(Refusal::OutOfStock);
        }
        let sealed = stock
            .sealed_from
            .is_some_and(|sealed_from| time.surely_past(sealed_from));
        (sealed
            && surely_in_time
            && time.surely_past(from)
            && stock.doses.free.is_multiple_of(stock.vial_size.max(1)))
        .then_some(Refusal::VialNotOpened)
    }

    /// The versions on which a refusal of these may rest: a claim that one of the counters has not heard of yet has a higher
    /// one there. None where the window is not known.
    pub fn versions_of(&self, window: WindowId, stock: StockId) -> Option<Versions> {
        let seen = self.windows.get(&window)?;
        let stock = self.stocks.get(&stock);
        Some(Versions {
            window: seen.places.version,
            quota: seen.share.map_or(0, |(share, _)| share.version),
            stock: stock.map_or(0, |stock| stock.doses.version),
        })
    }

    /// What residents are shown of a window at `now`: its state and how many places can be booked.
    pub fn shown(&self, now: Instant, window: &WindowSeen) -> (WindowState, u32) {
        let Some((share, from)) = window.share.filter(|_| self.open) else {
            return (WindowState::Closed, 0);
        };
        let free = window.places.free.min(share.free);
        let state = if now >= window.until {
            WindowState::Ended
        } else if now < from {
            WindowState::NotYet
        } else if free == 0 {
            WindowState::Full
        } else {
            WindowState::Open
        };
        (state, free)
    }

    /// Rises with every change of any counter, and whenever the session is loaded anew.
    pub fn version(&self) -> u64 {
        let windows = self.windows.values().map(|window| {
            window.places.version + window.share.map_or(0, |(share, _)| share.version)
        });
        let stocks = self.stocks.values().map(|stock| stock.doses.version);
        self.generation + windows.chain(stocks).sum::<u64>()
    }
}
