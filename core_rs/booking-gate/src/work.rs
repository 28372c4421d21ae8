//! What the gate asks of the ledger's side. Each piece of work carries the way its answer goes; dropping it unanswered
//! counts as *outcome unknown*.

use std::collections::HashMap;
use std::time::Instant as Steady;

use booking_core::snapshot::Versions;
use booking_core::time::Instant;
use bytes::Bytes;
use jiff::civil::Date;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::admissions::Turn;

/// One resident's request to hold a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldWish {
    /// The account that asks.
    pub account: Uuid,
    /// Who is to be vaccinated.
    pub person: Uuid,
    /// The window's clinic session.
    pub session_id: i64,
    /// The window.
    pub window_id: i64,
    /// The stock.
    pub stock_id: i64,
    /// The client's key.
    pub key: String,
    /// Tells a repeat from another request under the same key.
    pub body_hash: [u8; 32],
    /// Generation of the pass that was shown, which the ledger holds against that of the commit.
    pub pass_generation: i64,
}

/// The ledger's word on one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Had: the answer as JSON, now or when the key was first used.
    Answer(Bytes),
    /// No, with a code.
    Refused(String, Option<Instant>),
    /// Nothing is stored under this key.
    Nothing,
}

/// What never changes about a window, or hardly ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its clinic session.
    pub session_id: i64,
    /// The session's clinic.
    pub clinic_id: i64,
    /// The session's day.
    pub day: Date,
    /// Vaccine code of each of the session's stocks.
    pub vaccines: HashMap<i64, String>,
}

/// Accounts to which a hold in one window, of one stock, was ever granted: who may be repeating a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// The versions up to which nobody is missing: of the window's places, of this gate's channel's share, of the stock.
    pub versions: Versions,
    /// The accounts.
    pub accounts: std::collections::HashSet<Uuid>,
}

/// One piece of work.
pub enum Work {
    /// Decide and write a hold.
    Hold {
        /// What is wished for.
        wish: HoldWish,
        /// After this nobody waits any more: not to be begun.
        deadline: Steady,
        /// Its place in the queue.
        turn: Turn,
        /// Where the word goes.
        reply: oneshot::Sender<Word>,
    },
    /// The first answer to a key, if it has one.
    FirstAnswer {
        /// The account that asks.
        account: Uuid,
        /// Its key.
        key: String,
        /// Of the request at hand.
        body_hash: [u8; 32],
        /// Where the word goes.
        reply: oneshot::Sender<Word>,
    },
    /// What became of a hold, for its owner.
    HoldStatus {
        /// The account that asks.
        account: Uuid,
        /// The hold.
        hold_id: Uuid,
        /// Where the word goes.
        reply: oneshot::Sender<Word>,
    },
    /// Facts of a window; none where it does not exist.
    Facts {
        /// The window.
        window_id: i64,
        /// Where they go.
        reply: oneshot::Sender<Option<Facts>>,
    },
    /// Who was ever granted a hold here.
    Holders {
        /// The window.
        window_id: i64,
        /// The stock.
        stock_id: i64,
        /// Where they go.
        reply: oneshot::Sender<Holders>,
    },
    /// Copy a clinic session into the cache; false where it could not be.
    Load {
        /// The clinic session.
        session_id: i64,
        /// Whether the cache has it now.
        reply: oneshot::Sender<bool>,
    },
}

/// The ledger's side.
pub trait Desk: Send + Sync + 'static {
    /// Takes work; never blocks.
    fn put(&self, work: Vec<Work>);
}
