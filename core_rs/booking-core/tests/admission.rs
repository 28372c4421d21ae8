//! The laws of the cache's model, over generated histories.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;

use booking_core::admission::{
    Admission, Cache, CachedSession, Copied, CounterId, Loaded, Terms, Try,
};
use booking_core::ids::{SessionId, StockId, WindowId};
use booking_core::outcome::Refusal;
use booking_core::time::Instant;
use proptest::prelude::*;

const SESSION: SessionId = SessionId(1);
const TTL_MS: u32 = 50;

/// What the ledger says of some counters: (counter, version, free).
type News = Vec<(CounterId, u64, u32)>;

#[derive(Debug, Clone)]
enum Step {
    Pass(i64),
    Admit(Try),
    Settle(Vec<String>, News),
    Release(Vec<String>),
    Load(Loaded),
}

fn counter_ids() -> Vec<CounterId> {
    let quota = |window| CounterId::Quota(WindowId(window), "h5".to_owned());
    let window = |window| CounterId::Window(WindowId(window));
    let stock = |stock| CounterId::Stock(StockId(stock));
    vec![window(1), window(2), quota(1), quota(2), stock(1), stock(2)]
}

fn permit() -> impl Strategy<Value = String> {
    (0..12_u8).prop_map(|number| format!("permit {number}"))
}

fn permits() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(permit(), 0..4)
}

fn wanted() -> impl Strategy<Value = Try> {
    (1..4_i64, 1..4_i64, permit()).prop_map(|(window, stock, permit)| Try {
        window: WindowId(window),
        channel: "h5".to_owned(),
        stock: StockId(stock),
        permit,
    })
}

fn news() -> impl Strategy<Value = News> {
    let one = (prop::sample::select(counter_ids()), 1..9_u64, 0..6_u32);
    prop::collection::vec(one, 0..4)
}

fn loaded() -> impl Strategy<Value = Loaded> {
    let copies = prop::collection::vec((1..4_u64, 0..6_u32), 6);
    let sealed_from = prop::option::of((0..200_i64).prop_map(Instant));
    (1..9_u64, prop::bool::weighted(0.9), copies, sealed_from).prop_map(
        |(generation, open, copies, sealed_from)| {
            let counters = counter_ids().into_iter().zip(copies);
            let counters = counters.map(|(id, (version, free))| {
                let terms = match id {
                    CounterId::Window(_) => Terms::Until(Instant(600)),
                    CounterId::Quota(WindowId(window), _) => {
                        Terms::From(Instant((window - 1) * 80))
                    }
                    CounterId::Stock(_) => Terms::Vials {
                        size: 3,
                        sealed_from,
                    },
                };
                (
                    id,
                    Copied {
                        version,
                        free,
                        terms,
                    },
                )
            });
            Loaded {
                generation,
                open,
                counters: counters.collect(),
            }
        },
    )
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..30_i64).prop_map(Step::Pass),
        12 => wanted().prop_map(Step::Admit),
        3 => (permits(), news()).prop_map(|(ended, news)| Step::Settle(ended, news)),
        1 => permits().prop_map(Step::Release),
        1 => loaded().prop_map(Step::Load),
    ];
    prop::collection::vec(step, 1..80)
}

fn cached(state: Loaded) -> Cache {
    let mut cache = Cache::default();
    assert!(cache.load(SESSION, state));
    cache
}

