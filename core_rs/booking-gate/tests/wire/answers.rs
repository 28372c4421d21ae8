//! Answers on their way back: so many at a time, and no socket to the application is kept for who does not take one.

use std::time::{Duration, Instant};

use booking_gate::settings::Settings;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::application::{Application, Line, say};
use crate::holds::NO_CACHE;
use crate::shedding::{assert_shed, until_told};
use crate::stage::{Client, LONG, Stage, get, idle_desk, settings};

const SHORT: Duration = Duration::from_millis(300);
/// Each line to the application is for one answer, so that the next is asked over a new one.
const BEGINNING: &[u8] =
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";

fn open(application: &Application, narrow: impl FnOnce(&mut Settings)) -> Stage {
    let mut settings = settings(application.place());
    narrow(&mut settings);
    Stage::open(settings, idle_desk(), NO_CACHE)
}

async fn until_answers(stage: &Stage, count: usize) {
    let line = format!("humiao_gate_queue_depth{{queue=\"answers\"}} {count}\n");
    until_told(stage, &line).await;
}

/// A client of HTTP/2 that takes so many bytes of an answer before it has read them.
struct Narrow {
    requests: SendRequest<Empty<Bytes>>,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Narrow {
    async fn of(stage: &Stage, window: u32) -> Self {
        let stream = TcpStream::connect(stage.address).await.unwrap();
        let (requests, connection) = Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        Self {
            requests,
            connection: tokio::spawn(connection),
        }
    }

    fn ask(&mut self, path: &str) -> JoinHandle<hyper::Result<Response<Incoming>>> {
        let request = hyper::Request::get(format!("http://h{path}"))
            .body(Empty::new())
            .unwrap();
        tokio::spawn(self.requests.send_request(request))
    }

    /// Asks for an answer of which it takes only the beginning; its line to the application beside it.
    async fn ask_long(&mut self, application: &Application) -> (Response<Incoming>, Line) {
        let asking = self.ask("/long");
        let (mut line, _) = application.asked().await;
        line.send(BEGINNING).await.unwrap();
        let piece = format!("10000\r\n{}\r\n", "x".repeat(65_536));
        line.send(piece.as_bytes()).await.unwrap();
        (asking.await.unwrap().unwrap(), line)
    }
}

/// Waits until the gate has hung up on the application.
async fn assert_given_up(line: &mut Line) {
    let left = tokio::time::timeout(LONG, line.rest()).await;
    assert_eq!(left.expect("the gate hangs up"), Bytes::new());
}

/// Has an answer given up: when that has happened, the time for taking a piece is over once more.
async fn until_the_time_is_over(stage: &Stage, application: &Application) {
    let mut lazy = Narrow::of(stage, 0).await;
    let since = Instant::now();
    let (_answer, mut line) = lazy.ask_long(application).await;
    assert_given_up(&mut line).await;
    assert!(since.elapsed() >= SHORT);
}

#[tokio::test]
async fn answers_have_a_bound_of_their_own_and_give_the_place_back() {
    let application = Application::on_tcp().await;
    let stage = open(&application, |settings| settings.answers_max = 1);
    let (mut first, mut second) = (stage.client().await, stage.client().await);
    first.send(get("/1")).await;
    let (mut line, _) = application.asked().await;
    line.send(BEGINNING).await.unwrap();
    first.reader.head().await.unwrap().unwrap();
    // Its turn at the application is over, its place among the answers is not.
    until_told(&stage, "humiao_gate_queue_depth{queue=\"upstream\"} 0\n").await;
    until_answers(&stage, 1).await;
    assert_shed(&second.ask(get("/2")).await);
    until_told(
        &stage,
        "humiao_gate_shed_total{reason=\"answers_full\"} 1\n",
    )
    .await;
    assert_eq!(second.ask(get("/healthz")).await.status(), 200);

    // It ends: the next is asked for, and the application has not heard of the one between.
    line.send(b"0\r\n\r\n").await.unwrap();
    assert_eq!(first.reader.exactly(5).await.unwrap(), "0\r\n\r\n");
    until_answers(&stage, 0).await;
    second.send(get("/3")).await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.start, "GET /3 HTTP/1.1");
    line.send(BEGINNING).await.unwrap();
    second.reader.head().await.unwrap().unwrap();
    until_answers(&stage, 1).await;

    // Its client leaves.
    second.reader.hang_up().await;
    drop(second);
    until_answers(&stage, 0).await;
    first.send(get("/4")).await;
    let (mut line, _) = application.asked().await;
    say(&mut line, "4").await;
    assert_eq!(first.answer().await.text(), "4");

