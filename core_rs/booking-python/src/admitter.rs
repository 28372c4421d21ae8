//! `Admitter`: the cache client as an event loop sees it.
//!
//! The runtime's worker thread never touches Python. It puts answers into an outbox and wakes the loop through a socket
//! that the loop watches; the loop's own thread then takes everything that has gathered and calls Python once. So a busy
//! interpreter is never asked for its lock by a foreign thread (which costs up to a switch interval, 5 ms, per batch), and
//! an interpreter that is shutting down is never entered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use booking_redis::call::{CounterNews, Request, Settlement};
use booking_redis::keys::Counter;
use booking_redis::{Answer, CacheError, Client, ClientSettings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::bell::Bell;
use crate::errors::{CacheUnavailable, from_cache};
use crate::outcome::{Outcome, resolve};
use crate::session_state::PySessionState;
use crate::waitlist;

/// How long `close` waits for the worker to hand back what it holds.
const CLOSING_MAX: Duration = Duration::from_millis(200);

/// `(session_id, permits, [(field, version, free)])`
type PySettlement = (i64, Vec<String>, Vec<(String, u64, u32)>);

/// Where the worker leaves results for the loop.
struct Outbox {
    answers: Mutex<Vec<Answer>>,
    finished: Mutex<Vec<(u64, Result<Outcome, CacheError>)>>,
    bell: Bell,
}

impl Outbox {
    fn deliver(&self, batch: Vec<Answer>) {
        locked(&self.answers).extend(batch);
        self.bell.ring();
    }

    fn finish(&self, call: u64, result: Result<Outcome, CacheError>) {
        locked(&self.finished).push((call, result));
        self.bell.ring();
    }
}

/// What the loop's callback needs; outlives the `Admitter` until the loop lets go of the callback.
struct Desk {
    outbox: Arc<Outbox>,
    event_loop: Py<PyAny>,
    on_batch: Py<PyAny>,
    futures: Mutex<HashMap<u64, Py<PyAny>>>,
    closed: AtomicBool,
}

impl Desk {
    /// Takes everything out of the outbox and tells Python. Runs on the loop's thread.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.outbox.bell.hush();
        let finished = std::mem::take(&mut *locked(&self.outbox.finished));
        let answers = std::mem::take(&mut *locked(&self.outbox.answers));
        for (call, result) in finished {
            let future = locked(&self.futures).remove(&call);
            if let Some(future) = future {
                resolve(future.bind(py), result)?;
            }
        }
        if self.closed.load(Ordering::Acquire) {
            let forsaken: Vec<_> = locked(&self.futures).drain().collect();
            for (_, future) in forsaken {
                resolve(
                    future.bind(py),
                    Err(CacheError::Unavailable("closed".to_owned())),
                )?;
            }
        }
        if answers.is_empty() {
            return Ok(());
        }
        let batch = PyList::new(
            py,
            answers.iter().map(|answer| {
                (
                    answer.ticket,
                    PyString::intern(py, answer.verdict.code()),
                    answer.verdict.retry_at_ms(),
                )
            }),
        )?;
        self.on_batch.bind(py).call1((batch,))?;
        Ok(())
    }
}

/// What runs until `close`.
struct Running {
    client: Client,
    delivered: JoinHandle<()>,
    runtime: Runtime,
}

/// One process's way to the cache: batches requests, never blocks, answers through the event loop.
#[pyclass(module = "humiao._core", frozen)]
pub struct Admitter {
    running: Mutex<Option<Running>>,
    desk: Arc<Desk>,
    /// The callback that the loop calls when the bell rings.
    clear: Py<PyAny>,
    calls: AtomicU64,
}

