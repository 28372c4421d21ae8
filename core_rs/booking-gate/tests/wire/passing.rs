//! What is not a hot route reaches the application as it came, and its answer comes back as it is.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::application::{Application, asked, say};
use crate::stage::message::Message;
use crate::stage::{Stage, get, settings};

const FROM_OUTSIDE: &str = "GET /api/v1/public/vaccines?q=%E6%B5%81%E6%84%9F&a=1 HTTP/1.1\r\n\
    Host: humiao.example:8443\r\nConnection: keep-alive, X-Of-Mine\r\nX-Of-Mine: 1\r\nKeep-Alive: timeout=5\r\n\
    TE: trailers\r\nTrailer: X-T\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\n\
    X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n\
    X-Forwarded-Port: 1\r\nX-Real-IP: 203.0.113.8\r\nForwarded: for=203.0.113.7\r\nX-Kept: a\r\nX-Kept: b\r\n\r\n";

fn all(message: &Message, name: &str) -> Vec<String> {
    let named = message.headers.iter().filter(|(known, _)| known == name);
    named.map(|(_, value)| value.clone()).collect()
}

#[tokio::test]
async fn a_request_arrives_as_it_came_without_what_was_meant_for_the_gate() {
    for application in [Application::on_tcp().await, Application::on_unix()] {
        let stage = Stage::before(application.place());
        let mut client = stage.client().await;
        client.send(FROM_OUTSIDE).await;
        let (mut line, request) = application.asked().await;
        assert_eq!(
            request.start,
            "GET /api/v1/public/vaccines?q=%E6%B5%81%E6%84%9F&a=1 HTTP/1.1"
        );
        let mut told = request.headers.clone();
        told.sort();
        let expected = [
            ("host", "humiao.example:8443"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-host", "humiao.example:8443"),
            ("x-forwarded-proto", "http"),
            ("x-kept", "a"),
            ("x-kept", "b"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(told, expected);

        let answer = "HTTP/1.1 203 Fine\r\nConnection: X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=9\r\n\
                      Proxy-Authenticate: Basic\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok";
        line.send(answer.as_bytes()).await.unwrap();
        let heard = client.answer().await;
        assert_eq!((heard.status(), heard.text()), (203, "ok"));
        assert_eq!(all(&heard, "set-cookie"), ["a=1", "b=2"]);
        for dropped in [
            "x-private",
            "keep-alive",
            "proxy-authenticate",
            "connection",
        ] {
            assert!(!heard.has(dropped), "{dropped}: {heard:?}");
        }
        // Both connections go on.
        client.send(get("/next")).await;
        assert_eq!(asked(&mut line).await.start, "GET /next HTTP/1.1");
        say(&mut line, "next").await;
        assert_eq!(client.answer().await.text(), "next");
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is_and_how_it_came() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let stage = Stage::open(settings, crate::stage::idle_desk(), "redis://127.0.0.1:1");
    let mut client = stage.client().await;
    client
        .send(
            "GET /x HTTP/1.1\r\nHost: inside\r\nX-Forwarded-For: 198.51.100.1, 203.0.113.9\r\n\
             X-Forwarded-Proto: https\r\nX-Forwarded-Host: humiao.example\r\nX-Real-IP: 198.51.100.2\r\n\r\n",
        )
        .await;
    let (_line, request) = application.asked().await;
    assert_eq!(request.header("x-forwarded-for"), Some("203.0.113.9"));
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
    assert_eq!(request.header("x-forwarded-host"), Some("humiao.example"));
    assert_eq!(request.header("host"), Some("inside"));
    assert!(!request.has("x-real-ip"));
}

#[tokio::test]
async fn a_large_request_body_goes_on_piece_by_piece() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.large_bodies = vec![("/upload".to_owned(), 1_000_000)];
    let stage = Stage::open(settings, crate::stage::idle_desk(), "redis://127.0.0.1:1");
    let mut client = stage.client().await;
    client
        .send(
            "POST /upload HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
        )
        .await;
    let mut line = application.line().await;
    let head = line.head().await.unwrap().unwrap();
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    let first = line.exactly(b"5\r\nfirst\r\n".len()).await.unwrap();
    assert_eq!(first, "5\r\nfirst\r\n");
    // The second piece is sent only after the first has arrived: nothing waited for the whole.
    client.send("6\r\nsecond\r\n0\r\n\r\n").await;
    let mut rest = Vec::new();
    while !rest.ends_with(b"0\r\n\r\n") {
        let some = line.some().await;
        assert!(!some.is_empty(), "{rest:?}");
        rest.extend_from_slice(&some);
    }
    assert_eq!(rest, b"6\r\nsecond\r\n0\r\n\r\n");
    say(&mut line, "had it").await;
    assert_eq!(client.answer().await.text(), "had it");
}

#[tokio::test]
async fn events_are_heard_as_they_happen() {
    let application = Application::on_unix();
    let stage = Stage::before(application.place());
    let mut client = stage.client().await;
    client.send(get("/api/v1/public/events")).await;
    let (mut line, _) = application.asked().await;
    line.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    .await
    .unwrap();
    let opening = client.reader.head().await.unwrap().unwrap();
    assert_eq!(opening.header("content-type"), Some("text/event-stream"));
    for event in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        line.send(chunk.as_bytes()).await.unwrap();
        let heard =
            tokio::time::timeout(crate::stage::LONG, client.reader.exactly(chunk.len())).await;
        assert_eq!(heard.expect("the event").unwrap(), chunk);
    }
    // The client leaves; the application hears of it.
    client.reader.hang_up().await;
    drop(client);
    let left = tokio::time::timeout(crate::stage::LONG, line.rest()).await;
    assert_eq!(left.expect("the gate hangs up"), Bytes::new());
}

#[tokio::test]
async fn an_answer_to_head_has_a_length_and_no_body() {
    let application = Application::on_tcp().await;
    let stage = Stage::before(application.place());
    let mut client = stage.client().await;
    client.send("HEAD /file HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.start, "HEAD /file HTTP/1.1");
    line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
        .await
        .unwrap();
    let heard = client.answer_to("HEAD").await;
    assert_eq!(heard.header("content-length"), Some("5"));
    client.send(get("/file")).await;
    assert_eq!(asked(&mut line).await.start, "GET /file HTTP/1.1");
    say(&mut line, "12345").await;
    assert_eq!(client.answer().await.text(), "12345");
}

#[tokio::test]
async fn answers_before_the_answer_do_no_harm() {
    let application = Application::on_tcp().await;
    let stage = Stage::before(application.place());
    let mut client = stage.client().await;
    client
        .send("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status(), 100);
    client.send("body").await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.text(), "body");
    line.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        .await
        .unwrap();
    say(&mut line, "done").await;
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.text()), (200, "done"));
}

#[tokio::test]
async fn without_the_application_people_are_told_and_when_it_is_back_they_are_served() {
    let application = Application::on_tcp().await;
    let place = application.place();
    let stage = Stage::before(place.clone());
    let mut client = stage.client().await;
    client.send(get("/1")).await;
    let (mut line, _) = application.asked().await;
    say(&mut line, "1").await;
    assert_eq!(client.answer().await.text(), "1");

    drop((application, line));
    let told = client.ask(get("/2")).await;
    assert_eq!(
        (told.status(), told.problem()),
        (502, "upstream_away".to_owned())
    );

    let booking_gate::settings::Upstream::Tcp(address) = place else {
        panic!("it was on TCP");
    };
    let application = Application::on_address(&address).await;
    client.send(get("/3")).await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.start, "GET /3 HTTP/1.1");
    say(&mut line, "3").await;
    assert_eq!(client.answer().await.text(), "3");
}

