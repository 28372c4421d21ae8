//! The waiting room: laws over places, rates and whole histories of people who come, go away and come back.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;

use booking_core::room::{
    Credit, POLL_MS_MAX, POLL_MS_MIN, Place, Places, SAVED_MS_MAX, minutes, next, next_poll_ms,
    slowed,
};
use proptest::prelude::*;

fn some_places() -> impl Strategy<Value = BTreeSet<Place>> {
    prop::collection::btree_set(1_u32..5_000, 0..200)
}

proptest! {
    #[test]
    fn places_are_a_set_that_counts_those_before(
        there in some_places(), gone in some_places(), asked in 0_u32..6_000
    ) {
        let mut places: Places = there.iter().copied().collect();
        let mut set = there;
        for place in gone {
            prop_assert_eq!(places.remove(place), set.remove(&place));
        }
        prop_assert_eq!(places.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(places.count() as usize, set.len());
        prop_assert_eq!(places.before(asked) as usize, set.range(..asked).count());
        prop_assert_eq!(places.contains(asked), set.contains(&asked));
        let read = Places::from_bytes(&places.to_bytes());
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), places.iter().collect::<Vec<_>>());
        prop_assert_eq!(read.before(asked), places.before(asked));
        prop_assert!(!places.to_bytes().ends_with(&[0]));
    }

    #[test]
    fn of_those_present_the_lowest_are_next_and_nobody_present_is_passed_over(
        waiting in some_places(), present in some_places(), at_most in 0_u32..100
    ) {
        let in_order: Vec<Place> = waiting.intersection(&present).copied().collect();
        let (waiting, present): (Places, Places) = (waiting.into_iter().collect(), present.into_iter().collect());
        let told = next(&waiting, &present, at_most);
        prop_assert_eq!(&told[..], &in_order[..in_order.len().min(at_most as usize)]);
    }

    #[test]
    fn never_more_are_let_in_than_time_has_earned(
        rate in 0_u32..1_000_000, steps in prop::collection::vec((0_u64..5_000, 0_u32..10_000), 1..50)
    ) {
        let (mut credit, mut elapsed, mut people) = (Credit::default(), 0_u64, 0_u64);
        for (ms, wanted) in steps {
            credit = credit.earn(ms, rate);
            elapsed += ms;
            let inside = wanted.min(credit.people());
            credit = credit.spend(inside);
            people += u64::from(inside);
            prop_assert!(people * 1_000_000 <= elapsed * u64::from(rate));
            prop_assert!(u64::from(credit.people()) <= (u64::from(rate) * SAVED_MS_MAX / 1_000_000).max(1));
        }
    }

    #[test]
    fn where_all_that_is_earned_is_spent_no_part_of_a_person_is_lost(
        rate in 1_u32..1_000_000, steps in prop::collection::vec(0_u64..SAVED_MS_MAX / 2, 1..200)
    ) {
        let (mut credit, mut elapsed, mut people) = (Credit::default(), 0_u64, 0_u64);
        for ms in steps {
            credit = credit.earn(ms, rate);
            elapsed += ms;
            people += u64::from(credit.people());
            credit = credit.spend(credit.people());
            // Slow rates save one person at the most.
            prop_assert!(people >= (elapsed * u64::from(rate) / 1_000_000).saturating_sub(elapsed / SAVED_MS_MAX + 1)
                || rate < 500);
        }
        prop_assert!(credit.0 < 1_000_000);
    }

    #[test]
    fn a_slow_ledger_slows_in_proportion_and_never_stops(
        rate in 1_u32.., ledger_ms in 0_u32.., slower_ms in 0_u32.., limit_ms in 1_u32..1_000
    ) {
        let now = slowed(rate, ledger_ms, limit_ms);
        prop_assert!((1..=rate).contains(&now));
        prop_assert!(ledger_ms > limit_ms || now == rate);
        prop_assert!(slowed(rate, ledger_ms.max(slower_ms), limit_ms) <= now);
    }

    #[test]
    fn fewer_ahead_never_wait_longer(ahead in 0_u32..2_000_000, fewer in 0_u32..2_000_000, rate in 1_u32..10_000_000) {
        let fewer = fewer.min(ahead);
        prop_assert!(minutes(fewer, rate) <= minutes(ahead, rate));
        prop_assert!(minutes(fewer, rate).unwrap() >= 1);
        prop_assert!(next_poll_ms(fewer, rate, 0) <= next_poll_ms(ahead, rate, 0));
    }

    #[test]
    fn who_waits_asks_often_enough_to_count_as_present(ahead in 0_u32.., rate in 0_u32.., spread in 0_u8..) {
        let ms = next_poll_ms(ahead, rate, spread);
        prop_assert!((POLL_MS_MIN..=POLL_MS_MAX + POLL_MS_MAX / 4).contains(&ms));
    }
}

#[test]
fn minutes_are_told_as_people_would() {
    // (people ahead, thousandths of a person a second, minutes)
    for (ahead, rate, told) in [
        (0, 1_000, Some(1)),
        (58, 1_000, Some(1)),
        (119, 1_000, Some(3)),
        (200_000, 200_000, Some(17)),
        (10, 0, None),
    ] {
        assert_eq!(minutes(ahead, rate), told, "{ahead} ahead at {rate}");
    }
}

/// Somebody in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// Comes, and has the next place.
    Comes,
    /// Goes away without a word, or comes back.
    Turns(usize),
    /// Leaves for good.
    Leaves(usize),
    /// The keeper lets so many in.
    Tick(u32),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        4 => Just(Deed::Comes),
        3 => any::<usize>().prop_map(Deed::Turns),
        1 => any::<usize>().prop_map(Deed::Leaves),
        3 => (0_u32..5).prop_map(Deed::Tick),
    ];
    prop::collection::vec(deed, 1..120)
}

proptest! {
    /// Whoever is let in, everybody lower who waits is away: in every history, however people come and go.
    #[test]
    fn a_history_has_no_inversion(deeds in deeds()) {
        let (mut last, mut waiting, mut present) = (0, Places::default(), Places::default());
        for deed in deeds {
            match deed {
                Deed::Comes => {
                    last += 1;
                    waiting.insert(last);
                    present.insert(last);
                }
                Deed::Turns(who) if last > 0 => {
                    let place = u32::try_from(who % last as usize).unwrap() + 1;
                    if !present.remove(place) {
                        present.insert(place);
                    }
                }
                Deed::Leaves(who) if last > 0 => {
                    waiting.remove(u32::try_from(who % last as usize).unwrap() + 1);
                }
                Deed::Turns(_) | Deed::Leaves(_) => {}
                Deed::Tick(at_most) => {
                    let there = waiting.both(&present).count();
                    let inside = next(&waiting, &present, at_most);
                    prop_assert_eq!(inside.len(), there.min(at_most) as usize, "who is away held up somebody");
                    for place in &inside {
                        prop_assert!(waiting.remove(*place), "let in twice");
                    }
                    let highest = inside.last().copied().unwrap_or(0);
                    let passed_over = waiting.iter().find(|place| *place < highest && present.contains(*place));
                    prop_assert_eq!(passed_over, None);
                }
            }
        }
    }
}
