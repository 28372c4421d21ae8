//! Passing on: everything but the hot routes goes to the application as it came, and its answer as it comes.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout};
use tower_service::Service;

use crate::address::FORWARDED_FOR;
use crate::admissions::Turn;
use crate::body::Body;
use crate::bounded::{BodyError, TooLarge};
use crate::coming::{Arrived, Flow, Flowing, Unread};
use crate::gate::Gate;
use crate::service::{Visit, refusal, shed};
use crate::settings::Upstream as Place;

type Passed = UnsyncBoxBody<Bytes, BodyError>;

/// Headers that belong to one connection, not to the message (RFC 9110, 7.6.1).
const OF_THE_CONNECTION: [&str; 4] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
];
/// What only a proxy may say.
const OF_PROXIES: [&str; 5] = [
    FORWARDED_FOR,
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
];

/// A connection to the application is kept this long for the next request: uvicorn hangs up after five seconds, and a request
/// that is written at that very moment has no answer.
const IDLE_MAX: Duration = Duration::from_secs(3);

/// The application, with the connections that are kept to it.
pub struct Upstream {
    client: Client<Connector, Passed>,
}

impl Upstream {
    /// Connects as needed.
    pub fn new(place: Place) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(64)
            .pool_idle_timeout(IDLE_MAX)
            .pool_timer(TokioTimer::new())
            .retry_canceled_requests(true)
            .build(Connector(Arc::new(place)));
        Self { client }
    }
}

#[derive(Clone)]
struct Connector(Arc<Place>);

enum Stream {
    Unix(TokioIo<UnixStream>),
    Tcp(TokioIo<TcpStream>),
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let place = Arc::clone(&self.0);
        Box::pin(async move {
            match &*place {
                Place::Unix(path) => Ok(Stream::Unix(TokioIo::new(
                    UnixStream::connect(PathBuf::clone(path)).await?,
                ))),
                Place::Tcp(address) => {
                    let stream = TcpStream::connect(address.as_str()).await?;
                    stream.set_nodelay(true)?;
                    Ok(Stream::Tcp(TokioIo::new(stream)))
                }
            }
        })
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(context, room),
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, room),
        }
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// Sends a request to the application and brings its answer back. It takes a place there when its body has arrived, no
/// sooner: who is slow to send keeps nobody out.
pub async fn pass(
    visit: &Arc<Visit>,
    client: IpAddr,
    head: Parts,
    body: &mut Unread,
) -> Response<Body> {
    let gate = &visit.gate;
    let settings = &gate.settings;
    let bytes_max = settings.body_bytes_max_of(head.uri.path());
    let declared = declared_length(&head.headers);
    // Told here as the application would, which hangs up before all of it is sent.
    if declared.is_some_and(|length| length > bytes_max) {
        return refusal(gate, "body_too_large", None);
    }
    if body.is_empty() {
        return pass_whole(visit, client, head, Bytes::new()).await;
    }
    let usual_max = settings.body_bytes_max;
    if bytes_max > usual_max && declared.is_none_or(|length| length > usual_max) {
        // Too long to be kept here. It has a place of another kind for as long as it comes and until it is answered, so
        // that the application's places are left to the others.
        let Some(_turn) = Turn::take(&gate.at_uploads, settings.uploads_max) else {
            return shed(gate, "uploads_full");
        };
        if let Some(body) = body.take() {
            let (body, flow) = Flowing::new(body, bytes_max, settings.body_timeout);
            return send(visit, client, head, body.boxed_unsync(), Some(flow)).await;
        }
    }
    match body.whole(usual_max, settings.body_timeout).await {
        Arrived::Whole(body) => pass_whole(visit, client, head, body).await,
        Arrived::TooLarge => refusal(gate, "body_too_large", None),
        Arrived::Not => refusal(gate, "bad_request", None),
    }
}

/// The same for a request whose body has arrived.
pub async fn pass_whole(
    visit: &Arc<Visit>,
    client: IpAddr,
    mut head: Parts,
    body: Bytes,
) -> Response<Body> {
    let gate = &visit.gate;
    let Some(_turn) = Turn::take(&gate.at_upstream, gate.settings.upstream_max) else {
        return shed(gate, "upstream_full");
    };
    // However the client framed it, this is its length now.
    if !body.is_empty() || head.headers.contains_key(CONTENT_LENGTH) {
        head.headers.insert(CONTENT_LENGTH, body.len().into());
    }
    let body = Full::new(body)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync();
    send(visit, client, head, body, None).await
}