#[tokio::test]
async fn an_idle_connection_that_died_is_replaced_unnoticed() {
    let application = Application::on_unix();
    let stage = Stage::before(application.place());
    let mut client = stage.client().await;
    client.send(get("/1")).await;
    let (mut line, _) = application.asked().await;
    say(&mut line, "1").await;
    assert_eq!(client.answer().await.text(), "1");
    line.hang_up().await;
    drop(line);
    let post = "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
    client.send(post).await;
    let (mut line, request) = application.asked().await;
    assert_eq!(
        (request.start.as_str(), request.text()),
        ("POST /2 HTTP/1.1", "body")
    );
    say(&mut line, "2").await;
    assert_eq!(client.answer().await.text(), "2");
}

#[tokio::test]
async fn a_request_that_may_have_been_heard_is_not_sent_again() {
    let application = Application::on_unix();
    let stage = Stage::before(application.place());
    let mut client = stage.client().await;
    client.send(get("/1")).await;
    let (mut line, _) = application.asked().await;
    say(&mut line, "1").await;
    assert_eq!(client.answer().await.text(), "1");

    client
        .send("POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
        .await;
    assert_eq!(asked(&mut line).await.text(), "body");
    drop(line);
    let told = client.answer().await;
    assert_eq!(
        (told.status(), told.problem()),
        (502, "upstream_away".to_owned())
    );
    // Had it been sent twice, the second would come before this one.
    client.send(get("/3")).await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.start, "GET /3 HTTP/1.1");
    say(&mut line, "3").await;
    assert_eq!(client.answer().await.text(), "3");
}

#[tokio::test]
async fn an_application_that_is_slow_to_begin_is_waited_for_only_so_long() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.upstream_timeout = Duration::from_millis(200);
    let stage = Stage::open(settings, crate::stage::idle_desk(), "redis://127.0.0.1:1");
    let mut client = stage.client().await;
    let asked_at = Instant::now();
    client.send(get("/slow")).await;
    let (mut line, _) = application.asked().await;
    let told = client.answer().await;
    assert_eq!(
        (told.status(), told.problem()),
        (504, "upstream_timeout".to_owned())
    );
    assert!(asked_at.elapsed() >= Duration::from_millis(200));
    // The request is given up there, too.
    let left = tokio::time::timeout(crate::stage::LONG, line.rest()).await;
    assert_eq!(left.expect("the gate hangs up"), Bytes::new());
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_complete() {
    let broken = [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n20\r\nonly this",
    ];
    for said in broken {
        let application = Application::on_tcp().await;
        let stage = Stage::before(application.place());
        let mut client = stage.client().await;
        client.send(get("/file")).await;
        let (mut line, _) = application.asked().await;
        line.send(said.as_bytes()).await.unwrap();
        line.hang_up().await;
        drop(line);
        let heard = tokio::time::timeout(crate::stage::LONG, client.reader.response("GET")).await;
        let heard = heard.expect("an end in time");
        assert!(
            !heard.as_ref().is_ok_and(|message| message.complete),
            "{said:?} became {heard:?}"
        );
    }
}

