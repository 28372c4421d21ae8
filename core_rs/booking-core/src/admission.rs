//! Who may try: the model of the cache.
//!
//! The cache copies counters from the ledger and lends permits on top of them. Promise: for every counter the live
//! permits never exceed what the copy says is free, and a request holds a permit on its window, its channel's quota and
//! its stock together or on none. What the function library in booking-redis does must be what is written here; a
//! conformance test runs generated histories through both.

use std::collections::BTreeMap;

use crate::ids::{SessionId, StockId, WindowId};
use crate::outcome::Refusal;
use crate::time::Instant;

/// A counter of a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CounterId {
    /// Places of a window.
    Window(WindowId),
    /// A channel's share of a window.
    Quota(WindowId, String),
    /// Doses of a stock.
    Stock(StockId),
}

/// What the ledger said of a counter, and when it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Rises with every change in the ledger; the newer copy is kept.
    pub version: u64,
    /// What was free then.
    pub free: u32,
    /// The counter's terms.
    pub terms: Terms,
}

impl Copied {
    /// Takes over what was free at a version, where that is newer.
    const fn renew(&mut self, version: u64, free: u32) {
        if version > self.version {
            (self.version, self.free) = (version, free);
        }
    }
}

/// What else decides about a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// A window takes bookings before this instant.
    Until(Instant),
    /// A channel takes bookings from this instant on.
    From(Instant),
    /// A stock comes in vials of so many doses; from the seal on none is begun.
    Vials {
        /// Doses in a vial.
        size: u32,
        /// From when on no vial is begun.
        sealed_from: Option<Instant>,
    },
}

/// A clinic session as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Rises with every load; an older one never replaces a newer.
    pub generation: u64,
    /// Whether it takes bookings.
    pub open: bool,
    /// Its counters.
    pub counters: BTreeMap<CounterId, Copied>,
}

/// A request to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// Window wanted.
    pub window: WindowId,
    /// Channel asked through.
    pub channel: String,
    /// Stock wanted.
    pub stock: StockId,
    /// Names the try; two of one name are not let in at once.
    pub permit: String,
}

impl Try {
    /// The counters it takes one of each.
    pub fn counters(&self) -> [CounterId; 3] {
        [
            CounterId::Window(self.window),
            CounterId::Quota(self.window, self.channel.clone()),
            CounterId::Stock(self.stock),
        ]
    }
}

/// A permit that was lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// It counts until this instant, itself not included.
    pub until: Instant,
    /// The counters it stands on.
    pub counters: [CounterId; 3],
}

/// One session in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedSession {
    /// What was loaded, with counters as settled since.
    pub loaded: Loaded,
    /// Permits lent and not yet ended.
    pub permits: BTreeMap<String, Permit>,
}

/// The answer to a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Try at the ledger.
    Granted,
    /// No.
    Refused(Refusal),
    /// The session is not loaded: neither free nor full.
    Rebuild,
}

impl CachedSession {
    /// How many live permits stand on a counter.
    pub fn live(&self, counter: &CounterId) -> usize {
        self.permits
            .values()
            .filter(|permit| permit.counters.contains(counter))
            .count()
    }

    /// Drops permits whose time is over.
    pub fn sweep(&mut self, now: Instant) {
        self.permits.retain(|_, permit| permit.until > now);
    }

    /// Why a try is refused, if it is.
    pub fn refusal(&self, now: Instant, wanted: &Try) -> Option<Refusal> {
        let [window_id, quota_id, stock_id] = wanted.counters();
        let find = |id| self.loaded.counters.get(id);
        if !self.loaded.open {
            return Some(Refusal::SessionClosed);
        }
        let Some(window) = find(&window_id) else {
            return Some(Refusal::UnknownWindow);
        };
        let Some(quota) = find(&quota_id) else {
            return Some(Refusal::WrongChannel);
        };
        let Some(stock) = find(&stock_id) else {
            return Some(Refusal::NoSuchStock);
        };
        if matches!(window.terms, Terms::Until(until) if now >= until) {
            return Some(Refusal::BookingEnded);
        }
        if let Terms::From(from) = quota.terms
            && now < from
        {
            return Some(Refusal::NotYetBookable { from });
        }
        if self.permits.contains_key(&wanted.permit) {
            return Some(Refusal::InFlight);
        }
        for (counter, id, full) in [
            (window, &window_id, Refusal::WindowFull),
            (quota, &quota_id, Refusal::ChannelFull),
            (stock, &stock_id, Refusal::OutOfStock),
        ] {
            if self.live(id) >= counter.free as usize {
                return Some(full);
            }
        }
        // Limits are whole vials, so what is free modulo the vial's size is the rest of the vial that is begun.
        if let Terms::Vials {
            size,
            sealed_from: Some(sealed_from),
        } = stock.terms
            && now >= sealed_from
            && self.live(&stock_id) >= (stock.free % size.max(1)) as usize
        {
            return Some(Refusal::VialNotOpened);
        }
        None
    }
}

/// Everything the cache holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cache {
    sessions: BTreeMap<SessionId, CachedSession>,
}

impl Cache {
    /// May this request try? A permit is lent for `ttl_ms`.
    pub fn admit(&mut self, now: Instant, ttl_ms: u32, id: SessionId, wanted: &Try) -> Admission {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Admission::Rebuild;
        };
        session.sweep(now);
        if let Some(refusal) = session.refusal(now, wanted) {
            return Admission::Refused(refusal);
        }
        let permit = Permit {
            until: now.plus_ms(ttl_ms),
            counters: wanted.counters(),
        };
        session.permits.insert(wanted.permit.clone(), permit);
        Admission::Granted
    }

    /// The ledger has decided: end permits, copy counters that are newer. False when the session must be loaded.
    pub fn settle(
        &mut self,
        id: SessionId,
        ended: &[String],
        news: &[(CounterId, u64, u32)],
    ) -> bool {
        self.release(id, ended);
        let Some(session) = self.sessions.get_mut(&id) else {
            return false;
        };
        let mut whole = true;
        for (counter, version, free) in news {
            match session.loaded.counters.get_mut(counter) {
                Some(copy) => copy.renew(*version, *free),
                None => whole = false,
            }
        }
        whole
    }

    /// End permits, whether they are there or not.
    pub fn release(&mut self, id: SessionId, ended: &[String]) {
        if let Some(session) = self.sessions.get_mut(&id) {
            for permit in ended {
                session.permits.remove(permit);
            }
        }
    }

    /// Replace a session; false, and nothing changed, when what is there is not older. A settlement may have overtaken the
    /// load since that read the ledger: what it brought of a counter stays.
    pub fn load(&mut self, id: SessionId, state: Loaded) -> bool {
        let mut loaded = state;
        if let Some(there) = self.sessions.get(&id) {
            if there.loaded.generation >= loaded.generation {
                return false;
            }
            for (counter, copy) in &mut loaded.counters {
                if let Some(known) = there.loaded.counters.get(counter) {
                    copy.renew(known.version, known.free);
                }
            }
        }
        let permits = BTreeMap::new();
        self.sessions.insert(id, CachedSession { loaded, permits });
        true
    }

    /// Drop a session.
    pub fn forget(&mut self, id: SessionId) {
        self.sessions.remove(&id);
    }

    /// A session as it is at `now`.
    pub fn read(&mut self, id: SessionId, now: Instant) -> Option<&CachedSession> {
        let session = self.sessions.get_mut(&id)?;
        session.sweep(now);
        Some(session)
    }
}
