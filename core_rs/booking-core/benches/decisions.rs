//! What one decision costs: the cache's, the ledger's, the rate limit's. `cargo bench -p booking-core`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::num::{NonZeroU32, NonZeroU64};

use booking_core::admission::{Cache, Copied, CounterId, Loaded, Terms, Try};
use booking_core::gcra::Limiter;
use booking_core::ids::{PersonId, SessionId, StockId, WindowId};
use booking_core::model::{BookingModel, HoldWish, Intent, Place, Quota, Stock, Window};
use booking_core::quota::Counter;
use booking_core::time::Instant;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

fn cache(free: u32) -> Cache {
    let copy = |terms| Copied {
        version: 1,
        free,
        terms,
    };
    let counters = BTreeMap::from([
        (
            CounterId::Window(WindowId(1)),
            copy(Terms::Until(Instant(i64::MAX))),
        ),
        (
            CounterId::Quota(WindowId(1), "h5".to_owned()),
            copy(Terms::From(Instant(0))),
        ),
        (
            CounterId::Stock(StockId(1)),
            copy(Terms::Vials {
                size: 1,
                sealed_from: None,
            }),
        ),
    ]);
    let mut cache = Cache::default();
    let state = Loaded {
        generation: 1,
        open: true,
        counters,
    };
    cache.load(SessionId(1), state);
    cache
}

fn admission(criterion: &mut Criterion) {
    let wanted = Try {
        window: WindowId(1),
        channel: "h5".to_owned(),
        stock: StockId(1),
        permit: "p".to_owned(),
    };
    let mut group = criterion.benchmark_group("admission");
    group.throughput(Throughput::Elements(1));
    group.bench_function("refused, sold out", |bencher| {
        let mut cache = cache(0);
        bencher.iter(|| cache.admit(Instant(1), 1000, SessionId(1), black_box(&wanted)));
    });
    group.bench_function("granted and given back", |bencher| {
        let mut cache = cache(1);
        let permit = [wanted.permit.clone()];
        bencher.iter(|| {
            let answer = cache.admit(Instant(1), 1000, SessionId(1), black_box(&wanted));
            cache.release(SessionId(1), &permit);
            answer
        });
    });
    group.finish();
}

fn ledger() -> BookingModel {
    let mut model = BookingModel::default();
    let window = Window {
        session: SessionId(1),
        starts_at: Instant(i64::MAX),
        bookable_until: Instant(i64::MAX),
        places: Counter::new(1000),
    };
    model.windows.insert(WindowId(1), window);
    let quota = Quota {
        bookable_from: Instant(0),
        share: Counter::new(1000),
    };
    model.quotas.insert((WindowId(1), "h5".to_owned()), quota);
    let series = BTreeSet::from(["flu".to_owned()]);
    let stock = Stock::new(
        SessionId(1),
        "flu".to_owned(),
        series,
        (1000, NonZeroU32::MIN),
        None,
    );
    model.stocks.insert(StockId(1), stock.unwrap());
    model
}

fn hold(criterion: &mut Criterion) {
    let wish = |number: i64| HoldWish {
        intent: Intent {
            actor: format!("account {number}"),
            key: "key".to_owned(),
            body: 1,
        },
        token: 1,
        person: PersonId(number),
        place: Place {
            window: WindowId(1),
            channel: "h5".to_owned(),
            stock: StockId(1),
        },
        ttl_ms: 1000,
    };
    criterion.bench_function("a hundred holds", |bencher| {
        let wishes: Vec<HoldWish> = (0..100).map(wish).collect();
        bencher.iter_batched_ref(
            ledger,
            |model| {
                for wish in &wishes {
                    black_box(model.hold(Instant(1), wish));
                }
            },
            BatchSize::SmallInput,
        );
    });
}

fn rate_limit(criterion: &mut Criterion) {
    let limiter = Limiter::new(NonZeroU64::new(100).unwrap(), NonZeroU64::new(5).unwrap());
    criterion.bench_function("rate limit", |bencher| {
        bencher.iter(|| limiter.decide(black_box(1_000_000), black_box(999_900)));
    });
}

criterion_group!(benches, admission, hold, rate_limit);
criterion_main!(benches);
