//! Things known for a while: a bounded map in which each value has an age and is fetched by one asker for all.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant as Steady};

use tokio::runtime::Handle;
use tokio::sync::watch;

/// A value and the moment at which it was asked for: it is at least as new as that.
#[derive(Debug)]
pub struct Known<V> {
    /// The value.
    pub value: Arc<V>,
    /// When it was asked for.
    pub asked_at: Steady,
}

impl<V> Clone for Known<V> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            asked_at: self.asked_at,
        }
    }
}

/// Tells what a fetch brought, however it ends.
struct Ending<V: Send + Sync + 'static> {
    slot: Arc<Slot<V>>,
    asked_at: Steady,
    fetched: Option<V>,
}

impl<V: Send + Sync + 'static> Ending<V> {
    fn brings(&mut self, fetched: Option<V>) {
        self.fetched = fetched;
    }
}

impl<V: Send + Sync + 'static> Drop for Ending<V> {
    fn drop(&mut self) {
        // Lowered before telling: who is woken and finds the value too old begins anew.
        self.slot.fetching.store(false, Ordering::Release);
        let (fetched, asked_at) = (self.fetched.take(), self.asked_at);
        self.slot.told.send_modify(|known| {
            if let Some(value) = fetched {
                *known = Some(Known {
                    value: Arc::new(value),
                    asked_at,
                });
            }
        });
    }
}

/// One thing.
pub struct Slot<V> {
    told: watch::Sender<Option<Known<V>>>,
    fetching: AtomicBool,
    used_s: AtomicU32,
}

impl<V: Send + Sync + 'static> Slot<V> {
    fn new() -> Self {
        Self {
            told: watch::Sender::new(None),
            fetching: AtomicBool::new(false),
            used_s: AtomicU32::new(0),
        }
    }

    /// What is known, however old.
    pub fn peek(&self) -> Option<Known<V>> {
        self.told.borrow().clone()
    }

    /// Begins a fetch on `runtime` unless one is under way. `fetch` gives none where it failed: the old value stays.
    pub fn refresh<F>(self: &Arc<Self>, runtime: &Handle, fetch: impl FnOnce() -> F)
    where
        F: Future<Output = Option<V>> + Send + 'static,
    {
        if self.fetching.swap(true, Ordering::AcqRel) {
            return;
        }
        // Made before the task: a runtime that is shutting down drops what it is given unseen.
        let mut ending = Ending {
            slot: Arc::clone(self),
            asked_at: Steady::now(),
            fetched: None,
        };
        let future = fetch();
        runtime.spawn(async move {
            ending.brings(future.await);
        });
    }

    /// A value for which `good` holds, fetched at most twice (the fetch under way may have begun too early).
    pub async fn wait_for<F>(
        self: &Arc<Self>,
        runtime: &Handle,
        mut fetch: impl FnMut() -> F,
        good: impl Fn(&Known<V>) -> bool,
    ) -> Option<Known<V>>
    where
        F: Future<Output = Option<V>> + Send + 'static,
    {
        let mut told = self.told.subscribe();
        for _ in 0..2 {
            if let Some(known) = told
                .borrow_and_update()
                .as_ref()
                .filter(|known| good(known))
            {
                return Some(known.clone());
            }
            self.refresh(runtime, &mut fetch);
            if told.changed().await.is_err() {
                return None;
            }
        }
        let told = told.borrow();
        told.as_ref().filter(|known| good(known)).cloned()
    }
}

/// Things by name. What nobody has asked for longest goes when there are too many.
pub struct Slots<K, V> {
    by_name: RwLock<HashMap<K, Arc<Slot<V>>>>,
    began: Steady,
    count_max: usize,
}

impl<K: Eq + Hash + Copy, V: Send + Sync + 'static> Slots<K, V> {
    /// Keeps at most `count_max`.
    pub fn new(count_max: usize) -> Self {
        Self {
            by_name: RwLock::default(),
            began: Steady::now(),
            count_max: count_max.max(2),
        }
    }

    /// The slot of a name, empty at first. `now` is when it is asked for.
    pub fn slot(&self, name: K, now: Steady) -> Arc<Slot<V>> {
        let passed = now.saturating_duration_since(self.began);
        let now_s = u32::try_from(passed.as_secs()).unwrap_or(u32::MAX);
        {
            let slots = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(slot) = slots.get(&name) {
                slot.used_s.store(now_s, Ordering::Relaxed);
                return Arc::clone(slot);
            }
        }
        let mut slots = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= self.count_max {
            forget_oldest(&mut slots);
        }
        let slot = slots.entry(name).or_insert_with(|| Arc::new(Slot::new()));
        slot.used_s.store(now_s, Ordering::Relaxed);
        Arc::clone(slot)
    }

    /// The age of what was asked for longest ago among things used within `used_within`.
    pub fn oldest_age(&self, used_within: Duration) -> Duration {
        let now_s = self.began.elapsed().as_secs();
        let slots = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        slots
            .values()
            .filter(|slot| {
                now_s.saturating_sub(u64::from(slot.used_s.load(Ordering::Relaxed)))
                    <= used_within.as_secs()
            })
            .filter_map(|slot| slot.peek().map(|known| known.asked_at.elapsed()))
            .max()
            .unwrap_or_default()
    }
}

/// Drops the less recently used half.
fn forget_oldest<K: Eq + Hash + Copy, V>(slots: &mut HashMap<K, Arc<Slot<V>>>) {
    let mut used: Vec<u32> = slots
        .values()
        .map(|slot| slot.used_s.load(Ordering::Relaxed))
        .collect();
    let middle = used.len() / 2;
    let (_, &mut median, _) = used.select_nth_unstable(middle);
    let before = slots.len();
    slots.retain(|_, slot| slot.used_s.load(Ordering::Relaxed) > median);
    if slots.len() == before {
        slots.clear();
    }
}
