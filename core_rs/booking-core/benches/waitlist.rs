//! What it costs to order a million: by arrival, by draw, and the digests. `cargo bench -p booking-core --bench waitlist`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement")]

use std::fmt::Write;
use std::hint::black_box;

use booking_core::lottery::{Entrants, order, tickets_digest};
use booking_core::waitlist::order_of_arrivals;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ENTRIES: u32 = 1_000_000;

/// Numbers that look random and are the same in every run (splitmix64).
fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn million(criterion: &mut Criterion) {
    let tiers: Vec<u8> = (0..ENTRIES)
        .map(|at| 1 + u8::try_from(scattered(u64::from(at)) % 3).unwrap())
        .collect();
    let sequences: Vec<u64> = (0..ENTRIES)
        .map(|at| scattered(u64::from(at)) >> 22)
        .collect();
    let mut tickets = String::new();
    for at in 0..ENTRIES {
        writeln!(tickets, "{:016X}", scattered(u64::from(at))).unwrap();
    }
    let mut group = criterion.benchmark_group("a million entries");
    group.throughput(Throughput::Elements(u64::from(ENTRIES)));
    group.sample_size(10);
    group.bench_function("ordered by arrival", |bencher| {
        bencher.iter(|| order_of_arrivals(black_box(&tiers), black_box(&sequences)));
    });
    group.bench_function("read, checked and drawn", |bencher| {
        bencher.iter(|| {
            let entrants = Entrants::from_columns(&tiers, tickets.as_bytes()).unwrap();
            order(black_box(&[7; 32]), &entrants)
        });
    });
    let entrants = Entrants::from_columns(&tiers, tickets.as_bytes()).unwrap();
    group.bench_function("digest of the tickets", |bencher| {
        bencher.iter(|| tickets_digest("campaign", black_box(&entrants)));
    });
    group.finish();
}

criterion_group!(benches, million);
criterion_main!(benches);
