//! Who asks, and with what leave: tokens and passes over the wire.

use booking_gate::work::Word;
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::holds::{HELD, NO_CACHE, refused};
use crate::stage::tokens::{self, NOW_S, SECRET, header, signed, unix_s};
use crate::stage::{Resident, Stage, desk_by_hand, hold, nowhere};

/// Row by row: why, what is changed in an access token, the code.
#[tokio::test]
async fn who_is_not_logged_in_is_told_so() {
    let (desk, mut pile) = desk_by_hand();
    let stage = Stage::open(nowhere(), desk, NO_CACHE);
    let resident = Resident::new();
    let account = resident.account;
    let with = |head: Value, changes: Value| {
        let mut claims = tokens::access(account, account, unix_s());
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        (head, claims)
    };
    let sign =
        |(head, claims): (Value, Value)| signed(SECRET, &head.to_string(), &claims.to_string());
    let none = json!({"alg": "none", "typ": "JWT", "kid": "k1"});
    let (head, claims) = with(none, json!({}));
    let unsigned = format!(
        "{}.{}.",
        tokens::base64(head.to_string()),
        tokens::base64(claims.to_string())
    );
    let rows = [
        ("no signature at all", unsigned, "not_logged_in"),
        (
            "none, signed",
            sign(with(json!({"alg": "none", "kid": "k1"}), json!({}))),
            "not_logged_in",
        ),
        (
            "another key",
            signed(b"guessed", &header().to_string(), &claims.to_string()),
            "not_logged_in",
        ),
        (
            "a key nobody has",
            sign(with(json!({"alg": "HS256", "kid": "k9"}), json!({}))),
            "not_logged_in",
        ),
        (
            "staff",
            sign(with(header(), json!({"aud": "staff"}))),
            "not_logged_in",
        ),
        ("a pass", resident.pass.clone(), "not_logged_in"),
        (
            "another issuer",
            sign(with(header(), json!({"iss": "humiao2"}))),
            "not_logged_in",
        ),
        (
            "revoked",
            sign(with(header(), json!({"gen": tokens::GENERATION - 1}))),
            "not_logged_in",
        ),
        (
            "over",
            sign(with(header(), json!({"exp": unix_s() - 1}))),
            "token_expired",
        ),
        ("nothing", String::new(), "not_logged_in"),
    ];
    let mut client = stage.client().await;
    for (why, token, code) in &rows {
        let asks = [
            hold(token, &resident.pass, "key-of-intent", &resident.body(1)),
            format!(
                "GET /api/v1/resident/holds/{account}/status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n"
            ),
        ];
        for ask in asks {
            let answer = client.ask(ask).await;
            assert_eq!(refused(&answer), (401, (*code).to_owned()), "{why}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    for scheme in ["", "Basic ", "Bearer", "Token "] {
        let ask = resident.hold(1, "key-of-intent").replace("Bearer ", scheme);
        assert_eq!(client.ask(ask).await.status(), 401, "{scheme:?}");
    }
    assert!(pile.is_empty());
}

/// A pass of the resident's own, with other claims.
fn pass_with(resident: &Resident, changes: &Value) -> String {
    let mut claims = tokens::leave(resident.account, resident.account, unix_s());
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    signed(SECRET, &header().to_string(), &claims.to_string())
}

#[tokio::test]
async fn a_pass_opens_nothing_but_what_it_says() {
    let (desk, mut pile) = desk_by_hand();
    let stage = Stage::open(nowhere(), desk, NO_CACHE);
    let resident = Resident::new();
    let pass = |changes| pass_with(&resident, &changes);
    let rows = [
        ("forged", "a.b.c".to_owned(), 401, "pass_invalid"),
        (
            "an access token",
            resident.token.clone(),
            401,
            "pass_invalid",
        ),
        ("over", pass(json!({"exp": unix_s()})), 401, "pass_expired"),
        (
            "of long ago",
            pass(json!({"exp": NOW_S - 1_000_000_000})),
            401,
            "pass_expired",
        ),
        ("revoked", pass(json!({"gen": 0})), 401, "pass_invalid"),
        (
            "another person's",
            pass(json!({"sub": Uuid::from_u128(9).to_string()})),
            401,
            "pass_invalid",
        ),
        (
            "another account's",
            pass(json!({"acc": Uuid::from_u128(9).to_string()})),
            401,
            "pass_invalid",
        ),
        (
            "another vaccine",
            pass(json!({"vac": "MMR"})),
            403,
            "pass_not_valid_here",
        ),
        (
            "another clinic",
            pass(json!({"clinics": [crate::stage::CLINIC + 1]})),
            403,
            "pass_not_valid_here",
        ),
        (
            "no clinic",
            pass(json!({"clinics": []})),
            403,
            "pass_not_valid_here",
        ),
        // The window is on the 30th.
        (
            "a later day",
            pass(json!({"day": "2027-01-31"})),
            403,
            "pass_not_valid_here",
        ),
        (
            "days that end the evening before",
            pass(json!({"day": "2027-01-01", "bef": "2027-01-30"})),
            403,
            "pass_not_valid_here",
        ),
    ];
    let mut client = stage.client().await;
    for (why, pass, status, code) in &rows {
        let ask = hold(&resident.token, pass, "key-of-intent", &resident.body(1));
        assert_eq!(
            refused(&client.ask(ask).await),
            (*status, (*code).to_owned()),
            "{why}"
        );
    }
    let ask = resident
        .hold(1, "key-of-intent")
        .replace("Eligibility-Pass", "X-Other");
    assert_eq!(
        refused(&client.ask(ask).await),
        (401, "pass_missing".to_owned())
    );
    let other_stock = resident.body(1).replace("\"stock_id\":1", "\"stock_id\":2");
    let ask = hold(
        &resident.token,
        &resident.pass,
        "key-of-intent",
        &other_stock,
    );
    assert_eq!(
        refused(&client.ask(ask).await),
        (404, "no_such_stock".to_owned())
    );
    assert!(pile.is_empty());
}

#[tokio::test]
async fn a_pass_opens_what_it_says() {
    let (desk, mut pile) = desk_by_hand();
    let stage = Stage::open(nowhere(), desk, NO_CACHE);
    let resident = Resident::new();
    let mut client = stage.client().await;
    let pass = |changes| pass_with(&resident, &changes);
    for (why, pass) in [
        ("any clinic", pass(json!({}))),
        (
            "this clinic among others",
            pass(json!({"clinics": [1, crate::stage::CLINIC]})),
        ),
    ] {
        client
            .send(hold(
                &resident.token,
                &pass,
                "key-of-intent",
                &resident.body(1),
            ))
            .await;
        let (.., reply) = pile.hold().await;
        reply.send(Word::Answer(Bytes::from_static(HELD))).unwrap();
        assert_eq!(client.answer().await.status(), 201, "{why}");
    }
}
