//! Trying a batch until it commits. The application's own engine does the same (`pyapp/humiao/booking/ledger.py`).

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant as Steady;

use crate::holds::{Committed, Counter, Holds, Part, Word};
use crate::meters::{Ending, Meters};

/// Before the second try; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// Another process may have taken the same key or series between the look and the write: once is not the batch's fault.
const SPOILT_MAX: u32 = 2;
/// Refused alone as often as this, a hold is at fault.
const SPOILT_ALONE_MAX: u32 = 5;

/// Why a try came to nothing, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nothing was committed and the same may simply be done again: locks, a deadlock.
    #[error("done again: {0}")]
    Transient(String),
    /// Nothing was committed: the schema refuses one of the holds.
    #[error("refused by the schema: {0}")]
    Spoilt(String),
    /// The server or the way to it went away; whether a commit under way took place is not known.
    #[error("away: {0}")]
    Away(String),
    /// What should not happen, and would happen again.
    #[error("broken: {0}")]
    Broken(String),
}

/// Where batches are decided.
pub trait Ledger: Send {
    /// One statement, one commit, a word for each hold; given up after `within`, with an outcome that is not known.
    fn hold(
        &mut self,
        part: Part<'_>,
        within: Duration,
    ) -> impl Future<Output = Result<Committed, Trouble>> + Send;
}

/// What became of one hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The ledger's word.
    Told(Word),
    /// Nobody knows; the same key will tell.
    Unknown,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Persisted {
    /// A verdict for each hold, in order.
    pub verdicts: Vec<Verdict>,
    /// Counters, as the commits left them.
    pub counters: Vec<Counter>,
    /// What an SRE should read, if anything.
    pub trouble: Option<Trouble>,
}

enum Tried {
    Committed(Committed),
    /// One of several holds spoils it.
    Split,
    /// Every verdict of the part.
    All(Verdict, Trouble),
}

/// Tries until all holds are decided, or for `patience` (each part that a batch is split into anew).
pub async fn persist<L: Ledger>(
    ledger: &mut L,
    holds: &Holds<'_>,
    patience: Duration,
    meters: &Meters,
) -> Persisted {
    let mut done = Persisted::default();
    let mut parts = vec![holds.whole()];
    while let Some(part) = parts.pop() {
        match until_decided(ledger, part, patience, meters).await {
            Tried::Committed(committed) => {
                done.verdicts
                    .extend(committed.words.into_iter().map(Verdict::Told));
                done.counters.extend(committed.counters);
            }
            Tried::Split => {
                let (first, second) = part.halves();
                parts.extend([second, first]);
            }
            Tried::All(verdict, trouble) => {
                done.verdicts
                    .extend(std::iter::repeat_n(verdict, part.len()));
                done.trouble = Some(trouble);
            }
        }
    }
    done
}

async fn until_decided<L: Ledger>(
    ledger: &mut L,
    part: Part<'_>,
    patience: Duration,
    meters: &Meters,
) -> Tried {
    meters.batch(part.len());
    let deadline = Steady::now() + patience;
    let (mut pause, mut spoilt) = (PAUSE, 0);
    loop {
        let began = Steady::now();
        let tried = ledger.hold(part, deadline - began).await;
        meters.tried(began.elapsed(), Ending::of(&tried));
        let trouble = match tried {
            Ok(committed) => return Tried::Committed(committed),
            Err(trouble) => trouble,
        };
        match trouble {
            Trouble::Spoilt(_) => {
                spoilt += 1;
                if spoilt >= SPOILT_MAX && part.len() > 1 {
                    return Tried::Split;
                }
                if spoilt >= SPOILT_ALONE_MAX {
                    return Tried::All(Verdict::Told(Word::no("busy")), trouble);
                }
            }
            Trouble::Broken(_) => {
                meters.unknown(part.len());
                return Tried::All(Verdict::Unknown, trouble);
            }
            Trouble::Transient(_) | Trouble::Away(_) => {}
        }
        if Steady::now() + pause > deadline {
            meters.unknown(part.len());
            return Tried::All(Verdict::Unknown, trouble);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
