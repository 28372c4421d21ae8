//! How often may they ask? One instant per account, device and address, by booking-core's rule.
//!
//! Memory is bounded: what has long had its right back is forgotten first, then anything.
//!
//! Whom this gate let through is noted for the other gates ([`crate::reports`]); an answer of all gates together can only
//! raise a caller's instant. Neither is waited for.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use booking_core::gcra::{Decision, Limiter};
use booking_core::throttle::Pace;
use booking_core::time::Instant;
use booking_redis::keys::CallerName;
use tokio::sync::Notify;
use uuid::Uuid;

const SHARDS: usize = 64;
/// Notes that wait in one shard; more are not reported.
const NOTES_MAX: usize = 1024;
/// The farthest that gates together put anybody ahead (us): a day, so that the cache counts exactly.
const AHEAD_MAX_US: u64 = 86_400_000_000;

/// Somebody whose pace is limited.
pub trait Caller: Hash {
    /// As 16 bytes.
    fn name(&self) -> CallerName;
}

impl Caller for Uuid {
    fn name(&self) -> CallerName {
        *self.as_bytes()
    }
}

impl Caller for IpAddr {
    fn name(&self) -> CallerName {
        match self {
            Self::V4(four) => four.to_ipv6_mapped().octets(),
            Self::V6(six) => six.octets(),
        }
    }
}

/// A request that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// Who asked.
    pub caller: CallerName,
    /// When (us).
    pub at_us: u64,
    /// Where its instant is kept.
    pub(crate) place: u64,
}

/// Notes taken out, and how many there was no room for.
#[derive(Debug, Default)]
pub struct Notes {
    /// In the order of each caller's requests.
    pub notes: Vec<Note>,
    /// Requests that were let through and not noted.
    pub missed: u64,
}

/// A limit: so many at once, and so many a second in the long run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// In the long run.
    pub per_s: f64,
    /// At once.
    pub burst: u32,
}

impl Rate {
    fn limiter(self) -> Limiter {
        // In microseconds, so that rates above a thousand a second are told apart.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded on both sides"
        )]
        let interval_us = (1e6 / self.per_s.max(1e-6)).clamp(1.0, 1e12) as u64;
        Limiter::new(
            NonZeroU64::new(interval_us).unwrap_or(NonZeroU64::MIN),
            NonZeroU64::new(u64::from(self.burst)).unwrap_or(NonZeroU64::MIN),
        )
    }
}

/// Places are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut eight = [0; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(eight);
        }
    }

    fn write_u64(&mut self, place: u64) {
        self.0 = place;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Default)]
struct Shard {
    kept_us: HashMap<u64, u64, BuildHasherDefault<AsIs>>,
    swept_us: u64,
    noted: Notes,
}

impl Shard {
    /// Makes room for one more: a sweep at most once a second, else somebody is forgotten.
    fn make_room(&mut self, max: usize, now_us: u64) {
        if self.kept_us.len() < max {
            return;
        }
        if now_us >= self.swept_us.saturating_add(1_000_000) {
            self.swept_us = now_us;
            self.kept_us.retain(|_, until_us| *until_us > now_us);
        }
        if self.kept_us.len() >= max {
            let any = self.kept_us.keys().next().copied();
            any.and_then(|any| self.kept_us.remove(&any));
        }
    }

    fn keep(&mut self, place: u64, until_us: u64, max: usize, now_us: u64) {
        if !self.kept_us.contains_key(&place) {
            self.make_room(max, now_us);
        }
        self.kept_us.insert(place, until_us);
    }

    /// Whether this is the first note since they were taken out.
    fn note(&mut self, note: Note) -> bool {
        if self.noted.notes.len() >= NOTES_MAX {
            self.noted.missed += 1;
            return false;
        }
        self.noted.notes.push(note);
        self.noted.notes.len() == 1
    }
}

/// One kind of caller, each with an instant of its own.
pub struct Limits {
    limiter: Limiter,
    shards: Vec<Mutex<Shard>>,
    shard_max: usize,
    hasher: RandomState,
    /// Told when there are notes to take out; none where nobody takes them.
    reader: Option<Arc<Notify>>,
}

