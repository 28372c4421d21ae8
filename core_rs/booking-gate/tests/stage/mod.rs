//! A gate on a real port between a client and an application that tests play by hand, with a desk that follows a script.
#![allow(dead_code, reason = "every test crate uses its own part of the stage")]

pub mod message;
pub mod tokens;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use booking_gate::admissions::Turn;
use booking_gate::gate::Gate;
use booking_gate::limits::Rate;
use booking_gate::problem::{Kind, Problems};
use booking_gate::serve::{Doors, Serving, runtime, serve};
use booking_gate::settings::{Settings, Upstream};
use booking_gate::work::{Desk, Facts, HoldWish, Holders, Word, Work};
use booking_redis::ClientSettings;
use booking_redis::call::SessionState;
use bytes::Bytes;
use jiff::civil::{Date, date};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use message::{Message, Reader};
use tokens::VACCINE;

/// Where nothing listens.
pub const NOWHERE: &str = "127.0.0.1:1";
/// Longer than anything here takes, even on a busy machine.
pub const LONG: Duration = Duration::from_secs(20);
pub const CLINIC: i64 = 7;
/// Of every window.
pub const DAY: Date = date(2027, 1, 30);

/// Codes of the gate's own answers, each with its status.
pub const CODES: [(&str, u16); 26] = [
    ("bad_request", 400),
    ("body_too_large", 413),
    ("booking_ended", 409),
    ("busy", 503),
    ("channel_full", 409),
    ("in_flight", 409),
    ("internal", 500),
    ("key_reused", 422),
    ("no_such_stock", 404),
    ("not_found", 404),
    ("not_logged_in", 401),
    ("not_yet_bookable", 409),
    ("out_of_stock", 409),
    ("outcome_unknown", 503),
    ("pass_expired", 401),
    ("pass_invalid", 401),
    ("pass_missing", 401),
    ("pass_not_valid_here", 403),
    ("token_expired", 401),
    ("too_many_requests", 429),
    ("unknown_hold", 404),
    ("unknown_window", 404),
    ("upstream_away", 502),
    ("upstream_timeout", 504),
    ("vial_not_opened", 409),
    ("window_full", 409),
];

/// A vocabulary as the application renders it.
pub fn kinds() -> Vec<Kind> {
    CODES
        .iter()
        .map(|(code, status)| Kind {
            code: (*code).to_owned(),
            status: *status,
            head: format!(
                r#"{{"type":"urn:humiao:problem:{code}","title":"说明","status":{status},"code":"{code}""#
            ),
            tail: r#","detail":"请稍后再来","next_steps":[]"#.to_owned(),
        })
        .collect()
}

pub fn problems() -> Problems {
    Problems::new(kinds(), &[]).unwrap()
}

/// Wide bounds and short times; a test narrows what it is about.
pub fn settings(upstream: Upstream) -> Settings {
    let rate = Rate {
        per_s: 1e6,
        burst: 1_000_000,
    };
    Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        admin: None,
        upstream,
        threads: 1,
        channel: "h5".to_owned(),
        trusted_proxies: Vec::new(),
        account_rate: rate,
        device_rate: rate,
        address_rate: rate,
        limits_shared: None,
        connections_max: 1000,
        admit_waiting_max: 1000,
        ledger_waiting_max: 1000,
        lookups_waiting_max: 1000,
        upstream_max: 1000,
        uploads_max: 32,
        answers_max: 2000,
        streams_max: 100,
        slow_path_max: 32,
        body_bytes_max: 65_536,
        large_bodies: Vec::new(),
        head_timeout: LONG,
        body_timeout: LONG,
        answer_pause_max: LONG,
        shed_pause: Duration::ZERO,
        hold_deadline: LONG,
        upstream_timeout: LONG,
        full_retry: Duration::from_secs(30),
        snapshot_renewed_after: Duration::from_millis(100),
        snapshot_trusted_for: Duration::from_millis(200),
        facts_trusted_for: Duration::from_secs(60),
        sessions_max: 100,
    }
}

pub fn nowhere() -> Settings {
    settings(Upstream::Tcp(NOWHERE.to_owned()))
}

/// Does with each piece of work what the test says.
pub struct Script<F>(pub F);

impl<F: Fn(Work) + Send + Sync + 'static> Desk for Script<F> {
    fn put(&self, work: Vec<Work>) {
        work.into_iter().for_each(&self.0);
    }
}

/// A desk that has no answer to anything.
pub fn idle_desk() -> Arc<dyn Desk> {
    Arc::new(Script(drop))
}

/// Facts of a window of `session`, as `booking_redis`'s test sessions are laid out.
pub fn facts_of(session_id: i64) -> Facts {
    Facts {
        session_id,
        clinic_id: CLINIC,
        day: DAY,
        vaccines: HashMap::from([(session_id, VACCINE.to_owned())]),
    }
}

/// A gate that serves; it ends with the test.
pub struct Stage {
    pub gate: Arc<Gate>,
    pub address: SocketAddr,
    pub admin: Option<SocketAddr>,
    serving: Option<Serving>,
}

impl Stage {
    pub fn open(settings: Settings, desk: Arc<dyn Desk>, cache_url: &str) -> Self {
        Self::open_for(settings, desk, cache_url, Duration::from_millis(200))
    }