    // An answer without a body, and none at all.
    first.send("HEAD /5 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let request = crate::application::asked(&mut line).await;
    assert_eq!(request.start, "HEAD /5 HTTP/1.1");
    line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(first.answer_to("HEAD").await.status(), 200);
    until_answers(&stage, 0).await;
    first.send(get("/6")).await;
    crate::application::asked(&mut line).await;
    drop((line, application));
    assert_eq!(first.answer().await.problem(), "upstream_away");
    until_answers(&stage, 0).await;
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up_and_the_others_go_on() {
    let application = Application::on_tcp().await;
    let stage = open(&application, |settings| settings.answer_pause_max = SHORT);
    let mut client = Narrow::of(&stage, 1000).await;
    let (long, mut line) = client.ask_long(&application).await;
    assert_given_up(&mut line).await;
    until_answers(&stage, 0).await;

    // On the same connection as well.
    let asking = client.ask("/next");
    let (mut line, _) = application.asked().await;
    say(&mut line, "next").await;
    let next = asking.await.unwrap().unwrap().into_body();
    assert_eq!(next.collect().await.unwrap().to_bytes(), "next");
    // Who asks for more after all is told that it is not all.
    let told = tokio::time::timeout(LONG, long.into_body().collect()).await;
    assert!(told.expect("an end in time").is_err());
}

#[tokio::test]
async fn whole_answers_that_nobody_takes_keep_nobody_out_and_their_connection_ends() {
    let application = Application::on_tcp().await;
    let stage = open(&application, |settings| {
        settings.answers_max = 3;
        settings.answer_pause_max = SHORT;
        settings.head_timeout = SHORT;
    });
    let mut lazy = Narrow::of(&stage, 0).await;
    let mut untaken = Vec::new();
    for path in ["/1", "/2", "/3"] {
        let asking = lazy.ask(path);
        let (mut line, _) = application.asked().await;
        line.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
            .await
            .unwrap();
        untaken.push(asking.await.unwrap().unwrap());
    }
    until_answers(&stage, 0).await;
    let mut client = stage.client().await;
    client.send(get("/4")).await;
    let (mut line, _) = application.asked().await;
    say(&mut line, "4").await;
    assert_eq!(client.answer().await.text(), "4");
    // Nothing is under way on it any more.
    let ended = tokio::time::timeout(LONG, lazy.connection).await;
    ended.expect("an end").unwrap().ok();
}

#[tokio::test]
async fn who_does_not_read_a_long_answer_is_cut_off() {
    let application = Application::on_tcp().await;
    let stage = open(&application, |settings| {
        settings.answer_pause_max = SHORT;
        settings.head_timeout = SHORT;
    });
    let mut lazy = stage.client().await;
    lazy.send(get("/endless")).await;
    let (mut line, _) = application.asked().await;
    line.send(BEGINNING).await.unwrap();
    let piece = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let sent = async { while line.send(piece.as_bytes()).await.is_ok() {} };
    let ended = tokio::time::timeout(LONG, sent).await;
    ended.expect("the gate hangs up on the application");
    until_answers(&stage, 0).await;
    crate::shedding::until_open(&stage, 0).await;
    let told = lazy.until_closed().await;
    assert!(!told.ends_with(b"0\r\n\r\n"), "it looks complete");
}

#[tokio::test]
async fn events_that_are_seldom_and_heard_go_on() {
    let application = Application::on_tcp().await;
    let stage = open(&application, |settings| settings.answer_pause_max = SHORT);
    let mut client = stage.client().await;
    client.send(get("/events")).await;
    let (mut line, _) = application.asked().await;
    line.send(BEGINNING).await.unwrap();
    client.reader.head().await.unwrap().unwrap();
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        for _ in 0..2 {
            until_the_time_is_over(&stage, &application).await;
        }
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        line.send(chunk.as_bytes()).await.unwrap();
        let heard = tokio::time::timeout(LONG, client.reader.exactly(chunk.len())).await;
        assert_eq!(heard.expect("the event").unwrap(), chunk);
    }
    until_answers(&stage, 1).await;
}

#[tokio::test]
async fn who_reads_slowly_is_not_given_up() {
    let application = Application::on_tcp().await;
    let pause_max = SHORT * 7;
    let stage = open(&application, |settings| {
        settings.answer_pause_max = pause_max;
    });
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(65_536).unwrap();
    let mut slow = Client::of(socket.connect(stage.address).await.unwrap());
    slow.send(get("/endless")).await;
    let (mut line, _) = application.asked().await;
    line.send(BEGINNING).await.unwrap();
    let piece = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let sending = async { while line.send(piece.as_bytes()).await.is_ok() {} };
    let reading = async {
        let mut pace = tokio::time::interval(SHORT / 10);
        let since = Instant::now();
        while since.elapsed() < pause_max * 2 {
            pace.tick().await;
            slow.reader.exactly(8192).await.unwrap();
        }
    };
    tokio::select! {
        () = sending => panic!("given up"),
        () = reading => {}
    }
}
