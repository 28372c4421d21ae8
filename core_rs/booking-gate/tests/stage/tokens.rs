//! Tokens and passes, signed as the application signs them, and ways to forge them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use booking_gate::token::Keyring;
use ring::hmac;
use serde_json::{Value, json};
use uuid::Uuid;

pub const KID: &str = "k1";
pub const SECRET: &[u8] = b"a secret of thirty-two bytes ...";
pub const OTHER_KID: &str = "k2";
pub const OTHER_SECRET: &[u8] = b"another secret of the same length";
pub const VACCINE: &str = "IIV4";
/// Below this generation everything is revoked.
pub const GENERATION: i64 = 3;
/// 2027-01-15, in seconds: the instant at which laws are stated.
pub const NOW_S: i64 = 1_800_000_000;

pub fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

pub fn unix_s() -> i64 {
    unix_ms() / 1000
}

pub fn keyring() -> Keyring {
    let keys = [
        (KID.to_owned(), SECRET.to_vec()),
        (OTHER_KID.to_owned(), OTHER_SECRET.to_vec()),
    ];
    Keyring::new(keys, GENERATION, GENERATION)
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64.encode(bytes)
}

/// The signature of a text, by HMAC-SHA-256.
pub fn tag(secret: &[u8], text: &str) -> String {
    base64(hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret),
        text.as_bytes(),
    ))
}

/// Header and payload as they are, signed.
pub fn signed(secret: &[u8], header: &str, payload: &str) -> String {
    let text = format!("{}.{}", base64(header), base64(payload));
    let tag = tag(secret, &text);
    format!("{text}.{tag}")
}

pub fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT", "kid": KID})
}

pub fn access(account: Uuid, login_session: Uuid, now_s: i64) -> Value {
    json!({
        "iss": "humiao", "aud": "resident", "iat": now_s, "exp": now_s + 1800, "gen": GENERATION,
        "sub": account.to_string(), "sid": login_session.to_string(),
    })
}

pub fn leave(person: Uuid, account: Uuid, now_s: i64) -> Value {
    json!({
        "iss": "humiao", "aud": "pass", "iat": now_s, "exp": now_s + 7200, "gen": GENERATION,
        "sub": person.to_string(), "acc": account.to_string(), "vac": VACCINE, "dose": null, "clinics": null,
    })
}

/// An access token good now; the login session is the account's own id.
pub fn token_of(account: Uuid) -> String {
    let claims = access(account, account, unix_s());
    signed(SECRET, &header().to_string(), &claims.to_string())
}

/// A pass good now, for the account itself.
pub fn pass_of(person: Uuid) -> String {
    let claims = leave(person, person, unix_s());
    signed(SECRET, &header().to_string(), &claims.to_string())
}
