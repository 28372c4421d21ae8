//! Moving a reservation: the new place is taken and the old one given back, or nothing happens.

use super::{BookingModel, Claim, ClaimState, Done, Intent, Operation, Outcome, Place, Stock};
use crate::ids::ClaimId;
use crate::outcome::Refusal;
use crate::quota::Counter;
use crate::time::Instant;

impl BookingModel {
    /// Move a reservation to another place of the same vaccine, before its window begins.
    pub fn reschedule(
        &mut self,
        now: Instant,
        intent: &Intent,
        id: ClaimId,
        to: &Place,
    ) -> Outcome {
        self.once(intent, Operation::Reschedule, |model| {
            let claim = model.claims.get(id.0).ok_or(Refusal::UnknownReservation)?;
            model.may_move(now, claim, to)?;
            let from = claim.place.clone();
            // Only what changes is taken and given back, so a full channel does not stop a move within it.
            model.exchange(&from, to);
            if let Some(claim) = model.claims.get_mut(id.0) {
                claim.place = to.clone();
            }
            Ok(Done {
                claim: id,
                operation: Operation::Reschedule,
                place: to.clone(),
            })
        })
    }

    fn may_move(&self, now: Instant, claim: &Claim, to: &Place) -> Result<(), Refusal> {
        if claim.state != ClaimState::Confirmed {
            return Err(Refusal::NotReschedulable);
        }
        let from = &claim.place;
        if self.has_begun(now, from) {
            return Err(Refusal::WindowBegun);
        }
        let window = self.windows.get(&to.window).ok_or(Refusal::UnknownWindow)?;
        if to.window == from.window && to.stock == from.stock {
            return Err(Refusal::SameWindow);
        }
        if self.closed.contains(&window.session) {
            return Err(Refusal::SessionClosed);
        }
        let quota = self
            .quotas
            .get(&(to.window, to.channel.clone()))
            .ok_or(Refusal::WrongChannel)?;
        let vaccine = self.stocks.get(&from.stock).map(|stock| &stock.vaccine);
        let stock: &Stock = self
            .stocks
            .get(&to.stock)
            .filter(|stock| stock.session == window.session && Some(&stock.vaccine) == vaccine)
            .ok_or(Refusal::NoSuchStock)?;
        if now >= window.bookable_until {
            return Err(Refusal::BookingEnded);
        }
        if now < quota.bookable_from {
            let from = quota.bookable_from;
            return Err(Refusal::NotYetBookable { from });
        }
        let same_quota = to.window == from.window && to.channel == from.channel;
        for (moves, free, full) in [
            (
                to.window != from.window,
                window.places.free(),
                Refusal::WindowFull,
            ),
            (!same_quota, quota.share.free(), Refusal::ChannelFull),
            (
                to.stock != from.stock,
                stock.doses.free(),
                Refusal::OutOfStock,
            ),
            (
                to.stock != from.stock,
                stock.bookable(now),
                Refusal::VialNotOpened,
            ),
        ] {
            if moves && free == 0 {
                return Err(full);
            }
        }
        Ok(())
    }

    fn exchange(&mut self, from: &Place, to: &Place) {
        fn take(counter: &mut Counter) -> bool {
            counter.hold() && counter.confirm()
        }
        let mut moved = true;
        if to.window != from.window {
            moved &= self
                .windows
                .get_mut(&from.window)
                .is_some_and(|w| w.places.cancel());
            moved &= self
                .windows
                .get_mut(&to.window)
                .is_some_and(|w| take(&mut w.places));
        }
        if to.window != from.window || to.channel != from.channel {
            let old = self.quotas.get_mut(&(from.window, from.channel.clone()));
            moved &= old.is_some_and(|quota| quota.share.cancel());
            let new = self.quotas.get_mut(&(to.window, to.channel.clone()));
            moved &= new.is_some_and(|quota| take(&mut quota.share));
        }
        if to.stock != from.stock {
            moved &= self
                .stocks
                .get_mut(&from.stock)
                .is_some_and(|s| s.doses.cancel());
            moved &= self
                .stocks
                .get_mut(&to.stock)
                .is_some_and(|s| take(&mut s.doses));
        }
        debug_assert!(moved, "a counter moved that may not");
    }
}
