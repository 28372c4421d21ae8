//! The laws of a waitlist: one total order, explained; nobody is passed over (P4). Small worlds are explored completely.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use booking_core::waitlist::{Standing, Tier, Turn, Waitlist, order_of_arrivals};
use proptest::prelude::*;

fn standing(tier: u8, turn: Turn) -> Standing {
    Standing {
        tier: Tier(tier),
        turn,
    }
}

fn standings() -> impl Strategy<Value = Standing> {
    let drawn = prop_oneof![1_u32..5, any::<u32>()].prop_map(|position| Turn::Drawn { position });
    let arrived =
        prop_oneof![0_u64..5, 0_u64..1 << 43].prop_map(|sequence| Turn::Arrived { sequence });
    (
        prop_oneof![1_u8..4, any::<u8>()],
        prop_oneof![drawn, arrived],
    )
        .prop_map(|(tier, turn)| standing(tier, turn))
}

proptest! {
    #[test]
    fn of_two_standings_exactly_one_comes_first_and_says_why(one in standings(), other in standings()) {
        prop_assert_eq!(one.before(other).is_some(), one < other);
        prop_assert_eq!(other.before(one).is_some(), other < one);
        prop_assert_eq!(one.before(other).is_none() && other.before(one).is_none(), one == other);
    }

    #[test]
    fn a_score_orders_as_its_standing_and_gives_it_back(one in standings(), other in standings()) {
        let (a, b) = (one.score().unwrap(), other.score().unwrap());
        prop_assert_eq!(a.cmp(&b), one.cmp(&other));
        prop_assert!(a < 1 << 53, "a double counts it exactly");
        prop_assert_eq!(Standing::of_score(a), Some(one));
        prop_assert_eq!(one.tier.first_score() <= a, true);
        prop_assert_eq!(a < one.tier.first_score() + (1 << 44), true);
    }

    #[test]
    fn the_bulk_order_is_the_order_of_the_standings(
        entries in prop::collection::vec((prop_oneof![1_u8..4, any::<u8>()], 0_u64..1 << 43), 0..60)
    ) {
        let (tiers, sequences): (Vec<u8>, Vec<u64>) = entries.iter().copied().unzip();
        let mut expected: Vec<u32> = (0..u32::try_from(entries.len()).unwrap()).collect();
        expected.sort_by_key(|index| {
            let (tier, sequence) = entries[*index as usize];
            standing(tier, Turn::Arrived { sequence })
        });
        prop_assert_eq!(order_of_arrivals(&tiers, &sequences), expected);
    }

    #[test]
    fn nobody_is_passed_over_whatever_happens(
        steps in prop::collection::vec((0_u8..4, 0_u64..30, standings(), 0_usize..4), 0..120)
    ) {
        let mut list = Waitlist::default();
        for (step, entry, standing, places) in steps {
            take(&mut list, step, entry, standing, places);
        }
    }
}

#[test]
fn an_arrival_beyond_what_a_ledger_reaches_has_no_score() {
    let far = standing(1, Turn::Arrived { sequence: 1 << 43 });
    assert_eq!(far.score(), None);
    assert_eq!(Standing::of_score(u64::MAX), None);
    assert_eq!(
        Standing::of_score(1 << 40),
        None,
        "no draw has so many places"
    );
}

/// One step on a list, held against the law of each.
fn take(list: &mut Waitlist, step: u8, entry: u64, standing: Standing, places: usize) {
    let before = list.clone();
    match step {
        0 => {
            let ranks = ranks(list);
            if list.join(entry, standing) {
                for (other, ahead) in ranks {
                    let moved = usize::from(before.standing(other).unwrap() > standing);
                    assert_eq!(list.rank(other).unwrap().ahead, ahead + moved);
                }
            } else {
                assert_eq!(*list, before);
            }
        }
        1 => {
            let offers = list.offer(places);
            assert_eq!(offers.len(), places.min(before.waiting().count()));
            let of = |entry: &u64| before.standing(*entry).unwrap();
            assert!(offers.is_sorted_by_key(of));
            for (waits, _) in list.waiting() {
                for entry in &offers {
                    assert_eq!(
                        waits.before(of(entry)),
                        None,
                        "passed over by {entry} at {waits:?}"
                    );
                }
            }
        }
        _ => {
            let waited = before.waiting().any(|(_, waiting)| waiting == entry);
            let order = |list: &Waitlist| -> Vec<u64> {
                list.waiting()
                    .map(|(_, waiting)| waiting)
                    .filter(|waiting| *waiting != entry)
                    .collect()
            };
            let ended = list.end(entry);
            assert!(ended || !waited);
            assert!(!list.end(entry), "an entry ends once");
            assert_eq!(
                order(list),
                order(&before),
                "who leaves moves nobody past anybody"
            );
        }
    }
    for (place, (standing, entry)) in list.waiting().enumerate() {
        let rank = list.rank(entry).unwrap();
        assert_eq!((rank.ahead, rank.waiting), (place, list.waiting().count()));
        let earlier = list
            .waiting()
            .filter(|(other, _)| other.tier < standing.tier)
            .count();
        assert_eq!(rank.ahead_in_earlier_tiers, earlier);
    }
}

fn ranks(list: &Waitlist) -> Vec<(u64, usize)> {
    list.waiting()
        .map(|(_, entry)| (entry, list.rank(entry).unwrap().ahead))
        .collect()
}

/// Every history of five steps over four people in two tiers, of whom one took part in a draw.
#[test]
fn a_small_world_explored_completely() {
    let people = [
        standing(1, Turn::Arrived { sequence: 7 }),
        standing(2, Turn::Drawn { position: 1 }),
        standing(2, Turn::Arrived { sequence: 3 }),
        standing(1, Turn::Arrived { sequence: 9 }),
    ];
    let steps: Vec<(u8, u64)> = (0..4)
        .map(|entry| (0, entry))
        .chain((0..4).map(|entry| (2, entry)))
        .chain([(1, 1), (1, 2)])
        .collect();
    let mut histories = 0_u32;
    let mut open = vec![(Waitlist::default(), 0)];
    while let Some((list, depth)) = open.pop() {
        histories += 1;
        if depth == 5 {
            continue;
        }
        for (step, number) in &steps {
            let mut next = list.clone();
            let (entry, places) = if *step == 1 {
                (0, usize::try_from(*number).unwrap())
            } else {
                (*number, 0)
            };
            let place = people[usize::try_from(entry).unwrap()];
            take(&mut next, *step, entry, place, places);
            open.push((next, depth + 1));
        }
    }
    assert_eq!(histories, (0..=5).map(|depth| 10_u32.pow(depth)).sum());
}
