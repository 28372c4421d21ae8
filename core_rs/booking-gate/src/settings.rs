//! How a gate is run. Every bound is here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::limits::Rate;

/// Who takes no piece of an answer for so long has gone, or keeps a socket to the application for the sake of it. As long as
/// what lies unread in a plain connection's socket is waited for: a line that is away for half a minute is one that failed.
pub const ANSWER_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Where the application listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// A Unix socket.
    Unix(PathBuf),
    /// An address, such as 127.0.0.1:8001.
    Tcp(String),
}

/// Settings of one gate.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where residents come in; port 0 takes any.
    pub listen: SocketAddr,
    /// Where health and metrics are shown, if anywhere.
    pub admin: Option<SocketAddr>,
    /// Where everything but the hot routes goes.
    pub upstream: Upstream,
    /// Threads that serve connections.
    pub threads: usize,
    /// The channel through which residents book here.
    pub channel: String,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Per account.
    pub account_rate: Rate,
    /// Per login session, that is device.
    pub device_rate: Rate,
    /// Per address, or /64.
    pub address_rate: Rate,
    /// How much longer than at one gate alone somebody waits at most who asked at many; none: gates do not tell each other.
    pub limits_shared: Option<Duration>,
    /// Connections at a time.
    pub connections_max: usize,
    /// Requests waiting for the cache at a time.
    pub admit_waiting_max: usize,
    /// Holds waiting for the ledger at a time.
    pub ledger_waiting_max: usize,
    /// Lookups (first answers, hold states) waiting at a time.
    pub lookups_waiting_max: usize,
    /// Requests at the application at a time, those with large bodies apart.
    pub upstream_max: usize,
    /// Requests with large bodies at a time, on their way to the application or there.
    pub uploads_max: usize,
    /// Answers of the application at a time, from before it is asked until their last piece has been handed on.
    pub answers_max: usize,
    /// Streams of waiting rooms at a time.
    pub streams_max: usize,
    /// Holds at a time straight to the ledger while the cache is away.
    pub slow_path_max: usize,
    /// Largest body that is passed on (bytes).
    pub body_bytes_max: u64,
    /// Paths that take larger bodies: the beginning of the path, and the most (bytes).
    pub large_bodies: Vec<(String, u64)>,
    /// A whole head has to arrive within this; an idle connection is closed after it.
    pub head_timeout: Duration,
    /// A whole small body has to arrive within this, and each piece of a large one after the one before.
    pub body_timeout: Duration,
    /// An answer of the application is given up when its client has not taken the next piece for so long.
    pub answer_pause_max: Duration,
    /// A plain connection is not listened to for so long after it was turned away for want of room: who asks again at once
    /// would take the time of those who are in.
    pub shed_pause: Duration,
    /// A hold is answered within this, if only to say that its outcome is not known.
    pub hold_deadline: Duration,
    /// The application has to begin its answer within this, from when it was sent all of the request.
    pub upstream_timeout: Duration,
    /// When a full window is worth asking for again.
    pub full_retry: Duration,
    /// From this age on a snapshot is fetched anew.
    pub snapshot_renewed_after: Duration,
    /// Up to this age a snapshot may refuse.
    pub snapshot_trusted_for: Duration,
    /// How long facts of a window count.
    pub facts_trusted_for: Duration,
    /// Clinic sessions remembered.
    pub sessions_max: usize,
}

impl Settings {
    /// Largest body (bytes) that is passed on to a path. Another spelling of a path that takes more takes no more.
    pub fn body_bytes_max_of(&self, path: &str) -> u64 {
        let large = self
            .large_bodies
            .iter()
            .find(|(beginning, _)| path.starts_with(beginning));
        large.map_or(self.body_bytes_max, |(_, most)| {
            self.body_bytes_max.max(*most)
        })
    }
}
