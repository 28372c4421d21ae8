//! What an awaitable call of the `Admitter` came to, and how its future is told.

use booking_redis::CacheError;
use booking_redis::client::Health;
use booking_redis::reply::SessionRead;
use booking_redis::waitlist::{Imported, Ranks};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::errors::from_cache;
use crate::session_state::PySessionState;
use crate::waitlist;

/// What an awaitable call came to.
pub enum Outcome {
    Nothing,
    Sessions(Vec<i64>),
    Loaded(Vec<bool>),
    Read(Vec<Option<SessionRead>>),
    Health(Health),
    Done(bool),
    Imported(Imported),
    Ranks(Option<Ranks>),
}

/// Sets a future's result or exception, unless somebody has cancelled it.
pub fn resolve(future: &Bound<'_, PyAny>, result: Result<Outcome, CacheError>) -> PyResult<()> {
    let py = future.py();
    if future.call_method0("done")?.is_truthy()? {
        return Ok(());
    }
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => {
            return future
                .call_method1("set_exception", (from_cache(&error).into_value(py),))
                .map(drop);
        }
    };
    let value = match outcome {
        Outcome::Nothing => py.None().into_bound(py),
        Outcome::Sessions(sessions) => sessions.into_pyobject(py)?,
        Outcome::Loaded(loaded) => loaded.into_pyobject(py)?,
        Outcome::Read(reads) => reads
            .into_iter()
            .map(|read| read.map(PySessionState::from))
            .collect::<Vec<_>>()
            .into_pyobject(py)?,
        Outcome::Done(done) => done.into_pyobject(py)?.to_owned().into_any(),
        Outcome::Imported(imported) => PyString::intern(py, imported.word()).into_any(),
        Outcome::Ranks(ranks) => ranks
            .map(|ranks| {
                let entries: Vec<_> = ranks
                    .entries
                    .iter()
                    .map(|ranked| ranked.as_ref().map(waitlist::told_rank))
                    .collect();
                (ranks.waiting, entries)
            })
            .into_pyobject(py)?,
        Outcome::Health(health) => {
            let facts = PyDict::new(py);
            facts.set_item("server", health.server)?;
            facts.set_item("library", health.library)?;
            facts.set_item("mode", health.mode)?;
            facts.into_any()
        }
    };
    future.call_method1("set_result", (value,)).map(drop)
}