#[pymethods]
impl Admitter {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    #[pyo3(signature = (url, r#loop, on_batch, *, permit_ttl_ms=10_000, max_batch=128, connect_timeout_ms=2000, response_timeout_ms=1000))]
    fn new(
        py: Python<'_>,
        url: &str,
        r#loop: Py<PyAny>,
        on_batch: Py<PyAny>,
        permit_ttl_ms: u32,
        max_batch: usize,
        connect_timeout_ms: u64,
        response_timeout_ms: u64,
    ) -> PyResult<Self> {
        if permit_ttl_ms == 0 || connect_timeout_ms == 0 || response_timeout_ms == 0 {
            return Err(PyValueError::new_err("times must be at least 1 ms"));
        }
        if !(1..=1000).contains(&max_batch) {
            return Err(PyValueError::new_err(
                "max_batch must be between 1 and 1000",
            ));
        }
        let mut settings = ClientSettings::new(url).map_err(|error| from_cache(&error))?;
        settings.permit_ttl_ms = permit_ttl_ms;
        settings.max_batch = max_batch;
        settings.connect_timeout = Duration::from_millis(connect_timeout_ms);
        settings.response_timeout = Duration::from_millis(response_timeout_ms);

        let outbox = Arc::new(Outbox {
            answers: Mutex::default(),
            finished: Mutex::default(),
            bell: Bell::new()?,
        });
        let desk = Arc::new(Desk {
            outbox: Arc::clone(&outbox),
            event_loop: r#loop,
            on_batch,
            futures: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let clear = {
            let desk = Arc::clone(&desk);
            let event_loop = desk.event_loop.bind(py).clone();
            Arc::clone(&desk)
                .outbox
                .bell
                .watch(&event_loop, move |py| desk.clear(py))?
        };

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .thread_name("humiao-cache")
            .enable_all()
            .build()?;
        let (client, delivered) = Client::start(settings, runtime.handle(), move |batch| {
            outbox.deliver(batch);
        });
        Ok(Self {
            running: Mutex::new(Some(Running {
                client,
                delivered,
                runtime,
            })),
            desk,
            clear,
            calls: AtomicU64::new(0),
        })
    }

    /// Queues one request; its answer arrives in a call of `on_batch`.
    fn submit(
        &self,
        ticket: i64,
        session_id: i64,
        window_id: i64,
        channel: String,
        stock_id: i64,
        permit: String,
    ) -> PyResult<()> {
        match &*locked(&self.running) {
            Some(running) => running
                .client
                .submit(
                    ticket,
                    Request {
                        session_id,
                        window_id,
                        channel,
                        stock_id,
                        permit,
                    },
                )
                .map_err(|error| from_cache(&error)),
            None => Err(closed()),
        }
    }

    /// Copies the ledger's counters where they are newer, and ends permits.
    fn settle<'py>(
        &self,
        py: Python<'py>,
        settlements: Vec<PySettlement>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let settlements = settlements
            .into_iter()
            .map(to_settlement)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| from_cache(&error))?;
        self.call(py, |client| async move {
            client.settle(&settlements).await.map(Outcome::Sessions)
        })
    }

