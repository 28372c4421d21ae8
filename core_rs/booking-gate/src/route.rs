//! Which way does a request go? Hot routes are known by method and path alone; whatever else is passed on.
//!
//! A path is read as the application reads it, percent-decoded once, so that no spelling of a hot route goes round the gate.
//! The query is no part of it: these routes have no parameters there, and unknown ones are ignored.

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// 占号.
    Hold,
    /// What became of a hold.
    HoldStatus(Uuid),
    /// Where somebody stands in a waiting room.
    RoomPlace(i64),
    /// The same, told as it changes.
    RoomEvents(i64),
    /// Windows of a clinic session and what is free.
    Availability(i64),
    /// Is this process alive?
    Alive,
    /// Not shown outside.
    Hidden,
    /// Nothing is there, nor can be.
    Nowhere,
    /// The application's.
    Passed,
}

impl Route {
    /// A short word for metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::HoldStatus(_) => "hold_status",
            Self::RoomPlace(_) => "room_place",
            Self::RoomEvents(_) => "room_events",
            Self::Availability(_) => "availability",
            Self::Alive => "alive",
            Self::Hidden => "hidden",
            Self::Nowhere => "nowhere",
            Self::Passed => "passed",
        }
    }
}

/// The route of a method and path (without the query).
pub fn route_of(method: &Method, path: &str) -> Route {
    const HOLDS: &str = "/api/v1/resident/holds";
    const ROOMS: &str = "/api/v1/resident/rooms/";
    const SESSIONS: &str = "/api/v1/public/sessions/";
    let Ok(path) = decoded(path) else {
        return Route::Passed;
    };
    // The application's router matches a path with a line end behind it as well: `$` of its patterns does.
    let path = path.strip_suffix('\n').unwrap_or(&path);
    if let Some(rest) = path.strip_prefix(HOLDS) {
        if rest.is_empty() && *method == Method::POST {
            return Route::Hold;
        }
        let id = rest
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix("/status"));
        // Every spelling that the application takes: one that it alone took would go round the pace.
        if let Some(id) = id.and_then(|id| Uuid::try_parse(id).ok())
            && *method == Method::GET
        {
            return Route::HoldStatus(id);
        }
        return Route::Passed;
    }
    if let Some(rest) = path.strip_prefix(ROOMS) {
        let (rest, route): (&str, fn(i64) -> Route) = match rest.strip_suffix("/events") {
            Some(rest) => (rest, Route::RoomEvents),
            None => (rest, Route::RoomPlace),
        };
        let id = rest
            .strip_suffix("/place")
            .filter(|id| *method == Method::GET && !id.contains('/'));
        return id.map_or(Route::Passed, |id| {
            canonical(id).map_or(Route::Nowhere, route)
        });
    }
    if let Some(rest) = path.strip_prefix(SESSIONS) {
        let id = rest
            .strip_suffix("/availability")
            .filter(|id| *method == Method::GET && !id.contains('/'));
        // An id has one spelling; whatever else stands there is nobody's.
        return id.map_or(Route::Passed, |id| {
            canonical(id).map_or(Route::Nowhere, Route::Availability)
        });
    }
    match path {
        "/healthz" if matches!(*method, Method::GET | Method::HEAD) => Route::Alive,
        "/metrics" => Route::Hidden,
        _ => Route::Passed,
    }
}

fn decoded(path: &str) -> Result<Cow<'_, str>, std::str::Utf8Error> {
    if path.contains('%') {
        percent_decode_str(path).decode_utf8()
    } else {
        Ok(Cow::Borrowed(path))
    }
}

/// An id as it is written: digits, the first no zero, within 63 bits.
fn canonical(text: &str) -> Option<i64> {
    let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