impl Limits {
    /// Remembers at most about `callers_max` callers.
    pub fn new(rate: Rate, callers_max: usize) -> Self {
        Self {
            limiter: rate.limiter(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_max: (callers_max / SHARDS).max(16),
            hasher: RandomState::new(),
            reader: None,
        }
    }

    /// Notes requests for `reader`, who takes them out when it is told to.
    #[must_use]
    pub fn noting_for(mut self, reader: Arc<Notify>) -> Self {
        self.reader = Some(reader);
        self
    }

    /// The pace of these callers over all gates; nobody waits more than `penalty` longer than at one gate.
    pub fn pace(&self, penalty: Duration) -> Pace {
        let penalty_us = u64::try_from(penalty.as_micros()).unwrap_or(u64::MAX);
        let pace = self.limiter.pace(penalty_us);
        Pace {
            ahead_max: pace.ahead_max.min(AHEAD_MAX_US),
            ..pace
        }
    }

    /// Lets a caller through, or says when it may come back.
    ///
    /// # Errors
    /// The instant from which the same request is let through.
    pub fn take(&self, caller: impl Hash, now: Instant) -> Result<(), Instant> {
        self.decide(self.hasher.hash_one(caller), now, None)
    }

    /// The same, noted for the other gates.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_noted(&self, caller: impl Caller, now: Instant) -> Result<(), Instant> {
        let name = self.reader.is_some().then(|| caller.name());
        self.decide(self.hasher.hash_one(caller), now, name)
    }

    fn decide(&self, place: u64, now: Instant, name: Option<CallerName>) -> Result<(), Instant> {
        let now_us = u64::try_from(now.0).unwrap_or(0).saturating_mul(1000);
        let mut shard = self.shard(place);
        let kept = shard.kept_us.get_mut(&place);
        match self
            .limiter
            .decide(kept.as_deref().copied().unwrap_or(0), now_us)
        {
            Decision::Allowed { next_ms: next_us } => {
                match kept {
                    Some(kept_us) => *kept_us = next_us,
                    None => shard.keep(place, next_us, self.shard_max, now_us),
                }
                let first = name.is_some_and(|caller| {
                    shard.note(Note {
                        caller,
                        at_us: now_us,
                        place,
                    })
                });
                drop(shard);
                if let (true, Some(reader)) = (first, &self.reader) {
                    reader.notify_one();
                }
                Ok(())
            }
            Decision::Denied {
                retry_at_ms: retry_at_us,
            } => Err(Instant(
                i64::try_from(retry_at_us.div_ceil(1000)).unwrap_or(i64::MAX),
            )),
        }
    }

    /// All gates together put the caller of a note so far ahead of when it asked (us). Its instant is never lowered; true
    /// where it was raised, because others had let the caller through as well.
    pub fn raise(&self, note: &Note, ahead_us: u64) -> bool {
        let mut shard = self.shard(note.place);
        let kept_us = shard.kept_us.get(&note.place).copied().unwrap_or(0);
        let told_us = note.at_us.saturating_add(ahead_us);
        let raised = self.limiter.raised(kept_us, told_us);
        if let Some(until_us) = raised {
            shard.keep(note.place, until_us, self.shard_max, note.at_us);
        }
        raised.is_some()
    }

    /// Takes the notes out.
    pub fn take_notes(&self) -> Notes {
        let mut all = Notes::default();
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.notes.append(&mut shard.noted.notes);
            all.missed += std::mem::take(&mut shard.noted.missed);
        }
        all
    }

    fn shard(&self, place: u64) -> MutexGuard<'_, Shard> {
        // Not its lowest bits, by which a shard's map tells places apart.
        let number = usize::try_from((place >> 40) % SHARDS as u64).unwrap_or(0);
        self.shards[number]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many callers are remembered.
    pub fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| {
                shard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .kept_us
                    .len()
            })
            .sum()
    }

    /// Nobody is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
