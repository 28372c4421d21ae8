//! `Gate`: the listener of the rush.
//!
//! Holds go to the ledger without Python. What else is asked of the ledger's side goes through it: such work gathers in an
//! outbox and a bell wakes the event loop, which takes everything at once; answers come back in lists. The threads that
//! serve residents never touch Python.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use booking_core::snapshot::Versions;
use booking_core::time::Instant;
use booking_gate::gate::Gate;
use booking_gate::lanes::{Lanes, Waiting};
use booking_gate::problem::{Kind, Problems};
use booking_gate::serve::{Doors, Serving, runtime, serve};
use booking_gate::settings::{ANSWER_PAUSE_MAX, Settings, Upstream};
use booking_gate::token::{Keyring, parse_day};
use booking_gate::work::{Desk, Facts, Holders, Word, Work};
use booking_gate::writers::{Told, Writers};
use booking_redis::ClientSettings;
use bytes::Bytes;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use slab::Slab;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::bell::Bell;
use crate::errors::from_cache;
use crate::ledger::Way;
use crate::options::{option, rate, seconds};
use crate::rooms::PyGateRooms;

/// Codes that the gate answers with by itself.
const CODES: [&str; 23] = [
    "bad_request",
    "body_too_large",
    "busy",
    "in_flight",
    "internal",
    "not_found",
    "not_logged_in",
    "outcome_unknown",
    "pass_expired",
    "pass_invalid",
    "pass_missing",
    "pass_not_valid_here",
    "room_needed",
    "room_not_yet",
    "room_ticket_invalid",
    "room_ticket_used",
    "token_expired",
    "too_many_requests",
    "unknown_hold",
    "unknown_window",
    "upstream_away",
    "upstream_timeout",
    "window_full",
];

/// Tries in one call of the cache: when they are for many sessions, what a session costs is shared by more of them.
const CACHE_BATCH_MAX: usize = 512;

/// Where an answer goes.
enum Reply {
    Word(oneshot::Sender<Word>),
    Facts(oneshot::Sender<Option<Facts>>),
    Holders(oneshot::Sender<Holders>),
    Load(oneshot::Sender<bool>),
}

/// Work on its way to Python, and the ways back.
struct Outbox {
    holds: Arc<Lanes>,
    work: Mutex<Vec<Work>>,
    replies: Mutex<Slab<Reply>>,
    bell: Bell,
}

impl Desk for Outbox {
    fn put(&self, work: Vec<Work>) {
        let mut calls = false;
        for piece in work {
            match piece {
                Work::Hold {
                    wish,
                    deadline,
                    turn,
                    reply,
                } => self.holds.push(Waiting::new(wish, deadline, turn, reply)),
                lookup => {
                    locked(&self.work).push(lookup);
                    calls = true;
                }
            }
        }
        if calls {
            self.bell.ring();
        }
    }
}

impl Outbox {
    fn ticket(&self, reply: Reply) -> usize {
        locked(&self.replies).insert(reply)
    }

    fn reply(&self, ticket: usize) -> Option<Reply> {
        locked(&self.replies).try_remove(ticket)
    }

    /// Hands lookups to the desk's methods, one call for each kind. Runs on the loop's thread.
    fn clear(&self, py: Python<'_>, desk: &Py<PyAny>) -> PyResult<()> {
        self.bell.hush();
        let desk = desk.bind(py);
        let work = std::mem::take(&mut *locked(&self.work));
        let lists = [(); 5].map(|()| PyList::empty(py));
        let [first_answers, hold_states, facts, holders, loads] = &lists;
        for piece in work {
            match piece {
                Work::Hold { .. } => {} // waits in its lane
                Work::FirstAnswer {
                    account,
                    key,
                    body_hash,
                    reply,
                } => {
                    let ticket = self.ticket(Reply::Word(reply));
                    let account = PyBytes::new(py, account.as_bytes());
                    first_answers.append((ticket, account, key, PyBytes::new(py, &body_hash)))?;
                }
                Work::HoldStatus {
                    account,
                    hold_id,
                    reply,
                } => {
                    let ticket = self.ticket(Reply::Word(reply));
                    let account = PyBytes::new(py, account.as_bytes());
                    hold_states.append((ticket, account, PyBytes::new(py, hold_id.as_bytes())))?;
                }
                Work::Facts { window_id, reply } => {
                    facts.append((self.ticket(Reply::Facts(reply)), window_id))?;
                }
                Work::Holders {
                    window_id,
                    stock_id,
                    reply,
                } => {
                    holders.append((self.ticket(Reply::Holders(reply)), window_id, stock_id))?;
                }
                Work::Load { session_id, reply } => {
                    loads.append((self.ticket(Reply::Load(reply)), session_id))?;
                }
            }
        }
        let methods = ["first_answers", "hold_states", "facts", "holders", "loads"];
        for (method, list) in methods.into_iter().zip(&lists) {
            if !list.is_empty() {
                desk.call_method1(method, (list,))?;
            }
        }
        Ok(())
    }
}

