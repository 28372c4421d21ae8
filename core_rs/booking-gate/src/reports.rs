//! Limits that hold across gates: whom this gate let through is told to the cache, and the answer of all gates together
//! raises a caller's instant here. Every decision is made without waiting for either (`docs/decisions/0008`).
//!
//! One report is under way at a time; what is noted meanwhile goes with the next. Of more callers than a report carries the
//! busiest are told. While the cache is away, nothing is told and each gate limits by itself.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use booking_core::throttle::Pace;
use booking_redis::Client;
use booking_redis::call::LetThrough;
use booking_redis::keys::CallerKind;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::gate::SharedKeyring;
use crate::limits::{Limits, Note};
use crate::metrics::LimitCounters;

const KINDS: [CallerKind; 3] = [CallerKind::Account, CallerKind::Device, CallerKind::Address];
/// Callers in one report.
const CALLERS_PER_REPORT: usize = 500;
/// From one report to the next at least: short, so that few requests are let through unheard.
const BEAT: Duration = Duration::from_millis(10);
/// For each caller reported: it bounds what one gate asks of the cache, which has holds to admit meanwhile, to 10,000 callers
/// a second.
const BEAT_PER_CALLER: Duration = Duration::from_micros(100);
/// After a report without an answer.
const AWAY_PAUSE: Duration = Duration::from_millis(500);

/// The limits of accounts, devices and addresses, reported from now on where a penalty is given.
pub fn start(
    limits: [Limits; 3],
    penalty: Option<Duration>,
    client: &Client,
    keyring: &SharedKeyring,
    counters: &LimitCounters,
    runtime: &Handle,
) -> [Arc<Limits>; 3] {
    let Some(penalty) = penalty else {
        return limits.map(Arc::new);
    };
    let noted = Arc::new(Notify::new());
    let limits = limits.map(|limits| Arc::new(limits.noting_for(Arc::clone(&noted))));
    let reporter = Reporter {
        paces: [0, 1, 2].map(|kind: usize| limits[kind].pace(penalty)),
        limits: limits.clone(),
        noted,
        client: client.clone(),
        keyring: Arc::clone(keyring),
        counters: counters.clone(),
    };
    // It ends with the runtime.
    runtime.spawn(reporter.run());
    limits
}

struct Reporter {
    limits: [Arc<Limits>; 3],
    paces: [Pace; 3],
    noted: Arc<Notify>,
    client: Client,
    keyring: SharedKeyring,
    counters: LimitCounters,
}

/// A caller's requests since the last report: the first one's note, and what the cache is told.
struct Gathered {
    note: Note,
    told: LetThrough,
}

impl Reporter {
    async fn run(self) {
        loop {
            self.noted.notified().await;
            let gathered = self.gather();
            let pause = if self.report(&gathered).await {
                let callers = u32::try_from(gathered.len()).unwrap_or(u32::MAX);
                BEAT.max(BEAT_PER_CALLER.saturating_mul(callers))
            } else {
                AWAY_PAUSE
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// What was noted, by caller; of too many the busiest.
    fn gather(&self) -> Vec<Gathered> {
        let keyring = Arc::clone(&self.keyring.read().unwrap_or_else(PoisonError::into_inner));
        let mut gathered: Vec<Gathered> = Vec::new();
        for (kind, limits) in KINDS.into_iter().zip(&self.limits) {
            let noted = limits.take_notes();
            self.counters.missed.inc_by(noted.missed);
            let mut places = HashMap::with_capacity(noted.notes.len());
            for note in noted.notes {
                if let Some(place) = places.get(&note.place) {
                    let caller: &mut Gathered = &mut gathered[*place];
                    caller.told.requests = caller.told.requests.saturating_add(1);
                    continue;
                }
                let name = match kind {
                    CallerKind::Account | CallerKind::Device => Some(note.caller),
                    // An address is personal data: it leaves this process as a pseudonym only.
                    CallerKind::Address => keyring.pseudonym(&note.caller),
                };
                let Some(name) = name else {
                    self.counters.missed.inc();
                    continue;
                };
                places.insert(note.place, gathered.len());
                let told = LetThrough {
                    kind,
                    name,
                    requests: 1,
                };
                gathered.push(Gathered { note, told });
            }
        }
        if gathered.len() > CALLERS_PER_REPORT {
            gathered.sort_unstable_by_key(|caller| Reverse(caller.told.requests));
            for caller in gathered.drain(CALLERS_PER_REPORT..) {
                self.counters.missed.inc_by(u64::from(caller.told.requests));
            }
        }
        gathered
    }

    /// Tells the cache and heeds the answers; false where none came.
    async fn report(&self, gathered: &[Gathered]) -> bool {
        if gathered.is_empty() {
            return true;
        }
        let callers: Vec<LetThrough> = gathered.iter().map(|caller| caller.told).collect();
        let aheads = self
            .client
            .throttle(&callers, |kind| self.paces[kind as usize])
            .await;
        let mut any = false;
        for (caller, ahead) in gathered.iter().zip(aheads) {
            let requests = u64::from(caller.told.requests);
            let Some(ahead_us) = ahead else {
                self.counters.lost.inc_by(requests);
                continue;
            };
            any = true;
            // Raised first: whoever sees it counted finds it heeded.
            if self.limits[caller.told.kind as usize].raise(&caller.note, ahead_us) {
                self.counters.raised.inc();
            }
            self.counters.told.inc_by(requests);
        }
        any
    }
}
