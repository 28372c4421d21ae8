//! The specification of booking, free of I/O and clocks: time is an argument, impossible values cannot be built.
//!
//! What a caller may rely on: a [`quota::Counter`] never counts more than its limit; a [`vial::VialStock`] opens whole
//! vials in order; [`gcra::Limiter`] never admits more than its burst and rate allow.

pub mod gcra;
pub mod quota;
pub mod vial;
