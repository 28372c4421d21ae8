//! What each step of the way in costs: `cargo bench -p booking-gate`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement")]

use std::collections::HashMap;
use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use booking_core::ids::{StockId, WindowId};
use booking_core::snapshot::{Seen, Snapshot, StockSeen, WindowSeen};
use booking_core::time::Instant;
use booking_gate::limits::{Limits, Rate};
use booking_gate::problem::{Kind, Problems};
use booking_gate::route::route_of;
use booking_gate::snapshots::availability;
use booking_gate::token::Keyring;
use booking_gate::wish::Wish;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hyper::Method;
use ring::hmac;
use uuid::Uuid;

const NOW_S: i64 = 1_800_000_000;
const SECRET: &[u8] = b"thirty-two bytes for one key....";
const PERSON: &str = "0192d5a0-7e1f-7c3a-9d55-1f2e3d4c5b6a";

/// A token as the application signs it.
fn signed(claims: &str) -> Vec<u8> {
    let header = BASE64.encode(r#"{"alg":"HS256","kid":"0a1b2c3d","typ":"JWT"}"#);
    let message = format!("{header}.{}", BASE64.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let tag = BASE64.encode(hmac::sign(&key, message.as_bytes()));
    format!("{message}.{tag}").into_bytes()
}

fn access_token() -> Vec<u8> {
    signed(&format!(
        r#"{{"iss":"humiao","aud":"resident","iat":{NOW_S},"exp":{},"gen":0,"sub":"{PERSON}","sid":"{PERSON}"}}"#,
        NOW_S + 1800
    ))
}

fn pass() -> Vec<u8> {
    signed(&format!(
        r#"{{"iss":"humiao","aud":"pass","iat":{NOW_S},"exp":{},"gen":0,"sub":"{PERSON}","acc":"{PERSON}","vac":"IIV4","dose":null,"clinics":null}}"#,
        NOW_S + 7200
    ))
}

fn tokens(criterion: &mut Criterion) {
    let keyring = Keyring::new([("0a1b2c3d".to_owned(), SECRET.to_vec())], 0, 0);
    let (access, pass) = (access_token(), pass());
    assert!(keyring.resident(&access, NOW_S).is_ok() && keyring.pass(&pass, NOW_S).is_ok());
    let mut group = criterion.benchmark_group("tokens");
    group.throughput(Throughput::Elements(1));
    group.bench_function("access token", |bencher| {
        bencher.iter(|| keyring.resident(black_box(&access), NOW_S));
    });
    group.bench_function("eligibility pass", |bencher| {
        bencher.iter(|| keyring.pass(black_box(&pass), NOW_S));
    });
    let mut forged = access.clone();
    *forged.last_mut().unwrap() ^= 1;
    group.bench_function("forged access token", |bencher| {
        bencher.iter(|| keyring.resident(black_box(&forged), NOW_S));
    });
    group.finish();
}

fn limits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rate limit");
    group.throughput(Throughput::Elements(1));
    for callers in [1_u128, 100_000] {
        let rate = Rate {
            per_s: 2.0,
            burst: 20,
        };
        let limits = Limits::new(rate, 1_000_000);
        let mut turn = 0_u128;
        group.bench_function(format!("{callers} callers"), |bencher| {
            bencher.iter(|| {
                turn += 1;
                limits.take(Uuid::from_u128(turn % callers), Instant(NOW_S * 1000))
            });
        });
    }
    group.finish();
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reading");
    group.throughput(Throughput::Elements(1));
    let status = format!("/api/v1/resident/holds/{PERSON}/status");
    for (name, method, path) in [
        ("route of a hold", Method::POST, "/api/v1/resident/holds"),
        ("route of a hold's status", Method::GET, status.as_str()),
        (
            "route of availability",
            Method::GET,
            "/api/v1/public/sessions/12345/availability",
        ),
        (
            "route of anything else",
            Method::GET,
            "/api/v1/public/clinics",
        ),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| route_of(&method, black_box(path)));
        });
    }
    let body = format!(r#"{{"person_id":"{PERSON}","window_id":12345,"stock_id":678}}"#);
    group.bench_function("wish", |bencher| {
        bencher.iter(|| Wish::read(black_box(body.as_bytes())));
    });
    let wish = Wish::read(body.as_bytes()).unwrap();
    group.bench_function("digest of a wish", |bencher| {
        bencher.iter(|| black_box(&wish).body_hash());
    });
    group.finish();
}

fn problems() -> Problems {
    let kind = Kind {
        code: "window_full".to_owned(),
        status: 409,
        head: r#"{"type":"/problems/window_full","title":"该时段已约满","status":409,"code":"window_full""#.to_owned(),
        tail: String::new(),
    };
    Problems::new(vec![kind], &["window_full"]).unwrap()
}

fn snapshot(windows: i64) -> Snapshot {
    let seen = |free| Seen { version: 7, free };
    Snapshot {
        generation: 1,
        open: true,
        windows: (1..=windows)
            .map(|id| {
                let window = WindowSeen {
                    places: seen(3),
                    until: Instant(NOW_S * 1000 + 3_600_000),
                    share: Some((seen(2), Instant(NOW_S * 1000))),
                };
                (WindowId(id), window)
            })
            .collect(),
        stocks: HashMap::from([(
            StockId(1),
            StockSeen {
                doses: seen(100),
                vial_size: 1,
                sealed_from: None,
            },
        )]),
    }
}

fn answering(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answering");
    group.throughput(Throughput::Elements(1));
    let (problems, now) = (problems(), Instant(NOW_S * 1000));
    group.bench_function("a full window", |bencher| {
        bencher.iter(|| problems.answer(black_box("window_full"), Some(now.plus_ms(30_000)), now));
    });
    for windows in [1, 16] {
        let snapshot = snapshot(windows);
        group.bench_function(format!("availability of {windows} windows"), |bencher| {
            bencher.iter(|| availability(12345, black_box(&snapshot), now));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    // A decision takes nanoseconds: a second tells enough, and all of it is part of `make bench`.
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = tokens, limits, reading, answering
}
criterion_main!(benches);
