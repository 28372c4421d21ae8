//! The draw over columns: a byte of tier for each entrant and the tickets one a line, so that a million entrants are two
//! buffers and not a million objects. The interpreter's lock is released while a list is worked on.

use booking_core::lottery::{
    self, Basis, Entrant, Entrants, EntrantsError as CoreError, Hash, Terms,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::EntrantsError;

fn digest(name: &str, bytes: &[u8]) -> PyResult<Hash> {
    bytes
        .try_into()
        .map_err(|_| PyValueError::new_err(format!("{name} must have 32 bytes")))
}

/// Works on a list without the interpreter's lock.
fn over<'py>(
    py: Python<'py>,
    tiers: &[u8],
    tickets: &[u8],
    work: impl FnOnce(&Entrants<'_>) -> Vec<u8> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let made = py.detach(|| Entrants::from_columns(tiers, tickets).map(|all| work(&all)));
    match made {
        Ok(bytes) => Ok(PyBytes::new(py, &bytes)),
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: CoreError) -> PyErr {
    EntrantsError::new_err(error.to_string())
}

/// Places as an array of 32-bit numbers, as Python's array("I") and memoryview read them.
pub fn as_column(places: &[u32]) -> Vec<u8> {
    places
        .iter()
        .flat_map(|place| place.to_ne_bytes())
        .collect()
}

/// What is published before registration closes.
#[pyfunction]
pub fn draw_commitment<'py>(
    py: Python<'py>,
    campaign: &str,
    closes_at: &str,
    entropy_rule: &str,
    secret: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let terms = Terms {
        campaign,
        closes_at,
        entropy_rule,
    };
    let made = lottery::commitment(terms, &digest("secret", secret)?);
    Ok(PyBytes::new(py, &made))
}

/// The seed of the order.
#[pyfunction]
pub fn draw_seed<'py>(
    py: Python<'py>,
    secret: &[u8],
    entropy: &str,
    campaign: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let made = lottery::seed(&digest("secret", secret)?, entropy, campaign);
    Ok(PyBytes::new(py, &made))
}

/// Keys of 32 bytes in the order of the list.
#[pyfunction]
pub fn draw_keys<'py>(
    py: Python<'py>,
    seed: &[u8],
    tiers: &[u8],
    tickets: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let seed = digest("seed", seed)?;
    over(py, tiers, tickets, |all| lottery::keys(&seed, all).concat())
}

/// Places in the list (32-bit numbers), first first.
#[pyfunction]
pub fn draw_order<'py>(
    py: Python<'py>,
    seed: &[u8],
    tiers: &[u8],
    tickets: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let seed = digest("seed", seed)?;
    over(py, tiers, tickets, |all| {
        as_column(&lottery::order(&seed, all))
    })
}

/// Digest of the sealed list.
#[pyfunction]
pub fn draw_tickets_digest<'py>(
    py: Python<'py>,
    campaign: &str,
    tiers: &[u8],
    tickets: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    over(py, tiers, tickets, |all| {
        lottery::tickets_digest(campaign, all).to_vec()
    })
}

/// Digest of a result whose list is given in the order that was drawn.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "a result's basis and its list")]
pub fn draw_result_digest<'py>(
    py: Python<'py>,
    campaign: &str,
    commitment: &[u8],
    tickets_digest: &[u8],
    entropy: &str,
    seed: &[u8],
    tiers: &[u8],
    tickets: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let basis = Basis {
        campaign,
        commitment: &digest("commitment", commitment)?,
        tickets_digest: &digest("tickets_digest", tickets_digest)?,
        entropy,
        seed: &digest("seed", seed)?,
    };
    over(py, tiers, tickets, |all| {
        let ordered: &[Entrant<'_>] = all.all();
        lottery::result_digest(basis, ordered.iter().copied()).to_vec()
    })
}
