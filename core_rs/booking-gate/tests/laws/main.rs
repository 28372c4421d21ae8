//! The gate's laws, each part on its own and without a socket.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]
#![allow(clippy::too_many_lines, reason = "a table is as long as it has rows")]

mod address;
mod limits;
mod problem;
mod rooms;
mod route;
mod slots;
mod token;
#[allow(dead_code, reason = "laws are stated at an instant of their own")]
#[path = "../stage/tokens.rs"]
mod tokens;
mod wish;
