//! The readers of single values.

use std::net::{IpAddr, Ipv4Addr};

use booking_gate::address::{FORWARDED_FOR, client_of};
use booking_gate::asks::Asks;
use booking_gate::token::Keyring;
use booking_gate::wish::Wish;
use hyper::header::{HeaderMap, HeaderValue};
use serde_json::json;
use uuid::Uuid;

use crate::mutate::{Dice, Run, input};
use crate::stage::tokens::{
    KID, NOW_S, OTHER_KID, OTHER_SECRET, SECRET, access, base64, header, keyring, leave, signed,
};

const ACCOUNT: Uuid = Uuid::from_u128(0x1111);
const OTHER: Uuid = Uuid::from_u128(0x2222);

const JOSE_WORDS: &[&[u8]] = &[
    b".",
    b"..",
    b"=",
    b"==",
    b"-",
    b"_",
    b"+",
    b"/",
    b" ",
    b"\n",
    b"\0",
    b"\xff",
    b"eyJhbGciOiJub25lIn0",
    b"e30",
    b"eyJ",
    b"AAAA",
    b"fQ",
    b"\"",
    b"{",
    b"}",
];
const JSON_WORDS: &[&[u8]] = &[
    b"\"",
    b"\\\"",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"true",
    b"-1",
    b"1e400",
    b"0.5",
    b"9223372036854775807",
    b"9223372036854775808",
    b"\"exp\":",
    b"\"window_id\":",
    b"\"person_id\":",
    b"\"alg\":\"none\"",
    b"\xef\xbb\xbf",
    b"\xff",
    b"/**/",
    b"  ",
    b"\0",
];

/// Every token of ours is read as one thing; whatever else is read was signed, so its text has to be one of these.
fn fuzz_tokens(run: &Run, good: &[(Vec<u8>, bool)], read: impl Fn(&Keyring, &[u8]) -> bool) {
    let (texts, keyring) = (
        good.iter()
            .map(|(text, _)| text.clone())
            .collect::<Vec<_>>(),
        keyring(),
    );
    for (text, counts) in good {
        assert_eq!(read(&keyring, text), *counts);
    }
    let mut dice = Dice::new(run.seed);
    let mut taken = 0_u64;
    for _ in 0..run.inputs {
        let bytes = input(&mut dice, &texts, JOSE_WORDS);
        if read(&keyring, &bytes) {
            taken += 1;
            assert!(
                good.iter().any(|(text, counts)| *counts && *text == bytes),
                "seed {}: a forgery: {:?}",
                run.seed,
                String::from_utf8_lossy(&bytes)
            );
        }
    }
    assert!(
        taken > 0 && taken < run.inputs,
        "the inputs are all of one kind"
    );
    run.report(&format!(
        "{taken} were good ones unchanged, 0 forgeries, 0 panics"
    ));
}

