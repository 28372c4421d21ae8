//! One request, one response: limits, who asks, then its road.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant as Steady;

use booking_core::time::Instant;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::address::{client_of, counted_as};
use crate::asks::Asks;
use crate::body::Body;
use crate::clock::Moment;
use crate::coming::{Arrived, Unread};
use crate::express::Reply;
use crate::gate::Gate;
use crate::hold::{self, Asked, Outcome};
use crate::page;
use crate::passing::Answers;
use crate::problem::status_alone;
use crate::proxy::{self, Upstream};
use crate::route::{Route, route_of};
use crate::serve::Seat;
use crate::snapshots;
use crate::token::{Fault, Keyring, Resident};
use crate::waiting;
use crate::wish::{BODY_BYTES_MAX, Wish, is_key};
use crate::work::{Word, Work};

/// The client's key of a change.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The leave to book a vaccine.
pub const ELIGIBILITY_PASS: &str = "eligibility-pass";
/// The place in a waiting room.
pub const ROOM_TICKET: &str = "room-ticket";
/// The id of the last event of a stream that was heard.
const LAST_EVENT_ID: &str = "last-event-id";
/// Methods that the application's reader knows; for another it hangs up. Which of them a path takes, the application says.
const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];
/// When to come back after being turned away (ms).
const SHED_MS: u32 = 2000;

/// What a connection knows.
pub struct Visit {
    /// The gate.
    pub gate: Arc<Gate>,
    /// The application.
    pub upstream: Arc<Upstream>,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Whether this is the door for those who run it.
    pub admin: bool,
    /// Requests that have come.
    pub begun: AtomicUsize,
    /// Those that are not answered to the end.
    pub under_way: Arc<AtomicUsize>,
    /// Answers of the application that are passed on.
    pub answers: Answers,
    /// Until when it is not listened to, since it was turned away for want of room.
    pub deaf_until: Mutex<Option<Steady>>,
    /// Its place among the connections.
    pub _seat: Seat,
}

