//! What the limits cost a request: account, device and address, alone and noted for the other gates.
//! `cargo bench -p booking-gate --bench limits`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use booking_core::time::Instant;
use booking_gate::limits::{Limits, Rate};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::sync::Notify;
use uuid::Uuid;

const CALLERS: u128 = 50_000;
/// Requests between two reports of a busy gate.
const PER_REPORT: u128 = 256;
const NOW: Instant = Instant(1_800_000_000_000);

fn limits() -> [Limits; 3] {
    [(); 3].map(|()| {
        let rate = Rate {
            per_s: 1e6,
            burst: u32::MAX,
        };
        Limits::new(rate, 1_000_000)
    })
}

fn address(number: u128) -> IpAddr {
    let [.., a, b, c, d] = (number % 5000).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

fn limit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limits of one request");
    group.throughput(Throughput::Elements(1));
    group.bench_function("alone", |bencher| {
        let limits = limits();
        let mut number = 0;
        bencher.iter(|| {
            number = (number + 1) % CALLERS;
            let caller = black_box(Uuid::from_u128(number));
            limits[0].take(address(number), NOW).unwrap();
            limits[1].take(caller, NOW).unwrap();
            limits[2].take(caller, NOW).unwrap();
        });
    });
    group.bench_function("noted", |bencher| {
        let noted = Arc::new(Notify::new());
        let limits = limits().map(|limits| limits.noting_for(Arc::clone(&noted)));
        let mut number = 0;
        bencher.iter(|| {
            number = (number + 1) % CALLERS;
            let caller = black_box(Uuid::from_u128(number));
            limits[0].take_noted(address(number), NOW).unwrap();
            limits[1].take_noted(caller, NOW).unwrap();
            limits[2].take_noted(caller, NOW).unwrap();
            if number % PER_REPORT == 0 {
                for limits in &limits {
                    black_box(limits.take_notes());
                }
            }
        });
    });
    group.finish();
}

criterion_group!(benches, limit);
criterion_main!(benches);
