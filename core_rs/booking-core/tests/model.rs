//! The laws of the ledger's model, over generated histories.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use booking_core::ids::{ClaimId, PersonId, SessionId, StockId, WindowId};
use booking_core::model::{
    BookingModel, ClaimState, HoldWish, Intent, Outcome, Place, Quota, Stock, Window,
};
use booking_core::outcome::Refusal;
use booking_core::quota::Counter;
use booking_core::time::Instant;
use proptest::prelude::*;

const GRACE_MS: u32 = 5;

#[derive(Debug, Clone)]
enum Step {
    Pass(i64),
    Hold {
        person: i64,
        place: Place,
        ttl_ms: u32,
    },
    Confirm {
        claim: usize,
        token_right: bool,
    },
    Release(usize),
    Cancel(usize),
    Reschedule(usize, Place),
    Expire,
    SetCapacity(i64, u32),
    SetQuota(i64, u32),
    SetVials(i64, u32),
    Close(i64),
}

fn place() -> impl Strategy<Value = Place> {
    (
        1..6_i64,
        prop_oneof![4 => Just("h5"), 2 => Just("desk"), 1 => Just("fax")],
        1..6_i64,
    )
        .prop_map(|(window, channel, stock)| Place {
            window: WindowId(window),
            channel: channel.to_owned(),
            stock: StockId(stock),
        })
}

fn step() -> impl Strategy<Value = Step> {
    let hold = || {
        (1..7_i64, place(), 1..60_u32).prop_map(|(person, place, ttl_ms)| Step::Hold {
            person,
            place,
            ttl_ms,
        })
    };
    prop_oneof![
        2 => (0..40_i64).prop_map(Step::Pass),
        12 => hold(),
        6 => (any::<usize>(), prop::bool::weighted(0.9))
            .prop_map(|(claim, token_right)| Step::Confirm { claim, token_right }),
        3 => any::<usize>().prop_map(Step::Release),
        3 => any::<usize>().prop_map(Step::Cancel),
        4 => (any::<usize>(), place()).prop_map(|(claim, to)| Step::Reschedule(claim, to)),
        2 => Just(Step::Expire),
        1 => (1..6_i64, 0..6_u32).prop_map(|(window, wanted)| Step::SetCapacity(window, wanted)),
        1 => (1..6_i64, 0..6_u32).prop_map(|(window, wanted)| Step::SetQuota(window, wanted)),
        1 => (1..6_i64, 0..6_u32).prop_map(|(stock, wanted)| Step::SetVials(stock, wanted)),
        1 => prop_oneof![9 => Just(9_i64), 1 => 1..3_i64].prop_map(Step::Close),
    ]
}

/// Two sessions: windows 1-3 and 4-5, stocks 1-3 and 4-5; stock 3 counts as two series, stocks 2 and 5 are sealed at 100.
fn city() -> BookingModel {
    let mut model = BookingModel::default();
    let session = |id: i64| SessionId(1 + i64::from(id > 3));
    for id in 1..6 {
        let window = Window {
            session: session(id),
            starts_at: Instant(500),
            bookable_until: Instant(if id == 2 { 120 } else { 400 }),
            places: Counter::new(4),
        };
        model.windows.insert(WindowId(id), window);
        for (channel, limit, from) in [("h5", 3, 0), ("desk", 2, 50)] {
            let quota = Quota {
                bookable_from: Instant(from),
                share: Counter::new(limit),
            };
            model
                .quotas
                .insert((WindowId(id), channel.to_owned()), quota);
        }
        let size = NonZeroU32::new(if id % 2 == 0 { 3 } else { 1 }).unwrap();
        let vaccine = ["flu", "flu", "five-in-one", "flu", "flu"][usize::try_from(id - 1).unwrap()];
        let series: &[&str] = if id == 3 { &["dtap", "hib"] } else { &["flu"] };
        let stock = Stock {
            session: session(id),
            vaccine: vaccine.to_owned(),
            series: series.iter().map(ToString::to_string).collect(),
            vial_size: size,
            no_new_vial_from: (id == 2 || id == 5).then_some(Instant(100)),
            doses: Counter::new(2 * size.get()),
        };
        model.stocks.insert(StockId(id), stock);
    }
    model
}

fn intent(number: usize) -> Intent {
    Intent {
        actor: "account".to_owned(),
        key: format!("key {number}"),
        body: number as u64,
    }
}

fn pick(model: &BookingModel, number: usize) -> ClaimId {
    let ids: Vec<ClaimId> = model.claims.keys().copied().collect();
    ids.get(number % ids.len().max(1))
        .copied()
        .unwrap_or(ClaimId(-1))
}

