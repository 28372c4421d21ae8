//! Rate limit by the generic cell rate algorithm (ITU-T I.371): one instant per caller, integers, no clock.

use std::num::NonZeroU64;

use crate::throttle::Pace;

/// One request every `interval_ms` on average, and up to `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limiter {
    interval_ms: NonZeroU64,
    burst: NonZeroU64,
}

/// The answer to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go on; keep this instant (ms) for the caller's next request.
    Allowed {
        /// Theoretical arrival time to store.
        next_ms: u64,
    },
    /// Not yet; the same request is allowed at this instant and not a millisecond before.
    Denied {
        /// When to come back.
        retry_at_ms: u64,
    },
}

impl Limiter {
    /// A limit of `burst` at once and one per `interval_ms` in the long run.
    pub const fn new(interval_ms: NonZeroU64, burst: NonZeroU64) -> Self {
        Self { interval_ms, burst }
    }

    /// Decide a request at `now_ms`; `kept_ms` is what the last allowed request told to keep (0 at first).
    pub const fn decide(&self, kept_ms: u64, now_ms: u64) -> Decision {
        let arrival = if kept_ms > now_ms { kept_ms } else { now_ms };
        let tolerance = self.interval_ms.get().saturating_mul(self.burst.get() - 1);
        let earliest = arrival.saturating_sub(tolerance);
        if now_ms < earliest {
            Decision::Denied {
                retry_at_ms: earliest,
            }
        } else {
            Decision::Allowed {
                next_ms: arrival.saturating_add(self.interval_ms.get()),
            }
        }
    }
    /// The pace over many gates that belongs to this limit: nobody waits more than `penalty_ms` longer than alone.
    pub const fn pace(&self, penalty_ms: u64) -> Pace {
        Pace {
            interval: self.interval_ms,
            ahead_max: self
                .interval_ms
                .get()
                .saturating_mul(self.burst.get())
                .saturating_add(penalty_ms),
        }
    }

    /// The instant to keep from now on, where the cache was `told_ms` by all gates together; none where `kept_ms` stays.
    ///
    /// A difference of less than one request says nothing about other gates, only that reports do not all take equally long.
    pub const fn raised(&self, kept_ms: u64, told_ms: u64) -> Option<u64> {
        if told_ms >= kept_ms.saturating_add(self.interval_ms.get()) {
            Some(told_ms)
        } else {
            None
        }
    }
}
