//! The gate over real sockets: what is passed on and what is not, what is turned away, and how it leaves.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod answers;
mod application;
mod bodies;
mod callers;
mod dawdling;
mod draining;
mod holds;
mod listening;
mod pages;
mod passing;
mod shedding;
mod smuggling;
#[path = "../stage/mod.rs"]
mod stage;
#[path = "../../../booking-redis/tests/support/mod.rs"]
mod support;
mod upgrading;