    /// Ends permits.
    fn release<'py>(
        &self,
        py: Python<'py>,
        permits: Vec<(i64, String)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, |client| async move {
            client.release(&permits).await.map(|()| Outcome::Nothing)
        })
    }

    /// Replaces states by newer generations.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "Python arguments are extracted by value"
    )]
    fn load<'py>(
        &self,
        py: Python<'py>,
        states: Vec<PyRef<'py, PySessionState>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let states: Vec<_> = states.iter().map(|state| state.state.clone()).collect();
        self.call(py, |client| async move {
            client.load(&states).await.map(Outcome::Loaded)
        })
    }

    /// Reads states with their live permits.
    fn read<'py>(&self, py: Python<'py>, session_ids: Vec<i64>) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, |client| async move {
            client.read(&session_ids).await.map(Outcome::Read)
        })
    }

    /// Drops states.
    fn forget<'py>(&self, py: Python<'py>, session_ids: Vec<i64>) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, |client| async move {
            client.forget(&session_ids).await.map(|()| Outcome::Nothing)
        })
    }

    /// Begins to copy a waitlist.
    fn begin_waitlist<'py>(
        &self,
        py: Python<'py>,
        list_id: i64,
        generation: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, move |client| async move {
            client
                .begin_waitlist(list_id, generation)
                .await
                .map(Outcome::Done)
        })
    }

    /// Copies a part of a waitlist.
    #[expect(clippy::too_many_arguments, reason = "columns of entries")]
    fn import_waitlist<'py>(
        &self,
        py: Python<'py>,
        list_id: i64,
        generation: u64,
        entries: &[u8],
        tiers: &[u8],
        turn: &str,
        numbers: &[u8],
    ) -> PyResult<Bound<'py, PyAny>> {
        let entries = waitlist::entries(entries, tiers, turn, numbers)?;
        self.call(py, move |client| async move {
            client
                .import_waitlist(list_id, generation, &entries)
                .await
                .map(Outcome::Imported)
        })
    }

    /// Shows the copy.
    fn publish_waitlist<'py>(
        &self,
        py: Python<'py>,
        list_id: i64,
        generation: u64,
        count: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, move |client| async move {
            client
                .publish_waitlist(list_id, generation, count)
                .await
                .map(Outcome::Imported)
        })
    }

    /// Tells who joined.
    fn join_waitlist<'py>(
        &self,
        py: Python<'py>,
        list_id: i64,
        entries: &[u8],
        tiers: &[u8],
        turn: &str,
        numbers: &[u8],
    ) -> PyResult<Bound<'py, PyAny>> {
        let entries = waitlist::entries(entries, tiers, turn, numbers)?;
        self.call(py, move |client| async move {
            client
                .change_waitlist(list_id, &entries, &[])
                .await
                .map(Outcome::Done)
        })
    }

    /// Tells who left.
    fn leave_waitlist<'py>(
        &self,
        py: Python<'py>,
        list_id: i64,
        entries: Vec<i64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, move |client| async move {
            client
                .change_waitlist(list_id, &[], &entries)
                .await
                .map(Outcome::Done)
        })
    }

    /// Asks where entries stand.
    fn rank_waitlist<'py>(
        &self,
        py: Python<'py>,
        list_id: i64,
        entries: Vec<i64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, move |client| async move {
            client
                .rank_waitlist(list_id, &entries)
                .await
                .map(Outcome::Ranks)
        })
    }

    /// Drops a waitlist.
    fn forget_waitlist<'py>(&self, py: Python<'py>, list_id: i64) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, move |client| async move {
            client
                .forget_waitlist(list_id)
                .await
                .map(|()| Outcome::Nothing)
        })
    }

    /// Asks who is there.
    fn ping<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, |client| async move {
            client.ping().await.map(Outcome::Health)
        })
    }

    /// Ends the client; what is still open is answered `unavailable`.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(running) = locked(&self.running).take() else {
            return Ok(());
        };
        py.detach(|| shut_down(running));
        self.desk.closed.store(true, Ordering::Release);
        let event_loop = self.desk.event_loop.bind(py);
        if event_loop.call_method0("is_closed")?.is_truthy()? {
            return Ok(());
        }
        event_loop.call_method1("call_soon_threadsafe", (&self.clear,))?;
        self.desk.outbox.bell.unwatch(event_loop)
    }
}

impl Admitter {
    /// Runs a call on the worker and returns a future of the loop for its outcome.
    fn call<'py, F>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(Client) -> F,
    ) -> PyResult<Bound<'py, PyAny>>
    where
        F: Future<Output = Result<Outcome, CacheError>> + Send + 'static,
    {
        let running = locked(&self.running);
        let running = running.as_ref().ok_or_else(closed)?;
        let future = self
            .desk
            .event_loop
            .bind(py)
            .call_method0("create_future")?;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        locked(&self.desk.futures).insert(call, future.clone().unbind());
        let outbox = Arc::clone(&self.desk.outbox);
        let work = work(running.client.clone());
        running
            .runtime
            .spawn(async move { outbox.finish(call, work.await) });
        Ok(future)
    }
}

impl Drop for Admitter {
    fn drop(&mut self) {
        // Dropped without `close`: the worker needs no interpreter to end, so neither lock nor loop is asked for.
        if let Some(running) = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            running.client.close();
            running.runtime.shutdown_background();
        }
    }
}

/// Lets the worker answer what it holds, then ends it.
fn shut_down(running: Running) {
    running.client.close();
    let delivered = running.delivered;
    // Past the bound the worker is ended anyway; its requests then stay without an answer in a loop that is closing.
    let _ = running
        .runtime
        .block_on(async { tokio::time::timeout(CLOSING_MAX, delivered).await });
    running.runtime.shutdown_timeout(CLOSING_MAX);
}

fn to_settlement((session_id, permits, news): PySettlement) -> Result<Settlement, CacheError> {
    let news = news
        .into_iter()
        .map(|(field, version, free)| {
            Ok(CounterNews {
                counter: Counter::parse(&field)?,
                version,
                free,
            })
        })
        .collect::<Result<_, CacheError>>()?;
    Ok(Settlement {
        session_id,
        permits,
        news,
    })
}

fn closed() -> PyErr {
    CacheUnavailable::new_err("closed")
}

/// A lock is only ever held for a push or a take, so a poisoned one still guards sound data.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
