//! The listener of the rush.
//!
//! What a reader can rely on:
//! * Hot routes are answered here; whatever else comes, or is not exactly what the schema says, is passed on to the
//!   application, which explains. The order on the way in is from cheap to dear.
//! * Nothing here grants: a hold is acknowledged only with the ledger's word, after its commit (P1, P2). What is known
//!   locally can only refuse, is at most `snapshot_trusted_for` old, and never stands between a repeat and its first
//!   answer (P7).
//! * Every queue has a bound, every wait an end; what does not fit is turned away at once with a time to come back.
//! * No Python here: holds go to the ledger by [`writers`], and what else is asked of its side goes to a [`work::Desk`],
//!   given from outside.

pub mod address;
pub mod admissions;
pub mod asks;
pub mod body;
pub mod bounded;
pub mod clock;
mod coming;
mod date;
mod express;
pub mod gate;
pub mod hold;
pub mod lanes;
pub mod limits;
pub mod memo;
pub mod metrics;
mod page;
mod passing;
pub mod problem;
mod proxy;
pub mod reports;
mod rewound;
pub mod rooms;
pub mod route;
pub mod serve;
mod service;
pub mod settings;
pub mod slots;
pub mod snapshots;
pub mod streams;
pub mod token;
mod waiting;
pub mod wish;
pub mod work;
pub mod writers;
