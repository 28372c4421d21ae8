//! The specification of booking, free of I/O and clocks: time is an argument, a refusal is a value.
//!
//! * [`admission`]: who may try. The cache's function library does what is written there.
//! * [`snapshot`]: what a process can refuse by itself, from a copy some milliseconds old.
//! * [`model`]: who has. The ledger's statements do what is written there.
//! * [`quota::Counter`]: never counts more than its limit. [`vial::VialStock`]: opens whole vials in order.
//!   [`gcra::Limiter`]: never admits more than burst and rate allow; [`throttle`]: one pace over many gates.
//! * [`waitlist`]: who comes before whom and why. [`lottery`]: a draw that anyone can recompute.
//! * [`room`]: the waiting room: places, who is let in next, how long it takes.
//! * [`outcome::Refusal`]: every way to say no, by the codes that the API knows.

pub mod admission;
pub mod gcra;
pub mod ids;
pub mod lottery;
pub mod model;
pub mod outcome;
pub mod quota;
pub mod room;
pub mod snapshot;
pub mod throttle;
pub mod time;
pub mod vial;
pub mod waitlist;
