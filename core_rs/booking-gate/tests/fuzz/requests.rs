//! Bytes of a connection, through hyper as the gate sets it up, to the application and back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use booking_gate::gate::Gate;
use booking_gate::serve::{Hall, runtime};
use booking_gate::settings::Upstream;
use booking_gate::work::{Desk, Word, Work};
use booking_redis::ClientSettings;
use bytes::Bytes;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::LocalSet;
use uuid::Uuid;

use crate::mutate::{Dice, Run, input};
use crate::stage::message::Reader;
use crate::stage::{LONG, Script, facts_of, get, hold, local, problems, settings, tokens};

/// Connections at a time.
const AT_ONCE: usize = 384;
/// Whoever has said nothing for so long is cut off; each input takes about as long.
const PATIENCE: Duration = Duration::from_millis(25);
/// Whose token and pass are good; the ledger refuses them.
const HONEST: Uuid = Uuid::from_u128(0x1111);
/// In whose name there are only forged tokens; the ledger would grant anything.
const FORGED: Uuid = Uuid::from_u128(0x6666);

const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"\r\n ",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"GET ",
    b"POST ",
    b"CONNECT ",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Host: evil\r\n",
    b"Connection: close\r\n",
    b"Connection: upgrade\r\n",
    b"Upgrade: websocket\r\n",
    b"Upgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"X-Forwarded-For: 1.2.3.4\r\n",
    b"ffffffffffffffff\r\n",
    b"0\r\n\r\n",
    b";x=",
    b"http://h",
    b"//",
    b"/../",
    b"%00",
    b"%",
    b"*",
    b"?",
    b"#",
    b"\xff\xfe",
    b"{",
    b"}",
    b"\"",
    b"\xc3\x28",
    b"Bearer ",
    b"1",
    b"-",
];

/// Good connections: every route, bodies of both kinds, several requests at once, HTTP/2.
fn good() -> Vec<Vec<u8>> {
    let (token, pass) = (tokens::token_of(HONEST), tokens::pass_of(HONEST));
    let body = |person| format!(r#"{{"person_id":"{person}","window_id":10,"stock_id":1}}"#);
    let forge = |claims: serde_json::Value| {
        tokens::signed(
            b"guessed",
            &tokens::header().to_string(),
            &claims.to_string(),
        )
    };
    let now_s = tokens::unix_s();
    let forged_token = forge(tokens::access(FORGED, FORGED, now_s));
    let forged_pass = forge(tokens::leave(FORGED, FORGED, now_s));
    let whole = hold(&token, &pass, "key-of-intent", &body(HONEST));
    let (head, text) = (whole.split("Content-Length").next().unwrap(), body(HONEST));
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n0\r\n\r\n",
        text.len()
    );
    let status = format!(
        "GET /api/v1/resident/holds/{HONEST}/status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let upload =
        "PUT /api/v1/clinic/file?x=%41 HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789"
            .to_owned();
    let too_large = format!(
        "PUT /api/v1/clinic/file HTTP/1.1\r\nHost: h\r\nContent-Length: 66000\r\n\r\n{}",
        "0".repeat(66_000)
    );
    let pieces = "POST /api/v1/resident/people HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n\
                  3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-A: b\r\n\r\n"
        .to_owned();
    let socket = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_owned();
    // Preface, settings, and a request of three literal headers (RFC 9113, 3.4; RFC 7541).
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\
                  \0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x84\x41\x08h.exampl\x0f";
    let http2_body = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\
                       \0\0\x06\x01\x04\0\0\0\x01\x83\x86\x84\x41\x01h\0\0\x04\0\x01\0\0\0\x01body";
    let mut good: Vec<_> = [
        whole.clone(),
        chunked,
        hold(&forged_token, &pass, "key-of-intent", &body(FORGED)),
        hold(&token, &forged_pass, "key-of-intent", &body(FORGED)),
        hold(&forged_token, &forged_pass, "key-of-intent", &body(FORGED)),
        status,
        get("/api/v1/public/sessions/42/availability"),
        get("/healthz"),
        get("/metrics"),
        get("/"),
        upload.clone(),
        too_large,
        pieces.clone(),
        socket,
        "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        "GET http://there.example/x HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        format!(
            "GET /many HTTP/1.1\r\nHost: h\r\n{}\r\n",
            "X-A: b\r\n".repeat(63)
        ),
        format!(
            "GET /long HTTP/1.1\r\nHost: h\r\nX-A: {}\r\n\r\n",
            "a".repeat(16_200)
        ),
        "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_owned(),
        [get("/a"), upload, whole, pieces, get("/b")].concat(),
    ]
    .map(String::into_bytes)
    .to_vec();
    good.extend([http2.to_vec(), http2_body.to_vec()]);
    good
}

