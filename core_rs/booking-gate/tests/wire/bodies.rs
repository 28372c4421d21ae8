//! Bodies that come slowly: a small one takes no place at the application before it is there, a large one has the time it
//! needs and a place of its own, and one that nobody wants is read on before its client is told so.

use std::time::{Duration, Instant};

use booking_gate::settings::Settings;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::application::{Application, Line, asked, say};
use crate::holds::NO_CACHE;
use crate::shedding::{assert_shed, until_told};
use crate::stage::message::Message;
use crate::stage::{Client, LONG, Stage, get, hold, idle_desk, nowhere, settings};

const SHORT: Duration = Duration::from_millis(300);

/// A gate to which anything above five bytes is large; `/lists` takes that.
fn open(application: &Application, narrow: impl FnOnce(&mut Settings)) -> Stage {
    let mut settings = settings(application.place());
    settings.body_bytes_max = 5;
    settings.large_bodies = vec![("/lists".to_owned(), 100_000_000)];
    narrow(&mut settings);
    Stage::open(settings, idle_desk(), NO_CACHE)
}

/// A client whose upload of nine bytes has come to the application up to `begun`.
async fn uploading(stage: &Stage, application: &Application, begun: &str) -> (Client, Line) {
    let mut client = stage.client().await;
    client.send(upload(begun)).await;
    let mut line = application.line().await;
    let head = tokio::time::timeout(LONG, line.head()).await;
    let head = head.expect("a head in time").unwrap().unwrap();
    assert_eq!(head.header("content-length"), Some("9"));
    assert_comes(&mut line, begun).await;
    (client, line)
}

fn upload(begun: &str) -> String {
    format!("POST /lists HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{begun}")
}

async fn assert_comes(line: &mut Line, piece: &str) {
    let came = tokio::time::timeout(LONG, line.exactly(piece.len())).await;
    assert_eq!(came.expect("the piece in time").unwrap(), piece);
}

/// Told that the application has not answered in time.
fn assert_late(told: &Message) {
    assert_eq!(
        (told.status(), told.problem().as_str()),
        (504, "upstream_timeout")
    );
}

/// Asks for what is never answered: when that has been told, the application's time is over once more.
async fn until_the_time_is_over(stage: &Stage, application: &Application) {
    let mut client = stage.client().await;
    client.send(get("/never")).await;
    let (_line, _) = application.asked().await;
    assert_late(&client.answer().await);
}

#[tokio::test]
async fn whose_body_has_not_arrived_keeps_nobody_out() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.upstream_max = 1;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let mut slow = Vec::new();
    for _ in 0..5 {
        let mut client = stage.client().await;
        client
            .send(
                "POST /slow HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n",
            )
            .await;
        // Told when the body is waited for.
        assert_eq!(client.answer().await.status(), 100);
        client.send("half").await;
        slow.push(client);
    }
    let nobody = "humiao_gate_queue_depth{queue=\"upstream\"} 0\n";
    let metrics = stage.gate.metrics_text();
    assert!(metrics.contains(nobody), "{metrics}");

    let mut other = stage.client().await;
    other.send(get("/other")).await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.start, "GET /other HTTP/1.1");
    assert_shed(&stage.client().await.ask(get("/one-too-many")).await);
    say(&mut line, "other").await;
    assert_eq!(other.answer().await.text(), "other");

    for mut client in slow {
        client.send("half").await;
        let request = asked(&mut line).await;
        assert_eq!(
            (request.start.as_str(), request.text()),
            ("POST /slow HTTP/1.1", "halfhalf")
        );
        say(&mut line, "whole").await;
        assert_eq!(client.answer().await.text(), "whole");
    }
}

#[tokio::test]
async fn a_small_body_in_pieces_arrives_as_one() {
    let application = Application::on_tcp().await;
    let stage = Stage::before(application.place());
    for (sent, length, heard) in [
        (
            "5\r\nfirst\r\n6\r\nsecond\r\n0\r\nX-Trailer: 1\r\n\r\n",
            Some("11"),
            "firstsecond",
        ),
        ("0\r\n\r\n", None, ""),
    ] {
        let mut client = stage.client().await;
        client
            .send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        client.send(sent).await;
        let (mut line, request) = application.asked().await;
        assert_eq!(request.header("content-length"), length);
        assert!(!request.has("transfer-encoding") && !request.has("x-trailer"));
        assert_eq!(request.text(), heard);
        line.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(client.answer().await.status(), 200);
    }
}

#[tokio::test]
async fn an_upload_may_take_longer_than_the_application_may() {
    let application = Application::on_tcp().await;
    let stage = open(&application, |settings| settings.upstream_timeout = SHORT);
    let (mut client, mut line) = uploading(&stage, &application, "one").await;
    until_the_time_is_over(&stage, &application).await;
    client.send("two").await;
    assert_comes(&mut line, "two").await;
    until_the_time_is_over(&stage, &application).await;
    client.send("end").await;
    assert_comes(&mut line, "end").await;
    say(&mut line, "all of it").await;
    assert_eq!(client.answer().await.text(), "all of it");
}

