//! The laws of the ledger's model, over generated histories.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

mod histories;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use booking_core::ids::{ClaimId, PersonId, SessionId, StockId, WindowId};
use booking_core::model::{
    BookingModel, Claim, ClaimState, Done, HoldWish, Intent, Operation, Outcome, Place, Quota,
    Stock, Window,
};
use booking_core::outcome::Refusal;
use booking_core::quota::Counter;
use booking_core::time::Instant;
use histories::{Came, Step, city, intent, step};
use proptest::prelude::*;

/// P1 and conservation: each counter counts exactly the live claims that name it, and never more than its limit.
fn counters_follow_claims(model: &BookingModel) -> Result<(), TestCaseError> {
    let sound = |counter: &Counter, names: &dyn Fn(&Place) -> bool| {
        let count = |state: ClaimState| {
            let claims = model.claims().iter();
            let counted = claims.filter(|claim| claim.state == state && names(&claim.place));
            u32::try_from(counted.count()).unwrap()
        };
        prop_assert!(counter.taken() <= counter.limit());
        prop_assert_eq!(counter.held(), count(ClaimState::Held));
        prop_assert_eq!(counter.booked(), count(ClaimState::Confirmed));
        Ok(())
    };
    for (id, window) in &model.windows {
        sound(&window.places, &|place| place.window == *id)?;
    }
    for ((id, channel), quota) in &model.quotas {
        sound(&quota.share, &|place| {
            place.window == *id && place.channel == *channel
        })?;
    }
    for (id, stock) in &model.stocks {
        sound(stock.doses(), &|place| place.stock == *id)?;
        prop_assert_eq!(stock.doses().limit(), stock.vials().doses(), "whole vials");
    }
    Ok(())
}

/// P3: at most one live claim per person and series.
fn one_claim_per_series(model: &BookingModel) -> Result<(), TestCaseError> {
    let mut seen = BTreeSet::new();
    for claim in model.claims().iter().filter(|claim| claim.state.is_live()) {
        for series in &model.stocks[&claim.place.stock].series {
            prop_assert!(seen.insert((claim.person, series)));
        }
    }
    Ok(())
}

fn vials_begun(model: &BookingModel) -> BTreeMap<StockId, u32> {
    let stocks = model.stocks.iter();
    stocks
        .map(|(id, stock)| (*id, stock.vials().begun()))
        .collect()
}

/// P6: the limit is what was wanted or what is taken, and the editor is told the difference.
fn edits_stop_at_what_is_taken(
    model: &BookingModel,
    step: &Step,
    came: &Came,
) -> Result<(), TestCaseError> {
    let Came::Edited { wanted, edited } = came else {
        return Ok(());
    };
    let (limit, taken) = match step {
        Step::SetCapacity(window, _) => {
            let places = &model.windows[&WindowId(*window)].places;
            (places.limit(), places.taken())
        }
        Step::SetQuota(window, _) => {
            let share = &model.quotas[&(WindowId(*window), "h5".to_owned())].share;
            (share.limit(), share.taken())
        }
        Step::SetVials(stock, _) => {
            let vials = model.stocks[&StockId(*stock)].vials();
            (vials.vials(), vials.begun())
        }
        _ => unreachable!("nothing else edits"),
    };
    prop_assert_eq!((limit, edited.limit), (taken.max(*wanted), limit));
    prop_assert_eq!(edited.kept_back, limit - wanted);
    Ok(())
}

