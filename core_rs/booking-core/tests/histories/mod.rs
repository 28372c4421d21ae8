//! A small city with all that can be in each other's way, and steps that histories are made of.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use booking_core::ids::{ClaimId, PersonId, SessionId, StockId, WindowId};
use booking_core::model::{BookingModel, HoldWish, Intent, Outcome, Place, Quota, Stock, Window};
use booking_core::quota::{Counter, Edited};
use booking_core::time::Instant;
use proptest::prelude::*;

pub const GRACE_MS: u32 = 5;

/// One step. Claims are named by any number; [`Step::aimed`] makes it the number of a claim that there is.
#[derive(Debug, Clone)]
pub enum Step {
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

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    Outcome(Outcome),
    Edited { wanted: u32, edited: Edited },
    Nothing,
}

/// Windows and stocks 1 to 5, of which the city has one session with 1-3 and one with 4-5; nobody opened a `fax`.
pub fn place() -> impl Strategy<Value = Place> {
    let channel = prop_oneof![4 => Just("h5"), 2 => Just("desk"), 1 => Just("fax")];
    (1..6_i64, channel, 1..6_i64).prop_map(|(window, channel, stock)| Place {
        window: WindowId(window),
        channel: channel.to_owned(),
        stock: StockId(stock),
    })
}

pub fn step() -> impl Strategy<Value = Step> {
    let hold = (1..7_i64, place(), 1..60_u32).prop_map(|(person, place, ttl_ms)| Step::Hold {
        person,
        place,
        ttl_ms,
    });
    prop_oneof![
        2 => (0..40_i64).prop_map(Step::Pass),
        12 => hold,
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

fn series(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Stock 3 counts as two series, 2 and 4 come in vials of three, 2 and 5 are sealed at 100; window 2 ends at 120, the
/// desk opens at 50, and all windows begin at 500.
pub fn city() -> BookingModel {
    let mut model = BookingModel::default();
    for id in 1..6 {
        let session = SessionId(1 + i64::from(id > 3));
        let window = Window {
            session,
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
            let name = (WindowId(id), channel.to_owned());
            model.quotas.insert(name, quota);
        }
        let vial_size = NonZeroU32::new(if id % 2 == 0 { 3 } else { 1 }).unwrap();
        let (vaccine, counts_as) = match id {
            3 => ("five-in-one", series(&["dtap", "hib"])),
            5 => ("hib", series(&["hib"])),
            _ => ("flu", series(&["flu"])),
        };
        let sealed_from = (id == 2 || id == 5).then_some(Instant(100));
        let vials = (2, vial_size);
        let stock = Stock::new(session, vaccine.to_owned(), counts_as, vials, sealed_from);
        model.stocks.insert(StockId(id), stock.unwrap());
    }
    model
}

/// The intent of a step: its number is its key and its body.
pub fn intent(number: usize) -> Intent {
    Intent {
        actor: "account".to_owned(),
        key: format!("key {number}"),
        body: number as u64,
    }
}

impl Step {
    /// The same step with the number of a claim that there is, while there is one.
    pub fn aimed(self, model: &BookingModel) -> Self {
        let aim = |claim: usize| claim % model.claims().len().max(1);
        match self {
            Self::Confirm { claim, token_right } => Self::Confirm {
                claim: aim(claim),
                token_right,
            },
            Self::Release(claim) => Self::Release(aim(claim)),
            Self::Cancel(claim) => Self::Cancel(aim(claim)),
            Self::Reschedule(claim, to) => Self::Reschedule(aim(claim), to),
            other => other,
        }
    }

    /// Do it, with the intent of this number.
    pub fn take(&self, model: &mut BookingModel, now: Instant, number: usize) -> Came {
        let intent = intent(number);
        let token = |claim: usize| model.claims().get(claim).map_or(0, |claim| claim.token);
        Came::Outcome(match self {
            Self::Hold {
                person,
                place,
                ttl_ms,
            } => {
                let wish = HoldWish {
                    intent,
                    token: number as u64,
                    person: PersonId(*person),
                    place: place.clone(),
                    ttl_ms: *ttl_ms,
                };
                model.hold(now, &wish)
            }
            Self::Confirm { claim, token_right } => {
                let token = token(*claim).wrapping_add(u64::from(!token_right));
                model.confirm(now, &intent, ClaimId(*claim), token, GRACE_MS)
            }
            Self::Release(claim) => {
                let token = token(*claim);
                model.release(&intent, ClaimId(*claim), token)
            }
            Self::Cancel(claim) => model.cancel(now, &intent, ClaimId(*claim)),
            Self::Reschedule(claim, to) => model.reschedule(now, &intent, ClaimId(*claim), to),
            Self::SetCapacity(window, wanted) => {
                return edited(*wanted, model.set_capacity(WindowId(*window), *wanted));
            }
            Self::SetQuota(window, wanted) => {
                return edited(*wanted, model.set_quota(WindowId(*window), "h5", *wanted));
            }
            Self::SetVials(stock, wanted) => {
                return edited(*wanted, model.set_vials(StockId(*stock), *wanted));
            }
            Self::Expire => {
                model.expire_due(now, GRACE_MS);
                return Came::Nothing;
            }
            Self::Close(session) => {
                model.close(SessionId(*session));
                return Came::Nothing;
            }
            Self::Pass(_) => return Came::Nothing,
        })
    }
}

fn edited(wanted: u32, edited: Option<Edited>) -> Came {
    let edited = edited.unwrap();
    Came::Edited { wanted, edited }
}