/// The second half of the inputs changes what is inside and signs it: whoever holds the key may write nonsense.
fn fuzz_claims(run: &Run, claims: &[String], read: impl Fn(&Keyring, &[u8])) {
    let keyring = keyring();
    let texts: Vec<_> = claims
        .iter()
        .map(|text| text.clone().into_bytes())
        .collect();
    let heads: Vec<_> = [
        header().to_string(),
        json!({"alg": "HS256", "kid": OTHER_KID}).to_string(),
        json!({"alg": "none", "kid": KID}).to_string(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    let mut dice = Dice::new(run.seed ^ 1);
    for number in 0..run.inputs {
        let head = if number % 4 == 0 {
            input(&mut dice, &heads, JSON_WORDS)
        } else {
            heads[0].clone()
        };
        let text = format!(
            "{}.{}",
            base64(head),
            base64(input(&mut dice, &texts, JSON_WORDS))
        );
        let tag = crate::stage::tokens::tag(
            if number % 16 == 0 {
                OTHER_SECRET
            } else {
                SECRET
            },
            &text,
        );
        read(&keyring, format!("{text}.{tag}").as_bytes());
    }
}

#[test]
fn access_tokens() {
    let run = Run::of("access tokens", 40_000);
    let claims = access(ACCOUNT, OTHER, NOW_S).to_string();
    let signed_by = |secret: &[u8], kid: &str| {
        signed(
            secret,
            &json!({"alg": "HS256", "kid": kid}).to_string(),
            &claims,
        )
        .into_bytes()
    };
    let staff = claims.replace("resident", "staff");
    let good = [
        (signed_by(SECRET, KID), true),
        (signed_by(OTHER_SECRET, OTHER_KID), true),
        (signed_by(SECRET, OTHER_KID), false),
        (
            signed(SECRET, &header().to_string(), &staff).into_bytes(),
            false,
        ),
        (
            signed(b"guessed", &header().to_string(), &claims).into_bytes(),
            false,
        ),
    ];
    fuzz_tokens(&run, &good, |keyring, bytes| {
        keyring.resident(bytes, NOW_S).is_ok()
    });
    fuzz_claims(&run, &[claims, staff], |keyring, bytes| {
        let _ = keyring.resident(bytes, NOW_S);
    });
}

#[test]
fn passes() {
    let run = Run::of("passes", 40_000);
    let claims = leave(OTHER, ACCOUNT, NOW_S).to_string();
    let some_clinics = claims.replace("\"clinics\":null", "\"clinics\":[1,2,3]");
    assert_ne!(claims, some_clinics);
    let sign =
        |secret: &[u8], claims: &str| signed(secret, &header().to_string(), claims).into_bytes();
    let good = [
        (sign(SECRET, &claims), true),
        (sign(SECRET, &some_clinics), true),
        (sign(OTHER_SECRET, &claims), false),
        (
            sign(SECRET, &access(ACCOUNT, OTHER, NOW_S).to_string()),
            false,
        ),
    ];
    fuzz_tokens(&run, &good, |keyring, bytes| {
        keyring.pass(bytes, NOW_S).is_ok()
    });
    fuzz_claims(&run, &[claims, some_clinics], |keyring, bytes| {
        let _ = keyring.pass(bytes, NOW_S);
    });
}

#[test]
fn bodies_of_holds() {
    let run = Run::of("bodies of holds", 100_000);
    let good: Vec<_> = [
        format!(r#"{{"person_id":"{ACCOUNT}","window_id":42,"stock_id":7}}"#),
        format!("{{ \"stock_id\" : 1,\n\"window_id\": 9223372036854775807, \"person_id\": \"{OTHER}\" }}"),
        r#"{"person_id":1,"window_id":"1"}"#.to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec();
    let mut dice = Dice::new(run.seed);
    let mut taken = 0_u64;
    for _ in 0..run.inputs {
        let bytes = input(&mut dice, &good, JSON_WORDS);
        let Some(wish) = Wish::read(&bytes) else {
            continue;
        };
        taken += 1;
        // Another reader understands the same.
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let told = (json["window_id"].as_i64(), json["stock_id"].as_i64());
        assert_eq!(
            told,
            (Some(wish.window_id), Some(wish.stock_id)),
            "seed {}: {json}",
            run.seed
        );
        assert!(
            wish.window_id >= 1 && wish.stock_id >= 1,
            "seed {}: {json}",
            run.seed
        );
        let person: Uuid = json["person_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(person, wish.person, "seed {}: {json}", run.seed);
        assert_eq!(
            json.as_object().unwrap().len(),
            3,
            "seed {}: {json}",
            run.seed
        );
    }
    assert!(
        taken > 0 && taken < run.inputs,
        "the inputs are all of one kind"
    );
    run.report(&format!("{taken} were wishes, 0 panics"));
}

#[test]
fn lists_of_hops() {
    let run = Run::of("lists of hops", 100_000);
    let words: &[&[u8]] = &[
        b",",
        b", ",
        b":",
        b"::",
        b"::ffff:",
        b".",
        b"10.0.0.1",
        b"10.255.255.255",
        b"fd00::1",
        b"%eth0",
        b":80",
        b"[",
        b"]",
        b"unknown",
        b"_x",
        b"0x7f.1",
        b"256",
        b" ",
        b"\t",
        b"\xff",
        b"\"",
    ];
    let good: Vec<_> = [
        "203.0.113.9",
        "198.51.100.1, 203.0.113.9, 10.2.3.4",
        "2001:db8::1, fd00::2",
        "::ffff:203.0.113.9, ::ffff:10.1.1.1",
        "a, b, c, 10.0.0.2",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap());
    let stranger = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let proxy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let seen = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 200));
    let mut dice = Dice::new(run.seed);
    let mut sent = 0_u64;
    for _ in 0..run.inputs {
        let mut headers = HeaderMap::new();
        for _ in 0..=dice.below(3) {
            // What is no header never comes so far.
            if let Ok(line) = HeaderValue::from_bytes(&input(&mut dice, &good, words)) {
                headers.append(FORWARDED_FOR, line);
                sent += 1;
            }
        }
        assert_eq!(
            client_of(stranger, &Asks::of(&headers).hops, &trusted),
            stranger,
            "seed {}: {headers:?}",
            run.seed
        );
        client_of(proxy, &Asks::of(&headers).hops, &trusted);
        // Whatever was written before, the proxy's own word counts.
        headers.append(FORWARDED_FOR, HeaderValue::from_static("203.0.113.200"));
        assert_eq!(
            client_of(proxy, &Asks::of(&headers).hops, &trusted),
            seen,
            "seed {}: {headers:?}",
            run.seed
        );
    }
    run.report(&format!(
        "{sent} lines, 0 panics, nobody got another address"
    ));
}
