//! Tokens and passes: what the application signs is read, anything else is not.

use std::sync::Arc;

use booking_gate::token::{Fault, Keyring, Pass, Resident, TOKEN_BYTES_MAX, Ticket};
use jiff::ToSpan;
use jiff::civil::date;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::tokens::{
    GENERATION, KID, NOW_S, OTHER_KID, OTHER_SECRET, SECRET, VACCINE, access, base64, header,
    keyring, leave, signed, tag,
};

const ACCOUNT: Uuid = Uuid::from_u128(0x1111);
const LOGIN: Uuid = Uuid::from_u128(0x2222);
const PERSON: Uuid = Uuid::from_u128(0x3333);

fn claims() -> Value {
    access(ACCOUNT, LOGIN, NOW_S)
}

fn with(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name).unwrap();
    claims
}

fn sign(header: &Value, claims: &Value) -> String {
    signed(SECRET, &header.to_string(), &claims.to_string())
}

fn read(token: &str) -> Result<Resident, Fault> {
    keyring().resident(token.as_bytes(), NOW_S)
}

fn read_pass(token: &str) -> Result<Pass, Fault> {
    keyring()
        .pass(token.as_bytes(), NOW_S)
        .map(Arc::unwrap_or_clone)
}

#[test]
fn the_application_signs_with_the_first_key_and_the_one_before_it_counts() {
    let me = Ok(Resident {
        account: ACCOUNT,
        login_session: LOGIN,
    });
    assert_eq!(read(&sign(&header(), &claims())), me);
    let older = json!({"alg": "HS256", "kid": OTHER_KID});
    assert_eq!(
        read(&signed(
            OTHER_SECRET,
            &older.to_string(),
            &claims().to_string()
        )),
        me
    );
    // A key that has been taken away counts no more.
    let rotated = Keyring::new([(OTHER_KID.to_owned(), OTHER_SECRET.to_vec())], 0, 0);
    assert_eq!(
        rotated.resident(sign(&header(), &claims()).as_bytes(), NOW_S),
        Err(Fault::Invalid)
    );
}

