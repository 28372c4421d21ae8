//! The headers of a request that the hot routes look at, wherever they were read: each at most once, and the list of hops.

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::address::FORWARDED_FOR;
use crate::service::{ELIGIBILITY_PASS, IDEMPOTENCY_KEY, ROOM_TICKET};

/// Values as they came over the wire; none for a header that was not told.
#[derive(Debug, Default)]
pub struct Asks<'a> {
    /// `Authorization`.
    pub authorization: Option<&'a [u8]>,
    /// `Content-Type`.
    pub content_type: Option<&'a [u8]>,
    /// `Idempotency-Key`.
    pub key: Option<&'a [u8]>,
    /// `Eligibility-Pass`.
    pub pass: Option<&'a [u8]>,
    /// `Room-Ticket`.
    pub ticket: Option<&'a [u8]>,
    /// Lines of `X-Forwarded-For`, in their order.
    pub hops: Vec<&'a [u8]>,
}

impl<'a> Asks<'a> {
    /// Those of a header map; of a header that was told several times the first.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let one = |value: Option<&'a HeaderValue>| value.map(HeaderValue::as_bytes);
        Self {
            authorization: one(headers.get(AUTHORIZATION)),
            content_type: one(headers.get(CONTENT_TYPE)),
            key: one(headers.get(IDEMPOTENCY_KEY)),
            pass: one(headers.get(ELIGIBILITY_PASS)),
            ticket: one(headers.get(ROOM_TICKET)),
            hops: headers
                .get_all(FORWARDED_FOR)
                .iter()
                .map(HeaderValue::as_bytes)
                .collect(),
        }
    }
}
