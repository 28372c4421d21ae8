//! Who has: the gate's batches of holds at the ledger.
//!
//! A batch is one statement that commits by itself (`sql/queries/booking/hold_many.sql`, whose text is given from outside:
//! the application and the gate run the same). Whatever happens on the way, doing a batch again is safe, because each hold
//! carries a key whose first answer is kept with its change (P7). So a lost connection is answered by asking again, and
//! only when that fails for too long is the outcome unknown. A hold that makes its batch fail is found by splitting it.

pub mod endpoint;
pub mod holds;
pub mod meters;
pub mod persist;
pub mod postgres;

pub use endpoint::{BadEndpoint, Endpoint};
pub use holds::{Committed, Counter, Holds, Part, Word};
pub use meters::Meters;
pub use persist::{Ledger, Persisted, Trouble, Verdict, persist};
pub use postgres::{Postgres, Session};
