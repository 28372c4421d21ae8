//! Holds on their way to the ledger: lanes in which they wait, and the batch that a writer takes.
//!
//! A batch crosses to Python as columns, the very arrays of the statement, and its words come back as the statement's
//! rows: no Python object is made for a single hold beyond the values themselves. Holds of one clinic session share a
//! lane, so that two lanes never wait for the same counters. A batch that is dropped without a word counts as *outcome
//! unknown* for everybody in it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Instant as Steady, SystemTime, UNIX_EPOCH};

use booking_core::time::Instant;
use booking_gate::admissions::Turn;
use booking_gate::gate::Gate;
use booking_gate::work::{HoldWish, Word};
use booking_redis::call::{CounterNews, Settlement};
use booking_redis::keys::Counter;
use bytes::Bytes;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::oneshot;

use crate::gate::locked;

/// Times that a contended hold is asked again: each pass grants at least one or finds the counter empty.
const PASSES: u8 = 8;
/// Random bytes of one hold: of its claim's id and of its token.
const RANDOM_BYTES: usize = 10 + 16;

/// One hold that waits for a writer.
pub struct Waiting {
    pub wish: HoldWish,
    pub deadline: Steady,
    pub passes: u8,
    pub turn: Turn,
    pub reply: oneshot::Sender<Word>,
}

impl Waiting {
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

    fn tell(self, word: Word) {
        drop(self.turn);
        // Whoever has gone finds the answer under the same key.
        let _ = self.reply.send(word);
    }
}

/// Who waits in a lane, and whether a writer attends it: takes from it until nobody is left, without being called.
#[derive(Default)]
struct Lane {
    holds: VecDeque<Waiting>,
    attended: bool,
}

/// Where holds wait, by clinic session. One writer attends a lane at a time: a second one would stand at the first one's
/// locks, and a batch that is made ready early leaves out who comes meanwhile (docs/decisions/0003).
pub struct Lanes(Vec<Mutex<Lane>>);

impl Lanes {
    pub fn new(count: usize) -> Self {
        Self((0..count.max(1)).map(|_| Mutex::default()).collect())
    }

    /// Puts a hold in its lane; true where a writer has to be called.
    pub fn push(&self, hold: Waiting) -> bool {
        let count = i64::try_from(self.0.len()).unwrap_or(1);
        let lane = usize::try_from(hold.wish.session_id.rem_euclid(count)).unwrap_or(0);
        let mut lane = locked(&self.0[lane]);
        lane.holds.push_back(hold);
        !lane.attended
    }

    /// The lanes in which somebody waits and nobody attends: the caller starts a writer for each.
    pub fn attend(&self) -> Vec<usize> {
        let lanes = self.0.iter().enumerate();
        lanes
            .filter_map(|(number, lane)| {
                let mut lane = locked(lane);
                let calls = !lane.attended && !lane.holds.is_empty();
                lane.attended |= calls;
                calls.then_some(number)
            })
            .collect()
    }

    /// The next holds of a lane; none where nobody waits, and then its writer has left it.
    fn take(&self, lane: usize, at_most: usize) -> Vec<Waiting> {
        self.0.get(lane).map_or_else(Vec::new, |lane| {
            let mut lane = locked(lane);
            let count = lane.holds.len().min(at_most);
            lane.attended = count > 0;
            lane.holds.drain(..count).collect()
        })
    }

    fn leave(&self, lane: usize) {
        if let Some(lane) = self.0.get(lane) {
            locked(lane).attended = false;
        }
    }

    /// Those that ask again go first, in their order.
    fn put_back(&self, lane: usize, holds: Vec<Waiting>) {
        if let Some(lane) = self.0.get(lane) {
            let mut lane = locked(lane);
            for hold in holds.into_iter().rev() {
                lane.holds.push_front(hold);
            }
        }
    }
}

/// What batches share: where their holds waited, and the gate that they came through.
#[derive(Clone)]
pub struct Way {
    pub lanes: Arc<Lanes>,
    pub gate: Arc<Gate>,
}

/// Holds that one statement decides.
#[pyclass(module = "humiao._core", frozen)]
pub struct HoldBatch {
    way: Way,
    lane: usize,
    columns: Py<PyTuple>,
    holds: Mutex<Vec<Waiting>>,
    size: usize,
}