#[tokio::test]
async fn an_upload_that_is_all_there_is_to_be_answered_in_time() {
    let application = Application::on_tcp().await;
    let stage = open(&application, |settings| settings.upstream_timeout = SHORT);
    let (mut client, mut line) = uploading(&stage, &application, "begun").await;
    until_the_time_is_over(&stage, &application).await;
    let since = Instant::now();
    client.send("done").await;
    assert_comes(&mut line, "done").await;
    assert_late(&client.answer().await);
    assert!(since.elapsed() >= SHORT);
}

#[tokio::test]
async fn an_application_that_takes_no_more_of_an_upload_is_given_up() {
    let application = Application::on_unix();
    let stage = open(&application, |settings| {
        settings.upstream_timeout = SHORT;
        // Who was answered is idle, whatever they still send.
        settings.head_timeout = SHORT;
    });
    let (_hearing, mut saying) = TcpStream::connect(stage.address)
        .await
        .unwrap()
        .into_split();
    // More than all buffers on the way hold.
    let sending = tokio::spawn(async move {
        let head = "POST /lists HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n";
        let mut sent = saying.write_all(head.as_bytes()).await;
        while sent.is_ok() {
            sent = saying.write_all(&[b'x'; 10_000]).await;
        }
    });
    let _line = application.line().await;
    until_told(
        &stage,
        "humiao_gate_upstream_failures_total{reason=\"timeout\"} 1\n",
    )
    .await;
    let cut_off = tokio::time::timeout(LONG, sending).await;
    cut_off.expect("the gate hangs up").unwrap();
}

#[tokio::test]
async fn uploads_have_a_bound_and_take_no_place_of_others() {
    let application = Application::on_tcp().await;
    let stage = open(&application, |settings| {
        (settings.uploads_max, settings.upstream_max) = (1, 1);
    });
    let (mut first, mut line) = uploading(&stage, &application, "one").await;
    assert_shed(&stage.client().await.ask(upload("of a file")).await);
    let metrics = stage.gate.metrics_text();
    for told in [
        "humiao_gate_shed_total{reason=\"uploads_full\"} 1\n",
        "humiao_gate_queue_depth{queue=\"uploads\"} 1\n",
        "humiao_gate_queue_depth{queue=\"upstream\"} 0\n",
    ] {
        assert!(metrics.contains(told), "{told}{metrics}");
    }
    // Meanwhile others are passed on, those to the same path with a small body among them.
    let small = "POST /lists HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nsmall";
    for request in [get("/lists"), small.to_owned()] {
        let mut other = stage.client().await;
        other.send(&request).await;
        let (mut line, heard) = application.asked().await;
        assert!(request.starts_with(&heard.start), "{heard:?}");
        line.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(other.answer().await.status(), 200);
    }
    client_ends(&mut first, &mut line, "twoend").await;
    // Its place is free again.
    let mut next = stage.client().await;
    next.send(upload("of a file")).await;
    assert_eq!(asked(&mut line).await.text(), "of a file");
    say(&mut line, "next").await;
    assert_eq!(next.answer().await.text(), "next");
}

async fn client_ends(client: &mut Client, line: &mut Line, rest: &str) {
    client.send(rest).await;
    assert_comes(line, rest).await;
    say(line, "whole").await;
    assert_eq!(client.answer().await.text(), "whole");
}

#[tokio::test]
async fn a_refused_body_that_has_come_leaves_its_connection_open() {
    let stage = Stage::open(nowhere(), idle_desk(), NO_CACHE);
    let mut client = stage.client().await;
    let refused = [
        (hold("forged", "", "key-of-nobody", "{\"a\": 1}"), 401),
        (refused_with("Content-Length: 3\r\n\r\nabc"), 404),
        (
            refused_with("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            404,
        ),
    ];
    for (request, status) in refused {
        let told = client.ask(&request).await;
        assert_eq!((told.status(), told.header("connection")), (status, None));
    }
    assert_eq!(client.ask(get("/healthz")).await.status(), 200);
}

#[tokio::test]
async fn who_is_refused_before_the_body_has_come_is_told_that_the_connection_ends() {
    let mut settings = nowhere();
    settings.body_timeout = SHORT;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let mut client = stage.client().await;
    let told = client
        .ask(refused_with("Content-Length: 9\r\n\r\nabc"))
        .await;
    assert_eq!(
        (told.status(), told.header("connection")),
        (404, Some("close"))
    );
    assert_eq!(client.until_closed().await, "");
}

#[tokio::test]
async fn who_asks_before_sending_is_told_at_once_whether_to_go_on() {
    let application = Application::on_tcp().await;
    let stage = open(&application, |_| {});
    let asking = |length: usize| {
        format!(
            "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    // Its body would be waited for much longer.
    let mut client = stage.client().await;
    let told = tokio::time::timeout(LONG / 2, client.ask(asking(6))).await;
    let told = told.expect("an answer at once");
    assert_eq!(
        (told.status(), told.header("connection")),
        (413, Some("close"))
    );
    assert_eq!(client.until_closed().await, "");

    let mut client = stage.client().await;
    client.send(asking(5)).await;
    let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
    assert_eq!(
        client.reader.exactly(go_on.len()).await.unwrap(),
        &go_on[..]
    );
    client.send("12345").await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.text(), "12345");
    say(&mut line, "fits").await;
    assert_eq!(client.answer().await.text(), "fits");
}

/// A request for what is nobody's, with a body.
fn refused_with(framing: &str) -> String {
    format!("POST /metrics HTTP/1.1\r\nHost: h\r\n{framing}")
}
