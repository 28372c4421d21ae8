//! Access tokens, eligibility passes and room tickets: compact JWS, HS256 and nothing else, key by id, checked without a round trip.
//!
//! Practice of RFC 8725: one algorithm, keys from an allow-list, issuer, audience and expiry always required. Whatever is
//! not exactly what the application issues is refused; there is no lenient reading. `now_s` is an argument.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::civil::Date;
use ring::hmac;
use serde::Deserialize;
use uuid::Uuid;

use crate::memo::Memo;

const ISSUER: &str = "humiao";
/// No token that the application issues is longer; a longer one is not looked at.
pub const TOKEN_BYTES_MAX: usize = 2048;
/// How far another process's clock may be ahead of this one (s).
const CLOCK_SKEW_S: i64 = 5;
/// Tokens of each kind whose reading is kept.
const KEPT_MAX: usize = 200_000;
/// Spellings of headers whose key is kept: one for each key, as the application writes them.
const HEADERS_MAX: usize = 16;
/// What the key of pseudonyms is derived for.
const PSEUDONYMS: &[u8] = b"humiao pseudonyms of callers 1";
/// What the secret names of tokens that are kept is derived for.
const KEPT: &[u8] = b"humiao tokens kept by a gate 1";

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Malformed, wrongly signed, of another audience, revoked.
    Invalid,
    /// Its time is over.
    Expired,
}

/// Who asks: a resident, by an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resident {
    /// The account.
    pub account: Uuid,
    /// The login session: one device's.
    pub login_session: Uuid,
}

/// This person may book this vaccine, at these clinics, for these days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Who is to be vaccinated.
    pub person: Uuid,
    /// The account that it was issued to.
    pub account: Uuid,
    /// The vaccine.
    pub vaccine_code: String,
    /// Clinics; none means any.
    pub clinics: Option<Vec<i64>>,
    /// Appointments on that day and later; none means no bound.
    pub since: Option<Date>,
    /// Appointments before that day; none means no bound.
    pub before: Option<Date>,
    /// Generation of its audience at signing.
    pub generation: i64,
}

impl Pass {
    /// Whether the pass was decided for appointments on this day.
    pub fn is_for(&self, day: Date) -> bool {
        self.since.is_none_or(|since| since <= day) && self.before.is_none_or(|before| day < before)
    }
}

/// This account may show this entry of a waiting room, for this person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The room.
    pub room_id: i64,
    /// The entry.
    pub ticket: Uuid,
    /// Who is to be vaccinated.
    pub person: Uuid,
    /// The account that it was issued to.
    pub account: Uuid,
}

/// Keys by id, and the revocation generation of each audience.
pub struct Keyring {
    secrets: Vec<(String, Vec<u8>)>,
    keys: HashMap<String, Arc<hmac::Key>>,
    /// Headers of verified tokens, as they were spelled.
    headers: RwLock<Vec<(Vec<u8>, Arc<hmac::Key>)>>,
    pseudonyms: Option<hmac::Key>,
    resident_generation: i64,
    pass_generation: i64,
    room_generation: i64,
    residents: Memo<Kept<Resident>>,
    passes: Memo<Kept<Arc<Pass>>>,
    tickets: Memo<Kept<Ticket>>,
}

impl Default for Keyring {
    fn default() -> Self {
        Self::new([], 0, 0)
    }
}

/// A token's reading, and what of it has to be asked each time.
#[derive(Clone)]
struct Kept<V> {
    says: V,
    times: Times,
    generation: i64,
}

impl<V> Kept<V> {
    fn at(self, now_s: i64, generation_min: i64) -> Result<V, Fault> {
        self.times.check(now_s)?;
        if self.generation < generation_min {
            return Err(Fault::Invalid);
        }
        Ok(self.says)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
    #[serde(default)]
    typ: Option<&'a str>,
}

#[derive(Deserialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid16,
    sid: Uuid16,
    exp: i64,
    iat: i64,
    #[serde(default)]
    r#gen: i64,
    #[serde(default)]
    nbf: Option<i64>,
}

#[derive(Deserialize)]
struct PassClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid16,
    acc: Uuid16,
    vac: String,
    #[serde(default)]
    clinics: Option<Vec<i64>>,
    /// Not asked here, but a pass that spells it otherwise is none of ours.
    #[serde(default, rename = "dose")]
    _dose: Option<i64>,
    /// The edition of the rules that decided; as above.
    #[serde(default, borrow, rename = "rul")]
    _rules: Option<Cow<'a, str>>,
    #[serde(default)]
    day: Option<Day>,
    #[serde(default)]
    bef: Option<Day>,
    exp: i64,
    iat: i64,
    #[serde(default)]
    r#gen: i64,
    #[serde(default)]
    nbf: Option<i64>,
}