impl Visit {
    /// It was turned away for want of room: what it asks next waits a moment, so that the time goes to those who are in.
    pub fn turn_away(&self) {
        let until = Steady::now() + self.gate.settings.shed_pause;
        *self
            .deaf_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Waits until it is listened to again.
    pub async fn pause(&self) {
        let until = self
            .deaf_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(until) = until {
            tokio::select! {
                () = tokio::time::sleep_until(until.into()) => {}
                () = self.gate.leaves() => {}
            }
        }
    }
}

/// Answers a request.
pub async fn answer(visit: Arc<Visit>, request: Request<Incoming>) -> Response<Body> {
    let gate = &visit.gate;
    if visit.admin {
        return for_those_who_run_it(gate, request.uri().path());
    }
    let route = route_of(request.method(), request.uri().path());
    let one_connection = request.version() <= Version::HTTP_11;
    if one_connection {
        visit.pause().await;
    }
    let (head, body) = request.into_parts();
    let is_page = matches!(route, Route::Passed) && page::is_asked(&head);
    let mut body = Unread::of(&head, body);
    let asked_at = gate.clock.now();
    let mut response = match paced(&visit, route, &Asks::of(&head.headers), asked_at) {
        Err(outcome) => response_to(gate, outcome),
        Ok(_) if is_unfit(&head) => {
            // Where it ends is not sure, so neither is where the next one begins.
            body.give_up();
            refusal(gate, "bad_request", None)
        }
        Ok(client) => match route {
            Route::Hold => hold_road(&visit, client, head, &mut body).await,
            Route::HoldStatus(hold_id) => {
                match hold_status(gate, &Asks::of(&head.headers), hold_id).await {
                    Some(response) => response,
                    None => proxy::pass(&visit, client, head, &mut body).await,
                }
            }
            Route::RoomPlace(room_id) => {
                match waiting::place(gate, &Asks::of(&head.headers), room_id) {
                    Some(Reply::Outcome(outcome)) => response_to(gate, outcome),
                    Some(Reply::Whole(response)) => response,
                    None => proxy::pass(&visit, client, head, &mut body).await,
                }
            }
            Route::RoomEvents(room_id) => {
                let last_event = head.headers.get(LAST_EVENT_ID);
                let last_event = last_event.map(HeaderValue::as_bytes);
                let asks = Asks::of(&head.headers);
                match waiting::events(&visit, &asks, room_id, last_event) {
                    Some(Reply::Outcome(outcome)) => response_to(gate, outcome),
                    Some(Reply::Whole(response)) => response,
                    None => proxy::pass(&visit, client, head, &mut body).await,
                }
            }
            Route::Availability(session_id) => match availability(gate, session_id).await {
                Some(response) => response,
                None => proxy::pass(&visit, client, head, &mut body).await,
            },
            Route::Alive => alive(),
            Route::Hidden | Route::Nowhere => refusal(gate, "not_found", None),
            Route::Passed => proxy::pass(&visit, client, head, &mut body).await,
        },
    };
    if is_page {
        response = page::of(response, gate.clock.now());
    }
    let goes_on = body.read_on(gate.settings.body_timeout).await;
    gate.metrics
        .answered(route.word(), response.status().as_u16());
    let upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if (gate.is_leaving() || !goes_on) && one_connection && !upgraded {
        // The next request goes to a gate that stays, or over a connection on which nothing is left of this one.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whose address asks, at a pace that is allowed; or the refusal.
pub fn paced(
    visit: &Visit,
    route: Route,
    asks: &Asks<'_>,
    now: Instant,
) -> Result<IpAddr, Outcome> {
    let gate = &visit.gate;
    let client = client_of(visit.peer, &asks.hops, &gate.settings.trusted_proxies);
    let address = counted_as(client);
    let paced = match route {
        Route::Hold | Route::HoldStatus(_) | Route::RoomPlace(_) | Route::RoomEvents(_) => {
            gate.addresses.take_noted(address, now)
        }
        _ => gate.addresses.take(address, now),
    };
    match paced {
        Ok(()) => Ok(client),
        Err(retry_at) => Err(too_many(retry_at)),
    }
}

const fn no(code: &'static str) -> Outcome {
    Outcome::Refused(Cow::Borrowed(code), None)
}

const fn too_many(retry_at: Instant) -> Outcome {
    Outcome::Refused(Cow::Borrowed("too_many_requests"), Some(retry_at))
}

/// The response that tells an outcome.
pub fn response_to(gate: &Gate, outcome: Outcome) -> Response<Body> {
    match outcome {
        Outcome::Held(answer) => json(StatusCode::CREATED, answer),
        Outcome::Refused(code, retry_at) => refusal(gate, &code, retry_at),
        Outcome::Shed(reason) => shed(gate, reason),
    }
}

/// Whether a request is none for the application: two readers might read it differently (a coding besides `chunked`, no host
/// or several, no path to ask for, the wish for a tunnel; RFC 9112, 3.2, 6.1), or its own reader knows no such thing (a method
/// of no standard, a target that is not ASCII). hyper has refused what is no HTTP at all; of chunks and a length it takes the
/// chunks and closes the connection.
fn is_unfit(head: &Parts) -> bool {
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let bad_coding = codings.next().is_some_and(|coding| {
        codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked")
    });
    let mut hosts = head.headers.get_all(HOST).iter();
    let bad_host = match hosts.next() {
        Some(host) => hosts.next().is_some() || !host.as_bytes().iter().all(u8::is_ascii_graphic),
        None => head.version == Version::HTTP_11,
    };
    let target = head.uri.path_and_query().map_or("", PathAndQuery::as_str);
    let bad_target = !target.starts_with('/') || !target.is_ascii();
    bad_coding || bad_host || bad_target || !METHODS.contains(&head.method)
}

/// No, with a code of the vocabulary.
pub fn refusal(gate: &Gate, code: &str, retry_at: Option<Instant>) -> Response<Body> {
    gate.metrics.refused(code);
    gate.problems.answer(code, retry_at, gate.clock.now())
}

/// Turned away, so that those who are in stay quick.
pub fn shed(gate: &Gate, reason: &str) -> Response<Body> {
    gate.metrics.shed(reason);
    refusal(gate, "busy", Some(gate.clock.now().plus_ms(SHED_MS)))
}

/// An answer that nobody on the way keeps.
pub fn json(status: StatusCode, text: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub fn alive() -> Response<Body> {
    json(StatusCode::OK, Bytes::from_static(b"{\"status\":\"ok\"}"))
}

fn for_those_who_run_it(gate: &Gate, path: &str) -> Response<Body> {
    match path {
        "/metrics" => {
            let mut response = Response::new(Body::full(Bytes::from(gate.metrics_text())));
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        }
        "/readyz" if gate.is_leaving() => status_alone(StatusCode::SERVICE_UNAVAILABLE),
        "/healthz" | "/readyz" => alive(),
        _ => status_alone(StatusCode::NOT_FOUND),
    }
}

/// The resident who asks, at a pace that is allowed; or the refusal.
pub fn resident(
    gate: &Gate,
    keyring: &Keyring,
    asks: &Asks<'_>,
    now: Instant,
) -> Result<Resident, Outcome> {
    let token = asks.authorization.and_then(bearer);
    let read = token.map_or(Err(Fault::Invalid), |token| {
        keyring.resident(token, now.0.div_euclid(1000))
    });
    let resident = read.map_err(|fault| {
        no(match fault {
            Fault::Invalid => "not_logged_in",
            Fault::Expired => "token_expired",
        })
    })?;
    gate.accounts
        .take_noted(resident.account, now)
        .and_then(|()| gate.devices.take_noted(resident.login_session, now))
        .map_err(too_many)?;
    Ok(resident)
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

async fn hold_road(
    visit: &Arc<Visit>,
    client: IpAddr,
    head: Parts,
    body: &mut Unread,
) -> Response<Body> {
    let gate = &visit.gate;
    let began = gate.clock.moment();
    let keyring = gate.keyring();
    let asks = Asks::of(&head.headers);
    let resident = match resident(gate, &keyring, &asks, began.now()) {
        Ok(resident) => resident,
        Err(outcome) => return response_to(gate, outcome),
    };
    let Some(key) = key_of(&asks) else {
        // The application explains what is wrong.
        return proxy::pass(visit, client, head, body).await;
    };
    if !is_json(&asks) || body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return proxy::pass(visit, client, head, body).await;
    }
    let bytes_max = gate.settings.body_bytes_max.max(BODY_BYTES_MAX as u64);
    let body = match body.whole(bytes_max, gate.settings.body_timeout).await {
        Arrived::Whole(body) => body,
        Arrived::TooLarge => return refusal(gate, "body_too_large", None),
        Arrived::Not => return refusal(gate, "bad_request", None),
    };
    // One that is larger than a hold's can be, the application explains as well.
    let small = body.len() <= BODY_BYTES_MAX;
    let Some(wish) = small.then(|| Wish::read(&body)).flatten() else {
        return proxy::pass_whole(visit, client, head, body).await;
    };
    let outcome = hold_of(
        gate,
        &keyring,
        resident,
        key,
        &Asks::of(&head.headers),
        wish,
        began,
    )
    .await;
    if matches!(outcome, Outcome::Shed(_)) {
        visit.turn_away();
    }
    response_to(gate, outcome)
}

/// Key and wish of a hold whose body is at hand; none where the application has to explain what is wrong.
pub fn plain_wish(asks: &Asks<'_>, body: &[u8]) -> Option<(String, Wish)> {
    let key = key_of(asks).filter(|_| is_json(asks))?;
    Wish::read(body).map(|wish| (key, wish))
}

/// A hold whose key and wish are understood, of a request that has just begun.
pub async fn plain_hold(
    gate: &Arc<Gate>,
    asks: &Asks<'_>,
    key: String,
    wish: Wish,
    began: Moment,
) -> Outcome {
    let keyring = gate.keyring();
    match resident(gate, &keyring, asks, began.now()) {
        Ok(resident) => hold_of(gate, &keyring, resident, key, asks, wish, began).await,
        Err(outcome) => outcome,
    }
}

/// What it shows counts as of when the request came.
async fn hold_of(
    gate: &Arc<Gate>,
    keyring: &Keyring,
    resident: Resident,
    key: String,
    asks: &Asks<'_>,
    wish: Wish,
    began: Moment,
) -> Outcome {
    let pass = match asks.pass {
        None | Some([]) => return no("pass_missing"),
        Some(pass) => keyring.pass(pass.trim_ascii(), began.now().0.div_euclid(1000)),
    };
    let pass = match pass {
        Ok(pass) => pass,
        Err(Fault::Expired) => return no("pass_expired"),
        Err(Fault::Invalid) => return no("pass_invalid"),
    };
    let now = gate.clock.moment();
    gate.metrics
        .stages
        .parse
        .observe((now.steady - began.steady).as_secs_f64());
    let asked = Asked {
        account: resident.account,
        key,
        wish,
        pass,
        shown: waiting::shown(keyring, asks, began.now()),
    };
    hold::hold(gate, asked, began.steady, now).await
}

fn key_of(asks: &Asks<'_>) -> Option<String> {
    let key = asks.key.filter(|key| is_key(key))?;
    std::str::from_utf8(key).ok().map(str::to_owned)
}

fn is_json(asks: &Asks<'_>) -> bool {
    asks.content_type == Some(b"application/json")
}

/// What became of a hold; none where the ledger's side has nothing to say.
pub async fn hold_status(
    gate: &Arc<Gate>,
    asks: &Asks<'_>,
    hold_id: Uuid,
) -> Option<Response<Body>> {
    let resident = match resident(gate, &gate.keyring(), asks, gate.clock.now()) {
        Ok(resident) => resident,
        Err(outcome) => return Some(response_to(gate, outcome)),
    };
    let Some(_turn) = gate.lookup_turn() else {
        return Some(shed(gate, "lookups_full"));
    };
    let (reply, said) = oneshot::channel();
    gate.desk.put(vec![Work::HoldStatus {
        account: resident.account,
        hold_id,
        reply,
    }]);
    match tokio::time::timeout(gate.settings.hold_deadline, said).await {
        Ok(Ok(Word::Answer(answer))) => Some(json(StatusCode::OK, answer)),
        Ok(Ok(Word::Refused(code, retry_at))) => Some(refusal(gate, &code, retry_at)),
        Ok(Ok(Word::Nothing)) => Some(refusal(gate, "unknown_hold", None)),
        Ok(Err(_)) => None,
        Err(_) => Some(shed(gate, "ledger_slow")),
    }
}

/// What is free in a session; none where the application has to ask the database.
pub async fn availability(gate: &Arc<Gate>, session_id: i64) -> Option<Response<Body>> {
    let now = gate.clock.moment();
    let slot = gate.session(session_id, now.steady);
    let snapshot = if let Some(snapshot) = gate.snapshot(session_id, &slot, now.steady) {
        Some(snapshot)
    } else {
        let Some(_turn) = gate.lookup_turn() else {
            return Some(shed(gate, "lookups_full"));
        };
        gate.snapshot_since(session_id, now.steady).await
    };
    let (snapshot, known) = (snapshot?, slot.peek()?);
    let age_ms = i64::try_from(known.asked_at.elapsed().as_millis()).unwrap_or(i64::MAX);
    let as_of = Instant(gate.clock.now().0.saturating_sub(age_ms));
    let text = snapshots::availability(session_id, &snapshot, as_of);
    Some(json(StatusCode::OK, Bytes::from(text)))
}
