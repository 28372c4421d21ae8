//! The waiting room at this gate: where somebody stands, and whether a hold may go on. From memory alone.

use std::borrow::Cow;
use std::fmt::Write as _;

use booking_core::room;
use booking_core::time::Instant;
use bytes::Bytes;
use hyper::StatusCode;

use crate::asks::Asks;
use crate::express::Reply;
use crate::gate::Gate;
use crate::hold::{Asked, Outcome};
use crate::problem::city_time;
use crate::rooms::{Known, Told};
use crate::service::{json, resident};
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

/// Where somebody stands; none where the application has to say.
pub fn place(gate: &Gate, asks: &Asks<'_>, room_id: i64) -> Option<Reply> {
    let keyring = gate.keyring();
    let me = match resident(gate, &keyring, asks) {
        Ok(me) => me,
        Err(outcome) => return Some(Reply::Outcome(outcome)),
    };
    let now = gate.clock.now();
    let ticket = match shown(&keyring, asks, now) {
        Shown::Ticket(ticket) if ticket.room_id == room_id && ticket.account == me.account => {
            ticket
        }
        _ => return Some(Reply::Outcome(no("room_ticket_invalid", None))),
    };
    let ticket = *ticket.ticket.as_bytes();
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
fn text(told: Told, spread: u8) -> String {
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
