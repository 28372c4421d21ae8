//! The express lane: hot requests spelled plainly, answered without a general HTTP server around them.
//!
//! What a reader can rely on:
//! * It takes what it knows to the letter: HTTP/1.1, a hot route, one of each header that matters, a small body of a length
//!   that is told. At the first request that is anything else the connection goes over to hyper for good, with every byte
//!   of that request, so that whatever is unusual is read by one parser alone.
//! * The decisions and the words are those of [`service`](crate::service); only the reading and the writing differ.
//! * Who was turned away for want of room is not listened to for a moment, so that the time goes to those who are in.
//! * A head has to arrive whole within the time that hyper gives it, a body within its own; requests that lie in one
//!   buffer are answered in order by one write, after what other connections have at hand has been read.

use std::io::Write as _;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use booking_core::time::Instant;
use bytes::BytesMut;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Method, Response};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::yield_now;
use tokio::time::{Instant as Steady, sleep_until};

use crate::address::FORWARDED_FOR;
use crate::asks::Asks;
use crate::body::Body;
use crate::date;
use crate::gate::Gate;
use crate::hold::Outcome;
use crate::route::{Route, route_of};
use crate::service::{self, ELIGIBILITY_PASS, IDEMPOTENCY_KEY, ROOM_TICKET, Visit};
use crate::waiting;
use crate::wish::BODY_BYTES_MAX;

/// How they begin: hot requests, and the question of whoever watches over this process. The first and last are whole lines.
const BEGINNINGS: [&[u8]; 5] = [
    b"POST /api/v1/resident/holds HTTP/1.1\r\n",
    b"GET /api/v1/resident/holds/",
    b"GET /api/v1/resident/rooms/",
    b"GET /api/v1/public/sessions/",
    b"GET /healthz HTTP/1.1\r\n",
];
/// Headers of one request, as for hyper.
pub const HEADERS_MAX: usize = 64;
/// Bytes of one head, as for hyper.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Room that a read finds at least.
const READ_BYTES: usize = 2048;
/// Answers that wait for the next write are no more than this.
const UNSENT_BYTES_MAX: usize = 16 * 1024;

/// A request of this lane, without its body.
struct Hot {
    route: Route,
    heads: Spans,
    head_bytes: usize,
    body_bytes: usize,
}

/// Where in its head the values lie that a request is asked for.
#[derive(Default)]
struct Spans {
    authorization: Option<Range<usize>>,
    content_type: Option<Range<usize>>,
    key: Option<Range<usize>>,
    pass: Option<Range<usize>>,
    ticket: Option<Range<usize>>,
    hops: Vec<Range<usize>>,
}

impl Spans {
    fn within<'a>(&self, head: &'a [u8]) -> Asks<'a> {
        let one = |span: &Option<Range<usize>>| span.clone().and_then(|span| head.get(span));
        Asks {
            authorization: one(&self.authorization),
            content_type: one(&self.content_type),
            key: one(&self.key),
            pass: one(&self.pass),
            ticket: one(&self.ticket),
            hops: self
                .hops
                .iter()
                .filter_map(|span| head.get(span.clone()))
                .collect(),
        }
    }
}

/// What lies at the beginning of a buffer.
enum Found {
    /// Not enough to say.
    Part,
    /// Something for hyper.
    Other,
    /// A request whose head is whole.
    Head(Hot),
}

