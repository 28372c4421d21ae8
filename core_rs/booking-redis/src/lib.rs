//! Who may try: the Valkey side of booking.
//!
//! What a reader can rely on:
//! * Everything atomic happens in the function library (`lua/`), loaded and version-checked on every primary.
//! * [`keys`] is the only place that spells a key or a field; [`call`] the only one that lays out arguments; [`reply`]
//!   the only one that takes answers apart.
//! * [`client::Client`] never blocks a caller and never waits without a bound: when the server is away, requests are
//!   answered [`reply::Verdict::Unavailable`].
//! * [`waitlist`]: ranks of those who wait, copied from the ledger; they inform and decide nothing.
//! * No personal data: people appear only inside opaque permit ids.

pub mod call;
pub mod client;
pub mod endpoint;
pub mod error;
pub mod keys;
pub mod library;
mod link;
pub mod reply;
pub mod waitlist;

pub use client::{Answer, Client, ClientSettings};
pub use error::CacheError;
pub use library::Library;
