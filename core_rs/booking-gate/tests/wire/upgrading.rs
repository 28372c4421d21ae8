//! WebSocket through the gate.

use bytes::Bytes;

use crate::application::{Application, Line, asked, say};
use crate::shedding::{assert_shed, until_told};
use crate::stage::{Client, LONG, Stage, get, idle_desk, settings};

const WISH: &str = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const YES: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A tunnel that stands, seen from both ends.
async fn tunnel(application: &Application, client: &mut Client) -> Line {
    client.send(WISH).await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.header("upgrade"), Some("websocket"));
    assert_eq!(request.header("connection"), Some("upgrade"));
    assert_eq!(
        request.header("sec-websocket-key"),
        Some("dGhlIHNhbXBsZSBub25jZQ==")
    );
    line.send(YES).await.unwrap();
    let told = client.answer().await;
    assert_eq!(told.status(), 101);
    assert_eq!(told.header("upgrade"), Some("websocket"));
    assert_eq!(
        told.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    line
}

async fn next(what: impl Future<Output = std::io::Result<Bytes>>) -> Bytes {
    let bytes = tokio::time::timeout(LONG, what).await;
    bytes.expect("in time").expect("a frame")
}

#[tokio::test]
async fn frames_go_both_ways_as_they_are_until_one_side_hangs_up() {
    let application = Application::on_unix();
    let stage = Stage::before(application.place());
    let mut client = stage.client().await;
    let mut line = tunnel(&application, &mut client).await;
    for frame in [
        &b"\x81\x85abcd\x09\x07\x0f\x08\x0e"[..],
        b"\x82\x02\x00\xff",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        client.send(frame).await;
        assert_eq!(next(line.exactly(frame.len())).await, frame);
        line.send(frame).await.unwrap();
        assert_eq!(next(client.reader.exactly(frame.len())).await, frame);
    }
    line.hang_up().await;
    assert_eq!(client.until_closed().await, Bytes::new());
}

#[tokio::test]
async fn a_tunnel_takes_a_place_among_the_connections_until_it_ends() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.connections_max = 1;
    let stage = Stage::open(settings, idle_desk(), "redis://127.0.0.1:1");
    let mut client = stage.client().await;
    let mut line = tunnel(&application, &mut client).await;
    let mut other = stage.client().await;
    assert_eq!(other.answer().await.status(), 503);
    line.hang_up().await;
    client.reader.hang_up().await;
    client.until_closed().await;
    // The place is given back when both sides have gone, which nobody tells the client.
    let deadline = std::time::Instant::now() + LONG;
    let answer = loop {
        let mut other = stage.client().await;
        let _ = other.reader.send(get("/healthz").as_bytes()).await;
        let answer = other.reader.response("GET").await;
        if let Ok(answer) = answer
            && answer.status() == 200
        {
            break answer;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "the place is not given back"
        );
        tokio::task::yield_now().await;
    };
    assert_eq!(answer.text(), "{\"status\":\"ok\"}");
}

#[tokio::test]
async fn a_tunnel_takes_a_place_among_the_answers_until_it_ends() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.answers_max = 1;
    let stage = Stage::open(settings, idle_desk(), "redis://127.0.0.1:1");
    let mut client = stage.client().await;
    let mut line = tunnel(&application, &mut client).await;
    assert_shed(&stage.client().await.ask(get("/other")).await);
    line.hang_up().await;
    client.reader.hang_up().await;
    client.until_closed().await;
    until_told(&stage, "humiao_gate_queue_depth{queue=\"answers\"} 0\n").await;
    let mut other = stage.client().await;
    other.send(get("/other")).await;
    let (mut line, _) = application.asked().await;
    say(&mut line, "other").await;
    assert_eq!(other.answer().await.text(), "other");
}

#[tokio::test]
async fn no_other_protocol_is_passed_on() {
    let application = Application::on_tcp().await;
    let stage = Stage::before(application.place());
    let wishes = [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
        // Without the word in Connection the header means nothing.
        "Upgrade: websocket\r\n",
        "Connection: keep-alive\r\nUpgrade: websocket\r\n",
    ];
    for wish in wishes {
        let mut client = stage.client().await;
        client
            .send(format!("GET /x HTTP/1.1\r\nHost: h\r\n{wish}\r\n"))
            .await;
        let (mut line, request) = application.asked().await;
        assert!(
            !request.has("upgrade") && !request.has("connection"),
            "{request:?}"
        );
        assert!(!request.has("http2-settings"));
        say(&mut line, "no tunnel").await;
        assert_eq!(client.answer().await.text(), "no tunnel");
        line.hang_up().await;
    }
}

#[tokio::test]
async fn an_application_that_switches_unasked_is_not_believed() {
    let application = Application::on_tcp().await;
    let stage = Stage::before(application.place());
    let mut client = stage.client().await;
    client.send(get("/x")).await;
    let (mut line, _) = application.asked().await;
    line.send(YES).await.unwrap();
    let told = client.answer().await;
    assert_eq!(
        (told.status(), told.problem()),
        (502, "upstream_away".to_owned())
    );
}

#[tokio::test]
async fn a_wish_that_is_declined_is_answered_as_any_other() {
    let application = Application::on_tcp().await;
    let stage = Stage::before(application.place());
    let mut client = stage.client().await;
    client.send(WISH).await;
    let (mut line, _) = application.asked().await;
    line.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")
        .await
        .unwrap();
    let told = client.answer().await;
    assert_eq!((told.status(), told.text()), (403, "no"));
    client.send(get("/y")).await;
    assert_eq!(asked(&mut line).await.start, "GET /y HTTP/1.1");
    say(&mut line, "y").await;
    assert_eq!(client.answer().await.text(), "y");
}
