//! Who has: the model of the ledger.
//!
//! A clinic session offers windows with a capacity, channels with a share of each window, and vaccine stock in vials. A
//! claim takes one of each or none, is held until a deadline, then confirmed or given back. What the ledger's SQL does
//! must be what is written here; a test runs generated histories through both.
//!
//! Laws (tests/model.rs): no counter is ever oversold (P1); each counter counts exactly its live claims; a person has
//! at most one live claim per series (P3); an ended claim stays ended (P5); a repeated key has one effect and one answer
//! (P7); edits never go below what is taken (P6); after the seal no vial is begun.

mod change;
mod edit;
mod hold;
mod reschedule;
mod stock;

pub use hold::HoldWish;
pub use stock::Stock;

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{ClaimId, PersonId, SessionId, StockId, WindowId};
use crate::outcome::Refusal;
use crate::quota::Counter;
use crate::time::Instant;

/// A window and its places.
#[derive(Debug, Clone)]
pub struct Window {
    /// The clinic session it belongs to.
    pub session: SessionId,
    /// When it begins; from then on reservations are neither cancelled nor moved.
    pub starts_at: Instant,
    /// Bookable before this instant.
    pub bookable_until: Instant,
    /// Its places.
    pub places: Counter,
}

/// A channel's share of a window.
#[derive(Debug, Clone)]
pub struct Quota {
    /// Bookable from this instant on.
    pub bookable_from: Instant,
    /// The share.
    pub share: Counter,
}

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimState {
    /// Until its deadline.
    Held,
    /// A reservation.
    Confirmed,
    /// Given back by its owner before it was confirmed.
    Released,
    /// Not confirmed in time.
    Expired,
    /// Given back by its owner after it was confirmed.
    Cancelled,
}

impl ClaimState {
    /// Whether it counts for P1 and P3.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Confirmed)
    }
}

/// One of each that a claim takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Window.
    pub window: WindowId,
    /// Channel.
    pub channel: String,
    /// Stock.
    pub stock: StockId,
}

/// A hold or reservation.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose.
    pub person: PersonId,
    /// What only its owner knows.
    pub token: u64,
    /// What it takes.
    pub place: Place,
    /// Where it stands.
    pub state: ClaimState,
    /// Until when it may be confirmed.
    pub held_until: Instant,
}

/// What is done to claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Take a place.
    Hold,
    /// Turn a hold into a reservation.
    Confirm,
    /// Give a hold back.
    Release,
    /// Give a reservation back.
    Cancel,
    /// Move a reservation.
    Reschedule,
}

/// A person's intent: repeated under its key it has one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Who wants it.
    pub actor: String,
    /// The key of the intent.
    pub key: String,
    /// What exactly is wanted, as a digest of the request.
    pub body: u64,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The claim.
    pub claim: ClaimId,
    /// What was done to it.
    pub operation: Operation,
    /// Where it is.
    pub place: Place,
}

/// Done, now or by an earlier call with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Now, or had already been done under another key.
    Done(Done),
    /// By an earlier call: its answer again.
    Answered(Done),
    /// Not done.
    Refused(Refusal),
}

impl Outcome {
    /// The stable code: what was done, `answered`, or the refusal's.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Answered(_) => "answered",
            Self::Done(done) => match done.operation {
                Operation::Hold => "granted",
                Operation::Confirm => "confirmed",
                Operation::Release => "released",
                Operation::Cancel => "cancelled",
                Operation::Reschedule => "rescheduled",
            },
        }
    }
}

/// A city: its sessions, which whoever makes it fills in, and the claims and answers that come of operations alone.
#[derive(Debug, Clone, Default)]
pub struct BookingModel {
    /// Sessions whose booking staff has ended.
    pub closed: BTreeSet<SessionId>,
    /// Windows.
    pub windows: BTreeMap<WindowId, Window>,
    /// Shares.
    pub quotas: BTreeMap<(WindowId, String), Quota>,
    /// Stocks.
    pub stocks: BTreeMap<StockId, Stock>,
    claims: Vec<Claim>,
    answers: BTreeMap<(String, String), (Operation, u64, Done)>,
}

impl BookingModel {
    /// All claims in the order they were made, ended ones too; a [`ClaimId`] counts along them.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// Do something once per key: a repeat gets the first answer; a refusal is not remembered, it changed nothing.
    fn once(
        &mut self,
        intent: &Intent,
        operation: Operation,
        work: impl FnOnce(&mut Self) -> Result<Done, Refusal>,
    ) -> Outcome {
        let key = (intent.actor.clone(), intent.key.clone());
        if let Some((was, body, done)) = self.answers.get(&key) {
            return if *was == operation && *body == intent.body {
                Outcome::Answered(done.clone())
            } else {
                Outcome::Refused(Refusal::KeyReused)
            };
        }
        match work(self) {
            Ok(done) => {
                self.answers
                    .insert(key, (operation, intent.body, done.clone()));
                Outcome::Done(done)
            }
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// Apply one change to the three counters of a place. The caller has looked before that each allows it.
    fn move_counters(&mut self, place: &Place, change: fn(&mut Counter) -> bool) {
        let window = self.windows.get_mut(&place.window).map(|w| &mut w.places);
        let share = self
            .quotas
            .get_mut(&(place.window, place.channel.clone()))
            .map(|quota| &mut quota.share);
        let doses = self.stocks.get_mut(&place.stock).map(|s| &mut s.doses);
        for counter in [window, share, doses].into_iter().flatten() {
            let moved = change(counter);
            debug_assert!(moved, "a counter moved that may not");
        }
    }

    /// Live claims of a person that count as one of these series.
    fn has_live_claim(&self, person: PersonId, series: &BTreeSet<String>) -> bool {
        self.claims.iter().any(|claim| {
            claim.person == person
                && claim.state.is_live()
                && self
                    .stocks
                    .get(&claim.place.stock)
                    .is_some_and(|stock| !stock.series.is_disjoint(series))
        })
    }
}
