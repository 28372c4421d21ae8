//! What is known without asking agrees with the model of the cache, and errs on one side only.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::{BTreeMap, HashMap};

use booking_core::admission::{CachedSession, Copied, CounterId, Loaded, Permit, Terms, Try};
use booking_core::ids::{StockId, WindowId};
use booking_core::outcome::Refusal;
use booking_core::snapshot::{
    Reading, Seen, Snapshot, StockSeen, Versions, WindowSeen, WindowState,
};
use booking_core::time::Instant;
use proptest::prelude::*;

const CHANNEL: &str = "h5";

/// Free places of a window, its deadline, and this channel's share and opening if it has one.
type Places = (u32, i64, Option<(u32, i64)>);

/// One clinic session, from which both the model's view and the snapshot's are made.
#[derive(Debug, Clone)]
struct World {
    open: bool,
    windows: BTreeMap<i64, Places>,
    /// By stock: free doses, vial size, seal.
    stocks: BTreeMap<i64, (u32, u32, Option<i64>)>,
}

impl World {
    fn model(&self) -> CachedSession {
        let copy = |free, terms| Copied {
            version: 1,
            free,
            terms,
        };
        let mut counters = BTreeMap::new();
        for (id, (free, until, share)) in &self.windows {
            let terms = Terms::Until(Instant(*until));
            counters.insert(CounterId::Window(WindowId(*id)), copy(*free, terms));
            let others = CounterId::Quota(WindowId(*id), "desk".to_owned());
            counters.insert(others, copy(9, Terms::From(Instant(0))));
            if let Some((free, from)) = share {
                let ours = CounterId::Quota(WindowId(*id), CHANNEL.to_owned());
                counters.insert(ours, copy(*free, Terms::From(Instant(*from))));
            }
        }
        for (id, (free, size, seal)) in &self.stocks {
            let terms = Terms::Vials {
                size: *size,
                sealed_from: seal.map(Instant),
            };
            counters.insert(CounterId::Stock(StockId(*id)), copy(*free, terms));
        }
        let loaded = Loaded {
            generation: 1,
            open: self.open,
            counters,
        };
        let permits = BTreeMap::new();
        CachedSession { loaded, permits }
    }

    fn snapshot(&self) -> Snapshot {
        let seen = |free| Seen { version: 1, free };
        let windows = self.windows.iter().map(|(id, (free, until, share))| {
            let window = WindowSeen {
                places: seen(*free),
                until: Instant(*until),
                share: share.map(|(free, from)| (seen(free), Instant(from))),
            };
            (WindowId(*id), window)
        });
        let stocks = self.stocks.iter().map(|(id, (free, size, seal))| {
            let stock = StockSeen {
                doses: seen(*free),
                vial_size: *size,
                sealed_from: seal.map(Instant),
            };
            (StockId(*id), stock)
        });
        Snapshot {
            generation: 1,
            open: self.open,
            windows: windows.collect(),
            stocks: stocks.collect(),
        }
    }
}

fn worlds() -> impl Strategy<Value = World> {
    let free = || prop_oneof![3 => Just(0_u32), 5 => 1_u32..12];
    let window = (
        free(),
        0_i64..100,
        prop::option::weighted(0.8, (free(), 0_i64..100)),
    );
    let stock = (free(), 0_u32..6, prop::option::of(0_i64..100));
    (
        prop::bool::weighted(0.9),
        prop::collection::btree_map(1_i64..4, window, 0..4),
        prop::collection::btree_map(1_i64..4, stock, 0..4),
    )
        .prop_map(|(open, windows, stocks)| World {
            open,
            windows,
            stocks,
        })
}

fn wanted(window: i64, stock: i64) -> Try {
    Try {
        window: WindowId(window),
        channel: CHANNEL.to_owned(),
        stock: StockId(stock),
        permit: "p".to_owned(),
    }
}

const fn reading(now: i64, margin_ms: u32) -> Reading {
    Reading {
        now: Instant(now),
        margin_ms,
    }
}