/// The application: reads heads to the letter, answers at once, reads on.
async fn applaud(listener: UnixListener, heard: Rc<RefCell<Vec<String>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::task::spawn_local(serve(Reader::new(stream), Rc::clone(&heard)));
    }
}

async fn serve(mut line: Reader<UnixStream>, unclear: Rc<RefCell<Vec<String>>>) {
    loop {
        // A body that breaks off ends the connection, as does the client's end.
        match line.request().await {
            Ok(Some(request)) if request.complete => {}
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return unclear.borrow_mut().push(error.to_string());
            }
            _ => return,
        }
        if line
            .send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await
            .is_err()
        {
            return;
        }
    }
}

/// Counts the statuses of an HTTP/1.1 connection.
fn statuses(answer: &[u8], counts: &mut BTreeMap<u16, u64>) {
    let mark = b"HTTP/1.1 ";
    for at in 0..answer.len().saturating_sub(mark.len() + 2) {
        if answer[at..].starts_with(mark) {
            let digits = &answer[at + mark.len()..at + mark.len() + 3];
            if let Ok(status) = std::str::from_utf8(digits).unwrap().parse() {
                *counts.entry(status).or_default() += 1;
            }
        }
    }
}

/// The number behind a metric.
fn metric(text: &str, line: &str) -> u64 {
    let found = text.lines().find_map(|known| known.strip_prefix(line));
    found.map_or(0, |number| number.trim().parse().unwrap())
}

static PANICS: AtomicU64 = AtomicU64::new(0);
/// Holds that only a forgery can have asked for.
static FORGERIES: AtomicU64 = AtomicU64::new(0);

/// Refuses the honest, whose tokens are known, and grants everybody else.
fn ledger() -> Arc<dyn Desk> {
    Arc::new(Script(|work| match work {
        Work::Facts { reply, .. } => drop(reply.send(Some(facts_of(1)))),
        Work::Hold { wish, reply, .. } if wish.account == HONEST && wish.person == HONEST => {
            drop(reply.send(Word::Refused("window_full".to_owned(), None)));
        }
        Work::Hold { reply, .. } => {
            FORGERIES.fetch_add(1, Ordering::SeqCst);
            drop(reply.send(Word::Answer(Bytes::from_static(b"{}"))));
        }
        Work::HoldStatus { reply, .. } | Work::FirstAnswer { reply, .. } => {
            drop(reply.send(Word::Nothing));
        }
        Work::Load { reply, .. } => drop(reply.send(false)),
        Work::Holders { .. } => {}
    }))
}

