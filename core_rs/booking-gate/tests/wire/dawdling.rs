//! Every wait has an end: who dawdles with a head or a body is cut off, who is idle is hung up on, and nobody else notices.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::application::Application;
use crate::holds::NO_CACHE;
use crate::shedding::until_open;
use crate::stage::{Client, LONG, Resident, Stage, get, idle_desk, nowhere, settings};

/// The time that a test gives, and what a busy machine may add to it.
const SHORT: Duration = Duration::from_millis(300);
const NOT_LONG: Duration = Duration::from_secs(8);

/// Told that the body did not come, then cut off.
async fn assert_refused_and_cut_off(client: &mut Client, since: Instant) {
    let told = client.answer().await;
    assert_eq!(
        (told.status(), told.problem().as_str()),
        (400, "bad_request")
    );
    assert_eq!(told.header("connection"), Some("close"));
    assert_cut_off(client, since).await;
}

/// The other side hangs up no sooner and not much later than said.
async fn assert_cut_off(client: &mut Client, since: Instant) -> Bytes {
    let told = client.until_closed().await;
    let took = since.elapsed();
    assert!(SHORT <= took && took < NOT_LONG, "after {took:?}: {told:?}");
    told
}

#[tokio::test]
async fn who_dawdles_with_a_head_is_cut_off() {
    let mut settings = nowhere();
    settings.head_timeout = SHORT;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let beginnings: [&[u8]; 7] = [
        b"",
        // What may yet become HTTP/2.
        b"P",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        // HTTP/2 without a request.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"GET /healthz",
        b"GET /healthz HTTP/1.1\r\nHost: h\r\n",
        b"POST /api/v1/resident/holds HTTP/1.1\r\nHost: h\r\nX-Slow: a",
    ];
    let since = Instant::now();
    let mut clients = Vec::new();
    for beginning in beginnings {
        let mut client = stage.client().await;
        client.send(beginning).await;
        clients.push(client);
    }
    for (client, beginning) in clients.iter_mut().zip(beginnings) {
        let told = assert_cut_off(client, since).await;
        let text = String::from_utf8_lossy(&told);
        assert!(!text.contains("HTTP/1.1 2"), "{beginning:?}: {text}");
    }
    until_open(&stage, 0).await;
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_buy_time() {
    let mut settings = nowhere();
    settings.head_timeout = SHORT;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let head = format!("GET /healthz HTTP/1.1\r\nX-Slow: {}", "a".repeat(100));
    for text in [head.as_str(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
        let mut client = stage.client().await;
        let mut bytes = text.as_bytes().chunks(1);
        let since = Instant::now();
        let mut pace = tokio::time::interval(SHORT / 10);
        let told = loop {
            tokio::select! {
                told = client.reader.some() => break told,
                _ = pace.tick() => {}
            }
            if let Some(byte) = bytes.next() {
                let _ = client.reader.send(byte).await;
            }
            assert!(since.elapsed() < NOT_LONG, "{text:?} is still waited for");
        };
        assert!(!told.starts_with(b"HTTP/1.1 2"), "{told:?}");
        assert!(since.elapsed() >= SHORT, "{told:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let mut settings = nowhere();
    settings.head_timeout = SHORT;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let mut client = stage.client().await;
    assert_eq!(client.ask(get("/healthz")).await.status(), 200);
    let since = Instant::now();
    assert_eq!(client.ask(get("/healthz")).await.status(), 200);
    assert_eq!(assert_cut_off(&mut client, since).await, Bytes::new());
}

#[tokio::test]
async fn an_idle_connection_of_http2_is_closed_and_one_that_waits_for_its_answer_is_not() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.head_timeout = SHORT;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let stream = tokio::net::TcpStream::connect(stage.address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let request = hyper::Request::get("http://h/slow")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let asking = tokio::spawn(client.send_request(request));
    let (mut line, _) = application.asked().await;
    // Another comes and is cut off meanwhile, twice: so much time has passed.
    for _ in 0..3 {
        let since = Instant::now();
        assert_cut_off(&mut stage.client().await, since).await;
    }
    line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        .await
        .unwrap();
    let mut body = asking.await.unwrap().unwrap().into_body();
    for _ in 0..3 {
        let since = Instant::now();
        assert_cut_off(&mut stage.client().await, since).await;
    }
    line.send(b"3\r\ntwo\r\n0\r\n\r\n").await.unwrap();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        whole.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(whole, b"onetwo");
    let ended = tokio::time::timeout(LONG, connection).await;
    ended.expect("an end").unwrap().ok();
}

#[tokio::test]
async fn who_dawdles_with_the_body_of_a_hold_is_cut_off() {
    let mut settings = nowhere();
    settings.body_timeout = SHORT;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let resident = Resident::new();
    let whole = resident.hold(1, "key-of-dawdler");
    let mut client = stage.client().await;
    let since = Instant::now();
    client.send(&whole[..whole.len() - 1]).await;
    assert_refused_and_cut_off(&mut client, since).await;
}

#[tokio::test]
async fn who_dawdles_with_a_body_that_would_be_passed_on_is_cut_off_and_the_application_hears_nothing()
 {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.body_timeout = SHORT;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let heads = [
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "Content-Length: 9\r\n\r\nabc",
        "Content-Length: 9\r\n\r\n",
    ];
    for head in heads {
        let mut client = stage.client().await;
        let since = Instant::now();
        client
            .send(format!("POST /x HTTP/1.1\r\nHost: h\r\n{head}"))
            .await;
        assert_refused_and_cut_off(&mut client, since).await;
    }
    let mut client = stage.client().await;
    client.send(get("/first")).await;
    let (_line, request) = application.asked().await;
    assert_eq!(request.start, "GET /first HTTP/1.1");
}

#[tokio::test]
async fn a_byte_of_a_small_body_now_and_then_does_not_buy_time() {
    let mut settings = nowhere();
    settings.body_timeout = SHORT;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let mut client = stage.client().await;
    let since = Instant::now();
    client
        .send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n")
        .await;
    let mut pace = tokio::time::interval(SHORT / 10);
    let told = loop {
        tokio::select! {
            told = client.reader.some() => break told,
            _ = pace.tick() => {}
        }
        // The last ones may come to a closed door.
        let _ = client.reader.send(b"x").await;
        assert!(since.elapsed() < NOT_LONG, "the body is still waited for");
    };
    assert!(told.starts_with(b"HTTP/1.1 400 "), "{told:?}");
    assert!(since.elapsed() >= SHORT, "{told:?}");
}

#[tokio::test]
async fn who_dawdles_with_a_large_body_is_cut_off() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.body_timeout = SHORT;
    settings.body_bytes_max = 5;
    settings.large_bodies = vec![("/x".to_owned(), 100)];
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let heads = [
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "Content-Length: 9\r\n\r\nabc",
    ];
    for head in heads {
        let mut client = stage.client().await;
        let since = Instant::now();
        client
            .send(format!("POST /x HTTP/1.1\r\nHost: h\r\n{head}"))
            .await;
        let mut line = application.line().await;
        let request = tokio::time::timeout(LONG, line.request()).await;
        let request = request.expect("the gate gives up");
        assert!(
            !matches!(&request, Ok(Some(request)) if request.complete),
            "{request:?}"
        );
        assert_refused_and_cut_off(&mut client, since).await;
    }
}

#[tokio::test]
async fn a_long_answer_that_nobody_waits_for_takes_nothing_from_others() {
    let application = Application::on_tcp().await;
    let stage = Stage::before(application.place());
    let mut lazy = stage.client().await;
    lazy.send(get("/endless")).await;
    let (mut line, _) = application.asked().await;
    line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let piece = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let sent = async {
        let mut sent = 0_usize;
        while line.send(piece.as_bytes()).await.is_ok() {
            sent += piece.len();
        }
        sent
    };
    // Sockets take so much and no more: the gate does not gather what the client does not read.
    assert!(
        tokio::time::timeout(SHORT, sent).await.is_err(),
        "the stream ended"
    );
    assert_eq!(
        stage.client().await.ask(get("/healthz")).await.status(),
        200
    );
}