impl HoldBatch {
    /// The next batch of a lane; none where nobody waits whose time is not over. Who is told of none, or of an error, has left
    /// the lane.
    pub fn take(
        py: Python<'_>,
        way: Way,
        lane: usize,
        at_most: usize,
        make_uuid: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Self>> {
        loop {
            let now = Steady::now();
            let (holds, overdue): (Vec<_>, Vec<_>) = way
                .lanes
                .take(lane, at_most.max(1))
                .into_iter()
                .partition(|hold| hold.deadline > now);
            if overdue.is_empty() && holds.is_empty() {
                return Ok(None);
            }
            way.turn_away(overdue);
            if holds.is_empty() {
                continue;
            }
            let columns = columns(py, &holds, &way.gate.settings.channel, make_uuid)
                .inspect_err(|_| way.lanes.leave(lane))?
                .unbind();
            let size = holds.len();
            way.gate
                .metrics
                .batch_size
                .observe(f64::from(u32::try_from(size).unwrap_or(u32::MAX)));
            return Ok(Some(Self {
                way,
                lane,
                columns,
                holds: Mutex::new(holds),
                size,
            }));
        }
    }

    fn hand_over(&self) -> Vec<Waiting> {
        std::mem::take(&mut *locked(&self.holds))
    }
}

#[pymethods]
impl HoldBatch {
    /// The arrays of `booking/hold_many`, $1 to $12.
    #[getter]
    fn columns(&self, py: Python<'_>) -> Py<PyTuple> {
        self.columns.clone_ref(py)
    }

    fn __len__(&self) -> usize {
        self.size
    }

    /// The statement's rows: a word for each hold in order, and the counters that moved.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "Python arguments are extracted by value"
    )]
    fn answer(
        &self,
        words: Vec<Bound<'_, PyAny>>,
        counters: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let told = words
            .iter()
            .map(read_word)
            .collect::<PyResult<Vec<(String, Word)>>>()?;
        let news = counters
            .iter()
            .map(read_counter)
            .collect::<PyResult<Vec<_>>>()?;
        let holds = self.hand_over();
        if told.len() != holds.len() {
            return Err(PyRuntimeError::new_err(
                "a batch is answered once, with a word for each hold",
            ));
        }
        let mut again = Vec::new();
        let mut ended = Vec::new();
        for (mut hold, (code, word)) in holds.into_iter().zip(told) {
            if code == "contended" && hold.passes > 1 {
                hold.passes -= 1;
                again.push(hold);
                continue;
            }
            ended.push((hold.wish.session_id, permit_of(&hold.wish)));
            hold.tell(match word {
                Word::Refused(code, _) if code == "contended" => refused("busy"),
                word => word,
            });
        }
        self.way.lanes.put_back(self.lane, again);
        self.way.settle(ended, news);
        Ok(())
    }

    /// The same refusal for everybody.
    fn refuse(&self, code: &str) {
        let holds = self.hand_over();
        let ended = permits(&holds);
        for hold in holds {
            hold.tell(refused(code));
        }
        self.way.settle(ended, Vec::new());
    }
}

impl Way {
    fn turn_away(&self, late: Vec<Waiting>) {
        let ended = permits(&late);
        for hold in late {
            hold.tell(refused("busy"));
        }
        self.settle(ended, Vec::new());
    }

