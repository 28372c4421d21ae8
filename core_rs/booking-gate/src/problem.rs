//! Refusals as problem+json (RFC 9457). The vocabulary is the application's; here it is only laid out, already rendered.

use std::cell::RefCell;
use std::collections::HashMap;

use booking_core::time::Instant;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use jiff::tz::{Offset, TimeZone};

use crate::body::Body;

/// The city's time zone, in which people are told times: no daylight saving since 1991.
const CITY_OFFSET: Offset = Offset::constant(8);
/// Statuses whose answer may say when to come back.
const COME_BACK: [u16; 3] = [409, 429, 503];
/// Told with every 503 that knows no better (s).
const RETRY_AFTER_S: i64 = 2;

/// One code, rendered: `head` up to and without `retry_at`, `tail` after it, without the brace.
#[derive(Debug, Clone)]
pub struct Kind {
    /// The code itself.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// JSON from the opening brace on.
    pub head: String,
    /// JSON members that follow `retry_at`, each with its comma; empty for the problems of the rush.
    pub tail: String,
}

/// Every code that the gate may answer with.
pub struct Problems {
    kinds: HashMap<String, Told>,
}

/// A code with the beginning of its answer over the wire.
struct Told {
    kind: Kind,
    /// From the status line to the last header that is always the same; empty where the code needs the general road.
    begins: String,
}

impl Told {
    fn new(kind: Kind) -> Self {
        let reason = StatusCode::from_u16(kind.status)
            .ok()
            .filter(|status| *status != StatusCode::UNAUTHORIZED)
            .and_then(|status| status.canonical_reason());
        let begins = reason.map_or_else(String::new, |reason| {
            let line = format!("HTTP/1.1 {} {reason}\r\n", kind.status);
            line + "content-type: application/problem+json\r\ncache-control: no-store\r\n"
        });
        Self { kind, begins }
    }
}

/// The vocabulary lacks a code, or a status is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VocabularyGap(pub String);

impl Problems {
    /// Takes the vocabulary.
    ///
    /// # Errors
    /// [`VocabularyGap`] naming a code that is needed and not there, or whose status is no refusal.
    pub fn new(kinds: Vec<Kind>, needed: &[&str]) -> Result<Self, VocabularyGap> {
        let kinds: HashMap<String, Told> = kinds
            .into_iter()
            .map(|kind| (kind.code.clone(), Told::new(kind)))
            .collect();
        for code in needed {
            match kinds.get(*code) {
                Some(told) if (400..600).contains(&told.kind.status) => {}
                _ => return Err(VocabularyGap((*code).to_owned())),
            }
        }
        Ok(Self { kinds })
    }

    /// The answer to a refusal. A code outside the vocabulary is told as `internal`.
    pub fn answer(&self, code: &str, retry_at: Option<Instant>, now: Instant) -> Response<Body> {
        let told = self.kinds.get(code).or_else(|| self.kinds.get("internal"));
        let Some(Told { kind, .. }) = told else {
            return status_alone(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let mut text = Vec::with_capacity(kind.head.len() + kind.tail.len() + 48);
        kind.write(&mut text, retry_at);
        let mut response = Response::new(Body::full(Bytes::from(text)));
        *response.status_mut() =
            StatusCode::from_u16(kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait_s) = kind.retry_after_s(retry_at, now) {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait_s));
        }
        if kind.status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    /// Writes the same answer as it goes over the wire (HTTP/1.1), but for the line of the date, which `date` writes.
    /// Tells the status; none where the code needs the general road: it is unknown, or has a header of its own.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        code: &str,
        retry_at: Option<Instant>,
        now: Instant,
        date: impl FnOnce(&mut Vec<u8>),
    ) -> Option<u16> {
        let Told { kind, begins } = self.kinds.get(code)?;
        if begins.is_empty() {
            return None;
        }
        out.extend_from_slice(begins.as_bytes());
        let mut digits = itoa::Buffer::new();
        if let Some(wait_s) = kind.retry_after_s(retry_at, now) {
            out.extend_from_slice(b"retry-after: ");
            out.extend_from_slice(digits.format(wait_s).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        SCRATCH.with_borrow_mut(|body| {
            body.clear();
            kind.write(body, retry_at);
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(digits.format(body.len()).as_bytes());
            out.extend_from_slice(b"\r\n");
            date(out);
            out.extend_from_slice(b"\r\n\r\n");
            out.extend_from_slice(body);
        });
        Some(kind.status)
    }
}

impl Kind {
    /// The body.
    fn write(&self, out: &mut Vec<u8>, retry_at: Option<Instant>) {
        out.extend_from_slice(self.head.as_bytes());
        if let Some(at) = retry_at {
            let before = out.len();
            out.extend_from_slice(b",\"retry_at\":\"");
            if write_city_time(out, at) {
                out.push(b'"');
            } else {
                out.truncate(before);
            }
        }
        out.extend_from_slice(self.tail.as_bytes());
        out.push(b'}');
    }

    /// What `Retry-After` says, if anything.
    fn retry_after_s(&self, retry_at: Option<Instant>, now: Instant) -> Option<i64> {
        if !COME_BACK.contains(&self.status) {
            return None;
        }
        let wait_s =
            retry_at.map(|at| (at.0.saturating_sub(now.0)).max(1).saturating_add(999) / 1000);
        wait_s.or_else(|| (self.status == 503).then_some(RETRY_AFTER_S))
    }
}

/// An instant as people in the city read it: RFC 3339 with milliseconds and offset.
pub fn city_time(at: Instant) -> Option<String> {
    let mut text = Vec::with_capacity(32);
    write_city_time(&mut text, at)
        .then(|| String::from_utf8(text).ok())
        .flatten()
}

thread_local! {
    /// Room for a body, whose length is told before it.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// The two seconds that were written last, and their texts: most refusals of a moment name the same one, and what is
    /// free is told with two.
    static SECONDS: RefCell<[(i64, String); 2]> =
        const { RefCell::new([(i64::MIN, String::new()), (i64::MIN, String::new())]) };
}

/// Writes it; false, and nothing is written, where no calendar has it.
fn write_city_time(out: &mut Vec<u8>, at: Instant) -> bool {
    let (second, ms) = (at.0.div_euclid(1000), at.0.rem_euclid(1000));
    SECONDS.with_borrow_mut(|[last, before]| {
        if last.0 != second {
            std::mem::swap(last, before);
        }
        if last.0 != second {
            let Ok(time) = jiff::Timestamp::from_second(second) else {
                return false;
            };
            let time = time.to_zoned(TimeZone::fixed(CITY_OFFSET)).datetime();
            *last = (second, time.to_string());
        }
        out.extend_from_slice(last.1.as_bytes());
        // A thousand more has four digits: the last three are those of the milliseconds.
        let mut digits = itoa::Buffer::new();
        out.push(b'.');
        out.extend_from_slice(&digits.format(1000 + ms).as_bytes()[1..]);
        out.extend_from_slice(b"+08:00");
        true
    })
}

/// A response without words.
pub fn status_alone(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
