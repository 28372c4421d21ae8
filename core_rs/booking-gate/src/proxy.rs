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
use std::time::{Duration, Instant as Steady};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpStream, UnixStream};
use tower_service::Service;

use crate::address::FORWARDED_FOR;
use crate::admissions::Turn;
use crate::body::{Body, Paced};
use crate::bounded::{BodyError, TooLarge};
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

/// The application, with the connections that are kept to it.
pub struct Upstream {
    client: Client<Connector, Passed>,
}

impl Upstream {
    /// Connects as needed.
    pub fn new(place: Place) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(64)
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

/// A request that may have a body of its own, or had it read already.
pub trait Passable: Send {
    /// The body to send: at most `limit` bytes, at most `pause_max` between two pieces.
    fn into_passed(self, limit: u64, pause_max: Duration) -> Passed;
}

impl Passable for Incoming {
    fn into_passed(self, limit: u64, pause_max: Duration) -> Passed {
        if self.is_end_stream() {
            return ().into_passed(limit, pause_max);
        }
        Paced::new(self, limit, pause_max).boxed_unsync()
    }
}

impl Passable for () {
    fn into_passed(self, _: u64, _: Duration) -> Passed {
        Empty::new()
            .map_err(|never: Infallible| match never {})
            .boxed_unsync()
    }
}

/// A body of which the beginning has been read.
pub struct Begun {
    read: Option<Bytes>,
    rest: Incoming,
}

impl Begun {
    /// `read`, and what is still to come.
    pub const fn new(read: Bytes, rest: Incoming) -> Self {
        Self {
            read: Some(read),
            rest,
        }
    }
}

impl HttpBody for Begun {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let begun = self.get_mut();
        match begun.read.take() {
            Some(read) => Poll::Ready(Some(Ok(Frame::data(read)))),
            None => Pin::new(&mut begun.rest).poll_frame(context),
        }
    }
}

impl Passable for Begun {
    fn into_passed(self, limit: u64, pause_max: Duration) -> Passed {
        Paced::new(self, limit, pause_max).boxed_unsync()
    }
}

/// Sends a request to the application and brings its answer back; `body` is what has been read of it already.
pub async fn pass<B: Passable>(
    visit: &Arc<Visit>,
    client: IpAddr,
    request: Request<B>,
    body: Option<Bytes>,
) -> Response<Body> {
    let gate = &visit.gate;
    let settings = &gate.settings;
    // Told here as the application would, which hangs up before all of it is sent.
    let body_bytes_max = settings.body_bytes_max_of(request.uri().path());
    if declared_length(request.headers()).is_some_and(|length| length > body_bytes_max) {
        let unread = request.into_body().into_passed(0, settings.body_timeout);
        // Past the time the answer may be lost with the connection.
        let _ = tokio::time::timeout(settings.body_timeout, discard(unread)).await;
        return refusal(gate, "body_too_large", None);
    }
    let Some(_turn) = Turn::take(&gate.at_upstream, settings.upstream_max) else {
        return shed(gate, "upstream_full");
    };
    let began = Steady::now();
    let (mut head, own) = request.into_parts();
    let upgrade = websocket(&head.headers);
    let from_client = head.extensions.remove::<hyper::upgrade::OnUpgrade>();
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
    let passed = match body {
        Some(body) => Full::new(body)
            .map_err(|never: Infallible| match never {})
            .boxed_unsync(),
        None => own.into_passed(body_bytes_max, settings.body_timeout),
    };
    let answer = visit
        .upstream
        .client
        .request(Request::from_parts(head, passed));
    let mut answer = match tokio::time::timeout(settings.upstream_timeout, answer).await {
        Err(_) => return failed(gate, "timeout"),
        Ok(Err(error)) => return failed(gate, what_failed(&error)),
        Ok(Ok(answer)) => answer,
    };
    gate.metrics.upstream.observe(began.elapsed().as_secs_f64());
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        if let (Some(from_client), Some(protocol)) =
            (from_client, answer.headers().get(UPGRADE).cloned())
        {
            let to_application = hyper::upgrade::on(&mut answer);
            let visit = Arc::clone(visit);
            tokio::spawn(async move {
                // Its place among the connections is taken for as long as this lasts.
                let _visit = visit;
                if let (Ok(client), Ok(application)) = (from_client.await, to_application.await) {
                    let (mut client, mut application) =
                        (TokioIo::new(client), TokioIo::new(application));
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
            return Response::from_parts(head, Body::empty());
        }
        return failed(gate, "away");
    }
    let (mut head, incoming) = answer.into_parts();
    strip(&mut head.headers);
    head.extensions.clear();
    let under_way = Turn::take(&visit.under_way, usize::MAX);
    Response::from_parts(head, Body::passed(incoming, under_way))
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

/// Reads a refused body, so that the client is still listening when it is answered.
async fn discard(mut body: Passed) {
    while let Some(Ok(_)) = body.frame().await {}
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