#[derive(Deserialize)]
struct TicketClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid16,
    acc: Uuid16,
    room: i64,
    tkt: Uuid16,
    exp: i64,
    iat: i64,
    #[serde(default)]
    r#gen: i64,
    #[serde(default)]
    nbf: Option<i64>,
}

/// A UUID in its canonical text.
struct Uuid16(Uuid);

impl<'de> Deserialize<'de> for Uuid16 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        parse_uuid(text.as_bytes())
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not a UUID"))
    }
}

/// A day as ISO 8601 writes it.
struct Day(Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        parse_day(text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not a day"))
    }
}

/// A day of the years 1 to 9999 as four, two and two digits with dashes; no other spelling.
pub fn parse_day(text: &str) -> Option<Date> {
    let day: Date = text.parse().ok()?;
    // The parser reads more than ISO's one spelling; what is written back tells.
    (day.year() >= 1 && day.to_string() == text).then_some(day)
}

/// A UUID as eight, four, four, four and twelve digits; no other spelling.
pub fn parse_uuid(text: &[u8]) -> Option<Uuid> {
    (text.len() == 36)
        .then(|| Uuid::try_parse_ascii(text).ok())
        .flatten()
}

impl Keyring {
    /// Keys by id; a token whose generation is below its audience's is revoked.
    pub fn new(
        keys: impl IntoIterator<Item = (String, Vec<u8>)>,
        resident_generation: i64,
        pass_generation: i64,
    ) -> Self {
        let secrets: Vec<(String, Vec<u8>)> = keys.into_iter().collect();
        let keys: HashMap<String, Arc<hmac::Key>> = secrets
            .iter()
            .map(|(kid, secret)| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                (kid.clone(), Arc::new(key))
            })
            .collect();
        // Of the first key by id, so that gates with the same keys agree.
        let first = keys.iter().min_by_key(|(kid, _)| *kid).map(|(_, key)| key);
        let pseudonyms = first.map(|key| {
            let secret = hmac::sign(key, PSEUDONYMS);
            hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref())
        });
        // Without a key nothing is verified, and so nothing kept.
        let kept = first
            .and_then(|key| hmac::sign(key, KEPT).as_ref().first_chunk().copied())
            .unwrap_or_default();
        Self {
            secrets,
            keys,
            headers: RwLock::default(),
            pseudonyms,
            resident_generation,
            pass_generation,
            room_generation: 0,
            residents: Memo::new(KEPT_MAX, &kept),
            passes: Memo::new(KEPT_MAX, &kept),
            tickets: Memo::new(KEPT_MAX, &kept),
        }
    }

    /// Room tickets below this generation are revoked.
    #[must_use]
    pub fn with_rooms(mut self, generation: i64) -> Self {
        self.room_generation = generation;
        self
    }

    /// Whether another keyring takes the very same tokens.
    pub fn is_like(&self, other: &Self) -> bool {
        self.secrets == other.secrets
            && self.resident_generation == other.resident_generation
            && self.pass_generation == other.pass_generation
            && self.room_generation == other.room_generation
    }

    /// A name for somebody who must not be known elsewhere: the same at every gate with the same keys, and nobody without
    /// them can tell whose it is. None while there is no key.
    pub fn pseudonym(&self, name: &[u8; 16]) -> Option<[u8; 16]> {
        let tag = hmac::sign(self.pseudonyms.as_ref()?, name);
        tag.as_ref().first_chunk().copied()
    }

    /// Reads an access token.
    ///
    /// # Errors
    /// [`Fault`] saying whether it is no token of ours or one whose time is over.
    pub fn resident(&self, token: &[u8], now_s: i64) -> Result<Resident, Fault> {
        let kept = self.kept(&self.residents, token, |payload, room| {
            let claims: AccessClaims = read(payload, room)?;
            if claims.iss != ISSUER || claims.aud != "resident" {
                return Err(Fault::Invalid);
            }
            Ok(Kept {
                says: Resident {
                    account: claims.sub.0,
                    login_session: claims.sid.0,
                },
                times: Times {
                    issued: claims.iat,
                    expires: claims.exp,
                    not_before: claims.nbf,
                },
                generation: claims.r#gen,
            })
        })?;
        kept.at(now_s, self.resident_generation)
    }

    /// Reads an eligibility pass.
    ///
    /// # Errors
    /// [`Fault`], as for [`Self::resident`].
    pub fn pass(&self, token: &[u8], now_s: i64) -> Result<Arc<Pass>, Fault> {
        let kept = self.kept(&self.passes, token, |payload, room| {
            let claims: PassClaims = read(payload, room)?;
            if claims.iss != ISSUER || claims.aud != "pass" {
                return Err(Fault::Invalid);
            }
            Ok(Kept {
                says: Arc::new(Pass {
                    person: claims.sub.0,
                    account: claims.acc.0,
                    vaccine_code: claims.vac,
                    clinics: claims.clinics,
                    since: claims.day.map(|day| day.0),
                    before: claims.bef.map(|day| day.0),
                    generation: claims.r#gen,
                }),
                times: Times {
                    issued: claims.iat,
                    expires: claims.exp,
                    not_before: claims.nbf,
                },
                generation: claims.r#gen,
            })
        })?;
        kept.at(now_s, self.pass_generation)
    }

    /// Reads a room ticket.
    ///
    /// # Errors
    /// [`Fault`], as for [`Self::resident`].
    pub fn ticket(&self, token: &[u8], now_s: i64) -> Result<Ticket, Fault> {
        let kept = self.kept(&self.tickets, token, |payload, room| {
            let claims: TicketClaims = read(payload, room)?;
            if claims.iss != ISSUER || claims.aud != "room" {
                return Err(Fault::Invalid);
            }
            Ok(Kept {
                says: Ticket {
                    room_id: claims.room,
                    ticket: claims.tkt.0,
                    person: claims.sub.0,
                    account: claims.acc.0,
                },
                times: Times {
                    issued: claims.iat,
                    expires: claims.exp,
                    not_before: claims.nbf,
                },
                generation: claims.r#gen,
            })
        })?;
        kept.at(now_s, self.room_generation)
    }

    /// What a token says that was verified, now or earlier. `read` takes its payload apart, in the room that it is given.
    fn kept<V: Clone>(
        &self,
        memo: &Memo<Kept<V>>,
        token: &[u8],
        read: impl FnOnce(&[u8], &mut [u8; TOKEN_BYTES_MAX]) -> Result<Kept<V>, Fault>,
    ) -> Result<Kept<V>, Fault> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Fault::Invalid);
        }
        let name = memo.name_of(token);
        if let Some(kept) = memo.get(&name) {
            return Ok(kept);
        }
        let payload = self.verified(token).ok_or(Fault::Invalid)?;
        let kept = read(payload, &mut [0; TOKEN_BYTES_MAX])?;
        memo.keep(name, kept.clone());
        Ok(kept)
    }

    /// The payload, still encoded, of a token whose signature is right.
    fn verified<'t>(&self, token: &'t [u8]) -> Option<&'t [u8]> {
        let dot = token.iter().rposition(|byte| *byte == b'.')?;
        let (message, signature) = (&token[..dot], &token[dot + 1..]);
        let middle = message.iter().position(|byte| *byte == b'.')?;
        let (header, payload) = (&message[..middle], &message[middle + 1..]);
        let mut tag = [0_u8; 48];
        let tag_size = BASE64.decode_slice(signature, &mut tag).ok()?;
        let known = {
            let headers = self.headers.read().unwrap_or_else(PoisonError::into_inner);
            let as_spelled = headers.iter().find(|(spelled, _)| spelled == header);
            as_spelled.map(|(_, key)| Arc::clone(key))
        };
        let key = match &known {
            Some(key) => key,
            None => self.key_of(header)?,
        };
        hmac::verify(key, message, &tag[..tag_size]).ok()?;
        if known.is_none() {
            let mut headers = self.headers.write().unwrap_or_else(PoisonError::into_inner);
            let is_new = headers.iter().all(|(spelled, _)| spelled != header);
            if is_new && headers.len() < HEADERS_MAX {
                headers.push((header.to_vec(), Arc::clone(key)));
            }
        }
        Some(payload)
    }

    /// The key that a header names.
    fn key_of(&self, header: &[u8]) -> Option<&Arc<hmac::Key>> {
        let mut room = [0; TOKEN_BYTES_MAX];
        let size = BASE64.decode_slice(header, &mut room).ok()?;
        let header: Header = serde_json::from_slice(&room[..size]).ok()?;
        if header.alg != "HS256" || header.typ.is_some_and(|typ| typ != "JWT") {
            return None;
        }
        self.keys.get(header.kid)
    }
}

/// The claims of a payload, decoded into `room`.
fn read<'a, C: Deserialize<'a>>(
    payload: &[u8],
    room: &'a mut [u8; TOKEN_BYTES_MAX],
) -> Result<C, Fault> {
    let size = BASE64
        .decode_slice(payload, &mut room[..])
        .map_err(|_| Fault::Invalid)?;
    serde_json::from_slice(&room[..size]).map_err(|_| Fault::Invalid)
}

/// When a token counts, in seconds since 1970.
#[derive(Clone, Copy)]
struct Times {
    issued: i64,
    expires: i64,
    not_before: Option<i64>,
}

impl Times {
    fn check(&self, now_s: i64) -> Result<(), Fault> {
        if self.expires <= now_s {
            return Err(Fault::Expired);
        }
        let from = self.issued.max(self.not_before.unwrap_or(self.issued));
        if from > now_s.saturating_add(CLOCK_SKEW_S) {
            return Err(Fault::Invalid);
        }
        Ok(())
    }
}