/// Answers hot requests of a connection until one comes that is for hyper: then what has been read and not answered, else
/// nothing, and the connection is over.
pub async fn serve<S>(visit: &Arc<Visit>, stream: &mut S, last_words: Duration) -> Option<BytesMut>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let gate = Arc::clone(&visit.gate);
    let settings = &gate.settings;
    let mut lane = Lane {
        stream,
        unread: BytesMut::new(),
        unsent: Vec::new(),
    };
    let mut leaving = std::pin::pin!(gate.leaves());
    let mut leaves = false;
    let mut deadline = Steady::now() + settings.head_timeout;
    let mut patience = std::pin::pin!(sleep_until(deadline));
    loop {
        match find(&lane.unread) {
            Found::Other => {
                lane.send().await?;
                return Some(lane.unread);
            }
            Found::Part => {
                if !lane.unsent.is_empty() {
                    // After those who are ready as well. Answers then leave together: a reader who sleeps is woken once for
                    // all of them, and to wake another core costs more than to decide.
                    yield_now().await;
                }
                lane.send().await?;
                tokio::select! {
                    biased;
                    more = lane.more() => more?,
                    // Set anew only when it rings: most of the time somebody has come meanwhile.
                    () = patience.as_mut() => {
                        if Steady::now() >= deadline {
                            return None;
                        }
                        patience.as_mut().reset(deadline);
                    }
                    () = leaving.as_mut(), if !leaves => {
                        leaves = true;
                        deadline = deadline.min(Steady::now() + last_words);
                        patience.as_mut().reset(deadline);
                    }
                }
            }
            Found::Head(hot) => {
                let whole = hot.head_bytes + hot.body_bytes;
                if lane.unread.len() < whole {
                    let rest = async {
                        while lane.unread.len() < whole {
                            lane.more().await?;
                        }
                        Some(())
                    };
                    let Ok(rest) = tokio::time::timeout(settings.body_timeout, rest).await else {
                        let mut told = service::refusal(&gate, "bad_request", None);
                        gate.metrics
                            .answered(hot.route.word(), told.status().as_u16());
                        close(&mut told);
                        lay_out(&mut lane.unsent, told, gate.clock.now());
                        lane.send().await?;
                        return None;
                    };
                    rest?;
                }
                let request = lane.unread.split_to(whole);
                let answered = {
                    let (head, body) = request.split_at(hot.head_bytes);
                    let asks = hot.heads.within(head);
                    let mut answer = std::pin::pin!(answer(visit, &hot, &asks, body));
                    loop {
                        let room = lane.unread.len() < HEAD_BYTES_MAX;
                        tokio::select! {
                            biased;
                            answered = answer.as_mut() => break answered,
                            // Who has gone is not waited for; what was begun for them is decided all the same.
                            more = lane.more(), if room => more?,
                        }
                    }
                };
                let Some(reply) = answered else {
                    lane.send().await?;
                    let mut unread = request;
                    unread.unsplit(lane.unread);
                    return Some(unread);
                };
                let last = gate.is_leaving();
                let shed = matches!(reply, Reply::Outcome(Outcome::Shed(_)));
                tell(&gate, hot.route, reply, last, &mut lane.unsent);
                if last || lane.unsent.len() > UNSENT_BYTES_MAX {
                    lane.send().await?;
                }
                if last {
                    return None;
                }
                if shed {
                    lane.send().await?;
                    visit.turn_away();
                    visit.pause().await;
                }
                deadline = Steady::now() + settings.head_timeout;
            }
        }
    }
}

fn close(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

/// A connection with what it has read and what it still has to say. `None` is the end of it.
struct Lane<'a, S> {
    stream: &'a mut S,
    unread: BytesMut,
    unsent: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Lane<'_, S> {
    async fn more(&mut self) -> Option<()> {
        self.unread.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.unread).await {
            Ok(1..) => Some(()),
            Ok(0) | Err(_) => None,
        }
    }

    async fn send(&mut self) -> Option<()> {
        if !self.unsent.is_empty() {
            self.stream.write_all(&self.unsent).await.ok()?;
            self.unsent.clear();
        }
        Some(())
    }
}