#[test]
fn requests() {
    let run = Run::of("requests", 6_000);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |about| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        usual(about);
    }));
    let path = std::env::temp_dir().join(format!("humiao-fuzz-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let mut settings = settings(Upstream::Unix(path.clone()));
    settings.head_timeout = PATIENCE;
    settings.body_timeout = PATIENCE;
    settings.slow_path_max = 100_000;
    let runtime = runtime().unwrap();
    let cache = ClientSettings::new("redis://127.0.0.1:1").unwrap();
    let gate = Arc::new(Gate::new(
        settings,
        problems(),
        cache,
        ledger(),
        runtime.handle(),
    ));
    gate.take_keys(tokens::keyring());
    gate.clock.align(tokens::unix_ms(), 5);

    let good = good();
    let dice = Rc::new(RefCell::new((Dice::new(run.seed), 0_u64)));
    let counts: Rc<RefCell<BTreeMap<u16, u64>>> = Rc::default();
    let unclear: Rc<RefCell<Vec<String>>> = Rc::default();
    let local_set = LocalSet::new();
    local_set.block_on(&runtime, async {
        let listener = UnixListener::bind(&path).unwrap();
        let applauding = tokio::task::spawn_local(applaud(listener, Rc::clone(&unclear)));
        let hall = Hall::new(&gate);
        let leaving = Rc::new(GracefulShutdown::new());
        let mut workers = Vec::new();
        for _ in 0..AT_ONCE {
            let (hall, leaving, good) = (hall.clone(), Rc::clone(&leaving), good.clone());
            let (dice, counts) = (Rc::clone(&dice), Rc::clone(&counts));
            workers.push(tokio::task::spawn_local(async move {
                loop {
                    let bytes = {
                        let (dice, made) = &mut *dice.borrow_mut();
                        if *made == run.inputs {
                            return;
                        }
                        *made += 1;
                        input(dice, &good, WORDS)
                    };
                    let answer = one(&hall, &leaving, &bytes).await;
                    let mut found = BTreeMap::new();
                    statuses(&answer, &mut found);
                    for (status, count) in found {
                        assert!(
                            status != 201 && (status < 500 || status == 503),
                            "seed {}: {status} to {:?}",
                            run.seed,
                            String::from_utf8_lossy(&bytes)
                        );
                        *counts.borrow_mut().entry(status).or_default() += count;
                    }
                }
            }));
        }
        for worker in workers {
            worker.await.unwrap();
        }
        applauding.abort();
    });
    let _ = std::fs::remove_file(&path);
    judge(
        &run,
        &gate.metrics_text(),
        &counts.borrow(),
        &unclear.borrow(),
    );
}

/// What has to be true in the end.
fn judge(run: &Run, text: &str, counts: &BTreeMap<u16, u64>, unclear: &[String]) {
    // HTTP/2 is counted where it is answered: no 5xx of any route but what was turned away.
    let failed: u64 = [
        "hold",
        "hold_status",
        "availability",
        "alive",
        "hidden",
        "passed",
    ]
    .iter()
    .map(|route| {
        metric(
            text,
            &format!("humiao_gate_requests_total{{route=\"{route}\",outcome=\"5xx\"}}"),
        )
    })
    .sum();
    let turned_away: u64 = ["busy", "outcome_unknown"]
        .iter()
        .map(|code| {
            metric(
                text,
                &format!("humiao_gate_refusals_total{{code=\"{code}\"}}"),
            )
        })
        .sum();
    assert_eq!(failed, turned_away, "seed {}\n{text}", run.seed);
    assert_eq!(
        FORGERIES.load(Ordering::SeqCst),
        0,
        "seed {}: a forged token or pass opened something",
        run.seed
    );
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "seed {}", run.seed);
    assert!(unclear.is_empty(), "seed {}: {:?}", run.seed, unclear);
    // Where there are enough of them, the inputs came to every kind of end.
    for status in [200, 400, 401, 404, 409, 413, 431] {
        let enough = run.inputs < 5_000 || counts.contains_key(&status);
        assert!(enough, "no input came to {status}: {counts:?}");
    }
    run.report(&format!(
        "{counts:?}, {turned_away} turned away, 0 panics, nothing unclear at the application"
    ));
}

/// One connection from its first byte to its end, which has to come.
async fn one(hall: &Hall, leaving: &GracefulShutdown, bytes: &[u8]) -> Vec<u8> {
    let (mut client, server) = duplex(64 * 1024);
    let seat = hall.seat().expect("a seat");
    let serving = tokio::spawn(hall.attend(leaving, seat, local(), server));
    // It may hang up before it has heard everything.
    let _ = client.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(LONG, client.read_to_end(&mut answer)).await;
    assert!(
        read.is_ok(),
        "no end to {:?}",
        String::from_utf8_lossy(bytes)
    );
    serving.await.expect("a connection that panics");
    answer
}