/// Sends a request that has its place, where there is one for its answer as well; `flow` tells how far its body is, where it
/// is not at hand.
async fn send(
    visit: &Arc<Visit>,
    client: IpAddr,
    mut head: Parts,
    body: Passed,
    flow: Option<Flow>,
) -> Response<Body> {
    let gate = &visit.gate;
    let settings = &gate.settings;
    // Before the application is asked: what could not be passed on would be work for nothing.
    let Some(turn) = Turn::take(&gate.at_answers, settings.answers_max) else {
        return shed(gate, "answers_full");
    };
    let began = Instant::now();
    let upgrade = websocket(&head.headers);
    let from_client = head.extensions.remove::<OnUpgrade>();
    // A host in the target goes before the header (RFC 9112, 3.2.2).
    let host = host_of(&head.uri).or_else(|| head.headers.get(HOST).cloned());
    strip(&mut head.headers);
    tell_who(
        &mut head.headers,
        client,
        visit.peer,
        host,
        &settings.trusted_proxies,
    );
    if let Some(protocol) = &upgrade {
        head.headers.insert(UPGRADE, protocol.clone());
        head.headers
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = format!("http://application{path}").parse() else {
        return failed(gate, "bad_request");
    };
    head.uri = uri;
    head.version = hyper::Version::HTTP_11;
    head.extensions.clear();
    let answer = visit
        .upstream
        .client
        .request(Request::from_parts(head, body));
    let answered = match &flow {
        Some(flow) => flow.answered(answer, settings.upstream_timeout).await,
        None => timeout(settings.upstream_timeout, answer).await.ok(),
    };
    let answer = match answered {
        None => return failed(gate, "timeout"),
        Some(Err(error)) => return failed(gate, what_failed(&error)),
        Some(Ok(answer)) => answer,
    };
    // The time of a body that came slowly is its sender's, not the application's.
    let due_since = flow.and_then(|flow| flow.due_since()).unwrap_or(began);
    gate.metrics
        .upstream
        .observe(due_since.elapsed().as_secs_f64());
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switched(visit, from_client, answer, turn);
    }
    let (mut head, incoming) = answer.into_parts();
    strip(&mut head.headers);
    head.extensions.clear();
    if incoming.is_end_stream() {
        return Response::from_parts(head, Body::empty());
    }
    let under_way = Turn::take(&visit.under_way, usize::MAX);
    let passing = visit.answers.pass(incoming, [Some(turn), under_way]);
    Response::from_parts(head, Body::passed(passing))
}

/// Joins both sides, which go on in another protocol.
fn switched(
    visit: &Arc<Visit>,
    from_client: Option<OnUpgrade>,
    mut answer: Response<Incoming>,
    turn: Turn,
) -> Response<Body> {
    let (Some(from_client), Some(protocol)) = (from_client, answer.headers().get(UPGRADE).cloned())
    else {
        return failed(&visit.gate, "away");
    };
    let to_application = hyper::upgrade::on(&mut answer);
    let visit = Arc::clone(visit);
    tokio::spawn(async move {
        // Its places among the connections and the answers are taken for as long as this lasts.
        let (_visit, _turn) = (visit, turn);
        if let (Ok(client), Ok(application)) = (from_client.await, to_application.await) {
            let (mut client, mut application) = (TokioIo::new(client), TokioIo::new(application));
            // Either side may hang up; the other is told by the end of its stream.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut application).await;
        }
    });
    let (mut head, _) = answer.into_parts();
    strip(&mut head.headers);
    head.headers.insert(UPGRADE, protocol);
    head.headers
        .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    head.extensions.clear();
    Response::from_parts(head, Body::empty())
}

/// The wish to go on as a WebSocket. Nothing else is passed on: in another protocol, `h2c` for one, requests would reach
/// the application past the gate.
fn websocket(headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    let named = named_in_connection(headers).any(|name| name.eq_ignore_ascii_case("upgrade"));
    (named && protocol.as_bytes().eq_ignore_ascii_case(b"websocket")).then(|| protocol.clone())
}

/// Why nothing was answered: the body was longer than may be passed on, it broke off or dawdled, or nobody is there.
fn what_failed(error: &(dyn Error + 'static)) -> &'static str {
    let mut reason = "away";
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooLarge>() {
            return "too_large";
        }
        // To hyper the body that it sends is its user's, and so are its faults.
        if error.downcast_ref().is_some_and(hyper::Error::is_user) {
            reason = "bad_request";
        }
        cause = error.source();
    }
    reason
}

/// Tells that the application did not answer, and counts why where that is its fault.
fn failed(gate: &Gate, reason: &'static str) -> Response<Body> {
    gate.metrics.upstream_failed(reason);
    let code = match reason {
        "timeout" => "upstream_timeout",
        "away" => "upstream_away",
        "too_large" => "body_too_large",
        _ => "bad_request",
    };
    refusal(gate, code, None)
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// In HTTP/2 the host is part of the address.
fn host_of(uri: &Uri) -> Option<HeaderValue> {
    uri.authority()
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
}

/// Takes away what belongs to the connection, named ones included.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = named_in_connection(headers)
        .filter_map(|name| name.parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
}

fn named_in_connection(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

/// Says who the client is. What an untrusted client wrote about itself is dropped.
fn tell_who(
    headers: &mut HeaderMap,
    client: IpAddr,
    peer: IpAddr,
    host: Option<HeaderValue>,
    trusted: &[ipnet::IpNet],
) {
    let peer = peer.to_canonical();
    let by_proxy = trusted.iter().any(|net| net.contains(&peer));
    let scheme = headers
        .get("x-forwarded-proto")
        .filter(|_| by_proxy)
        .cloned();
    let outside_host = headers
        .get("x-forwarded-host")
        .filter(|_| by_proxy)
        .cloned();
    for name in OF_PROXIES {
        headers.remove(name);
    }
    headers.remove(FORWARDED);
    if let Ok(address) = HeaderValue::from_str(&client.to_string()) {
        headers.insert(FORWARDED_FOR, address);
    }
    headers.insert(
        "x-forwarded-proto",
        scheme.unwrap_or(HeaderValue::from_static("http")),
    );
    if let Some(host) = host {
        headers.insert(
            "x-forwarded-host",
            outside_host.unwrap_or_else(|| host.clone()),
        );
        headers.insert(HOST, host);
    }
}
