//! Taking a place: window, channel share and dose together, or nothing.

use super::{BookingModel, Claim, ClaimState, Done, Intent, Operation, Outcome, Place};
use crate::ids::{ClaimId, PersonId};
use crate::outcome::Refusal;
use crate::quota::Counter;
use crate::time::Instant;

/// What a hold is asked with.
#[derive(Debug, Clone)]
pub struct HoldWish {
    /// Whose intent, under which key.
    pub intent: Intent,
    /// The secret of the claim.
    pub token: u64,
    /// Who is to be vaccinated.
    pub person: PersonId,
    /// What is wanted.
    pub place: Place,
    /// How long it may be confirmed.
    pub ttl_ms: u32,
}

impl BookingModel {
    /// Hold a place.
    pub fn hold(&mut self, now: Instant, wish: &HoldWish) -> Outcome {
        self.once(&wish.intent, Operation::Hold, |model| {
            model.may_hold(now, wish.person, &wish.place)?;
            model.move_counters(&wish.place, Counter::hold);
            let claim = Claim {
                person: wish.person,
                token: wish.token,
                place: wish.place.clone(),
                state: ClaimState::Held,
                held_until: now.plus_ms(wish.ttl_ms),
            };
            let id = ClaimId(model.claims.len());
            model.claims.push(claim);
            Ok(Done {
                claim: id,
                operation: Operation::Hold,
                place: wish.place.clone(),
            })
        })
    }

    fn may_hold(&self, now: Instant, person: PersonId, place: &Place) -> Result<(), Refusal> {
        let window = self
            .windows
            .get(&place.window)
            .ok_or(Refusal::UnknownWindow)?;
        if self.closed.contains(&window.session) {
            return Err(Refusal::SessionClosed);
        }
        let quota = self
            .quotas
            .get(&(place.window, place.channel.clone()))
            .ok_or(Refusal::WrongChannel)?;
        let stock = self
            .stocks
            .get(&place.stock)
            .filter(|stock| stock.session == window.session)
            .ok_or(Refusal::NoSuchStock)?;
        if now >= window.bookable_until {
            return Err(Refusal::BookingEnded);
        }
        if now < quota.bookable_from {
            let from = quota.bookable_from;
            return Err(Refusal::NotYetBookable { from });
        }
        if self.has_live_claim(person, &stock.series) {
            return Err(Refusal::DuplicateClaim);
        }
        for (free, full) in [
            (window.places.free(), Refusal::WindowFull),
            (quota.share.free(), Refusal::ChannelFull),
            (stock.doses.free(), Refusal::OutOfStock),
            (stock.bookable(now), Refusal::VialNotOpened),
        ] {
            if free == 0 {
                return Err(full);
            }
        }
        Ok(())
    }
}
