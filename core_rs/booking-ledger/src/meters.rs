//! What an SRE sees of the gate's batches: the names under which the application shows its own (docs/operations/metrics.md).

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::holds::Committed;
use crate::persist::Trouble;

type Labels = Vec<(&'static str, &'static str)>;

/// Wishes in one batch.
const BATCH_SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
/// Seconds from a quarter of a millisecond to ten seconds.
const SECONDS: [f64; 15] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0,
];

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is in the ledger.
    Committed,
    /// It may simply be done again.
    Transient,
    /// The schema refused one of the holds.
    Spoilt,
    /// The connection was lost, or what should not happen did.
    Away,
}

impl Ending {
    const ALL: [Self; 4] = [Self::Committed, Self::Transient, Self::Spoilt, Self::Away];

    /// How this one did.
    pub const fn of(tried: &Result<Committed, Trouble>) -> Self {
        match tried {
            Ok(_) => Self::Committed,
            Err(Trouble::Transient(_)) => Self::Transient,
            Err(Trouble::Spoilt(_)) => Self::Spoilt,
            Err(Trouble::Away(_) | Trouble::Broken(_)) => Self::Away,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Transient => "transient",
            Self::Spoilt => "spoilt",
            Self::Away => "away",
        }
    }
}

/// Batches of holds.
#[derive(Clone)]
pub struct Meters {
    batch_size: Histogram,
    seconds: Histogram,
    tries: [Counter; Ending::ALL.len()],
    unknown: Counter,
}

impl Meters {
    /// Meters that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let holds: Labels = vec![("statement", "hold")];
        let sizes = Family::<Labels, Histogram, fn() -> Histogram>::new_with_constructor(|| {
            Histogram::new(BATCH_SIZES)
        });
        let seconds = Family::<Labels, Histogram, fn() -> Histogram>::new_with_constructor(|| {
            Histogram::new(SECONDS)
        });
        let tries = Family::<Labels, Counter>::default();
        let unknown = Family::<Labels, Counter>::default();
        registry.register("batch_size", "Wishes in one batch", sizes.clone());
        registry.register(
            "seconds",
            "One try of a batch, commit included",
            seconds.clone(),
        );
        registry.register(
            "tries",
            "Tries of a batch, by how they ended",
            tries.clone(),
        );
        registry.register(
            "unknown",
            "Wishes whose outcome could not be learned in time",
            unknown.clone(),
        );
        Self {
            batch_size: sizes.get_or_create(&holds).clone(),
            seconds: seconds.get_or_create(&holds).clone(),
            tries: Ending::ALL.map(|ending| {
                let labels = vec![("statement", "hold"), ("ending", ending.word())];
                tries.get_or_create(&labels).clone()
            }),
            unknown: unknown.get_or_create(&holds).clone(),
        }
    }

    pub(crate) fn batch(&self, size: usize) {
        self.batch_size
            .observe(f64::from(u32::try_from(size).unwrap_or(u32::MAX)));
    }

    pub(crate) fn tried(&self, took: Duration, ending: Ending) {
        self.seconds.observe(took.as_secs_f64());
        self.tries[ending as usize].inc();
    }

    pub(crate) fn unknown(&self, holds: usize) {
        self.unknown
            .inc_by(u64::try_from(holds).unwrap_or(u64::MAX));
    }
}