/// What runs until `drain`.
struct Running {
    doors: Option<(Doors, tokio::runtime::Runtime)>,
    serving: Option<(Serving, Writers)>,
}

/// The gate of one process.
#[pyclass(name = "Gate", module = "humiao._core", frozen)]
pub struct PyGate {
    gate: Arc<Gate>,
    way: Way,
    told: Arc<Told>,
    outbox: Arc<Outbox>,
    event_loop: Py<PyAny>,
    running: Mutex<Running>,
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    drain_max: Duration,
}

fn address(text: &str) -> PyResult<SocketAddr> {
    text.to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next())
        .ok_or_else(|| PyValueError::new_err(format!("{text} is no address")))
}

fn settings(options: &Bound<'_, PyDict>) -> PyResult<Settings> {
    let upstream: String = option(options, "upstream")?;
    let upstream = match upstream.strip_prefix("unix:") {
        Some(path) => Upstream::Unix(path.into()),
        None => Upstream::Tcp(upstream.trim_start_matches("http://").to_owned()),
    };
    let trusted: Vec<String> = option(options, "trusted_proxies")?;
    let trusted_proxies = trusted
        .iter()
        .map(|net| {
            net.parse()
                .or_else(|_| net.parse::<IpAddr>().map(Into::into))
        })
        .collect::<Result<_, _>>()
        .map_err(|_| PyValueError::new_err("trusted_proxies must be networks"))?;
    let penalty_s: Option<f64> = option(options, "limit_penalty_s")?;
    let limits_shared = penalty_s
        .map(Duration::try_from_secs_f64)
        .transpose()
        .map_err(|_| PyValueError::new_err("limit_penalty_s must be a time or None"))?;
    let listen: String = option(options, "listen")?;
    let admin: Option<String> = option(options, "admin")?;
    Ok(Settings {
        listen: address(&listen)?,
        admin: admin.as_deref().map(address).transpose()?,
        upstream,
        threads: option::<usize>(options, "threads")?.max(1),
        channel: option(options, "channel")?,
        trusted_proxies,
        account_rate: rate(options, "account_rate")?,
        device_rate: rate(options, "device_rate")?,
        address_rate: rate(options, "address_rate")?,
        limits_shared,
        connections_max: option(options, "connections_max")?,
        admit_waiting_max: option(options, "admit_waiting_max")?,
        ledger_waiting_max: option(options, "ledger_waiting_max")?,
        lookups_waiting_max: option(options, "lookups_waiting_max")?,
        upstream_max: option(options, "upstream_max")?,
        uploads_max: option(options, "uploads_max")?,
        answers_max: option(options, "answers_max")?,
        streams_max: option(options, "streams_max")?,
        slow_path_max: option(options, "slow_path_max")?,
        body_bytes_max: option(options, "body_bytes_max")?,
        large_bodies: option(options, "large_bodies")?,
        head_timeout: seconds(options, "head_timeout_s")?,
        body_timeout: seconds(options, "body_timeout_s")?,
        answer_pause_max: ANSWER_PAUSE_MAX,
        shed_pause: seconds(options, "shed_pause_s")?,
        hold_deadline: seconds(options, "hold_deadline_s")?,
        upstream_timeout: seconds(options, "upstream_timeout_s")?,
        full_retry: seconds(options, "full_retry_s")?,
        snapshot_renewed_after: seconds(options, "snapshot_renewed_after_s")?,
        snapshot_trusted_for: seconds(options, "snapshot_trusted_for_s")?,
        facts_trusted_for: seconds(options, "facts_trusted_for_s")?,
        sessions_max: option(options, "sessions_max")?,
    })
}