const fn by_time(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::BookingEnded | Refusal::NotYetBookable { .. } | Refusal::VialNotOpened
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn with_an_exact_clock_and_no_permits_it_says_what_the_model_says(
        world in worlds(), window in 1_i64..5, stock in 1_i64..5, now in 0_i64..100
    ) {
        let model = world.model().refusal(Instant(now), &wanted(window, stock));
        let seen = world.snapshot().refusal(reading(now, 0), WindowId(window), StockId(stock));
        prop_assert_eq!(seen, model);
    }

    #[test]
    fn permits_are_left_to_the_cache(
        world in worlds(), window in 1_i64..5, stock in 1_i64..5, now in 0_i64..100, lent in 1_usize..12
    ) {
        let seen = world.snapshot().refusal(reading(now, 0), WindowId(window), StockId(stock));
        let mut model = world.model();
        for number in 0..lent {
            let permit = Permit { until: Instant(i64::MAX), counters: wanted(window, stock).counters() };
            model.permits.insert(format!("other {number}"), permit);
        }
        // With permits lent the model refuses at least what the snapshot refuses, though perhaps for another want.
        let refused = model.refusal(Instant(now), &wanted(window, stock));
        prop_assert!(seen.is_none() || refused.is_some(), "{:?} without, {:?} with permits", seen, refused);
    }

    #[test]
    fn with_an_inexact_clock_it_refuses_only_what_every_possible_time_refuses(
        world in worlds(), window in 1_i64..5, stock in 1_i64..5, now in 0_i64..100, margin in 0_u32..40
    ) {
        let snapshot = world.snapshot();
        let refusal = snapshot.refusal(reading(now, margin), WindowId(window), StockId(stock));
        let model = world.model();
        let margin = i64::from(margin);
        let at = |offset: i64| model.refusal(Instant(now + offset), &wanted(window, stock));
        if let Some(refusal) = refusal {
            for offset in -margin..=margin {
                let true_answer = at(offset);
                prop_assert!(true_answer.is_some(), "{refusal:?}, but granted {offset} ms off");
                if by_time(refusal) {
                    // What it says about time is so at every time that may be the true one.
                    prop_assert_eq!(true_answer, Some(refusal));
                }
            }
        }
        let certain = (-margin..=margin).all(|offset| at(offset).is_some_and(by_time) && at(offset) == at(0));
        if certain {
            prop_assert_eq!(refusal, at(0), "what is certain is told without asking");
        }
    }

    #[test]
    fn what_is_shown_agrees_with_what_would_be_said(
        world in worlds(), now in 0_i64..100
    ) {
        let snapshot = world.snapshot();
        for (id, window) in &snapshot.windows {
            let (state, free) = snapshot.shown(Instant(now), window);
            let said: Vec<_> = (1..4)
                .filter(|stock| snapshot.stocks.contains_key(&StockId(*stock)))
                .map(|stock| snapshot.refusal(reading(now, 0), *id, StockId(stock)))
                .collect();
            prop_assert!(free <= window.places.free);
            for refusal in said {
                let agrees = match refusal {
                    Some(Refusal::SessionClosed | Refusal::WrongChannel) => state == WindowState::Closed,
                    Some(Refusal::BookingEnded) => state == WindowState::Ended,
                    Some(Refusal::NotYetBookable { .. }) => state == WindowState::NotYet,
                    Some(Refusal::WindowFull | Refusal::ChannelFull) => state == WindowState::Full,
                    // The stock is told apart from the window.
                    Some(Refusal::OutOfStock | Refusal::VialNotOpened) | None => {
                        state == WindowState::Open && free > 0
                    }
                    _ => false,
                };
                prop_assert!(agrees, "{refusal:?} is shown as {state:?}");
            }
        }
    }

    #[test]
    fn the_version_rises_with_any_counter(world in worlds(), number in 0_usize..9) {
        let before = world.snapshot();
        let mut after = before.clone();
        let windows: Vec<WindowId> = after.windows.keys().copied().collect();
        let stocks: Vec<StockId> = after.stocks.keys().copied().collect();
        match number % 4 {
            0 => after.generation += 1,
            1 => if let Some(id) = windows.first() {
                after.windows.get_mut(id).unwrap().places.version += 1;
            },
            2 => if let Some((share, _)) = after.windows.values_mut().find_map(|seen| seen.share.as_mut()) {
                share.version += 1;
            },
            _ => if let Some(id) = stocks.first() {
                after.stocks.get_mut(id).unwrap().doses.version += 1;
            },
        }
        prop_assert_eq!(after.version() > before.version(), after != before);
    }

    #[test]
    fn who_has_heard_of_less_through_any_one_counter_does_not_reach(
        known in (0_u64..9, 0_u64..9, 0_u64..9), needed in (0_u64..9, 0_u64..9, 0_u64..9)
    ) {
        let of = |(window, quota, stock)| Versions { window, quota, stock };
        let lacks = known.0 < needed.0 || known.1 < needed.1 || known.2 < needed.2;
        prop_assert_eq!(of(known).reach(of(needed)), !lacks);
    }
}

#[test]
fn the_versions_of_a_refusal_are_those_of_its_own_window_share_and_stock() {
    let world = World {
        open: true,
        windows: BTreeMap::from([(1, (1, 9, Some((1, 0)))), (2, (1, 9, None))]),
        stocks: BTreeMap::from([(1, (1, 1, None)), (2, (1, 1, None))]),
    };
    let mut snapshot = world.snapshot();
    let window = snapshot.windows.get_mut(&WindowId(1)).unwrap();
    window.places.version = 5;
    window.share.as_mut().unwrap().0.version = 6;
    snapshot.stocks.get_mut(&StockId(1)).unwrap().doses.version = 7;
    let of = |window, stock| snapshot.versions_of(WindowId(window), StockId(stock));
    let versions = |window, quota, stock| {
        Some(Versions {
            window,
            quota,
            stock,
        })
    };
    assert_eq!(of(1, 1), versions(5, 6, 7));
    assert_eq!(of(1, 2), versions(5, 6, 1));
    assert_eq!(of(2, 1), versions(1, 0, 7), "the channel has no share");
    assert_eq!(of(1, 3), versions(5, 6, 0), "there is no such stock");
    assert_eq!(of(3, 1), None, "there is no such window");
}

#[test]
fn at_the_ends_of_time_nothing_overflows() {
    let world = World {
        open: true,
        windows: BTreeMap::from([(1, (1, i64::MAX, Some((1, i64::MIN))))]),
        stocks: BTreeMap::from([(1, (1, u32::MAX, Some(i64::MIN)))]),
    };
    let snapshot = world.snapshot();
    for now in [i64::MIN, -1, 0, i64::MAX] {
        for margin in [0, u32::MAX] {
            let _ = snapshot.refusal(reading(now, margin), WindowId(1), StockId(1));
        }
    }
    assert_eq!(
        Snapshot::default().refusal(reading(0, 0), WindowId(1), StockId(1)),
        Some(Refusal::SessionClosed),
        "what is not known to be open takes no bookings"
    );
    let _: HashMap<WindowId, WindowSeen> = snapshot.windows;
}
