//! What one gate notes and heeds, without a cache.

use std::sync::Arc;

use booking_core::time::Instant;
use booking_gate::limits::{Limits, Rate};
use proptest::prelude::*;
use tokio::sync::Notify;
use uuid::Uuid;

const NOW_MS: i64 = 1_800_000_000_000;
const ME: Uuid = Uuid::from_u128(5);

/// One request in 100 ms.
fn limits(burst: u32) -> Limits {
    let rate = Rate { per_s: 10.0, burst };
    Limits::new(rate, 1_000_000).noting_for(Arc::new(Notify::new()))
}

#[test]
fn notes_nobody_takes_out_are_bounded_and_counted() {
    let limits = limits(1);
    for number in 0..200_000 {
        let caller = Uuid::from_u128(number);
        assert_eq!(limits.take_noted(caller, Instant(NOW_MS)), Ok(()));
    }
    let noted = limits.take_notes();
    assert_eq!(noted.notes.len(), 64 * 1024);
    assert_eq!(noted.missed, 200_000 - 64 * 1024);
    assert!(limits.take_notes().notes.is_empty());
}

#[test]
fn only_what_was_let_through_at_noting_routes_is_noted() {
    let limits = limits(2);
    assert_eq!(limits.take(ME, Instant(NOW_MS)), Ok(()));
    assert_eq!(limits.take_noted(ME, Instant(NOW_MS)), Ok(()));
    assert!(limits.take_noted(ME, Instant(NOW_MS)).is_err());
    let callers: Vec<[u8; 16]> = limits
        .take_notes()
        .notes
        .iter()
        .map(|note| note.caller)
        .collect();
    assert_eq!(callers, [*ME.as_bytes()]);
}

proptest! {
    #[test]
    fn answers_never_let_more_through(
        burst in 1_u32..5, answers in prop::collection::vec((0_u64..3_000_000, 0_i64..400), 1..20)
    ) {
        let (heeds, deaf) = (limits(burst), limits(burst));
        let mut now_ms = NOW_MS;
        prop_assert_eq!(heeds.take_noted(ME, Instant(now_ms)), Ok(()));
        prop_assert_eq!(deaf.take_noted(ME, Instant(now_ms)), Ok(()));
        let note = heeds.take_notes().notes[0];
        let mut latest_us = 0;
        let mut passed = [0, 0];
        for (ahead_us, gap_ms) in answers {
            now_ms += gap_ms;
            let raised = heeds.raise(&note, ahead_us);
            // Less than one request's difference says nothing about other gates.
            prop_assert!(!raised || ahead_us >= latest_us + 100_000);
            latest_us = if raised { ahead_us } else { latest_us };
            for (count, limits) in passed.iter_mut().zip([&heeds, &deaf]) {
                *count += u32::from(limits.take(ME, Instant(now_ms)).is_ok());
            }
            prop_assert!(passed[0] <= passed[1], "{:?}", passed);
        }
    }
}
