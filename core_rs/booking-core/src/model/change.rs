//! What becomes of a claim: confirmed, released, cancelled, expired.

use super::{BookingModel, ClaimState, Done, Intent, Operation, Outcome, Place};
use crate::ids::ClaimId;
use crate::outcome::Refusal;
use crate::quota::Counter;
use crate::time::Instant;

impl BookingModel {
    /// Turn a hold into a reservation, with its token, until `grace_ms` past its deadline.
    pub fn confirm(
        &mut self,
        now: Instant,
        intent: &Intent,
        id: ClaimId,
        token: u64,
        grace_ms: u32,
    ) -> Outcome {
        self.once(intent, Operation::Confirm, |model| {
            let claim = model.claims.get(id.0).ok_or(Refusal::UnknownHold)?;
            if claim.token != token {
                return Err(Refusal::WrongHoldToken);
            }
            let place = claim.place.clone();
            match claim.state {
                ClaimState::Confirmed => {} // under another key: the effect was had
                ClaimState::Expired => return Err(Refusal::HoldExpired),
                ClaimState::Held if claim.held_until.plus_ms(grace_ms) < now => {
                    return Err(Refusal::HoldExpired);
                }
                ClaimState::Held => {
                    model.turn(id, &place, ClaimState::Confirmed, Counter::confirm);
                }
                ClaimState::Released | ClaimState::Cancelled => return Err(Refusal::HoldEnded),
            }
            Ok(done(id, Operation::Confirm, place))
        })
    }

    /// Give a hold back, with its token. Also past its deadline, as long as it has not expired.
    pub fn release(&mut self, intent: &Intent, id: ClaimId, token: u64) -> Outcome {
        self.once(intent, Operation::Release, |model| {
            let claim = model.claims.get(id.0).ok_or(Refusal::UnknownHold)?;
            if claim.token != token {
                return Err(Refusal::WrongHoldToken);
            }
            let place = claim.place.clone();
            match claim.state {
                ClaimState::Released => {} // under another key: the effect was had
                ClaimState::Held => {
                    model.turn(id, &place, ClaimState::Released, Counter::release);
                }
                _ => return Err(Refusal::HoldEnded),
            }
            Ok(done(id, Operation::Release, place))
        })
    }

    /// Give a reservation back, before its window begins.
    pub fn cancel(&mut self, now: Instant, intent: &Intent, id: ClaimId) -> Outcome {
        self.once(intent, Operation::Cancel, |model| {
            let claim = model.claims.get(id.0).ok_or(Refusal::UnknownReservation)?;
            let place = claim.place.clone();
            match claim.state {
                ClaimState::Cancelled => {} // under another key: the effect was had
                ClaimState::Confirmed if model.has_begun(now, &place) => {
                    return Err(Refusal::WindowBegun);
                }
                ClaimState::Confirmed => {
                    model.turn(id, &place, ClaimState::Cancelled, Counter::cancel);
                }
                _ => return Err(Refusal::NotCancellable),
            }
            Ok(done(id, Operation::Cancel, place))
        })
    }

    /// Expire the holds whose deadline is more than `grace_ms` past; returns which.
    pub fn expire_due(&mut self, now: Instant, grace_ms: u32) -> Vec<ClaimId> {
        let due: Vec<(ClaimId, Place)> = self
            .claims
            .iter()
            .enumerate()
            .filter(|(_, claim)| {
                claim.state == ClaimState::Held && claim.held_until.plus_ms(grace_ms) < now
            })
            .map(|(number, claim)| (ClaimId(number), claim.place.clone()))
            .collect();
        for (id, place) in &due {
            self.turn(*id, place, ClaimState::Expired, Counter::release);
        }
        due.into_iter().map(|(id, _)| id).collect()
    }

    /// Whether the window of a place has begun.
    pub(super) fn has_begun(&self, now: Instant, place: &Place) -> bool {
        self.windows
            .get(&place.window)
            .is_some_and(|window| now >= window.starts_at)
    }

    /// Turn a claim into another state, and its counters with it.
    fn turn(
        &mut self,
        id: ClaimId,
        place: &Place,
        state: ClaimState,
        change: fn(&mut Counter) -> bool,
    ) {
        if let Some(claim) = self.claims.get_mut(id.0) {
            claim.state = state;
            self.move_counters(place, change);
        }
    }
}

fn done(claim: ClaimId, operation: Operation, place: Place) -> Done {
    Done {
        claim,
        operation,
        place,
    }
}