    /// Brings counters home and ends permits; the acknowledgement rests on the commit and waits for neither.
    fn settle(&self, permits: Vec<(i64, String)>, news: Vec<(i64, CounterNews)>) {
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
        for (session_id, counter) in news {
            let settlement = by_session
                .entry(session_id)
                .or_insert_with(|| empty(session_id));
            settlement.news.push(counter);
        }
        if by_session.is_empty() {
            return;
        }
        let settlements: Vec<_> = by_session.into_values().collect();
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

/// No; when to come back is the gate's to say.
fn refused(code: &str) -> Word {
    Word::Refused(code.to_owned(), None)
}

fn permit_of(wish: &HoldWish) -> String {
    booking_gate::wish::permit(wish.person, wish.stock_id)
}

fn permits(holds: &[Waiting]) -> Vec<(i64, String)> {
    holds
        .iter()
        .map(|hold| (hold.wish.session_id, permit_of(&hold.wish)))
        .collect()
}

/// A row `(n, code, retry_at, answer, …)`.
fn read_word(row: &Bound<'_, PyAny>) -> PyResult<(String, Word)> {
    let code: String = row.get_item(1)?.extract()?;
    let answer: Option<String> = row.get_item(3)?.extract()?;
    let word = if let Some(answer) = answer {
        Word::Answer(Bytes::from(answer))
    } else {
        let retry_at = row.get_item(2)?;
        let retry_at = if retry_at.is_none() {
            None
        } else {
            let seconds: f64 = retry_at.call_method0("timestamp")?.extract()?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "an instant of this era in ms"
            )]
            Some(Instant((seconds * 1000.0) as i64))
        };
        Word::Refused(code.clone(), retry_at)
    };
    Ok((code, word))
}

/// A row `(…, session_id, field, version, free)`, the last four of eight.
fn read_counter(row: &Bound<'_, PyAny>) -> PyResult<(i64, CounterNews)> {
    let field: String = row.get_item(5)?.extract()?;
    let counter = Counter::parse(&field).map_err(|error| crate::errors::from_cache(&error))?;
    let news = CounterNews {
        counter,
        version: row.get_item(6)?.extract()?,
        free: row.get_item(7)?.extract()?,
    };
    Ok((row.get_item(4)?.extract()?, news))
}

/// The arrays of the statement. Ids of claims are `UUIDv7` of this millisecond (RFC 9562), so that the index grows at its
/// right end; tokens are random.
fn columns<'py>(
    py: Python<'py>,
    holds: &[Waiting],
    channel: &str,
    make_uuid: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyTuple>> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let mut random = vec![0; RANDOM_BYTES * holds.len()];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| PyRuntimeError::new_err("no randomness"))?;
    let channel = PyString::new(py, channel);
    let same = |value: &Bound<'py, PyString>| PyList::new(py, holds.iter().map(|_| value));
    let uuids = |of: &dyn Fn(&Waiting) -> [u8; 16]| -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for hold in holds {
            list.append(make_uuid.call1((PyBytes::new(py, &of(hold)),))?)?;
        }
        Ok(list)
    };
    let claims = PyList::empty(py);
    let tokens = PyList::empty(py);
    for bytes in random.chunks_exact(RANDOM_BYTES) {
        let (mut tail, mut token) = ([0; 10], [0; 16]);
        tail.copy_from_slice(&bytes[..10]);
        token.copy_from_slice(&bytes[10..]);
        let claim = uuid::Builder::from_unix_timestamp_millis(now_ms, &tail).into_uuid();
        let token = uuid::Builder::from_random_bytes(token).into_uuid();
        claims.append(make_uuid.call1((PyBytes::new(py, claim.as_bytes()),))?)?;
        tokens.append(make_uuid.call1((PyBytes::new(py, token.as_bytes()),))?)?;
    }
    let columns: [Bound<'py, PyAny>; 12] = [
        claims.into_any(),
        tokens.into_any(),
        PyList::new(
            py,
            holds
                .iter()
                .map(|hold| format!("account:{}", hold.wish.account)),
        )?
        .into_any(),
        uuids(&|hold| *hold.wish.account.as_bytes())?.into_any(),
        uuids(&|hold| *hold.wish.person.as_bytes())?.into_any(),
        PyList::new(py, holds.iter().map(|hold| hold.wish.window_id))?.into_any(),
        same(&channel)?.into_any(),
        PyList::new(py, holds.iter().map(|hold| hold.wish.stock_id))?.into_any(),
        PyList::new(py, holds.iter().map(|hold| &hold.wish.key))?.into_any(),
        PyList::new(
            py,
            holds
                .iter()
                .map(|hold| PyBytes::new(py, &hold.wish.body_hash)),
        )?
        .into_any(),
        same(&channel)?.into_any(),
        PyList::new(py, holds.iter().map(|hold| hold.wish.pass_generation))?.into_any(),
    ];
    PyTuple::new(py, columns)
}
