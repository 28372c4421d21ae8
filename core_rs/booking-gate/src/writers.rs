//! Who takes holds to the ledger: a writer for each lane, all on a thread of their own, so that a crowd at the door does
//! not stand between a commit and its answer.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Steady, SystemTime, UNIX_EPOCH};

use booking_ledger::{Counter as LedgerCounter, Holds, Ledger, Persisted, Verdict, persist};
use booking_redis::call::{CounterNews, Settlement};
use booking_redis::keys::Counter;
use ring::rand::{SecureRandom, SystemRandom};
use uuid::{Builder, Uuid};

use crate::gate::Gate;
use crate::lanes::{Lanes, Waiting};
use crate::serve::runtime;
use crate::work::Word;

/// Random bytes of one hold: of its claim's id and of its token.
const RANDOM_BYTES: usize = 10 + 16;
/// What an SRE should read is kept until somebody does, the newest of it.
const TROUBLES_MAX: usize = 16;

/// How writers work.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Holds in one statement.
    pub batch_max: usize,
    /// How long a batch is tried for.
    pub patience: Duration,
}

/// What writers tell of themselves.
#[derive(Default)]
pub struct Told {
    took: Mutex<(Duration, u32)>,
    troubles: Mutex<Vec<String>>,
}

impl Told {
    /// How long a batch took on average since this was asked last (ms); none where there was none.
    pub fn take_ms(&self) -> Option<u64> {
        let mut took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        let (sum, batches) = std::mem::take(&mut *took);
        let mean = sum.checked_div(batches)?;
        u64::try_from((mean + Duration::from_micros(500)).as_millis()).ok()
    }

    /// Why batches were not decided, since this was asked last.
    pub fn take_troubles(&self) -> Vec<String> {
        std::mem::take(&mut *self.troubles.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn batch(&self, took: Duration, trouble: Option<String>) {
        {
            let mut sum = self.took.lock().unwrap_or_else(PoisonError::into_inner);
            *sum = (sum.0 + took, sum.1 + 1);
        }
        if let Some(trouble) = trouble {
            let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
            if troubles.len() == TROUBLES_MAX {
                troubles.remove(0);
            }
            troubles.push(trouble);
        }
    }
}

/// Writers at work.
pub struct Writers {
    lanes: Arc<Lanes>,
    thread: JoinHandle<()>,
}

impl Writers {
    /// Sets a writer to each lane. `ledger` makes the way to the ledger of one of them.
    ///
    /// # Errors
    /// What the system says when there is no thread to be had.
    pub fn start<L, F>(
        gate: &Arc<Gate>,
        lanes: &Arc<Lanes>,
        told: &Arc<Told>,
        manner: Manner,
        ledger: F,
    ) -> io::Result<Self>
    where
        L: Ledger + 'static,
        F: Fn() -> L + Send + Sync + 'static,
    {
        let runtime = runtime()?;
        let ledger = Arc::new(ledger);
        let writer_of = {
            let (gate, lanes, told) = (Arc::clone(gate), Arc::clone(lanes), Arc::clone(told));
            move |lane| Writer {
                gate: Arc::clone(&gate),
                lanes: Arc::clone(&lanes),
                told: Arc::clone(&told),
                manner,
                lane,
                ledger: ledger(),
            }
        };
        let count = lanes.count();
        let thread = std::thread::Builder::new()
            .name("humiao-ledger".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let writer_of = Arc::new(writer_of);
                    let attended: Vec<_> = (0..count)
                        .map(|lane| tokio::spawn(attend(lane, Arc::clone(&writer_of))))
                        .collect();
                    for lane in attended {
                        let _ = lane.await;
                    }
                });
            })?;
        Ok(Self {
            lanes: Arc::clone(lanes),
            thread,
        })
    }

    /// Returns when everything that waits has been decided. Nobody may come any more.
    pub fn drain(self) {
        self.lanes.close();
        // A thread that panicked has said so already.
        let _ = self.thread.join();
    }
}

/// A writer for one lane, and another one should it break: a lane that nobody attends would hold everybody up.
async fn attend<L, F>(lane: usize, writer_of: Arc<F>)
where
    L: Ledger + 'static,
    F: Fn(usize) -> Writer<L>,
{
    while tokio::spawn(writer_of(lane).write()).await.is_err() {}
}

struct Writer<L> {
    gate: Arc<Gate>,
    lanes: Arc<Lanes>,
    told: Arc<Told>,
    manner: Manner,
    lane: usize,
    ledger: L,
}

impl<L: Ledger> Writer<L> {
    async fn write(mut self) {
        while let Some(holds) = self.lanes.next(self.lane, self.manner.batch_max).await {
            let now = Steady::now();
            let (due, overdue): (Vec<_>, Vec<_>) =
                holds.into_iter().partition(|hold| hold.deadline > now);
            self.turn_away(overdue);
            if !due.is_empty() {
                self.decide(due).await;
            }
        }
    }

    async fn decide(&mut self, holds: Vec<Waiting>) {
        let began = Steady::now();
        let metrics = &self.gate.metrics;
        metrics
            .batch_size
            .observe(f64::from(u32::try_from(holds.len()).unwrap_or(u32::MAX)));
        let persisted = match columns(&holds, &self.gate.settings.channel) {
            Some(columns) => {
                persist(
                    &mut self.ledger,
                    &columns,
                    self.manner.patience,
                    &metrics.ledger,
                )
                .await
            }
            None => Persisted {
                verdicts: vec![Verdict::Unknown; holds.len()],
                ..Persisted::default()
            },
        };
        let trouble = persisted.trouble.map(|trouble| trouble.to_string());
        self.told.batch(began.elapsed(), trouble);
        self.tell(holds, persisted.verdicts, persisted.counters);
    }