/// Why, the token.
fn forgeries(audience: &str, claims: &Value) -> Vec<(&'static str, String)> {
    let payload = claims.to_string();
    let good = sign(&header(), claims);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, body) = message.split_once('.').unwrap();
    let headed = |head: Value| sign(&head, claims);
    let changed = |changes: Value| sign(&header(), &with(claims.clone(), &changes));
    let spelt = |payload: &str| signed(SECRET, &header().to_string(), payload);
    let twice = payload.replacen('{', &format!("{{\"exp\":{},", NOW_S + 9), 1);
    let other_audience = if audience == "pass" {
        "resident"
    } else {
        "pass"
    };
    vec![
        // The algorithm.
        (
            "none, unsigned",
            format!(
                "{}.{body}.",
                base64(json!({"alg": "none", "kid": KID}).to_string())
            ),
        ),
        ("none, signed", headed(json!({"alg": "none", "kid": KID}))),
        ("None", headed(json!({"alg": "None", "kid": KID}))),
        ("NONE", headed(json!({"alg": "NONE", "kid": KID}))),
        ("small letters", headed(json!({"alg": "hs256", "kid": KID}))),
        ("HS384", headed(json!({"alg": "HS384", "kid": KID}))),
        ("HS512", headed(json!({"alg": "HS512", "kid": KID}))),
        ("RS256", headed(json!({"alg": "RS256", "kid": KID}))),
        ("ES256", headed(json!({"alg": "ES256", "kid": KID}))),
        ("no algorithm", headed(json!({"kid": KID}))),
        (
            "a list of algorithms",
            headed(json!({"alg": ["HS256"], "kid": KID})),
        ),
        (
            "another type",
            headed(json!({"alg": "HS256", "kid": KID, "typ": "JWE"})),
        ),
        (
            "what must be understood",
            headed(json!({"alg": "HS256", "kid": KID, "crit": ["exp"]})),
        ),
        (
            "a key of its own",
            headed(json!({"alg": "HS256", "kid": KID, "jwk": {"kty": "oct", "k": "AA"}})),
        ),
        (
            "the algorithm twice",
            signed(
                SECRET,
                r#"{"alg":"none","alg":"HS256","kid":"k1"}"#,
                &payload,
            ),
        ),
        // The key.
        (
            "another key",
            signed(b"guessed", &header().to_string(), &payload),
        ),
        ("no key", signed(b"", &header().to_string(), &payload)),
        (
            "the other key's signature",
            signed(OTHER_SECRET, &header().to_string(), &payload),
        ),
        (
            "a key nobody has",
            headed(json!({"alg": "HS256", "kid": "k3"})),
        ),
        ("no key id", headed(json!({"alg": "HS256"}))),
        (
            "an empty key id",
            headed(json!({"alg": "HS256", "kid": ""})),
        ),
        (
            "a path as key id",
            headed(json!({"alg": "HS256", "kid": "../../dev/null"})),
        ),
        (
            "a query as key id",
            headed(json!({"alg": "HS256", "kid": "k1' OR '1'='1"})),
        ),
        (
            "a number as key id",
            headed(json!({"alg": "HS256", "kid": 1})),
        ),
        (
            "a key id spelt with an escape",
            signed(SECRET, r#"{"alg":"HS256","kid":"\u006b1"}"#, &payload),
        ),
        // Times.
        ("not yet", changed(json!({"iat": NOW_S + 6}))),
        ("not before", changed(json!({"nbf": NOW_S + 6}))),
        ("no end", sign(&header(), &without(claims.clone(), "exp"))),
        (
            "no beginning",
            sign(&header(), &without(claims.clone(), "iat")),
        ),
        ("an end in words", changed(json!({"exp": "4000000000"}))),
        (
            "an end with a fraction",
            changed(json!({"exp": 4_000_000_000.5})),
        ),
        (
            "an end past all numbers",
            spelt(&payload.replace(&format!("\"exp\":{}", claims["exp"]), "\"exp\":1e400")),
        ),
        ("two ends", spelt(&twice)),
        // Whose.
        ("another audience", changed(json!({"aud": other_audience}))),
        ("staff", changed(json!({"aud": "staff"}))),
        ("several audiences", changed(json!({"aud": [audience]}))),
        (
            "no audience",
            sign(&header(), &without(claims.clone(), "aud")),
        ),
        ("another issuer", changed(json!({"iss": "humiao.example"}))),
        (
            "no issuer",
            sign(&header(), &without(claims.clone(), "iss")),
        ),
        ("nobody", sign(&header(), &without(claims.clone(), "sub"))),
        (
            "an id without dashes",
            changed(json!({"sub": PERSON.simple().to_string()})),
        ),
        (
            "an id in braces",
            changed(json!({"sub": PERSON.braced().to_string()})),
        ),
        ("an id that is none", changed(json!({"sub": "1"}))),
        ("revoked", changed(json!({"gen": GENERATION - 1}))),
        (
            "without a generation",
            sign(&header(), &without(claims.clone(), "gen")),
        ),
        ("a generation in words", changed(json!({"gen": "9"}))),
        // The text.
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        ("no signature", format!("{message}.")),
        ("no dot", message.replace('.', "")),
        ("one part", head.to_owned()),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("a dot before", format!(".{good}")),
        ("a dot after", format!("{good}.")),
        ("a gap before", format!(" {good}")),
        ("a line end after", format!("{good}\n")),
        ("a zero byte after", format!("{good}\0")),
        ("padding", format!("{good}=")),
        ("padding inside", format!("{head}=.{body}.{signature}")),
        ("a payload that is no object", spelt("[]")),
        (
            "a payload with something after",
            spelt(&format!("{payload}x")),
        ),
        (
            "a payload with a mark before",
            spelt(&format!("\u{feff}{payload}")),
        ),
        (
            "the payload of another, under this signature",
            format!("{head}.{}.{signature}", base64("{}")),
        ),
        (
            "a short signature",
            format!("{message}.{}", &signature[..42]),
        ),
        (
            "a signature in hexadecimal",
            format!("{message}.{}", "0".repeat(64)),
        ),
        (
            "longer than any",
            sign(
                &header(),
                &with(claims.clone(), &json!({"x": "x".repeat(TOKEN_BYTES_MAX)})),
            ),
        ),
        // The signature covers these letters, and they are still not what base64url writes.
        ("letters of another alphabet", {
            let text = format!(
                "{head}.{}",
                base64(payload.replace('}', ",\"x\":\"\u{fffd}~~?>\"}"))
                    .replace('-', "+")
                    .replace('_', "/")
            );
            let tag = tag(SECRET, &text);
            format!("{text}.{tag}")
        }),
        ("a signed padding", {
            let text = format!("{head}.{body}==");
            let tag = tag(SECRET, &text);
            format!("{text}.{tag}")
        }),
    ]
}

