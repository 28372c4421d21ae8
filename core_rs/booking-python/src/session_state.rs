//! `SessionState`: what the cache knows, or shall know, of one clinic session.

use std::collections::BTreeMap;

use booking_core::time::Instant;
use booking_gate::snapshots;
use booking_redis::call::{QuotaState, SessionState, Status, StockState, WindowState};
use booking_redis::reply::SessionRead;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// State of one clinic session, for `Admitter.load` and from `Admitter.read`.
#[pyclass(name = "SessionState", module = "humiao._core", frozen, eq)]
#[derive(Clone, PartialEq)]
pub struct PySessionState {
    pub state: SessionState,
    live: BTreeMap<String, u32>,
    permits: Vec<(String, i64)>,
}

impl From<SessionRead> for PySessionState {
    fn from(read: SessionRead) -> Self {
        Self {
            state: read.state,
            live: read
                .live
                .into_iter()
                .map(|(counter, live)| (counter.field(), live))
                .collect(),
            permits: read.permits,
        }
    }
}

#[pymethods]
impl PySessionState {
    #[new]
    fn new(
        session_id: i64,
        generation: u64,
        status: &str,
        windows: Vec<(i64, u64, u32, i64)>,
        quotas: Vec<(i64, String, u64, u32, i64)>,
        stocks: Vec<(i64, u64, u32, u32, Option<i64>)>,
    ) -> PyResult<Self> {
        let status = Status::parse(status)
            .ok_or_else(|| PyValueError::new_err("status must be 'open' or 'closed'"))?;
        if stocks.iter().any(|(_, _, _, vial_size, _)| *vial_size == 0) {
            return Err(PyValueError::new_err("vial_size must be at least 1"));
        }
        // A permit names its counters separated by spaces.
        if quotas
            .iter()
            .any(|(_, channel, ..)| channel.is_empty() || channel.contains(char::is_whitespace))
        {
            return Err(PyValueError::new_err("channel must be one word"));
        }
        let state = SessionState {
            session_id,
            generation,
            status,
            windows: windows
                .into_iter()
                .map(|(window_id, version, free, until_ms)| WindowState {
                    window_id,
                    version,
                    free,
                    until_ms,
                })
                .collect(),
            quotas: quotas
                .into_iter()
                .map(|(window_id, channel, version, free, from_ms)| QuotaState {
                    window_id,
                    channel,
                    version,
                    free,
                    from_ms,
                })
                .collect(),
            stocks: stocks
                .into_iter()
                .map(|(stock_id, version, free, vial_size, seal_ms)| StockState {
                    stock_id,
                    version,
                    free,
                    vial_size,
                    seal_ms,
                })
                .collect(),
        };
        Ok(Self {
            state,
            live: BTreeMap::new(),
            permits: Vec::new(),
        })
    }

    #[getter]
    fn session_id(&self) -> i64 {
        self.state.session_id
    }

    #[getter]
    fn generation(&self) -> u64 {
        self.state.generation
    }

    #[getter]
    fn status(&self) -> &'static str {
        self.state.status.word()
    }

    #[getter]
    fn windows(&self) -> Vec<(i64, u64, u32, i64)> {
        self.state
            .windows
            .iter()
            .map(|window| {
                (
                    window.window_id,
                    window.version,
                    window.free,
                    window.until_ms,
                )
            })
            .collect()
    }

    #[getter]
    fn quotas(&self) -> Vec<(i64, String, u64, u32, i64)> {
        self.state
            .quotas
            .iter()
            .map(|quota| {
                (
                    quota.window_id,
                    quota.channel.clone(),
                    quota.version,
                    quota.free,
                    quota.from_ms,
                )
            })
            .collect()
    }

    #[getter]
    fn stocks(&self) -> Vec<(i64, u64, u32, u32, Option<i64>)> {
        self.state
            .stocks
            .iter()
            .map(|stock| {
                (
                    stock.stock_id,
                    stock.version,
                    stock.free,
                    stock.vial_size,
                    stock.seal_ms,
                )
            })
            .collect()
    }

    #[getter]
    fn permits(&self) -> Vec<(String, i64)> {
        self.permits.clone()
    }

    #[getter]
    fn live(&self) -> BTreeMap<String, u32> {
        self.live.clone()
    }

    /// The session as one channel's residents are shown it, as JSON.
    fn availability(&self, channel: &str, as_of_ms: i64) -> String {
        let snapshot = snapshots::of_state(&self.state, channel);
        snapshots::availability(self.state.session_id, &snapshot, Instant(as_of_ms))
    }

    fn __repr__(&self) -> String {
        format!(
            "SessionState(session_id={}, generation={}, status='{}', windows={}, quotas={}, stocks={}, permits={})",
            self.state.session_id,
            self.state.generation,
            self.state.status.word(),
            self.state.windows.len(),
            self.state.quotas.len(),
            self.state.stocks.len(),
            self.permits.len(),
        )
    }
}
