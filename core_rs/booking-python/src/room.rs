//! The waiting room's sums, for the keeper and for answers that the API gives.

use booking_core::room::{self, Credit};
use pyo3::prelude::*;

/// (people who may be let in now, what is earned): after `elapsed_ms` more at a rate.
#[pyfunction]
pub fn room_earn(credit: u64, elapsed_ms: u64, rate_milli: u32) -> (u32, u64) {
    let earned = Credit(credit).earn(elapsed_ms, rate_milli);
    (earned.people(), earned.0)
}

/// What is left of it after so many were let in.
#[pyfunction]
pub fn room_spend(credit: u64, people: u32) -> u64 {
    Credit(credit).spend(people).0
}

/// The rate while the ledger takes so long.
#[pyfunction]
pub fn room_slowed(rate_milli: u32, ledger_ms: u32, limit_ms: u32) -> u32 {
    room::slowed(rate_milli, ledger_ms, limit_ms)
}

/// (minutes to wait, none while nobody is let in; seconds until it is worth asking again) of somebody with so many ahead.
#[pyfunction]
pub fn room_outlook(ahead: u32, rate_milli: u32, spread: u8) -> (Option<u32>, u64) {
    let poll_s = room::next_poll_ms(ahead, rate_milli, spread).div_ceil(1000);
    (room::minutes(ahead, rate_milli), poll_s)
}