#[test]
fn what_is_forged_is_refused_row_by_row() {
    for (why, token) in forgeries("resident", &claims()) {
        assert_eq!(read(&token), Err(Fault::Invalid), "{why}: {token}");
    }
    let granted = leave(PERSON, ACCOUNT, NOW_S);
    for (why, token) in forgeries("pass", &granted) {
        assert_eq!(read_pass(&token), Err(Fault::Invalid), "{why}: {token}");
    }
    for (why, changes) in [
        ("clinics in words", json!({"clinics": ["1"]})),
        ("one clinic", json!({"clinics": 1})),
        ("a vaccine that is a number", json!({"vac": 1})),
        ("no account", json!({"acc": null})),
        ("rules that are a number", json!({"rul": 2026})),
        ("a day that is a number", json!({"day": 20_270_130})),
        ("a day without dashes", json!({"day": "20270130"})),
        ("a day of a week", json!({"day": "2027-W04-6"})),
        ("a day with a time", json!({"day": "2027-01-30T00:00:00"})),
        ("a day with a gap", json!({"day": "2027-01-30 "})),
        ("a day that is not", json!({"day": "2027-02-29"})),
        ("a day of the year nought", json!({"day": "0000-01-01"})),
        ("a day of a year too long", json!({"day": "+002027-01-30"})),
        ("no day", json!({"day": ""})),
        ("an end in words", json!({"bef": "tomorrow"})),
        ("an end that is an instant", json!({"bef": NOW_S})),
    ] {
        let token = sign(&header(), &with(granted.clone(), &changes));
        assert_eq!(read_pass(&token), Err(Fault::Invalid), "{why}");
    }
}

#[test]
fn a_token_ends_at_its_second() {
    for (exp, now_s, expected) in [
        (NOW_S + 1, NOW_S, Ok(())),
        (NOW_S, NOW_S, Err(Fault::Expired)),
        (NOW_S - 1, NOW_S, Err(Fault::Expired)),
        (i64::MIN, NOW_S, Err(Fault::Expired)),
        (i64::MAX, i64::MAX - 1, Ok(())),
    ] {
        let token = sign(&header(), &with(claims(), &json!({"exp": exp})));
        assert_eq!(
            keyring().resident(token.as_bytes(), now_s).map(drop),
            expected,
            "{exp} at {now_s}"
        );
        let pass = sign(
            &header(),
            &with(leave(PERSON, ACCOUNT, NOW_S), &json!({"exp": exp})),
        );
        assert_eq!(
            keyring().pass(pass.as_bytes(), now_s).map(drop),
            expected,
            "{exp} at {now_s}"
        );
    }
    // A clock may be a little behind that of who signed.
    let ahead = sign(
        &header(),
        &with(claims(), &json!({"iat": NOW_S + 5, "nbf": NOW_S + 5})),
    );
    assert!(read(&ahead).is_ok());
    // Whose signature is wrong is not told whether its time was over.
    let forged = signed(
        b"guessed",
        &header().to_string(),
        &with(claims(), &json!({"exp": 1})).to_string(),
    );
    assert_eq!(read(&forged), Err(Fault::Invalid));
}

