//! The database's clock, as well as this process knows it: steady in between, corrected by measurements.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Instant as Steady, SystemTime, UNIX_EPOCH};

use booking_core::snapshot::Reading;
use booking_core::time::Instant;

/// Error assumed until the first measurement (ms): nothing is decided by time alone within it.
const UNMEASURED_MARGIN_MS: u32 = 60_000;

/// Milliseconds by the database's clock. A step of this machine's own clock does not move it.
pub struct Clock {
    began: Steady,
    began_unix_ms: i64,
    offset_ms: AtomicI64,
    margin_ms: AtomicU32,
}

/// One moment by both clocks, read once for all that is asked of it: to read a clock costs as much as to decide.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By this process's.
    pub steady: Steady,
    /// By the database's.
    pub reading: Reading,
}

impl Moment {
    /// The time.
    pub const fn now(&self) -> Instant {
        self.reading.now
    }
}

impl Default for Clock {
    fn default() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            began: Steady::now(),
            began_unix_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            offset_ms: AtomicI64::new(0),
            margin_ms: AtomicU32::new(UNMEASURED_MARGIN_MS),
        }
    }
}

impl Clock {
    fn unaligned_ms(&self, at: Steady) -> i64 {
        let passed = at.saturating_duration_since(self.began).as_millis();
        self.began_unix_ms
            .saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// This moment.
    pub fn moment(&self) -> Moment {
        let steady = Steady::now();
        let reading = Reading {
            now: Instant(
                self.unaligned_ms(steady)
                    .saturating_add(self.offset_ms.load(Ordering::Relaxed)),
            ),
            margin_ms: self.margin_ms.load(Ordering::Relaxed),
        };
        Moment { steady, reading }
    }

    /// The time, and how far it may be off.
    pub fn read(&self) -> Reading {
        self.moment().reading
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.read().now
    }

    /// The database said `database_ms` within `margin_ms` of now.
    pub fn align(&self, database_ms: i64, margin_ms: u32) {
        self.offset_ms.store(
            database_ms.saturating_sub(self.unaligned_ms(Steady::now())),
            Ordering::Relaxed,
        );
        self.margin_ms.store(margin_ms, Ordering::Relaxed);
    }
}
