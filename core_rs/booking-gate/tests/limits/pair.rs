//! Two gates before one cache, and a resident who asks what became of a hold. The ledger's side knows of none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use booking_gate::gate::Gate;
use booking_gate::limits::Rate;
use booking_gate::problem::{Kind, Problems};
use booking_gate::serve::{Doors, Serving, runtime, serve};
use booking_gate::settings::{ANSWER_PAUSE_MAX, Settings, Upstream};
use booking_gate::token::Keyring;
use booking_gate::work::{Desk, Word, Work};
use booking_redis::ClientSettings;
use ring::hmac;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

const SECRET: &[u8] = b"a secret of thirty-two bytes ...";
/// Longer than anything here takes, even on a busy machine.
pub const LONG: Duration = Duration::from_secs(20);
pub const WIDE: Rate = Rate {
    per_s: 1e6,
    burst: 1_000_000,
};

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Keys in an order of their own: what gates agree on does not depend on it.
fn keyring(turned: bool) -> Keyring {
    let mut keys = vec![
        ("k1".to_owned(), SECRET.to_vec()),
        ("k2".to_owned(), b"another secret".to_vec()),
    ];
    if turned {
        keys.reverse();
    }
    Keyring::new(keys, 0, 0)
}

/// An access token of one account, on one device.
pub fn token(account: Uuid, login_session: Uuid) -> String {
    let now_s = unix_ms() / 1000;
    let claims = serde_json::json!({
        "iss": "humiao", "aud": "resident", "iat": now_s, "exp": now_s + 1800,
        "sub": account.to_string(), "sid": login_session.to_string(),
    });
    let head = BASE64.encode(r#"{"alg":"HS256","typ":"JWT","kid":"k1"}"#);
    let text = format!("{head}.{}", BASE64.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text.as_bytes());
    format!("{text}.{}", BASE64.encode(tag))
}

struct NoHolds;

impl Desk for NoHolds {
    fn put(&self, work: Vec<Work>) {
        for piece in work {
            if let Work::HoldStatus { reply, .. } = piece {
                // Whoever has gone needs no answer.
                let _ = reply.send(Word::Nothing);
            }
        }
    }
}

/// Rates and whether gates tell each other; everything else is wide.
#[derive(Clone, Copy)]
pub struct Terms {
    pub account: Rate,
    pub device: Rate,
    pub address: Rate,
    pub shared: Option<Duration>,
}

pub struct Door {
    pub gate: Arc<Gate>,
    stream: Option<TcpStream>,
    address: SocketAddr,
    serving: Option<Serving>,
    /// Notes so far: of account, device and address where a request was let through, of what came first where it was not.
    noted: u64,
    noted_of_refused: u64,
}

/// Opens a gate before the cache.
pub fn open(terms: Terms, cache_url: &str, turned: bool) -> Door {
    let settings = Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        admin: None,
        upstream: Upstream::Tcp("127.0.0.1:1".to_owned()),
        threads: 1,
        channel: "h5".to_owned(),
        trusted_proxies: vec![IpAddr::V4(Ipv4Addr::LOCALHOST).into()],
        account_rate: terms.account,
        device_rate: terms.device,
        address_rate: terms.address,
        limits_shared: terms.shared,
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
        answer_pause_max: ANSWER_PAUSE_MAX,
        shed_pause: Duration::ZERO,
        hold_deadline: LONG,
        upstream_timeout: LONG,
        full_retry: LONG,
        snapshot_renewed_after: LONG,
        snapshot_trusted_for: LONG,
        facts_trusted_for: LONG,
        sessions_max: 100,
    };
    let codes = [
        ("internal", 500),
        ("not_logged_in", 401),
        ("too_many_requests", 429),
        ("unknown_hold", 404),
    ];
    let kinds = codes.iter().map(|(code, status)| Kind {
        code: (*code).to_owned(),
        status: *status,
        head: format!(r#"{{"code":"{code}""#),
        tail: String::new(),
    });
    let problems = Problems::new(kinds.collect(), &[]).unwrap();
    let mut cache = ClientSettings::new(cache_url).unwrap();
    cache.response_timeout = LONG;
    let doors = Doors::open(settings.listen, None, 1).unwrap();
    let address = doors.address;
    let first = runtime().unwrap();
    let gate = Arc::new(Gate::new(
        settings,
        problems,
        cache,
        Arc::new(NoHolds),
        first.handle(),
    ));
    gate.take_keys(keyring(turned));
    gate.clock.align(unix_ms(), 5);
    let serving = serve(&gate, doors, first, Duration::from_millis(200)).unwrap();
    Door {
        gate,
        stream: None,
        address,
        serving: Some(serving),
        noted: 0,
        // The address is asked first.
        noted_of_refused: u64::from(terms.address.burst > terms.account.burst),
    }
}

impl Door {
    /// Asks what became of a hold; true where the pace allowed it.
    pub async fn ask(&mut self, token: &str, from: &str) -> bool {
        let answer = tokio::time::timeout(LONG, self.answer(token, from));
        let (status, text) = answer.await.expect("an answer in time");
        match status {
            404 => {
                self.noted += 3;
                true
            }
            429 => {
                self.noted += self.noted_of_refused;
                assert!(
                    text.contains("too_many_requests") && text.contains("retry_at"),
                    "{text}"
                );
                false
            }
            other => panic!("{other}: {text}"),
        }
    }

    async fn answer(&mut self, token: &str, from: &str) -> (u16, String) {
        if self.stream.is_none() {
            self.stream = Some(TcpStream::connect(self.address).await.unwrap());
        }
        let stream = self.stream.as_mut().unwrap();
        let hold_id = Uuid::from_u128(1);
        let request = format!(
            "GET /api/v1/resident/holds/{hold_id}/status HTTP/1.1\r\nHost: humiao.example\r\n\
             Authorization: Bearer {token}\r\nX-Forwarded-For: {from}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        loop {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0, "an answer");
            let text = std::str::from_utf8(&read).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (status, body.to_owned());
            }
        }
    }

    /// Requests of which all gates have been told, and those of which nobody knows.
    pub fn reported(&self) -> (u64, u64) {
        let counters = &self.gate.metrics.limits;
        (counters.told.get(), counters.lost.get())
    }

    /// Notes of which nobody was told because there were too many.
    pub fn missed(&self) -> u64 {
        self.gate.metrics.limits.missed.get()
    }

    /// Waits until every note so far was told, lost or missed.
    pub async fn settled(&self) {
        let deadline = tokio::time::Instant::now() + LONG;
        loop {
            let ((told, lost), missed) = (self.reported(), self.missed());
            let (settled, noted) = (told + lost + missed, self.noted);
            if settled == noted {
                return;
            }
            let so_far = format!("{told} told, {lost} lost, {missed} missed of {noted}");
            assert!(settled < noted, "{so_far}");
            assert!(tokio::time::Instant::now() < deadline, "{so_far}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.drain();
        }
    }
}