/// `(ticket, code, retry_at_ms, answer)`: `answer` as JSON where something was had; code `nothing` where nothing is known.
type PyWord = (usize, String, Option<i64>, Option<String>);

/// `(session_id, clinic_id, day, [(stock_id, vaccine_code)])`; the day as ISO 8601 writes it.
type PyFacts = (i64, i64, String, Vec<(i64, String)>);

/// `(window's places, quota of the gate's channel, stock's doses)`.
type PyVersions = (u64, u64, u64);

fn facts_of((session_id, clinic_id, day, vaccines): PyFacts) -> PyResult<Facts> {
    let day = parse_day(&day).ok_or_else(|| PyValueError::new_err(format!("{day} is no day")))?;
    Ok(Facts {
        session_id,
        clinic_id,
        day,
        vaccines: vaccines.into_iter().collect(),
    })
}

#[pymethods]
impl PyGate {
    #[new]
    #[pyo3(signature = (r#loop, desk, problems, cache_url, ledger, options))]
    fn new(
        py: Python<'_>,
        r#loop: Py<PyAny>,
        desk: Py<PyAny>,
        problems: Vec<(String, u16, String, String)>,
        cache_url: &str,
        ledger: &Bound<'_, PyDict>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let settings = settings(options)?;
        let way = Way::new(ledger)?;
        let kinds = problems
            .into_iter()
            .map(|(code, status, head, tail)| Kind {
                code,
                status,
                head,
                tail,
            })
            .collect();
        let problems = Problems::new(kinds, &CODES)
            .map_err(|gap| PyValueError::new_err(format!("no problem {}", gap.0)))?;
        let mut cache = ClientSettings::new(cache_url).map_err(|error| from_cache(&error))?;
        cache.permit_ttl_ms = option::<u32>(options, "permit_ttl_ms")?.max(1);
        cache.max_batch = CACHE_BATCH_MAX;
        let doors = Doors::open(settings.listen, settings.admin, settings.threads)
            .map_err(|error| PyOSError::new_err(error.to_string()))?;
        let lanes = Arc::new(Lanes::new(option(options, "lanes")?));
        let outbox = Arc::new(Outbox {
            holds: lanes,
            work: Mutex::default(),
            replies: Mutex::default(),
            bell: Bell::new()?,
        });
        let first = runtime()?;
        let put: Arc<dyn Desk> = Arc::<Outbox>::clone(&outbox);
        let gate = Arc::new(Gate::new(settings, problems, cache, put, first.handle()));
        let heard = {
            let outbox = Arc::clone(&outbox);
            move |py: Python<'_>| outbox.clear(py, &desk)
        };
        outbox.bell.watch(r#loop.bind(py), heard)?;
        Ok(Self {
            way,
            told: Arc::default(),
            gate,
            outbox,
            event_loop: r#loop,
            address: doors.address,
            admin_address: doors.admin_address,
            running: Mutex::new(Running {
                doors: Some((doors, first)),
                serving: None,
            }),
            drain_max: seconds(options, "drain_s")?,
        })
    }

    /// The port residents come in by.
    #[getter]
    fn port(&self) -> u16 {
        self.address.port()
    }

    /// The port for health and metrics.
    #[getter]
    fn admin_port(&self) -> Option<u16> {
        self.admin_address.map(|address| address.port())
    }

    /// Begins to serve.
    fn serve(&self) -> PyResult<()> {
        let mut running = locked(&self.running);
        if let Some((doors, first)) = running.doors.take() {
            let (way, lanes) = (self.way.clone(), &self.outbox.holds);
            let writers = Writers::start(&self.gate, lanes, &self.told, way.manner, move || {
                way.open()
            })?;
            let serving = serve(&self.gate, doors, first, self.drain_max)?;
            running.serving = Some((serving, writers));
        }
        Ok(())
    }

    /// Other keys (key id, secret), and below which generation tokens are revoked.
    fn take_keys(
        &self,
        keys: Vec<(String, Vec<u8>)>,
        resident_generation: i64,
        pass_generation: i64,
        room_generation: i64,
    ) {
        let keyring = Keyring::new(keys, resident_generation, pass_generation);
        self.gate.take_keys(keyring.with_rooms(room_generation));
    }

    /// Its waiting rooms.
    #[getter]
    fn rooms(&self) -> PyGateRooms {
        PyGateRooms {
            rooms: Arc::clone(&self.gate.rooms),
        }
    }

    /// The database's clock shows `database_ms` now, give or take `margin_ms`.
    fn align_clock(&self, database_ms: i64, margin_ms: u32) {
        self.gate.clock.align(database_ms, margin_ms);
    }

    /// How long a batch took at the ledger on average since this was asked last (ms); None where there was none.
    fn take_ledger_ms(&self) -> Option<u64> {
        self.told.take_ms()
    }

    /// Why batches of holds were not decided, since this was asked last.
    fn take_troubles(&self) -> Vec<String> {
        self.told.take_troubles()
    }

    /// Answers first answers and hold states.
    fn answer_words(&self, py: Python<'_>, words: Vec<PyWord>) {
        py.detach(|| {
            for (ticket, code, retry_at_ms, answer) in words {
                let word = match answer {
                    Some(answer) => Word::Answer(Bytes::from(answer)),
                    None if code == "nothing" => Word::Nothing,
                    None => Word::Refused(code, retry_at_ms.map(Instant)),
                };
                if let Some(Reply::Word(reply)) = self.outbox.reply(ticket) {
                    // Whoever has gone finds the answer under the same key.
                    let _ = reply.send(word);
                }
            }
        });
    }

    /// Answers facts: `(ticket, (session_id, clinic_id, day, [(stock_id, vaccine_code)]) or None)`.
    fn answer_facts(&self, found: Vec<(usize, Option<PyFacts>)>) -> PyResult<()> {
        for (ticket, facts) in found {
            let facts = facts.map(facts_of).transpose()?;
            if let Some(Reply::Facts(reply)) = self.outbox.reply(ticket) {
                let _ = reply.send(facts);
            }
        }
        Ok(())
    }

    /// Answers holders: `(ticket, versions, account ids)`.
    fn answer_holders(&self, found: Vec<(usize, PyVersions, Vec<[u8; 16]>)>) {
        for (ticket, (window, quota, stock), accounts) in found {
            if let Some(Reply::Holders(reply)) = self.outbox.reply(ticket) {
                let accounts = accounts.into_iter().map(Uuid::from_bytes).collect();
                let versions = Versions {
                    window,
                    quota,
                    stock,
                };
                let _ = reply.send(Holders { versions, accounts });
            }
        }
    }

    /// Answers loads.
    fn answer_loads(&self, loaded: Vec<(usize, bool)>) {
        for (ticket, there) in loaded {
            if let Some(Reply::Load(reply)) = self.outbox.reply(ticket) {
                let _ = reply.send(there);
            }
        }
    }

    /// Work that cannot be done: whoever waits is told that the outcome is not known.
    fn forsake(&self, tickets: Vec<usize>) {
        for ticket in tickets {
            drop(self.outbox.reply(ticket));
        }
    }

    /// Shows this text (`OpenMetrics`, without the end mark) beside the gate's own metrics until the next.
    fn show_beside(&self, text: String) {
        self.gate.show_beside(text);
    }

    /// The text for Prometheus.
    fn metrics(&self) -> String {
        self.gate.metrics_text()
    }

    /// Stops accepting and returns when everything has been answered; the loop has to go on answering meanwhile.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let serving = {
            let mut running = locked(&self.running);
            running.doors = None;
            running.serving.take()
        };
        if let Some((serving, writers)) = serving {
            py.detach(|| {
                serving.drain();
                writers.drain();
            });
            self.outbox.bell.unwatch(self.event_loop.bind(py))?;
        }
        Ok(())
    }

    fn __repr__(&self) -> String {
        format!("Gate({})", self.address)
    }
}

/// A lock is only ever held for a push or a take, so a poisoned one still guards sound data.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
