//! The waiting room at this gate: where somebody stands, and whether a hold may go on. From memory alone.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use booking_core::room;
use booking_core::time::Instant;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::admissions::Turn;
use crate::asks::Asks;
use crate::body::Body;
use crate::express::Reply;
use crate::gate::Gate;
use crate::hold::{Asked, Outcome};
use crate::problem::city_time;
use crate::rooms::{Known, Told};
use crate::service::{Visit, json, resident};
use crate::streams::Telling;
use crate::token::{Keyring, Ticket};

/// When somebody is worth asking for again of whom the record is not known here yet (ms).
const SOON_MS: u32 = 2_000;

/// The room ticket of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// None.
    Nothing,
    /// None of ours, or one whose time is over.
    Invalid,
    /// This one.
    Ticket(Ticket),
}

/// The ticket that a request shows.
pub fn shown(keyring: &Keyring, asks: &Asks<'_>, now: Instant) -> Shown {
    match asks.ticket {
        None | Some([]) => Shown::Nothing,
        Some(ticket) => keyring
            .ticket(ticket.trim_ascii(), now.0.div_euclid(1000))
            .map_or(Shown::Invalid, Shown::Ticket),
    }
}

const fn no(code: &'static str, retry_at: Option<Instant>) -> Outcome {
    Outcome::Refused(Cow::Borrowed(code), retry_at)
}

/// Why a hold in this session has to wait; none where it may go on. The ledger asks once more.
pub fn refuse(gate: &Gate, asked: &Asked, session_id: i64) -> Option<Outcome> {
    let room = gate.rooms.covering(session_id)?;
    if !room.is_on {
        return None;
    }
    let ticket = match asked.shown {
        Shown::Nothing => return Some(no("room_needed", None)),
        Shown::Invalid => return Some(no("room_ticket_invalid", None)),
        Shown::Ticket(ticket) => ticket,
    };
    if ticket.account != asked.account || ticket.person != asked.wish.person {
        return Some(no("room_ticket_invalid", None));
    }
    if ticket.room_id != room.room_id {
        return Some(no("room_needed", None));
    }
    let now = gate.clock.now();
    let told = gate
        .rooms
        .look(room.room_id, *ticket.ticket.as_bytes(), now)?;
    let retry_at = match told.known {
        Known::Admitted { .. } => return None,
        Known::Gone => return Some(no("room_ticket_used", None)),
        Known::Early { opens_at } => opens_at,
        // Somebody whom another gate has let in is known here a moment later.
        Known::Unnumbered | Known::Unknown => now.plus_ms(SOON_MS),
        Known::Waits { ahead, pace, .. } => {
            let wait_ms = room::next_poll_ms(ahead, pace, 0);
            now.plus_ms(u32::try_from(wait_ms).unwrap_or(SOON_MS))
        }
    };
    Some(no("room_not_yet", Some(retry_at)))
}

/// The caller's own ticket for a room, or why it is none.
fn own(gate: &Gate, asks: &Asks<'_>, room_id: i64, now: Instant) -> Result<Ticket, Outcome> {
    let keyring = gate.keyring();
    let me = resident(gate, &keyring, asks, now)?;
    match shown(&keyring, asks, now) {
        Shown::Ticket(ticket) if ticket.room_id == room_id && ticket.account == me.account => {
            Ok(ticket)
        }
        _ => Err(no("room_ticket_invalid", None)),
    }
}

/// Where somebody stands, told as it changes; none where the application has to say. `last_event` is the id of the last
/// event that they heard.
pub fn events(
    visit: &Visit,
    asks: &Asks<'_>,
    room_id: i64,
    last_event: Option<&[u8]>,
) -> Option<Reply> {
    let gate = &visit.gate;
    let now = gate.clock.now();
    let ticket = match own(gate, asks, room_id, now) {
        Ok(ticket) => ticket,
        Err(outcome) => return Some(Reply::Outcome(outcome)),
    };
    let entry = *ticket.ticket.as_bytes();
    match gate.rooms.look(room_id, entry, now)?.known {
        Known::Unknown => return None,
        Known::Gone => return Some(Reply::Outcome(no("room_ticket_used", None))),
        _ => {}
    }
    let Some(seat) = gate
        .streams
        .seat(ticket.account, gate.settings.streams_max)
        .filter(|_| !gate.is_leaving())
    else {
        return Some(Reply::Outcome(Outcome::Shed("streams_full")));
    };
    let after = last_event
        .and_then(|id| std::str::from_utf8(id).ok()?.parse().ok())
        .unwrap_or(0);
    let under_way = Turn::take(&visit.under_way, usize::MAX);
    let telling = Telling::new(Arc::clone(gate), room_id, entry, after, seat, under_way);
    let mut response = Response::new(Body::told(telling));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy on the way is not to wait until there is more.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Some(Reply::Whole(response))
}

/// Where somebody stands; none where the application has to say.
pub fn place(gate: &Gate, asks: &Asks<'_>, room_id: i64) -> Option<Reply> {
    let now = gate.clock.now();
    let ticket = match own(gate, asks, room_id, now) {
        Ok(ticket) => *ticket.ticket.as_bytes(),
        Err(outcome) => return Some(Reply::Outcome(outcome)),
    };
    let told = gate.rooms.poll(room_id, ticket, now)?;
    match told.known {
        Known::Unknown => None,
        Known::Gone => Some(Reply::Outcome(no("room_ticket_used", None))),
        _ => Some(Reply::Whole(json(
            StatusCode::OK,
            Bytes::from(text(told, ticket[0])),
        ))),
    }
}

/// The answer as JSON, under 200 bytes. `spread` parts those who came together.
pub fn text(told: Told, spread: u8) -> String {
    let (state, number, ahead, pace, at) = match told.known {
        Known::Early { opens_at } => ("early", None, None, 0, Some(opens_at)),
        Known::Waits { place, ahead, pace } => ("waiting", Some(place), Some(ahead), pace, None),
        Known::Admitted { place, until } => ("admitted", Some(place), Some(0), 0, Some(until)),
        Known::Unnumbered | Known::Gone | Known::Unknown => ("numbering", None, None, 0, None),
    };
    let minutes = ahead.and_then(|ahead| room::minutes(ahead, pace));
    let poll_ms = match told.known {
        Known::Waits { .. } | Known::Early { .. } => {
            room::next_poll_ms(ahead.unwrap_or(0), pace, spread)
        }
        Known::Admitted { .. } => room::POLL_MS_MAX,
        Known::Unnumbered | Known::Gone | Known::Unknown => room::POLL_MS_MIN,
    };
    let told_as = |it: Option<u32>| it.map_or("null".to_owned(), |it| it.to_string());
    let mut text = String::with_capacity(160);
    // Writing into a string cannot fail.
    let _ = write!(
        text,
        "{{\"state\":\"{state}\",\"place\":{},\"ahead\":{},\"minutes\":{},\"next_poll_s\":{},",
        told_as(number),
        told_as(ahead),
        told_as(minutes),
        poll_ms.div_ceil(1000),
    );
    match at.and_then(city_time) {
        Some(at) => {
            let _ = write!(text, "\"at\":\"{at}\",");
        }
        None => text.push_str("\"at\":null,"),
    }
    let _ = write!(text, "\"version\":{}}}", told.version);
    text
}