/// Live permits of every counter that a copy is kept of.
fn live(session: &CachedSession) -> BTreeMap<&CounterId, (u32, u32)> {
    let copies = session.loaded.counters.iter();
    copies
        .map(|(id, copy)| (id, (u32::try_from(session.live(id)).unwrap(), copy.free)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nobody is let in beyond what the copy says is free, on any of the three counters, or twice under one name.
    #[test]
    fn permits_are_lent_on_what_is_free(state in loaded(), history in history()) {
        let mut cache = cached(state);
        let mut now = Instant(0);
        for step in history {
            let before = cache.read(SESSION, now).unwrap().clone();
            match step {
                Step::Pass(ms) => now = Instant(now.0 + ms),
                Step::Admit(wanted) => {
                    let answer = cache.admit(now, TTL_MS, SESSION, &wanted);
                    let after = cache.read(SESSION, now).unwrap();
                    if answer != Admission::Granted {
                        prop_assert_eq!(after, &before, "a refused try holds nothing");
                        continue;
                    }
                    prop_assert!(!before.permits.contains_key(&wanted.permit));
                    for (id, (used, free)) in live(after) {
                        let was = live(&before)[id].0;
                        let named = wanted.counters().contains(id);
                        prop_assert_eq!(used, was + u32::from(named), "one of each that it names");
                        prop_assert!(!named || used <= free);
                        if let (true, Terms::Vials { size, sealed_from }) = (named, after.loaded.counters[id].terms) {
                            let sealed = sealed_from.is_some_and(|from| now >= from);
                            prop_assert!(!sealed || used <= free % size, "after the seal, what is left of a begun vial");
                        }
                    }
                }
                Step::Settle(ended, news) => {
                    prop_assert!(cache.settle(SESSION, &ended, &news));
                    let after = cache.read(SESSION, now).unwrap();
                    for (id, copy) in &before.loaded.counters {
                        let copied = after.loaded.counters[id];
                        prop_assert!(copied.version >= copy.version);
                        prop_assert!(copied.version > copy.version || copied == *copy, "no news, no change");
                    }
                }
                Step::Release(ended) => {
                    cache.release(SESSION, &ended);
                    let after = cache.read(SESSION, now).unwrap();
                    prop_assert!(ended.iter().all(|permit| !after.permits.contains_key(permit)));
                    prop_assert_eq!(&after.loaded, &before.loaded);
                }
                Step::Load(state) => {
                    let newer = state.generation > before.loaded.generation;
                    prop_assert_eq!(cache.load(SESSION, state.clone()), newer);
                    let after = cache.read(SESSION, now).unwrap();
                    if newer {
                        prop_assert_eq!(after.permits.len(), 0);
                        prop_assert_eq!((after.loaded.generation, after.loaded.open), (state.generation, state.open));
                        prop_assert!(after.loaded.counters.keys().eq(state.counters.keys()));
                        for (id, given) in &state.counters {
                            let overtaken = before.loaded.counters.get(id).filter(|was| was.version > given.version);
                            let expected = overtaken.map_or(*given, |was| Copied { terms: given.terms, ..*was });
                            prop_assert_eq!(after.loaded.counters[id], expected);
                        }
                    } else {
                        prop_assert_eq!(after, &before);
                    }
                }
            }
        }
    }

    /// Answers of the ledger overtake each other on the way; the newest truth stays, in whatever order they arrive.
    #[test]
    fn settlements_commute(
        state in loaded(), first in (permits(), news()), second in (permits(), news())
    ) {
        // Two things said of one counter at one version would be two truths; the ledger says one.
        let truth = |news: &News| -> News {
            news.iter().map(|(id, version, _)| (id.clone(), *version, u32::try_from(*version).unwrap())).collect()
        };
        let after = |settlements: [&(Vec<String>, News); 3]| {
            let mut cache = cached(state.clone());
            for wanted in ["permit 0", "permit 1", "permit 2"] {
                let (window, stock) = (WindowId(1), StockId(1));
                let wanted = Try { window, stock, channel: "h5".to_owned(), permit: wanted.to_owned() };
                cache.admit(Instant(0), TTL_MS, SESSION, &wanted);
            }
            for (ended, news) in settlements {
                cache.settle(SESSION, ended, &truth(news));
            }
            cache
        };
        let expected = after([&first, &second, &second]);
        prop_assert_eq!(&after([&second, &first, &second]), &expected);
        prop_assert_eq!(&after([&second, &first, &first]), &expected, "saying it again says nothing new");
    }

    /// A permit that nobody ends is over at its time, and not a millisecond before.
    #[test]
    fn a_permit_ends_by_itself(state in loaded(), wait_ms in 0..100_i64) {
        let counters = state.counters.into_iter().map(|(id, copy)| (id, Copied { free: 5, ..copy }));
        let mut cache = cached(Loaded { open: true, counters: counters.collect(), ..state });
        let (window, stock) = (WindowId(1), StockId(1));
        let wanted = Try { window, stock, channel: "h5".to_owned(), permit: "permit".to_owned() };
        prop_assert_eq!(cache.admit(Instant(0), TTL_MS, SESSION, &wanted), Admission::Granted);
        let again = cache.admit(Instant(wait_ms), TTL_MS, SESSION, &wanted);
        let over = wait_ms >= i64::from(TTL_MS);
        prop_assert_eq!(again == Admission::Refused(Refusal::InFlight), !over);
    }
}

/// Nothing but a load makes a session up.
#[test]
fn what_is_not_loaded_is_neither_full_nor_free() {
    let mut cache = Cache::default();
    let (window, stock) = (WindowId(1), StockId(1));
    let wanted = Try {
        window,
        stock,
        channel: "h5".to_owned(),
        permit: "permit".to_owned(),
    };
    assert!(!cache.settle(SESSION, &[], &[(CounterId::Window(window), 9, 9)]));
    cache.release(SESSION, &["permit".to_owned()]);
    assert_eq!(
        cache.admit(Instant(0), TTL_MS, SESSION, &wanted),
        Admission::Rebuild
    );
    assert_eq!(cache.read(SESSION, Instant(0)), None);
}