#[tokio::test]
async fn a_body_longer_than_any_is_refused_as_such() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.body_bytes_max = 1000;
    settings.large_bodies = vec![("/lists".to_owned(), 2000)];
    let stage = Stage::open(settings, crate::stage::idle_desk(), "redis://127.0.0.1:1");

    let mut client = stage.client().await;
    // Read on to its end, so that the client is listening when it is told.
    let told = client
        .ask(format!(
            "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n{}",
            "x".repeat(1001)
        ))
        .await;
    assert_eq!(
        (told.status(), told.problem()),
        (413, "body_too_large".to_owned())
    );

    let mut client = stage.client().await;
    let piece = format!("1f4\r\n{}\r\n", "x".repeat(500));
    client
        .send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    client.send(piece.repeat(2)).await;
    client.send("1\r\nx\r\n0\r\n\r\n").await;
    let told = client.answer().await;
    assert_eq!(
        (told.status(), told.problem()),
        (413, "body_too_large".to_owned())
    );

    // The application has heard of neither: the first that comes to it is one that goes on as it comes.
    let mut client = stage.client().await;
    client
        .send("POST /lists HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    let mut line = application.line().await;
    client.send(piece.repeat(4)).await;
    client.send("1\r\nx\r\n0\r\n\r\n").await;
    let told = client.answer().await;
    assert_eq!(
        (told.status(), told.problem()),
        (413, "body_too_large".to_owned())
    );
    // What the application got does not look complete.
    let request = tokio::time::timeout(crate::stage::LONG, line.request()).await;
    let request = request.expect("an end in time");
    assert!(
        matches!(&request, Ok(Some(message)) if message.start == "POST /lists HTTP/1.1" && !message.complete),
        "{request:?}"
    );

    // The longest that is passed on.
    let mut client = stage.client().await;
    let longest = format!(
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{}",
        "x".repeat(1000)
    );
    client.send(longest).await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.body.len(), 1000);
    say(&mut line, "fits").await;
    assert_eq!(client.answer().await.text(), "fits");
}

#[tokio::test]
async fn a_path_that_takes_lists_takes_larger_bodies_and_no_other_does() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.body_bytes_max = 1000;
    settings.large_bodies = vec![("/lists".to_owned(), 3000)];
    let stage = Stage::open(settings, crate::stage::idle_desk(), "redis://127.0.0.1:1");
    let asking = |path: &str, length: usize| {
        let body = "x".repeat(length);
        format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
    };

    let mut client = stage.client().await;
    client.send(asking("/lists?stage=primary", 3000)).await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.body.len(), 3000);
    say(&mut line, "fits").await;
    assert_eq!(client.answer().await.text(), "fits");

    for (path, length) in [("/lists", 3001), ("/other", 1001), ("/%6cists", 1001)] {
        let mut client = stage.client().await;
        let told = client.ask(asking(path, length)).await;
        assert_eq!(
            (told.status(), told.problem()),
            (413, "body_too_large".to_owned()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn http2_is_spoken_and_the_application_hears_http1() {
    let application = Application::on_unix();
    let stage = Stage::before(application.place());
    let stream = TcpStream::connect(stage.address).await.unwrap();
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = |path: &str, body: &'static str| {
        hyper::Request::post(format!("http://humiao.example{path}"))
            .body(Full::new(Bytes::from_static(body.as_bytes())))
            .unwrap()
    };
    let first = tokio::spawn(client.send_request(request("/first", "one")));
    let (mut line, heard) = application.asked().await;
    // The second overtakes the first on the same connection.
    let second = tokio::spawn(client.send_request(request("/second", "two")));
    let (mut other_line, other) = application.asked().await;
    assert_eq!(
        (heard.start.as_str(), heard.text()),
        ("POST /first HTTP/1.1", "one")
    );
    assert_eq!(
        (other.start.as_str(), other.text()),
        ("POST /second HTTP/1.1", "two")
    );
    assert_eq!(heard.header("host"), Some("humiao.example"));
    assert_eq!(heard.header("x-forwarded-for"), Some("127.0.0.1"));
    say(&mut other_line, "2").await;
    let answer = second.await.unwrap().unwrap().into_body();
    assert_eq!(
        answer.collect().await.unwrap().to_bytes(),
        Bytes::from_static(b"2")
    );
    say(&mut line, "1").await;
    let answer = first.await.unwrap().unwrap().into_body();
    assert_eq!(
        answer.collect().await.unwrap().to_bytes(),
        Bytes::from_static(b"1")
    );
}
