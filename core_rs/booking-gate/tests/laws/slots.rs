//! Things known for a while: one fetch for all who ask, nothing older than wanted, and no end that leaves anybody waiting.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use booking_gate::slots::{Known, Slot, Slots};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

const LONG: Duration = Duration::from_secs(20);

fn slot() -> Arc<Slot<u32>> {
    Slots::new(10).slot(1, Instant::now())
}

fn anything(_: &Known<u32>) -> bool {
    true
}

/// The value that is known, fetched if need be; none where the fetch failed.
async fn value(
    slot: &Arc<Slot<u32>>,
    fetched: impl Fn() -> Option<u32>,
    good: impl Fn(&Known<u32>) -> bool,
) -> Option<u32> {
    let fetch = || ready(fetched());
    let here = Handle::current();
    let known = slot.wait_for(&here, fetch, good);
    let known = tokio::time::timeout(LONG, known)
        .await
        .expect("nobody waits for ever");
    known.map(|known| *known.value)
}

#[tokio::test]
async fn one_fetch_answers_all_who_ask() {
    let (slot, fetches) = (slot(), Arc::new(AtomicU32::new(0)));
    let gate = Arc::new(Semaphore::new(0));
    let mut askers = Vec::new();
    for _ in 0..100 {
        let (slot, fetches, gate) = (Arc::clone(&slot), Arc::clone(&fetches), Arc::clone(&gate));
        askers.push(tokio::spawn(async move {
            let fetch = || {
                let (fetches, gate) = (Arc::clone(&fetches), Arc::clone(&gate));
                async move {
                    gate.acquire().await.unwrap().forget();
                    Some(fetches.fetch_add(1, Ordering::SeqCst))
                }
            };
            slot.wait_for(&Handle::current(), fetch, anything)
                .await
                .map(|known| *known.value)
        }));
    }
    // Everybody has asked before the first fetch may end.
    tokio::task::yield_now().await;
    gate.add_permits(100);
    for asker in askers {
        assert_eq!(asker.await.unwrap(), Some(0));
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_fetch_that_began_too_early_does_not_count() {
    let slot = slot();
    let (tell, told) = oneshot::channel();
    slot.refresh(&Handle::current(), || async { told.await.ok() });
    // Whatever is asked for from now on has to be newer than what is under way.
    let since = Instant::now();
    let asker = {
        let slot = Arc::clone(&slot);
        tokio::spawn(async move { value(&slot, || Some(2), |known| known.asked_at >= since).await })
    };
    tokio::task::yield_now().await;
    tell.send(1).unwrap();
    assert_eq!(asker.await.unwrap(), Some(2));
    assert_eq!(*slot.peek().unwrap().value, 2);
}

#[tokio::test]
async fn what_is_good_enough_is_not_fetched_again() {
    let slot = slot();
    assert!(slot.peek().is_none());
    assert_eq!(value(&slot, || Some(1), anything).await, Some(1));
    assert_eq!(value(&slot, || Some(2), anything).await, Some(1));
    assert_eq!(
        value(&slot, || Some(3), |known| *known.value >= 3).await,
        Some(3)
    );
}

#[tokio::test]
async fn a_fetch_that_fails_tells_all_and_leaves_what_was_known() {
    let slot = slot();
    assert_eq!(value(&slot, || None, anything).await, None);
    assert_eq!(value(&slot, || Some(1), anything).await, Some(1));
    let since = Instant::now();
    assert_eq!(
        value(&slot, || None, |known| known.asked_at >= since).await,
        None
    );
    assert_eq!(*slot.peek().unwrap().value, 1);
    // It is no worse for it.
    assert_eq!(
        value(&slot, || Some(2), |known| known.asked_at >= since).await,
        Some(2)
    );
}

#[tokio::test]
async fn a_fetch_that_panics_is_one_that_failed() {
    let slot = slot();
    let fetch = || async { panic!("a planted fault") };
    let here = Handle::current();
    let known = slot.wait_for(&here, fetch, anything);
    let known = tokio::time::timeout(LONG, known).await;
    assert!(known.expect("nobody waits for ever").is_none());
    assert_eq!(value(&slot, || Some(1), anything).await, Some(1));
}

#[tokio::test]
async fn a_fetch_that_is_dropped_with_its_runtime_is_one_that_failed() {
    let slot = slot();
    let other = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let gone = other.handle().clone();
    // Given to a runtime that never ran it, and one given after its end.
    slot.refresh(&gone, pending);
    let asker = {
        let slot = Arc::clone(&slot);
        tokio::spawn(async move { value(&slot, || Some(1), anything).await })
    };
    tokio::task::yield_now().await;
    other.shutdown_background();
    assert_eq!(asker.await.unwrap(), Some(1));
    let since = Instant::now();
    slot.refresh(&gone, pending);
    assert_eq!(
        value(&slot, || Some(2), |known| known.asked_at >= since).await,
        Some(2)
    );
}

#[test]
fn names_have_a_bound() {
    let slots: Slots<u32, u32> = Slots::new(16);
    let mut seen: Vec<Weak<Slot<u32>>> = Vec::new();
    for name in 0..1000 {
        seen.push(Arc::downgrade(&slots.slot(name, Instant::now())));
        let kept = seen.iter().filter(|slot| slot.strong_count() > 0).count();
        assert!(kept <= 16, "{kept} after {name}");
    }
    let last = slots.slot(999, Instant::now());
    assert!(
        Arc::ptr_eq(&last, &slots.slot(999, Instant::now())),
        "a name is forgotten while there is room"
    );
}
