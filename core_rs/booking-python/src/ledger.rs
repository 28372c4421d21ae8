//! The ledger as the composition root describes it: where it is, what is said to it, how batches are made.

use booking_gate::writers::Manner;
use booking_ledger::{Endpoint, Postgres, Session};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::options::{option, seconds};

/// The way to the ledger, made anew for each writer.
#[derive(Clone)]
pub struct Way {
    endpoint: Endpoint,
    session: Session,
    /// How writers work.
    pub manner: Manner,
}

impl Way {
    /// Reads `humiao.gate.run.ledger_options`.
    pub fn new(options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let (url, application): (String, String) =
            (option(options, "url")?, option(options, "application")?);
        let endpoint = Endpoint::new(&url, &application)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let settings = option::<Bound<'_, PyDict>>(options, "settings")?;
        Ok(Self {
            endpoint,
            session: Session {
                settings: settings
                    .iter()
                    .map(|(name, value)| Ok((name.extract()?, value.extract()?)))
                    .collect::<PyResult<_>>()?,
                statement: option(options, "statement")?,
                hold_ttl_ms: option(options, "hold_ttl_ms")?,
            },
            manner: Manner {
                batch_max: option(options, "batch_max")?,
                patience: seconds(options, "patience_s")?,
            },
        })
    }

    /// Not connected yet.
    pub fn open(&self) -> Postgres {
        Postgres::new(self.endpoint.clone(), self.session.clone())
    }
}
