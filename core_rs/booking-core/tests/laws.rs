//! The laws, as properties.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::num::{NonZeroU32, NonZeroU64};

use booking_core::gcra::{Decision, Limiter};
use booking_core::quota::Counter;
use booking_core::vial::VialStock;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_counter_never_counts_more_than_its_limit(
        limit in 0_u32..20, steps in prop::collection::vec((0_u8..5, 0_u32..30), 0..200)
    ) {
        let mut counter = Counter::new(limit);
        let (mut held, mut booked) = (0_u32, 0_u32);
        for (step, wanted) in steps {
            let before = counter;
            let done = match step {
                0 => counter.hold() && { held += 1; true },
                1 => counter.confirm() && { held -= 1; booked += 1; true },
                2 => counter.release() && { held -= 1; true },
                3 => counter.cancel() && { booked -= 1; true },
                _ => {
                    let edited = counter.edit(wanted);
                    prop_assert_eq!(edited.limit, wanted.max(before.taken()));
                    prop_assert_eq!(edited.kept_back, edited.limit - wanted);
                    true
                }
            };
            prop_assert!(counter.held() + counter.booked() <= counter.limit());
            prop_assert_eq!((counter.held(), counter.booked()), (held, booked));
            if done {
                prop_assert_eq!(counter.version(), before.version() + 1);
            } else {
                prop_assert_eq!(counter, before);
            }
        }
    }

    #[test]
    fn vials_are_begun_in_order_and_never_beyond_the_stock(
        vials in 0_u32..50, size in 1_u32..11, taken in 0_u32..600, wanted in prop_oneof![0_u32..60, any::<u32>()]
    ) {
        let stock = VialStock::new(vials, NonZeroU32::new(size).unwrap(), taken);
        prop_assert_eq!(stock.is_some(), taken <= vials * size);
        if let Some(mut stock) = stock {
            prop_assert!(stock.begun() * size >= taken, "every dose comes out of a vial");
            prop_assert!(stock.begun() * size < taken + size, "no vial is begun that need not be");
            prop_assert!(stock.begun() <= vials);
            prop_assert_eq!(taken + stock.bookable(true), stock.begun() * size, "after the seal, what is begun");
            prop_assert_eq!(taken + stock.bookable(false), vials * size, "before it, all there is");
            let edited = stock.edit(wanted);
            prop_assert_eq!(edited.limit, stock.vials());
            prop_assert_eq!(edited.limit, wanted.min(u32::MAX / size).max(stock.begun()));
            prop_assert_eq!(edited.kept_back, edited.limit.saturating_sub(wanted));
            prop_assert_eq!(taken + stock.bookable(false), stock.doses());
        }
    }

    #[test]
    fn a_limit_never_admits_more_than_burst_and_rate(
        interval in 1_u64..50, burst in 1_u64..8, gaps in prop::collection::vec(0_u64..40, 1..200)
    ) {
        let limiter = Limiter::new(NonZeroU64::new(interval).unwrap(), NonZeroU64::new(burst).unwrap());
        let (mut now, mut kept) = (1_000_000_u64, 0_u64);
        let mut admitted = Vec::new();
        for gap in gaps {
            now += gap;
            match limiter.decide(kept, now) {
                Decision::Allowed { next_ms } => { kept = next_ms; admitted.push(now); }
                Decision::Denied { retry_at_ms } => {
                    let allowed_then = matches!(limiter.decide(kept, retry_at_ms), Decision::Allowed { .. });
                    let denied_before = matches!(limiter.decide(kept, retry_at_ms - 1), Decision::Denied { .. });
                    prop_assert!(allowed_then && denied_before && retry_at_ms > now);
                }
            }
        }
        for (i, from) in admitted.iter().enumerate() {
            for (n, to) in admitted[i..].iter().enumerate() {
                prop_assert!(n as u64 <= burst + (to - from) / interval);
            }
        }
    }
}

#[test]
fn a_limit_at_the_end_of_time_stays_there() {
    let most = NonZeroU64::MAX;
    let limiter = Limiter::new(most, most);
    let Decision::Allowed { next_ms } = limiter.decide(u64::MAX, u64::MAX) else {
        panic!("a limit so wide denies nothing");
    };
    assert_eq!(next_ms, u64::MAX);
    let narrow = Limiter::new(most, NonZeroU64::MIN);
    let retry_at_ms = u64::MAX;
    assert_eq!(narrow.decide(u64::MAX, 0), Decision::Denied { retry_at_ms });
}