/// What was done is what the claim now says.
fn done_is_done(claim: &Claim, done: &Done) -> Result<(), TestCaseError> {
    let state = match done.operation {
        Operation::Hold => ClaimState::Held,
        Operation::Confirm | Operation::Reschedule => ClaimState::Confirmed,
        Operation::Release => ClaimState::Released,
        Operation::Cancel => ClaimState::Cancelled,
    };
    prop_assert_eq!((claim.state, &claim.place), (state, &done.place));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_promises(steps in prop::collection::vec(step(), 1..120)) {
        let mut model = city();
        let mut now = Instant(0);
        for (number, step) in steps.into_iter().enumerate() {
            if let Step::Pass(ms) = step {
                now = Instant(now.0 + ms);
            }
            let before = model.clone();
            let step = step.aimed(&model);
            let came = step.take(&mut model, now, number);
            counters_follow_claims(&model)?;
            one_claim_per_series(&model)?;
            edits_stop_at_what_is_taken(&model, &step, &came)?;
            for (old, new) in before.claims().iter().zip(model.claims()) {
                prop_assert!(old.state.is_live() || new.state == old.state, "P5: what has ended stays ended");
            }
            for (id, begun) in vials_begun(&model) {
                let sealed = model.stocks[&id].no_new_vial_from.is_some_and(|from| now >= from);
                prop_assert!(!sealed || begun <= vials_begun(&before)[&id], "a vial begun after the seal");
            }
            match came {
                Came::Outcome(Outcome::Refused(_)) => {
                    prop_assert_eq!(format!("{model:?}"), format!("{before:?}"), "a refusal changes nothing");
                }
                Came::Outcome(Outcome::Done(done)) => done_is_done(&model.claims()[done.claim.0], &done)?,
                _ => {}
            }
        }
    }

    /// P7, for every operation, and whatever has happened to the claim and its place since.
    #[test]
    fn a_repeated_key_has_one_effect_and_one_answer(steps in prop::collection::vec(step(), 1..60)) {
        let mut model = city();
        let now = Instant(60);
        let mut answers = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let step = step.aimed(&model);
            if let Came::Outcome(Outcome::Done(done)) = step.take(&mut model, now, number) {
                answers.push((number, step, done));
            }
        }
        let after = format!("{model:?}");
        for (number, step, done) in answers {
            prop_assert_eq!(step.take(&mut model, now, number), Came::Outcome(Outcome::Answered(done)));
            let other = HoldWish {
                intent: Intent { body: u64::MAX, ..intent(number) },
                token: 0, person: PersonId(99), ttl_ms: 1,
                place: Place { window: WindowId(1), channel: "h5".to_owned(), stock: StockId(1) },
            };
            prop_assert_eq!(model.hold(now, &other), Outcome::Refused(Refusal::KeyReused));
        }
        prop_assert_eq!(format!("{model:?}"), after);
    }

    #[test]
    fn as_many_get_a_place_as_there_are_whatever_the_order(order in Just((1..7_i64).collect::<Vec<_>>()).prop_shuffle()) {
        let mut model = city();
        let place = Place { window: WindowId(1), channel: "h5".to_owned(), stock: StockId(1) };
        let granted = order.iter().enumerate().filter(|(number, person)| {
            let step = Step::Hold { person: **person, place: place.clone(), ttl_ms: 10 };
            matches!(step.take(&mut model, Instant(0), *number), Came::Outcome(Outcome::Done(_)))
        }).count();
        prop_assert_eq!(granted, 2, "the least of 4 places, a share of 3 and 2 doses");
    }
}

#[test]
fn the_largest_numbers_are_numbers_too() {
    let three = NonZeroU32::new(3).unwrap();
    let stock = |vials| {
        Stock::new(
            SessionId(1),
            "flu".to_owned(),
            BTreeSet::new(),
            (vials, three),
            None,
        )
    };
    assert!(stock(u32::MAX).is_none(), "more doses than can be counted");

    let (window, end) = (WindowId(i64::MAX), Instant(i64::MAX));
    let place = Place {
        window,
        channel: String::new(),
        stock: StockId(i64::MIN),
    };
    let mut model = BookingModel::default();
    let places = Counter::new(u32::MAX);
    model.windows.insert(
        window,
        Window {
            session: SessionId(1),
            starts_at: end,
            bookable_until: end,
            places,
        },
    );
    let quota = Quota {
        bookable_from: Instant(i64::MIN),
        share: Counter::new(u32::MAX),
    };
    model.quotas.insert((window, String::new()), quota);
    model
        .stocks
        .insert(place.stock, stock(u32::MAX / 3).unwrap());

    let almost = Instant(i64::MAX - 1);
    let wish = HoldWish {
        intent: intent(0),
        token: u64::MAX,
        person: PersonId(0),
        place,
        ttl_ms: u32::MAX,
    };
    assert_eq!(model.hold(almost, &wish).code(), "granted");
    assert_eq!(
        model.claims()[0].held_until,
        end,
        "the end of time is the last deadline"
    );
    assert_eq!(
        model.set_vials(wish.place.stock, u32::MAX).unwrap().limit,
        u32::MAX / 3
    );
    assert_eq!(
        model.set_capacity(window, u32::MAX).unwrap().limit,
        u32::MAX
    );
    assert_eq!(
        model
            .confirm(end, &intent(1), ClaimId(usize::MAX), 0, u32::MAX)
            .code(),
        "unknown_hold"
    );
    assert!(model.expire_due(end, u32::MAX).is_empty());
}
