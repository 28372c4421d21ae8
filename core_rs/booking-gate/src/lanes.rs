//! Holds on their way to the ledger: lanes in which they wait.
//!
//! Holds of one clinic session share a lane, so that two lanes never wait for the same counters. A lane has one writer: a
//! second one would stand at the first one's locks, and a batch that is made ready early leaves out who comes meanwhile
//! (docs/decisions/0003).

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant as Steady;

use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use crate::admissions::Turn;
use crate::work::{HoldWish, Word};

/// Times that a contended hold is asked again: each pass grants at least one or finds the counter empty.
const PASSES: u8 = 8;

/// One hold that waits for a writer. Dropped without a word, its outcome is not known.
pub struct Waiting {
    /// What is wished for.
    pub wish: HoldWish,
    /// After this nobody waits any more: not to be begun.
    pub deadline: Steady,
    passes: u8,
    turn: Turn,
    reply: oneshot::Sender<Word>,
}

impl Waiting {
    /// A hold that has not been asked for yet.
    pub const fn new(
        wish: HoldWish,
        deadline: Steady,
        turn: Turn,
        reply: oneshot::Sender<Word>,
    ) -> Self {
        Self {
            wish,
            deadline,
            passes: PASSES,
            turn,
            reply,
        }
    }

    /// The word on it.
    pub fn tell(self, word: Word) {
        drop(self.turn);
        // Whoever has gone finds the answer under the same key.
        let _ = self.reply.send(word);
    }

    /// Whether it may ask once more; counts that it does.
    pub const fn asks_again(&mut self) -> bool {
        self.passes = self.passes.saturating_sub(1);
        self.passes > 0
    }
}

#[derive(Default)]
struct Lane {
    holds: Mutex<VecDeque<Waiting>>,
    /// Somebody has come, or the lanes are closed.
    news: Notify,
}

impl Lane {
    /// A lock is only ever held for a push or a take, so a poisoned one still guards sound data.
    fn holds(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where holds wait, by clinic session.
pub struct Lanes {
    lanes: Vec<Lane>,
    closed: AtomicBool,
}

impl Lanes {
    /// So many lanes, or one.
    pub fn new(count: usize) -> Self {
        Self {
            lanes: (0..count.max(1)).map(|_| Lane::default()).collect(),
            closed: AtomicBool::new(false),
        }
    }

    /// How many.
    pub const fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Puts a hold in its lane. Its writer is woken once, however many come while it is at work.
    pub fn push(&self, hold: Waiting) {
        let count = i64::try_from(self.lanes.len()).unwrap_or(1);
        let number = usize::try_from(hold.wish.session_id.rem_euclid(count)).unwrap_or(0);
        let lane = &self.lanes[number];
        lane.holds().push_back(hold);
        lane.news.notify_one();
    }

    /// The next holds of a lane, as soon as there is one; none where the lanes are closed and nobody is left in it. Of
    /// several under one key the first: the ledger has one answer for each, so two of them would spoil their batch.
    pub async fn next(&self, number: usize, at_most: usize) -> Option<Vec<Waiting>> {
        let lane = self.lanes.get(number)?;
        loop {
            let taken: Vec<Waiting> = {
                let mut holds = lane.holds();
                let count = holds.len().min(at_most.max(1));
                holds.drain(..count).collect()
            };
            if !taken.is_empty() {
                let (first, later) = by_key(taken);
                self.put_back(number, later);
                return Some(first);
            }
            if self.closed.load(Ordering::Acquire) {
                return None;
            }
            lane.news.notified().await;
        }
    }

    /// Those that ask again go first, in their order.
    pub fn put_back(&self, lane: usize, holds: Vec<Waiting>) {
        if let Some(lane) = self.lanes.get(lane) {
            let mut waiting = lane.holds();
            for hold in holds.into_iter().rev() {
                waiting.push_front(hold);
            }
        }
    }

    /// Nobody comes any more: writers end when their lane is empty.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for lane in &self.lanes {
            lane.news.notify_one();
        }
    }
}

/// The first hold under each key, and the others.
fn by_key(holds: Vec<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
    let mut met: HashSet<(Uuid, &str)> = HashSet::with_capacity(holds.len());
    let met_first: Vec<bool> = holds
        .iter()
        .map(|hold| met.insert((hold.wish.account, &hold.wish.key)))
        .collect();
    if !met_first.contains(&false) {
        return (holds, Vec::new());
    }
    let (mut first, mut later) = (Vec::with_capacity(holds.len()), Vec::new());
    for (hold, is_first) in holds.into_iter().zip(met_first) {
        if is_first { &mut first } else { &mut later }.push(hold);
    }
    (first, later)
}