    pub fn open_for(
        settings: Settings,
        desk: Arc<dyn Desk>,
        cache_url: &str,
        drain_max: Duration,
    ) -> Self {
        let mut cache = ClientSettings::new(cache_url).unwrap();
        cache.response_timeout = Duration::from_millis(500);
        let doors = Doors::open(settings.listen, settings.admin, settings.threads).unwrap();
        let (address, admin) = (doors.address, doors.admin_address);
        let first = runtime().unwrap();
        let gate = Arc::new(Gate::new(settings, problems(), cache, desk, first.handle()));
        gate.take_keys(tokens::keyring());
        gate.clock.align(tokens::unix_ms(), 5);
        let serving = serve(&gate, doors, first, drain_max).unwrap();
        Self {
            gate,
            address,
            admin,
            serving: Some(serving),
        }
    }

    /// A gate that only passes on.
    pub fn before(upstream: Upstream) -> Self {
        Self::open(settings(upstream), idle_desk(), "redis://127.0.0.1:1")
    }

    pub async fn client(&self) -> Client {
        Client::of(TcpStream::connect(self.address).await.unwrap())
    }

    /// Copies a session into the cache.
    pub async fn load(&self, state: SessionState) {
        let loaded = self.gate.admissions.client().load(&[state]).await.unwrap();
        assert_eq!(loaded, [true]);
    }

    /// What `drain` needs, for a thread that may block.
    pub fn take_serving(&mut self) -> Serving {
        self.serving.take().unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.drain();
        }
    }
}

/// A client that says exactly what the test writes.
pub struct Client {
    pub reader: Reader<TcpStream>,
}

impl Client {
    pub fn of(stream: TcpStream) -> Self {
        Self {
            reader: Reader::new(stream),
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.reader.send(bytes.as_ref()).await.unwrap();
    }

    /// The next response, complete.
    pub async fn answer(&mut self) -> Message {
        self.answer_to("GET").await
    }

    pub async fn answer_to(&mut self, method: &str) -> Message {
        let answer = tokio::time::timeout(LONG, self.reader.response(method));
        let message = answer.await.expect("an answer in time").expect("an answer");
        assert!(message.complete, "{message:?}");
        message
    }

    /// One request and its answer.
    pub async fn ask(&mut self, request: impl AsRef<[u8]>) -> Message {
        let request = request.as_ref();
        self.send(request).await;
        let method = request.split(|byte| *byte == b' ').next().unwrap();
        let method = std::str::from_utf8(method).unwrap().to_owned();
        self.answer_to(&method).await
    }

    /// Waits until the other side hangs up, and tells what it said until then.
    pub async fn until_closed(&mut self) -> Bytes {
        let rest = tokio::time::timeout(LONG, self.reader.rest());
        rest.await.expect("the connection ends")
    }
}

/// A request without a body.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: humiao.example\r\n\r\n")
}

/// A hold, as the pages ask for it.
pub fn hold(token: &str, pass: &str, key: &str, body: &str) -> String {
    format!(
        "POST /api/v1/resident/holds HTTP/1.1\r\nHost: humiao.example\r\nAuthorization: Bearer {token}\r\n\
         Eligibility-Pass: {pass}\r\nIdempotency-Key: {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub const fn local() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

/// A desk whose work the test does by hand. Facts are told at once: window `10 * n` is of session `n`.
pub fn desk_by_hand() -> (Arc<dyn Desk>, Pile) {
    let (pile, works) = mpsc::unbounded_channel();
    let desk = Script(move |work| match work {
        Work::Facts { window_id, reply } => {
            let _ = reply.send(Some(facts_of(window_id / 10)));
        }
        // Nobody takes work any more when the test is over.
        work => drop(pile.send(work)),
    });
    (Arc::new(desk), Pile { works })
}

/// What is to be done.
pub struct Pile {
    works: mpsc::UnboundedReceiver<Work>,
}

impl Pile {
    pub async fn next(&mut self) -> Work {
        let next = tokio::time::timeout(LONG, self.works.recv());
        next.await.expect("work in time").expect("work")
    }

    /// A hold that is to be decided.
    pub async fn hold(&mut self) -> (HoldWish, Turn, oneshot::Sender<Word>) {
        match self.next().await {
            Work::Hold {
                wish, turn, reply, ..
            } => (wish, turn, reply),
            _ => panic!("not a hold"),
        }
    }

    pub async fn first_answer(&mut self) -> (Uuid, String, oneshot::Sender<Word>) {
        match self.next().await {
            Work::FirstAnswer {
                account,
                key,
                reply,
                ..
            } => (account, key, reply),
            _ => panic!("not a first answer"),
        }
    }

    pub async fn holders(&mut self) -> oneshot::Sender<Holders> {
        match self.next().await {
            Work::Holders { reply, .. } => reply,
            _ => panic!("not holders"),
        }
    }

    pub async fn load(&mut self) -> (i64, oneshot::Sender<bool>) {
        match self.next().await {
            Work::Load { session_id, reply } => (session_id, reply),
            _ => panic!("not a load"),
        }
    }

    pub fn is_empty(&mut self) -> bool {
        self.works.is_empty()
    }
}

/// A resident who asks for holds.
#[derive(Clone)]
pub struct Resident {
    pub account: Uuid,
    pub token: String,
    pub pass: String,
}

impl Resident {
    pub fn new() -> Self {
        let account = Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into());
        Self {
            account,
            token: tokens::token_of(account),
            pass: tokens::pass_of(account),
        }
    }

    /// The body of a hold in the window of a session.
    pub fn body(&self, session_id: i64) -> String {
        let (person, window_id) = (self.account, session_id * 10);
        format!(r#"{{"person_id":"{person}","window_id":{window_id},"stock_id":{session_id}}}"#)
    }

    pub fn hold(&self, session_id: i64, key: &str) -> String {
        hold(&self.token, &self.pass, key, &self.body(session_id))
    }
}

static NEXT: AtomicU64 = AtomicU64::new(1000);
