//! Trying for a permit: what queued while the last batch was at the cache goes with the next. A winner is handed to the
//! ledger's side at once, from the very task that heard of it: if the one who asked has gone meanwhile, the hold is still
//! decided, and a repeat finds the answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant as Steady;

use booking_redis::call::Request;
use booking_redis::reply::Verdict;
use booking_redis::{Answer, CacheError, Client, ClientSettings};
use prometheus_client::metrics::histogram::Histogram;
use slab::Slab;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::metrics::{CacheAnswers, Metrics};
use crate::work::{Desk, HoldWish, Word, Work};

/// A place in a bounded queue, given back when dropped.
pub struct Turn {
    queue: Arc<AtomicUsize>,
    /// Since when, and where the time is told that it was held.
    timed: Option<(Steady, Histogram)>,
}

impl Turn {
    /// Takes a place, unless `max` are taken.
    pub fn take(queue: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let turn = Self {
            queue: Arc::clone(queue),
            timed: None,
        };
        (queue.fetch_add(1, Ordering::AcqRel) < max).then_some(turn)
    }

    /// Takes a place whatever the bound.
    fn more(queue: &Arc<AtomicUsize>) -> Self {
        queue.fetch_add(1, Ordering::AcqRel);
        Self {
            queue: Arc::clone(queue),
            timed: None,
        }
    }

    /// Tells `stage`, however it ends, how long the place was held from now on.
    #[must_use]
    pub fn timed_as(mut self, stage: &Histogram) -> Self {
        self.timed = Some((Steady::now(), stage.clone()));
        self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.queue.fetch_sub(1, Ordering::AcqRel);
        if let Some((since, stage)) = self.timed.take() {
            stage.observe(since.elapsed().as_secs_f64());
        }
    }
}

/// What became of a try.
pub enum Tried {
    /// It went on to the ledger; this is the ledger's word, or nothing if that was lost.
    Ledger(Option<Word>),
    /// The cache refused it, lacks the session, or is away.
    Cache(Verdict),
}

/// Where an SRE is told of it.
struct Told {
    batch_size: Histogram,
    answers: CacheAnswers,
    ledger: Histogram,
}

struct Waiting {
    wish: HoldWish,
    deadline: Steady,
    /// Its place among those that wait for the cache.
    turn: Turn,
    verdict: oneshot::Sender<Verdict>,
    word: oneshot::Sender<Word>,
}

/// Queues shared by everybody who tries.
pub struct Queues {
    /// At the cache.
    pub admit: Arc<AtomicUsize>,
    /// At the ledger.
    pub ledger: Arc<AtomicUsize>,
}

/// The way to the cache and on.
pub struct Admissions {
    client: Client,
    waiting: Arc<Mutex<Slab<Waiting>>>,
    channel: String,
}

impl Admissions {
    /// Starts the client's tasks on `runtime`.
    pub fn start(
        settings: ClientSettings,
        runtime: &Handle,
        channel: String,
        desk: Arc<dyn Desk>,
        at_ledger: Arc<AtomicUsize>,
        metrics: &Metrics,
    ) -> Self {
        let told = Told {
            batch_size: metrics.cache_batch_size.clone(),
            answers: metrics.cache_answers.clone(),
            ledger: metrics.stages.ledger.clone(),
        };
        let waiting: Arc<Mutex<Slab<Waiting>>> = Arc::default();
        let asked = Arc::clone(&waiting);
        let (client, _) = Client::start(settings, runtime, move |answers| {
            let won = take_apart(&asked, answers, &at_ledger, &told);
            if !won.is_empty() {
                desk.put(won);
            }
        });
        Self {
            client,
            waiting,
            channel,
        }
    }

    /// The client itself, for reading sessions.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Tries; the answer comes after the commit, or as the cache's refusal.
    pub async fn try_for(
        &self,
        wish: HoldWish,
        permit: String,
        turn: Turn,
        deadline: Steady,
    ) -> Tried {
        let request = Request {
            session_id: wish.session_id,
            window_id: wish.window_id,
            channel: self.channel.clone(),
            stock_id: wish.stock_id,
            permit,
        };
        let (verdict, told) = oneshot::channel();
        let (word, said) = oneshot::channel();
        let ticket = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(Waiting {
                wish,
                deadline,
                turn,
                verdict,
                word,
            });
        let submitted = i64::try_from(ticket)
            .map_err(|_| CacheError::Unavailable("too many".to_owned()))
            .and_then(|number| self.client.submit(number, request));
        if submitted.is_err() {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = waiting.try_remove(ticket);
            return Tried::Cache(Verdict::Unavailable);
        }
        // A winner's verdict is never told: its sender is dropped when the wish goes on to the ledger.
        match told.await {
            Ok(verdict) => Tried::Cache(verdict),
            Err(_) => Tried::Ledger(said.await.ok()),
        }
    }
}

/// Tells the refused and returns the winners.
fn take_apart(
    waiting: &Mutex<Slab<Waiting>>,
    answers: Vec<Answer>,
    at_ledger: &Arc<AtomicUsize>,
    told: &Told,
) -> Vec<Work> {
    told.batch_size
        .observe(f64::from(u32::try_from(answers.len()).unwrap_or(u32::MAX)));
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let mut won = Vec::new();
    for answer in answers {
        told.answers.count(&answer.verdict);
        let entry = usize::try_from(answer.ticket)
            .ok()
            .and_then(|ticket| waiting.try_remove(ticket));
        let Some(entry) = entry else {
            continue;
        };
        drop(entry.turn);
        if answer.verdict == Verdict::Granted {
            won.push(Work::Hold {
                wish: entry.wish,
                deadline: entry.deadline,
                turn: Turn::more(at_ledger).timed_as(&told.ledger),
                reply: entry.word,
            });
        } else {
            // Nobody waiting any more is no harm: nothing was given.
            let _ = entry.verdict.send(answer.verdict);
        }
    }
    won
}
