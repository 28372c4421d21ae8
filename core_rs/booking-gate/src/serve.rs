//! Doors: one listener a thread on the same port, connections with limits, and an end in which nothing acknowledged is lost.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::BytesMut;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use prometheus_client::metrics::gauge::Gauge;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use crate::admissions::Turn;
use crate::express::{self, HEAD_BYTES_MAX, HEADERS_MAX};
use crate::gate::Gate;
use crate::passing::Answers;
use crate::proxy::Upstream;
use crate::rewound::Rewound;
use crate::service::{Visit, answer};

const BACKLOG: i32 = 4096;
/// Requests of one HTTP/2 connection at a time.
const STREAMS_MAX: u32 = 100;
/// What was sent has to be taken within this.
const UNREAD_MAX: Duration = Duration::from_secs(30);
/// So much of an answer waits in a socket for its line. Megabytes would, which takes memory, and of which a slow line takes so
/// long a part that its client would seem to take nothing.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 * 1024;
/// An address whose connections are refused for a moment (out of descriptors) is tried again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A stopping gate goes on this long with the connections it has: what was sent before is read, and who asks again is told
/// to come by another connection.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Told to whom there is no room for.
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Sockets bound before anything runs, so that a taken port is told at once.
pub struct Doors {
    sockets: Vec<StdListener>,
    admin: Option<StdListener>,
    /// Where residents come in.
    pub address: SocketAddr,
    /// Where health and metrics are shown.
    pub admin_address: Option<SocketAddr>,
}

impl Doors {
    /// Binds `threads` listeners to one address; port 0 is chosen once.
    ///
    /// # Errors
    /// What the system says, such as that the port is taken.
    pub fn open(listen: SocketAddr, admin: Option<SocketAddr>, threads: usize) -> io::Result<Self> {
        let first = bound(listen)?;
        let address = first.local_addr()?;
        let mut sockets = vec![first];
        for _ in 1..threads.max(1) {
            sockets.push(bound(address)?);
        }
        let admin = admin.map(bound).transpose()?;
        let admin_address = admin.as_ref().map(StdListener::local_addr).transpose()?;
        Ok(Self {
            sockets,
            admin,
            address,
            admin_address,
        })
    }
}