fn find(unread: &[u8]) -> Found {
    let begins = |beginning: &&[u8]| {
        let size = beginning.len().min(unread.len());
        beginning[..size] == unread[..size]
    };
    let Some(beginning) = BEGINNINGS.iter().find(|beginning| begins(beginning)) else {
        return Found::Other;
    };
    if unread.len() < beginning.len() {
        return Found::Part;
    }
    match end_of_head(unread) {
        End::Ahead if unread.len() <= HEAD_BYTES_MAX => Found::Part,
        End::Here => head(unread).map_or(Found::Other, Found::Head),
        End::Ahead | End::Bare => Found::Other,
    }
}

/// Whether the head ends in what has been read.
enum End {
    /// Not yet.
    Ahead,
    /// It does.
    Here,
    /// A line ends without a carriage return: other readers might see other lines.
    Bare,
}

fn end_of_head(unread: &[u8]) -> End {
    for at in memchr::memchr_iter(b'\n', unread) {
        let before = &unread[..at];
        if !before.ends_with(b"\r") {
            return End::Bare;
        }
        if before.ends_with(b"\r\n\r") {
            return End::Here;
        }
    }
    End::Ahead
}

/// The head at the beginning of the buffer, if it is one of this lane.
fn head(unread: &[u8]) -> Option<Hot> {
    let mut room = [MaybeUninit::uninit(); HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let read = request.parse_with_uninit_headers(unread, &mut room).ok()?;
    let httparse::Status::Complete(head_bytes) = read else {
        return None;
    };
    let path = request
        .path
        .filter(|path| !path.contains(['?', '#', '%']))?;
    let method = match request.method? {
        "POST" => Method::POST,
        "GET" => Method::GET,
        _ => return None,
    };
    if request.version != Some(1) || head_bytes > HEAD_BYTES_MAX {
        return None;
    }
    let mut heads = Spans::default();
    let place = |value: &[u8]| {
        let from = value.as_ptr().addr() - unread.as_ptr().addr();
        from..from + value.len()
    };
    let (mut hosts, mut length) = (0, None);
    for header in request.headers.iter() {
        let value = header.value;
        match known(header.name) {
            Known::Other => {}
            Known::NotHere => return None,
            Known::Host => {
                hosts += 1;
                if value.is_empty() || !value.iter().all(u8::is_ascii_graphic) {
                    return None;
                }
            }
            Known::Connection => {
                if !value.eq_ignore_ascii_case(b"keep-alive") {
                    return None;
                }
            }
            Known::Length => {
                let digits = (1..=4).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
                if !digits || length.is_some() {
                    return None;
                }
                length = std::str::from_utf8(value).ok()?.parse::<usize>().ok();
            }
            Known::Once(one) => {
                let span = match one {
                    Once::Authorization => &mut heads.authorization,
                    Once::ContentType => &mut heads.content_type,
                    Once::Key => &mut heads.key,
                    Once::Pass => &mut heads.pass,
                    Once::Ticket => &mut heads.ticket,
                };
                if span.replace(place(value)).is_some() {
                    return None;
                }
            }
            Known::Hop => heads.hops.push(place(value)),
        }
    }
    let body_bytes = match (&method, length) {
        (&Method::GET, None) => 0,
        (&Method::POST, Some(length)) if length <= BODY_BYTES_MAX => length,
        _ => return None,
    };
    let route = route_of(&method, path);
    let hot = matches!(
        route,
        Route::Hold
            | Route::HoldStatus(_)
            | Route::RoomPlace(_)
            | Route::Availability(_)
            | Route::Alive
    );
    (hosts == 1 && hot).then_some(Hot {
        route,
        heads,
        head_bytes,
        body_bytes,
    })
}

/// What a header means here.
enum Known {
    /// Nothing.
    Other,
    /// That the request is for hyper.
    NotHere,
    Host,
    Connection,
    Length,
    /// Asked for, and ambiguous when told twice.
    Once(Once),
    Hop,
}

/// A header that is asked for.
enum Once {
    Authorization,
    ContentType,
    Key,
    Pass,
    Ticket,
}

fn known(name: &str) -> Known {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    match name.len() {
        4 if is("host") => Known::Host,
        2 if is("te") => Known::NotHere,
        6 if is("expect") => Known::NotHere,
        7 if is("upgrade") || is("trailer") => Known::NotHere,
        10 if is("connection") => Known::Connection,
        11 if is(ROOM_TICKET) => Known::Once(Once::Ticket),
        12 if is("content-type") => Known::Once(Once::ContentType),
        13 if is("authorization") => Known::Once(Once::Authorization),
        14 if is("content-length") => Known::Length,
        15 if is(FORWARDED_FOR) => Known::Hop,
        15 if is(IDEMPOTENCY_KEY) => Known::Once(Once::Key),
        16 if is(ELIGIBILITY_PASS) => Known::Once(Once::Pass),
        16 if is("content-encoding") => Known::NotHere,
        17 if is("transfer-encoding") => Known::NotHere,
        _ => Known::Other,
    }
}

/// The answer; none where the application has to give it. Whether it is a hold at all is asked before the limits count it,
/// so that they count each request once; only where the ledger's side has nothing to say of a status or a session, they
/// count it again.
async fn answer(visit: &Visit, hot: &Hot, asks: &Asks<'_>, body: &[u8]) -> Option<Reply> {
    let gate = &visit.gate;
    let hold = match hot.route {
        Route::Hold => Some(service::plain_wish(asks, body)?),
        _ => None,
    };
    let now = gate.clock.moment();
    let paced = service::paced(visit, hot.route, asks, now.now());
    Some(match (paced, hot.route, hold) {
        (Err(outcome), ..) => Reply::Outcome(outcome),
        (_, _, Some((key, wish))) => {
            Reply::Outcome(service::plain_hold(gate, asks, key, wish, now).await)
        }
        (_, Route::HoldStatus(hold_id), _) => {
            Reply::Whole(service::hold_status(gate, asks, hold_id).await?)
        }
        (_, Route::RoomPlace(room_id), _) => waiting::place(gate, asks, room_id)?,
        (_, Route::Availability(session_id), _) => {
            Reply::Whole(service::availability(gate, session_id).await?)
        }
        (_, Route::Alive, _) => Reply::Whole(service::alive()),
        _ => return None,
    })
}

/// What is told.
pub enum Reply {
    /// Of a hold, or a refusal.
    Outcome(Outcome),
    /// Anything else.
    Whole(Response<Body>),
}

/// Counts a reply and writes it.
fn tell(gate: &Gate, route: Route, reply: Reply, last: bool, out: &mut Vec<u8>) {
    let now = gate.clock.now();
    let mut response = match reply {
        // Most of a rush: written from what is rendered already, no headers put together and taken apart.
        Reply::Outcome(Outcome::Refused(code, retry_at)) if !last => {
            let date = |out: &mut Vec<u8>| date::write(out, now);
            if let Some(status) = gate.problems.write(out, &code, retry_at, now, date) {
                gate.metrics.refused(&code);
                gate.metrics.answered(route.word(), status);
                return;
            }
            service::response_to(gate, Outcome::Refused(code, retry_at))
        }
        Reply::Outcome(outcome) => service::response_to(gate, outcome),
        Reply::Whole(response) => response,
    };
    gate.metrics
        .answered(route.word(), response.status().as_u16());
    if last {
        // The next request goes to a gate that stays.
        close(&mut response);
    }
    lay_out(out, response, now);
}

/// Writes a response whose body is at hand.
fn lay_out(out: &mut Vec<u8>, response: Response<Body>, now: Instant) {
    let (head, body) = response.into_parts();
    let body = body.into_bytes();
    let reason = head.status.canonical_reason().unwrap_or_default();
    // Writing into a vector cannot fail.
    let _ = write!(out, "HTTP/1.1 {} {reason}\r\n", head.status.as_u16());
    for (name, value) in &head.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let _ = write!(out, "content-length: {}\r\n", body.len());
    date::write(out, now);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(&body);
}
