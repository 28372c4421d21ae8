//! Standings of a waitlist: their order in bulk, and why one comes before another. Standings are (tier, `drawn` or
//! `arrived`, number); columns are a byte of tier and a 64-bit number for each entry.

use booking_core::waitlist::{Reason, Standing, Tier, Turn, order_of_arrivals};
use booking_redis::waitlist::{Entry, Ranked};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::lottery::as_column;

/// `(tier, turn, number)`
pub type PyStanding = (u8, String, u64);

/// `(ahead, ahead_in_earlier_tiers, standing, entry before it, entry after it)`
pub type PyRanked = (u64, u64, PyStanding, Option<i64>, Option<i64>);

const DRAWN: &str = "drawn";
const ARRIVED: &str = "arrived";

fn standing(tier: u8, turn: &str, number: u64) -> PyResult<Standing> {
    let turn = match turn {
        DRAWN => Turn::Drawn {
            position: u32::try_from(number)
                .map_err(|_| PyValueError::new_err("a draw has at most 2^32 places"))?,
        },
        ARRIVED => Turn::Arrived { sequence: number },
        _ => return Err(PyValueError::new_err("turn must be 'drawn' or 'arrived'")),
    };
    let standing = Standing {
        tier: Tier(tier),
        turn,
    };
    if standing.score().is_none() {
        return Err(PyValueError::new_err("an arrival is a number below 2^43"));
    }
    Ok(standing)
}

fn told(standing: Standing) -> PyStanding {
    let (turn, number) = match standing.turn {
        Turn::Drawn { position } => (DRAWN, u64::from(position)),
        Turn::Arrived { sequence } => (ARRIVED, sequence),
    };
    (standing.tier.0, turn.to_owned(), number)
}

/// A rank as Python sees it.
pub fn told_rank(ranked: &Ranked) -> PyRanked {
    (
        ranked.ahead,
        ranked.ahead_in_earlier_tiers,
        told(ranked.standing),
        ranked.previous,
        ranked.next,
    )
}

/// Entries from columns: ids and numbers of 64 bits, a byte of tier each; all of one kind of turn.
pub fn entries(ids: &[u8], tiers: &[u8], turn: &str, numbers: &[u8]) -> PyResult<Vec<Entry>> {
    let (ids, numbers) = (words(ids)?, words(numbers)?);
    if ids.len() != tiers.len() || ids.len() != numbers.len() {
        return Err(uneven());
    }
    ids.zip(tiers)
        .zip(numbers)
        .map(|((id, tier), number)| {
            Ok(Entry {
                id: i64::from_ne_bytes(id),
                standing: standing(*tier, turn, u64::from_ne_bytes(number))?,
            })
        })
        .collect()
}

fn words(column: &[u8]) -> PyResult<impl ExactSizeIterator<Item = [u8; 8]>> {
    let (words, rest) = column.as_chunks::<8>();
    if rest.is_empty() {
        Ok(words.iter().copied())
    } else {
        Err(PyValueError::new_err(
            "a column of 64-bit numbers has a multiple of 8 bytes",
        ))
    }
}

fn uneven() -> PyErr {
    PyValueError::new_err("columns must be of one length")
}

/// Places in the columns (32-bit numbers), first first.
#[pyfunction]
pub fn waitlist_order<'py>(
    py: Python<'py>,
    tiers: &[u8],
    sequences: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let sequences = words(sequences)?;
    if sequences.len() != tiers.len() || u32::try_from(tiers.len()).is_err() {
        return Err(uneven());
    }
    let order = py.detach(|| {
        let sequences: Vec<u64> = sequences.map(u64::from_ne_bytes).collect();
        as_column(&order_of_arrivals(tiers, &sequences))
    });
    Ok(PyBytes::new(py, &order))
}

/// Why one standing comes before another: (code, what it has, what the other has); none where it does not.
#[pyfunction]
#[expect(
    clippy::needless_pass_by_value,
    reason = "Python arguments are extracted by value"
)]
pub fn why_before(
    one: PyStanding,
    other: PyStanding,
) -> PyResult<Option<(&'static str, u64, u64)>> {
    let of = |given: &PyStanding| standing(given.0, &given.1, given.2);
    let reason = of(&one)?.before(of(&other)?);
    Ok(reason.map(|reason| {
        let (earlier, later) = match reason {
            Reason::EarlierTier { earlier, later } => (u64::from(earlier.0), u64::from(later.0)),
            Reason::EarlierInDraw { earlier, later } => (u64::from(earlier), u64::from(later)),
            Reason::JoinedAfterDraw => (one.2, other.2),
            Reason::EarlierArrival { earlier, later } => (earlier, later),
        };
        (reason.code(), earlier, later)
    }))
}
