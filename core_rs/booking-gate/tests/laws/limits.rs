//! The pace of callers: never more than a burst and what has come back since, in any stretch of time; memory has a bound.

use std::collections::HashMap;

use booking_core::time::Instant;
use booking_gate::limits::{Limits, Rate};
use proptest::prelude::*;

const START_MS: i64 = 1_800_000_000_000;

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "of a small number above zero"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

/// How many of one caller may be let in within a stretch, both ends included.
fn most(rate: Rate, stretch_ms: i64) -> u64 {
    // The interval between two is kept in whole microseconds, rounded down.
    let between_us = whole(1e6 / rate.per_s);
    let passed_us = u64::try_from(stretch_ms).unwrap() * 1000;
    u64::from(rate.burst) + passed_us / between_us
}

fn rates() -> impl Strategy<Value = Rate> {
    (prop_oneof![0.01_f64..5.0, 5.0_f64..5000.0], 1_u32..50)
        .prop_map(|(per_s, burst)| Rate { per_s, burst })
}

proptest! {
    #[test]
    fn no_stretch_of_time_sees_more_than_a_burst_and_what_has_come_back(
        rate in rates(), steps in prop::collection::vec((0_u8..3, prop_oneof![Just(0), 0_i64..5, 0_i64..2000]), 1..300)
    ) {
        let limits = Limits::new(rate, 1000);
        let mut now_ms = START_MS;
        let mut let_in: HashMap<u8, Vec<i64>> = HashMap::new();
        for (caller, pause_ms) in steps {
            now_ms += pause_ms;
            match limits.take(caller, Instant(now_ms)) {
                Ok(()) => let_in.entry(caller).or_default().push(now_ms),
                Err(retry_at) => {
                    // The time that is told is neither too early nor in the past.
                    prop_assert!(retry_at.0 > now_ms);
                    prop_assert!(!let_in[&caller].is_empty(), "refused without having been let in");
                }
            }
        }
        for times in let_in.values() {
            for (first, from_ms) in times.iter().enumerate() {
                for (last, until_ms) in times.iter().enumerate().skip(first) {
                    let count = u64::try_from(last - first + 1).unwrap();
                    prop_assert!(count <= most(rate, until_ms - from_ms), "{count} within {} ms", until_ms - from_ms);
                }
            }
        }
    }

    #[test]
    fn who_comes_back_when_told_is_let_in_and_a_moment_before_is_not(rate in rates(), extra in 0_u32..20) {
        let limits = Limits::new(rate, 1000);
        for _ in 0..rate.burst {
            prop_assert_eq!(limits.take("me", Instant(START_MS)), Ok(()));
        }
        let mut now_ms = START_MS;
        for _ in 0..=extra {
            // Rates above one a millisecond give way within it.
            if let Err(retry_at) = limits.take("me", Instant(now_ms)) {
                prop_assert!(limits.take("me", Instant(retry_at.0 - 1)).is_err());
                prop_assert_eq!(limits.take("me", Instant(retry_at.0)), Ok(()));
                now_ms = retry_at.0;
            }
        }
    }

    #[test]
    fn callers_do_not_share(rate in rates(), others in 1_u64..50) {
        let limits = Limits::new(rate, 100_000);
        for caller in 0..=others {
            for _ in 0..rate.burst {
                prop_assert_eq!(limits.take(caller, Instant(START_MS)), Ok(()));
            }
        }
    }

    #[test]
    fn after_a_quiet_time_all_of_the_burst_is_back(rate in rates()) {
        let limits = Limits::new(rate, 1000);
        let quiet_ms = i64::try_from(whole(f64::from(rate.burst) * 1000.0 / rate.per_s)).unwrap() + 1;
        for round in 0..3 {
            for _ in 0..rate.burst {
                prop_assert_eq!(limits.take("me", Instant(START_MS + round * quiet_ms)), Ok(()));
            }
        }
    }
}

#[test]
fn memory_has_a_bound_and_those_at_their_limit_are_not_the_first_to_be_forgotten() {
    const CALLERS_MAX: usize = 64 * 130;
    let limits = Limits::new(
        Rate {
            per_s: 0.01,
            burst: 3,
        },
        CALLERS_MAX,
    );
    assert!(limits.is_empty());
    for _ in 0..3 {
        limits.take(u64::MAX, Instant(START_MS)).unwrap();
    }
    // A crowd whose right has long come back, then one more crowd: the first is swept away, the busy one is kept.
    let later_ms = START_MS + 250_000;
    for caller in 0..5_000_u64 {
        limits.take(caller, Instant(START_MS)).unwrap();
    }
    assert_eq!(limits.len(), 5_001);
    for caller in 10_000..15_000_u64 {
        limits.take(caller, Instant(later_ms)).unwrap();
        assert!(limits.len() <= CALLERS_MAX);
    }
    limits.take(u64::MAX, Instant(later_ms)).unwrap();
    limits.take(u64::MAX, Instant(later_ms)).unwrap();
    assert!(
        limits.take(u64::MAX, Instant(later_ms)).is_err(),
        "forgotten"
    );
    // However many come, and though all of them count.
    for caller in 0..200_000_u64 {
        limits.take(("crowd", caller), Instant(later_ms)).unwrap();
    }
    assert!(limits.len() <= CALLERS_MAX, "{}", limits.len());
}

#[test]
fn a_clock_that_steps_back_lets_nobody_in_twice() {
    let limits = Limits::new(
        Rate {
            per_s: 1.0,
            burst: 1,
        },
        1000,
    );
    assert_eq!(limits.take("me", Instant(START_MS)), Ok(()));
    for back_ms in [0, 1, 1000, 1_000_000] {
        assert!(limits.take("me", Instant(START_MS - back_ms)).is_err());
    }
    assert_eq!(limits.take("me", Instant(START_MS + 1000)), Ok(()));
}