#[test]
fn no_bit_can_be_turned_and_no_byte_left_out_put_in_or_doubled() {
    let keyring = keyring();
    for (token, is_pass) in [
        (sign(&header(), &claims()), false),
        (sign(&header(), &leave(PERSON, ACCOUNT, NOW_S)), true),
    ] {
        let refused = |bytes: &[u8]| {
            if is_pass {
                keyring.pass(bytes, NOW_S).map(drop)
            } else {
                keyring.resident(bytes, NOW_S).map(drop)
            }
        };
        assert_eq!(refused(token.as_bytes()), Ok(()));
        let bytes = token.as_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut turned = bytes.to_vec();
                turned[at] ^= 1 << bit;
                assert_eq!(
                    refused(&turned),
                    Err(Fault::Invalid),
                    "bit {bit} of byte {at}"
                );
            }
            let left_out = [&bytes[..at], &bytes[at + 1..]].concat();
            let doubled = [&bytes[..=at], &bytes[at..]].concat();
            for changed in [&bytes[..at], &bytes[at + 1..], &left_out, &doubled] {
                assert_eq!(refused(changed), Err(Fault::Invalid), "byte {at}");
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_signed_is_read_as_it_was_meant(
        account in any::<u128>(), other in any::<u128>(), clinics in prop::option::of(prop::collection::vec(any::<i64>(), 0..9)),
        vaccine in "[A-Za-z0-9_-]{1,20}", ttl_s in 1_i64..1_000_000, generation in GENERATION..1_000_000
    ) {
        let (account, other) = (Uuid::from_u128(account), Uuid::from_u128(other));
        let lasting = json!({"exp": NOW_S + ttl_s, "gen": generation});
        let token = sign(&header(), &with(access(account, other, NOW_S), &lasting));
        prop_assert_eq!(read(&token), Ok(Resident { account, login_session: other }));
        let granted = with(with(leave(other, account, NOW_S), &lasting), &json!({"vac": vaccine, "clinics": clinics}));
        let expected = Pass { person: other, account, vaccine_code: vaccine, clinics, since: None, before: None, generation };
        prop_assert_eq!(read_pass(&sign(&header(), &granted)), Ok(expected));
    }

    #[test]
    fn a_pass_is_for_the_days_from_its_first_until_before_its_last(
        day in 0_i64..60, since in prop::option::of(0_i64..60), before in prop::option::of(0_i64..60)
    ) {
        // Around the end of a leap year's February.
        let of = |n: i64| date(2028, 2, 1).checked_add(n.days()).unwrap();
        let text = |n: Option<i64>| n.map(|n| of(n).to_string());
        let changes = json!({"rul": "CN-2026", "day": text(since), "bef": text(before)});
        let pass = read_pass(&sign(&header(), &with(leave(PERSON, ACCOUNT, NOW_S), &changes))).unwrap();
        prop_assert_eq!((pass.since, pass.before), (since.map(of), before.map(of)));
        let expected = since.unwrap_or(i64::MIN) <= day && day < before.unwrap_or(i64::MAX);
        prop_assert_eq!(pass.is_for(of(day)), expected);
    }

    #[test]
    fn a_token_lasts_from_its_beginning_to_its_end(now_s in NOW_S - 100..NOW_S + 2000) {
        let token = sign(&header(), &claims());
        let expected = if now_s >= NOW_S + 1800 {
            Err(Fault::Expired)
        } else if now_s < NOW_S - 5 {
            Err(Fault::Invalid)
        } else {
            Ok(())
        };
        prop_assert_eq!(keyring().resident(token.as_bytes(), now_s).map(drop), expected);
    }
}

#[test]
fn the_vaccine_is_the_one_that_was_named() {
    let pass = read_pass(&sign(&header(), &leave(PERSON, ACCOUNT, NOW_S))).unwrap();
    assert_eq!((pass.vaccine_code.as_str(), pass.clinics), (VACCINE, None));
}

#[test]
fn a_room_ticket_is_read_as_it_was_signed_and_nothing_else_is_one() {
    let good = json!({
        "iss": "humiao", "aud": "room", "iat": NOW_S, "exp": NOW_S + 86_400, "gen": GENERATION,
        "sub": PERSON.to_string(), "acc": ACCOUNT.to_string(), "room": 7, "tkt": LOGIN.to_string(),
    });
    let keys = keyring().with_rooms(GENERATION);
    let read = |token: &str, now_s| keys.ticket(token.as_bytes(), now_s);
    let token = sign(&header(), &good);
    let ticket = Ticket {
        room_id: 7,
        ticket: LOGIN,
        person: PERSON,
        account: ACCOUNT,
    };
    assert_eq!(read(&token, NOW_S), Ok(ticket));
    assert_eq!(read(&token, NOW_S), Ok(ticket), "from memory");
    assert_eq!(read(&token, NOW_S + 86_400), Err(Fault::Expired));
    for (why, forged) in forgeries("room", &good) {
        assert!(read(&forged, NOW_S).is_err(), "{why}");
    }
    for change in [
        json!({"room": "7"}),
        json!({"room": null}),
        json!({"tkt": null}),
        json!({"tkt": "7"}),
        json!({"aud": "pass"}),
        json!({"gen": GENERATION - 1}),
    ] {
        let changed = sign(&header(), &with(good.clone(), &change));
        assert!(read(&changed, NOW_S).is_err(), "{change}");
    }
    let other = keyring().with_rooms(GENERATION + 1);
    assert_eq!(other.ticket(token.as_bytes(), NOW_S), Err(Fault::Invalid));
    assert!(!other.is_like(&keys));
    // And it is neither of the others.
    assert!(keys.resident(token.as_bytes(), NOW_S).is_err());
    assert!(keys.pass(token.as_bytes(), NOW_S).is_err());
}