    fn tell(&self, holds: Vec<Waiting>, verdicts: Vec<Verdict>, counters: Vec<LedgerCounter>) {
        let mut again = Vec::new();
        let mut ended = Vec::new();
        for (mut hold, verdict) in holds.into_iter().zip(verdicts) {
            let permit = permit(&hold);
            let word = match verdict {
                Verdict::Unknown => refused("outcome_unknown"),
                Verdict::Told(word) if word.code == "contended" => {
                    if hold.asks_again() {
                        again.push(hold);
                        continue;
                    }
                    refused("busy")
                }
                Verdict::Told(word) => word
                    .answer
                    .map_or_else(|| Word::Refused(word.code, word.retry_at), Word::Answer),
            };
            ended.push(permit);
            hold.tell(word);
        }
        self.lanes.put_back(self.lane, again);
        self.settle(ended, counters);
    }

    fn turn_away(&self, late: Vec<Waiting>) {
        let ended = late.iter().map(permit).collect();
        for hold in late {
            hold.tell(refused("busy"));
        }
        self.settle(ended, Vec::new());
    }

    /// Brings counters home and ends permits; the acknowledgement rests on the commit and waits for neither.
    fn settle(&self, permits: Vec<(i64, String)>, counters: Vec<LedgerCounter>) {
        let settlements = settlements(permits, counters);
        if settlements.is_empty() {
            return;
        }
        let gate = Arc::clone(&self.gate);
        self.gate.runtime.spawn(async move {
            // Where the cache is away permits end by themselves, and the reconciler copies what this would have.
            let settled = gate.admissions.client().settle(&settlements).await;
            gate.metrics.settled(settled.is_ok());
            let lost = settled.unwrap_or_default();
            for session_id in lost {
                gate.load(session_id).await;
            }
        });
    }
}

/// One for each clinic session.
fn settlements(permits: Vec<(i64, String)>, counters: Vec<LedgerCounter>) -> Vec<Settlement> {
    let mut by_session: HashMap<i64, Settlement> = HashMap::new();
    let empty = |session_id| Settlement {
        session_id,
        permits: Vec::new(),
        news: Vec::new(),
    };
    for (session_id, permit) in permits {
        let settlement = by_session
            .entry(session_id)
            .or_insert_with(|| empty(session_id));
        settlement.permits.push(permit);
    }
    for moved in counters {
        let session_id = moved.session_id;
        // What the cache cannot spell it does not keep either.
        let (Ok(counter), Ok(version), Ok(free)) = (
            Counter::parse(&moved.field),
            u64::try_from(moved.version),
            u32::try_from(moved.free),
        ) else {
            continue;
        };
        let settlement = by_session
            .entry(session_id)
            .or_insert_with(|| empty(session_id));
        settlement.news.push(CounterNews {
            counter,
            version,
            free,
        });
    }
    by_session.into_values().collect()
}

/// No; when to come back is the gate's to say.
fn refused(code: &str) -> Word {
    Word::Refused(code.to_owned(), None)
}

fn permit(hold: &Waiting) -> (i64, String) {
    let wish = &hold.wish;
    (
        wish.session_id,
        crate::wish::permit(wish.person, wish.stock_id),
    )
}

/// The arrays of the statement; none where the system has no randomness. Ids of claims are `UUIDv7` of this millisecond
/// (RFC 9562), so that the index grows at its right end; tokens are random.
fn columns<'a>(holds: &'a [Waiting], channel: &'a str) -> Option<Holds<'a>> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let mut random = vec![[0; RANDOM_BYTES]; holds.len()];
    SystemRandom::new().fill(random.as_flattened_mut()).ok()?;
    let claim_id = |bytes: &[u8; RANDOM_BYTES]| {
        let mut tail = [0; 10];
        tail.copy_from_slice(&bytes[..10]);
        Builder::from_unix_timestamp_millis(now_ms, &tail).into_uuid()
    };
    let token = |bytes: &[u8; RANDOM_BYTES]| -> Uuid {
        let mut token = [0; 16];
        token.copy_from_slice(&bytes[10..]);
        Builder::from_random_bytes(token).into_uuid()
    };
    let wishes = || holds.iter().map(|hold| &hold.wish);
    Some(Holds {
        claim_ids: random.iter().map(claim_id).collect(),
        hold_tokens: random.iter().map(token).collect(),
        actors: wishes()
            .map(|wish| format!("account:{}", wish.account))
            .collect(),
        account_ids: wishes().map(|wish| wish.account).collect(),
        person_ids: wishes().map(|wish| wish.person).collect(),
        window_ids: wishes().map(|wish| wish.window_id).collect(),
        channels: vec![channel; holds.len()],
        stock_ids: wishes().map(|wish| wish.stock_id).collect(),
        keys: wishes().map(|wish| wish.key.as_str()).collect(),
        body_hashes: wishes().map(|wish| &wish.body_hash[..]).collect(),
        sources: vec![channel; holds.len()],
        pass_generations: wishes().map(|wish| wish.pass_generation).collect(),
    })
}
