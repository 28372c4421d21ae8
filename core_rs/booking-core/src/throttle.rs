//! One pace for a caller who asks at many gates.
//!
//! Every gate limits by itself ([`crate::gcra::Limiter`]) and tells afterwards, in reports, whom it let through. The cache
//! adds the reports of all gates to one instant per caller and answers it; a gate that had it later than its own waits until
//! then. A report is told as how far ahead of now the instant lies, so that no two clocks need to agree.
//!
//! What holds of all gates together, in any stretch of time t, for a caller whose reports are answered: at most
//! `burst + t / interval`, and what each gate let through after the taking of the last report that it had answered. The
//! delay of a report counts as part of t, and what [`Pace::ahead_max`] forgives comes on top.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// The pace of one kind of caller over all gates, in units of the caller (the gate's are microseconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// One request each, in the long run.
    pub interval: NonZeroU64,
    /// The farthest that a caller's instant may lie ahead of now: however much was let through, nobody waits longer.
    pub ahead_max: u64,
}

impl Pace {
    /// The instant to keep when `count` more requests were let through somewhere; `kept` is the one before (0 at first).
    pub const fn advance(&self, kept: u64, now: u64, count: u64) -> u64 {
        let arrival = if kept > now { kept } else { now };
        let advanced = arrival.saturating_add(count.saturating_mul(self.interval.get()));
        let bound = now.saturating_add(self.ahead_max);
        if advanced < bound { advanced } else { bound }
    }
}

/// What the cache keeps of one kind of caller.
#[derive(Debug, Clone)]
pub struct Callers<C> {
    pace: Pace,
    kept: BTreeMap<C, u64>,
}

impl<C: Ord> Callers<C> {
    /// Nobody has been let through yet.
    pub const fn new(pace: Pace) -> Self {
        Self {
            pace,
            kept: BTreeMap::new(),
        }
    }

    /// A gate let `count` requests of `caller` through. Answers how far the caller's instant lies ahead of `now`.
    pub fn report(&mut self, caller: C, count: u64, now: u64) -> u64 {
        self.kept.retain(|_, instant| *instant > now);
        let instant = self.kept.entry(caller).or_insert(0);
        *instant = self.pace.advance(*instant, now, count);
        *instant - now
    }

    /// Instants that lie ahead of `now`; the others mean nothing any more.
    pub fn ahead(&self, now: u64) -> impl Iterator<Item = (&C, u64)> {
        self.kept
            .iter()
            .map(|(caller, instant)| (caller, *instant))
            .filter(move |(_, instant)| *instant > now)
    }
}