fn bound(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    // Each thread has a queue of its own, and a new gate may listen before the old one has left.
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Threads that serve until told to stop.
pub struct Serving {
    gate: Arc<Gate>,
    threads: Vec<JoinHandle<()>>,
    closing: watch::Sender<bool>,
}

/// Begins to serve. `first` is the runtime of the first thread, where the gate's own tasks run as well.
///
/// # Errors
/// What the system says when there is no thread to be had.
pub fn serve(
    gate: &Arc<Gate>,
    doors: Doors,
    first: Runtime,
    drain_max: Duration,
) -> io::Result<Serving> {
    let (closing, closed) = watch::channel(false);
    // Nothing is ever sent: the first thread, on whose runtime batches and fetches run, hears when the others have left.
    let (here, mut others) = mpsc::channel::<()>(1);
    let connections = Arc::<AtomicUsize>::default();
    let mut runtimes = vec![first];
    for _ in 1..doors.sockets.len() {
        runtimes.push(runtime()?);
    }
    let mut threads = Vec::new();
    let mut admin = doors.admin;
    let mut here = Some(here);
    let mut first_ends = Some(async move { others.recv().await });
    // The first thread is started last, so that it holds no end of the channel that others are to drop.
    for (number, (socket, runtime)) in doors.sockets.into_iter().zip(runtimes).enumerate().rev() {
        let hall = Hall {
            connections: Arc::clone(&connections),
            ..Hall::new(gate)
        };
        let (closed, admin) = (
            closed.clone(),
            if number == 0 { admin.take() } else { None },
        );
        let (others_left, mine) = if number == 0 {
            here = None;
            (first_ends.take(), None)
        } else {
            (None, here.clone())
        };
        let thread = std::thread::Builder::new()
            .name(format!("humiao-gate-{number}"))
            .spawn(move || {
                runtime.block_on(async {
                    if let Some(admin) = admin {
                        // Its connections are counted apart: residents who take all places shut nobody out who watches.
                        let side = Hall {
                            admin: true,
                            connections: Arc::default(),
                            ..hall.clone()
                        };
                        // To the very end: a gate that is stopping is watched as well.
                        tokio::spawn(side.keep_open(admin));
                    }
                    hall.keep(socket, closed, drain_max).await;
                    if let Some(others_left) = others_left {
                        others_left.await;
                    }
                });
                drop(mine);
                runtime.shutdown_timeout(Duration::from_millis(200));
            })?;
        threads.push(thread);
    }
    Ok(Serving {
        gate: Arc::clone(gate),
        threads,
        closing,
    })
}

/// A runtime for one thread.
///
/// # Errors
/// What the system says.
pub fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

impl Serving {
    /// Stops accepting, lets every request that has begun be answered, and returns when the threads have ended.
    pub fn drain(self) {
        self.gate.leave();
        self.closing.send_replace(true);
        for thread in self.threads {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// A connection's place among those allowed, kept while anything of it goes on: a tunnel outlives its connection.
pub struct Seat {
    _turn: Turn,
    open: Gauge,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.dec();
    }
}

/// What the connections of one thread share.
#[derive(Clone)]
pub struct Hall {
    gate: Arc<Gate>,
    upstream: Arc<Upstream>,
    connections: Arc<AtomicUsize>,
    builder: Arc<Builder<TokioExecutor>>,
    admin: bool,
}

impl Hall {
    /// A hall with a way of its own to the application.
    pub fn new(gate: &Arc<Gate>) -> Self {
        Self {
            gate: Arc::clone(gate),
            upstream: Arc::new(Upstream::new(gate.settings.upstream.clone())),
            connections: Arc::default(),
            builder: builder(gate.settings.head_timeout),
            admin: false,
        }
    }

    async fn keep(
        self,
        socket: StdListener,
        mut closed: watch::Receiver<bool>,
        drain_max: Duration,
    ) {
        let Ok(listener) = TcpListener::from_std(socket) else {
            return;
        };
        let leaving = GracefulShutdown::new();
        tokio::select! {
            () = self.accept(&listener, &leaving) => {}
            _ = closed.wait_for(|closed| *closed) => {}
        }
        self.admit_those_in_line(listener, &leaving);
        let end = Instant::now() + drain_max;
        tokio::time::sleep(LAST_WORDS.min(drain_max)).await;
        // Past the bound the rest is cut off; whoever had no answer asks again with the same key.
        let _ = timeout_at(end, leaving.shutdown()).await;
    }

    /// Closes the door behind those who stand in the line: closing it before them would cut them off.
    fn admit_those_in_line(&self, listener: TcpListener, leaving: &GracefulShutdown) {
        let Ok(listener) = listener.into_std() else {
            return;
        };
        while let Ok((stream, peer)) = listener.accept() {
            let stream = stream
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                self.welcome(leaving, stream, peer.ip());
            }
        }
    }

    /// Serves for as long as the runtime lives.
    async fn keep_open(self, socket: StdListener) {
        if let Ok(listener) = TcpListener::from_std(socket) {
            self.accept(&listener, &GracefulShutdown::new()).await;
        }
    }

    async fn accept(&self, listener: &TcpListener, leaving: &GracefulShutdown) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.welcome(leaving, stream, peer.ip()),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn welcome(&self, leaving: &GracefulShutdown, stream: TcpStream, peer: IpAddr) {
        let Some(seat) = self.seat() else {
            self.gate.metrics.shed("connections_full");
            // Best effort: the socket's buffer is empty, so a short word fits.
            let _ = stream.try_write(NO_ROOM);
            return;
        };
        if prepared(&stream).is_ok() {
            tokio::spawn(self.attend(leaving, seat, peer, stream));
        }
    }

    /// A place for one connection, where there is one.
    pub fn seat(&self) -> Option<Seat> {
        let turn = Turn::take(&self.connections, self.gate.settings.connections_max)?;
        let open = self.gate.metrics.connections.clone();
        open.inc();
        Some(Seat { _turn: turn, open })
    }

    /// Serves one connection, over anything that reads and writes, until it ends.
    pub fn attend<S>(
        &self,
        leaving: &GracefulShutdown,
        seat: Seat,
        peer: IpAddr,
        stream: S,
    ) -> impl Future<Output = ()> + Send + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let visit = Arc::new(Visit {
            gate: Arc::clone(&self.gate),
            upstream: Arc::clone(&self.upstream),
            peer,
            admin: self.admin,
            begun: AtomicUsize::new(0),
            under_way: Arc::default(),
            answers: Answers::default(),
            deaf_until: Mutex::default(),
            _seat: seat,
        });
        let (head_timeout, seen) = (self.gate.settings.head_timeout, Arc::clone(&visit));
        let answer_pause_max = self.gate.settings.answer_pause_max;
        let service = service_fn(move |request| {
            visit.begun.fetch_add(1, Ordering::Relaxed);
            let under_way = Turn::take(&visit.under_way, usize::MAX);
            let visit = Arc::clone(&visit);
            async move {
                let response = answer(visit, request).await;
                drop(under_way);
                Ok::<_, Infallible>(response)
            }
        });
        let (builder, watcher) = (Arc::clone(&self.builder), leaving.watcher());
        let mut stream = stream;
        async move {
            let mut unread = BytesMut::new();
            if !seen.admin {
                match express::serve(&seen, &mut stream, LAST_WORDS).await {
                    None => return,
                    Some(read) => unread = read,
                }
            }
            let stream = TokioIo::new(Rewound::new(unread, stream));
            let connection = builder.serve_connection_with_upgrades(stream, service);
            let mut connection = Box::pin(watcher.watch(connection.into_owned()));
            let mut begun = 0;
            // A connection that breaks off is the client's business. hyper gives an HTTP/1 head its time; who has not said
            // yet which protocol it speaks, and who is idle in HTTP/2, is seen from here, and so is who does not take what was
            // asked for: when it has been given up, nothing is under way, and the connection ends as an idle one.
            let mut idle_at = Instant::now() + head_timeout;
            loop {
                let look_at = seen.answers.give_up_untaken(answer_pause_max).min(idle_at);
                if timeout_at(look_at, connection.as_mut()).await.is_ok() {
                    break;
                }
                if Instant::now() < idle_at {
                    continue;
                }
                idle_at = Instant::now() + head_timeout;
                let before = std::mem::replace(&mut begun, seen.begun.load(Ordering::Relaxed));
                if before == begun && seen.under_way.load(Ordering::Acquire) == 0 {
                    break;
                }
            }
        }
    }
}

fn prepared(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_user_timeout(Some(UNREAD_MAX))?;
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    }
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(60)))
}

fn builder(head_timeout: Duration) -> Arc<Builder<TokioExecutor>> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    Arc::new(builder)
}