fn take(model: &mut BookingModel, now: Instant, number: usize, step: &Step) -> Option<Outcome> {
    let intent = intent(number);
    match step {
        Step::Hold {
            person,
            place,
            ttl_ms,
        } => {
            let claim = ClaimId(i64::try_from(number).unwrap());
            let wish = HoldWish {
                intent,
                claim,
                token: number as u64,
                person: PersonId(*person),
                place: place.clone(),
                ttl_ms: *ttl_ms,
            };
            Some(model.hold(now, &wish))
        }
        Step::Confirm { claim, token_right } => {
            let id = pick(model, *claim);
            let token = model.claims.get(&id).map_or(0, |claim| claim.token);
            Some(model.confirm(now, &intent, id, token + u64::from(!token_right), GRACE_MS))
        }
        Step::Release(claim) => {
            let id = pick(model, *claim);
            let token = model.claims.get(&id).map_or(0, |claim| claim.token);
            Some(model.release(&intent, id, token))
        }
        Step::Cancel(claim) => Some(model.cancel(now, &intent, pick(model, *claim))),
        Step::Reschedule(claim, to) => {
            Some(model.reschedule(now, &intent, pick(model, *claim), to))
        }
        Step::Expire => {
            model.expire_due(now, GRACE_MS);
            None
        }
        Step::SetCapacity(window, wanted) => {
            let before = model.windows[&WindowId(*window)].places;
            let edited = model.set_capacity(WindowId(*window), *wanted).unwrap();
            assert_eq!(edited.limit, before.taken().max(*wanted));
            assert_eq!(edited.kept_back, edited.limit - wanted);
            None
        }
        Step::SetQuota(window, wanted) => {
            model.set_quota(WindowId(*window), "h5", *wanted).unwrap();
            None
        }
        Step::SetVials(stock, wanted) => {
            model.set_vials(StockId(*stock), *wanted).unwrap();
            None
        }
        Step::Close(session) => {
            model.close(SessionId(*session));
            None
        }
        Step::Pass(_) => None,
    }
}

/// P1 and conservation: each counter counts exactly the live claims that name it, and never more than its limit.
fn counters_follow_claims(model: &BookingModel) -> Result<(), TestCaseError> {
    let count = |names: &dyn Fn(&Place) -> bool, state: ClaimState| {
        let live = model.claims.values();
        u32::try_from(live.filter(|c| c.state == state && names(&c.place)).count()).unwrap()
    };
    let sound = |counter: &Counter, names: &dyn Fn(&Place) -> bool| {
        prop_assert!(counter.taken() <= counter.limit());
        prop_assert_eq!(counter.held(), count(names, ClaimState::Held));
        prop_assert_eq!(counter.booked(), count(names, ClaimState::Confirmed));
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
        sound(&stock.doses, &|place| place.stock == *id)?;
        prop_assert_eq!(stock.doses.limit() % stock.vial_size, 0, "whole vials");
    }
    Ok(())
}

/// P3: at most one live claim per person and series.
fn one_claim_per_series(model: &BookingModel) -> Result<(), TestCaseError> {
    let mut seen = BTreeSet::new();
    for claim in model.claims.values().filter(|claim| claim.state.is_live()) {
        for series in &model.stocks[&claim.place.stock].series {
            prop_assert!(seen.insert((claim.person, series.clone())));
        }
    }
    Ok(())
}

fn vials_begun(model: &BookingModel) -> BTreeMap<StockId, u32> {
    let begun = |stock: &Stock| stock.doses.taken().div_ceil(stock.vial_size.get());
    model
        .stocks
        .iter()
        .map(|(id, stock)| (*id, begun(stock)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_promises(steps in prop::collection::vec(step(), 1..120)) {
        let mut model = city();
        let mut now = Instant(0);
        for (number, step) in steps.iter().enumerate() {
            if let Step::Pass(ms) = step {
                now = Instant(now.0 + ms);
            }
            let before = model.clone();
            let outcome = take(&mut model, now, number, step);
            counters_follow_claims(&model)?;
            one_claim_per_series(&model)?;
            for (id, claim) in &before.claims {
                prop_assert!(claim.state.is_live() || model.claims[id].state == claim.state, "P5");
            }
            for (id, begun) in vials_begun(&model) {
                let sealed = model.stocks[&id].no_new_vial_from.is_some_and(|from| now >= from);
                prop_assert!(!sealed || begun <= vials_begun(&before)[&id], "a vial begun after the seal");
            }
            if let Some(Outcome::Refused(_)) = outcome {
                prop_assert_eq!(format!("{model:?}"), format!("{before:?}"), "a refusal changes nothing");
            }
        }
    }

    #[test]
    fn a_repeated_key_has_one_effect_and_one_answer(steps in prop::collection::vec(step(), 1..60)) {
        let mut model = city();
        let now = Instant(60);
        for (number, step) in steps.iter().enumerate() {
            // The claim is chosen by the state of things, so the repeat must name the one that was chosen.
            let Step::Hold { .. } = step else {
                take(&mut model, now, number, step);
                continue;
            };
            let Some(Outcome::Done(done)) = take(&mut model, now, number, step) else { continue };
            let after = format!("{model:?}");
            prop_assert_eq!(take(&mut model, now, number, step), Some(Outcome::Answered(done)));
            prop_assert_eq!(format!("{model:?}"), after);
            let other = HoldWish {
                intent: Intent { body: u64::MAX, ..intent(number) },
                claim: ClaimId(-2), token: 0, person: PersonId(99), ttl_ms: 1,
                place: Place { window: WindowId(1), channel: "h5".to_owned(), stock: StockId(1) },
            };
            prop_assert_eq!(model.hold(now, &other), Outcome::Refused(Refusal::KeyReused));
        }
    }

    #[test]
    fn as_many_get_a_place_as_there_are_whatever_the_order(order in Just((1..7_i64).collect::<Vec<_>>()).prop_shuffle()) {
        let mut model = city();
        let place = Place { window: WindowId(1), channel: "h5".to_owned(), stock: StockId(1) };
        let granted = order.iter().enumerate().filter(|(number, person)| {
            let step = Step::Hold { person: **person, place: place.clone(), ttl_ms: 10 };
            matches!(take(&mut model, Instant(0), *number, &step), Some(Outcome::Done(_)))
        }).count();
        prop_assert_eq!(granted, 2, "the least of 4 places, a share of 3 and 2 doses");
    }
}
