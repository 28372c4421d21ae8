//! A batch as the statement takes it, arrays in step, and what the statement says.

use booking_core::time::Instant;
use bytes::Bytes;
use uuid::Uuid;

/// Holds as columns, one element each: `$1` to `$12` of `booking/hold_many`.
#[derive(Debug, Default)]
pub struct Holds<'a> {
    /// Ids for the claims.
    pub claim_ids: Vec<Uuid>,
    /// What confirming a hold takes.
    pub hold_tokens: Vec<Uuid>,
    /// Who asks, as the audit names them.
    pub actors: Vec<String>,
    /// Their accounts.
    pub account_ids: Vec<Uuid>,
    /// Who is to be vaccinated.
    pub person_ids: Vec<Uuid>,
    /// Windows.
    pub window_ids: Vec<i64>,
    /// Quota channels.
    pub channels: Vec<&'a str>,
    /// Stocks.
    pub stock_ids: Vec<i64>,
    /// Idempotency keys.
    pub keys: Vec<&'a str>,
    /// Tell a repeat from another request under the same key.
    pub body_hashes: Vec<&'a [u8]>,
    /// Where they asked, as the audit names it.
    pub sources: Vec<&'a str>,
    /// Generations of the passes that were shown.
    pub pass_generations: Vec<i64>,
}

impl Holds<'_> {
    /// How many.
    pub const fn len(&self) -> usize {
        self.claim_ids.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.claim_ids.is_empty()
    }

    /// All of them.
    pub fn whole(&self) -> Part<'_> {
        Part {
            holds: self,
            from: 0,
            to: self.len(),
        }
    }
}

/// Neighbours in a batch, decided by one statement.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The batch that they are from.
    pub holds: &'a Holds<'a>,
    /// The first of them.
    pub from: usize,
    /// After the last of them.
    pub to: usize,
}

impl Part<'_> {
    /// How many.
    pub const fn len(&self) -> usize {
        self.to - self.from
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// The first and the second half, of which the second is never the smaller one.
    #[must_use]
    pub const fn halves(self) -> (Self, Self) {
        let middle = self.from + self.len() / 2;
        (
            Self { to: middle, ..self },
            Self {
                from: middle,
                ..self
            },
        )
    }
}

/// The ledger's word on one hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// `granted`, `answered`, `contended`, or why not.
    pub code: String,
    /// When it is worth asking again, where that is known.
    pub retry_at: Option<Instant>,
    /// What to answer, as JSON, where something was had.
    pub answer: Option<Bytes>,
}

impl Word {
    /// No, with nothing more to say.
    pub fn no(code: &str) -> Self {
        Self {
            code: code.to_owned(),
            retry_at: None,
            answer: None,
        }
    }
}

/// A counter as a commit left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// Its clinic session.
    pub session_id: i64,
    /// Which it is, as the cache spells it.
    pub field: String,
    /// Grows with every change.
    pub version: i64,
    /// Places left.
    pub free: i32,
}

/// What a statement said, after its commit: a word for each hold in order, and the counters that moved.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Words.
    pub words: Vec<Word>,
    /// Counters.
    pub counters: Vec<Counter>,
}
