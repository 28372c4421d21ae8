//! Requests that two readers might understand differently: each is refused, or arrives as exactly one that is plain.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::application::{Application, say};
use crate::stage::message::Message;
use crate::stage::{LONG, Stage, get};

/// What has to come of it.
enum Fate {
    /// Told so and hung up on; the application hears nothing.
    Refused,
    /// One request: its first line, host and body.
    Once(&'static str, &'static str, &'static str),
    /// The same, and then the gate hangs up.
    Last(&'static str, &'static str, &'static str),
    /// The body is not one: the application hears nothing that is complete.
    Broken,
}
use Fate::{Broken, Last, Once, Refused};

/// Row by row: why, what is sent, what has to come of it.
const ROWS: &[(&str, &str, Fate)] = &[
    // Two lengths.
    (
        "a length, then chunks: chunks count",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Last("POST /x HTTP/1.1", "h", ""),
    ),
    (
        "a smaller length than the chunks have",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        Last("POST /x HTTP/1.1", "h", "abc"),
    ),
    (
        "chunks, then a length: chunks count",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        Last("POST /x HTTP/1.1", "h", "abc"),
    ),
    (
        "two lengths that differ",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        Refused,
    ),
    (
        "two lengths that agree are one",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        Once("POST /x HTTP/1.1", "h", "abcd"),
    ),
    (
        "a list of lengths",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4, 4\r\n\r\nabcd",
        Refused,
    ),
    (
        "a sign",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: +4\r\n\r\nabcd",
        Refused,
    ),
    (
        "below zero",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: -4\r\n\r\nabcd",
        Refused,
    ),
    (
        "hexadecimal",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0x4\r\n\r\nabcd",
        Refused,
    ),
    (
        "a gap",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4 4\r\n\r\nabcd",
        Refused,
    ),
    (
        "no length at all",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nabcd",
        Refused,
    ),
    (
        "more than there is",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nabcd",
        Refused,
    ),
    // Codings.
    (
        "a coding nobody knows",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "chunked is not the last",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "identity",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\nabc",
        Refused,
    ),
    (
        "another coding below",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "chunked twice",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "two lines of codings",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "and the other way round",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "in capitals it is the same",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        Once("POST /x HTTP/1.1", "h", "abc"),
    ),
    (
        "a gap before the colon",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "a vertical tab",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "a quoted coding",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "chunks in HTTP/1.0",
        "POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    // Chunks.
    (
        "an extension is dropped",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n",
        Once("POST /x HTTP/1.1", "h", "abc"),
    ),
    (
        "trailers are dropped",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 7\r\nHost: evil\r\n\r\n",
        Once("POST /x HTTP/1.1", "h", "abc"),
    ),
    (
        "a chunk that is longer than it says",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
        Broken,
    ),
    (
        "a size that is no number",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        Broken,
    ),
    (
        "a size with a sign",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
        Broken,
    ),
    (
        "a size with a prefix",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        Broken,
    ),
    (
        "a size without an end",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        Broken,
    ),
    (
        "a size that ends with a bare line feed",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        Broken,
    ),
    // Bodies where few expect them.
    (
        "a request as the body of a GET",
        "GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 38\r\n\r\nGET /inner HTTP/1.1\r\nHost: evil.ex\r\n\r\n",
        Once(
            "GET /x HTTP/1.1",
            "h",
            "GET /inner HTTP/1.1\r\nHost: evil.ex\r\n\r\n",
        ),
    ),
    (
        "a length that Connection takes away",
        "POST /x HTTP/1.1\r\nHost: h\r\nConnection: content-length\r\nContent-Length: 4\r\n\r\nabcd",
        Once("POST /x HTTP/1.1", "h", "abcd"),
    ),
    (
        "a host that Connection takes away",
        "GET /x HTTP/1.1\r\nHost: h\r\nConnection: host, transfer-encoding\r\n\r\n",
        Once("GET /x HTTP/1.1", "h", ""),
    ),
    // Lines.
    (
        "a folded line",
        "GET /x HTTP/1.1\r\nHost: h\r\nX-A: a\r\n b\r\n\r\n",
        Refused,
    ),
    (
        "a folded first line",
        "GET /x HTTP/1.1\r\n Host: h\r\n\r\n",
        Refused,
    ),
    (
        "bare line feeds end lines, here and from here on",
        "GET /x HTTP/1.1\nHost: h\n\n",
        Once("GET /x HTTP/1.1", "h", ""),
    ),
    (
        "a bare carriage return",
        "GET /x HTTP/1.1\r\nHost: h\r\nX-A: a\rTransfer-Encoding: chunked\r\n\r\n",
        Refused,
    ),
    (
        "a zero byte",
        "GET /x HTTP/1.1\r\nHost: h\r\nX-A: a\0b\r\n\r\n",
        Refused,
    ),
    (
        "a name with a gap",
        "GET /x HTTP/1.1\r\nHost: h\r\nX A: b\r\n\r\n",
        Refused,
    ),
    (
        "no name",
        "GET /x HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n",
        Refused,
    ),
    (
        "no colon",
        "GET /x HTTP/1.1\r\nHost: h\r\nX-A\r\n\r\n",
        Refused,
    ),
    // First lines.
    (
        "a gap in the target",
        "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    ("no version", "GET /x\r\nHost: h\r\n\r\n", Refused),
    (
        "a version of none",
        "GET /x HTTP/1.2\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "a version of another protocol",
        "GET /x HTTP/2.0\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "a method of none",
        "G(T /x HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "a method of no standard",
        "GETS /x HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "a method in small letters",
        "get /x HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "a target as people write it",
        "GET /疫苗 HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "a query as people write it",
        "GET /x?q=流感 HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "line ends in the target, hidden",
        "GET /x%0d%0aHost:%20evil HTTP/1.1\r\nHost: h\r\n\r\n",
        Once("GET /x%0d%0aHost:%20evil HTTP/1.1", "h", ""),
    ),
    (
        "two slashes are no host",
        "GET //evil.example/x HTTP/1.1\r\nHost: h\r\n\r\n",
        Once("GET //evil.example/x HTTP/1.1", "h", ""),
    ),
    (
        "HTTP/1.0 needs no host",
        "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        Once("GET /x HTTP/1.1", "application", ""),
    ),
    // Whose?
    ("no host", "GET /x HTTP/1.1\r\n\r\n", Refused),
    (
        "a host with a gap",
        "GET /x HTTP/1.1\r\nHost: h evil\r\n\r\n",
        Refused,
    ),
    (
        "two hosts",
        "GET /x HTTP/1.1\r\nHost: h\r\nHost: evil\r\n\r\n",
        Refused,
    ),
    (
        "a target with a host goes before the header",
        "GET http://there.example/x?y HTTP/1.1\r\nHost: h\r\n\r\n",
        Once("GET /x?y HTTP/1.1", "there.example", ""),
    ),
    (
        "a tunnel",
        "CONNECT evil.example:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "a tunnel to a path",
        "CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
];

/// Reads every request to the letter, answers it with its first line, and keeps what it heard.
async fn keep(application: Application, heard: Arc<Mutex<Vec<Result<Message, String>>>>) {
    loop {
        let mut line = application.accept().await;
        let heard = Arc::clone(&heard);
        tokio::spawn(async move {
            loop {
                match line.request().await {
                    Ok(Some(message)) if !message.complete => {
                        return heard.lock().await.push(Ok(message));
                    }
                    Ok(Some(message)) => {
                        let first = message.start.clone();
                        heard.lock().await.push(Ok(message));
                        say(&mut line, &first).await;
                    }
                    Ok(None) => return,
                    Err(error) => return heard.lock().await.push(Err(error.to_string())),
                }
            }
        });
    }
}

#[tokio::test]
async fn nothing_is_understood_in_two_ways() {
    let application = Application::on_unix();
    let stage = Stage::before(application.place());
    let heard = Arc::default();
    let keeping = tokio::spawn(keep(application, Arc::clone(&heard)));
    for (why, sent, fate) in ROWS {
        // Shown where the row fails.
        println!("{why}");
        heard.lock().await.clear();
        let mut client = stage.client().await;
        client.send(sent).await;
        match fate {
            Refused => {
                let told = client.until_closed().await;
                let text = String::from_utf8_lossy(&told);
                let status = text
                    .split(' ')
                    .nth(1)
                    .map_or(0, |word| word.parse().unwrap());
                assert!((400..=431).contains(&status), "{why}: {text:?}");
                assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{why}: {text:?}");
                assert!(heard.lock().await.is_empty(), "{why}: {heard:?}");
            }
            Once(start, host, body) | Last(start, host, body) => {
                let answer = client.answer().await;
                assert_eq!((answer.status(), answer.text()), (200, *start), "{why}");
                // Had anything been left over, it would come before this.
                let sentinel = if matches!(fate, Once(..)) {
                    let answer = client.ask(get("/sentinel")).await;
                    assert_eq!(answer.text(), "GET /sentinel HTTP/1.1", "{why}");
                    1
                } else {
                    assert_eq!(answer.header("connection"), Some("close"), "{why}");
                    assert_eq!(client.until_closed().await, "", "{why}");
                    0
                };
                let heard = heard.lock().await;
                assert_eq!(heard.len(), 1 + sentinel, "{why}: {heard:?}");
                let request = heard[0].as_ref().unwrap();
                assert_eq!(request.start, *start, "{why}");
                assert_eq!(request.header("host"), Some(*host), "{why}");
                assert_eq!((request.text(), request.complete), (*body, true), "{why}");
            }
            Broken => {
                let told = client.until_closed().await;
                assert!(told.starts_with(b"HTTP/1.1 400 "), "{why}: {told:?}");
                let heard = heard.lock().await;
                let whole = |found: &&Result<Message, String>| {
                    found.as_ref().is_ok_and(|message| message.complete)
                };
                assert_eq!(heard.iter().find(whole), None, "{why}");
            }
        }
    }
    keeping.abort();
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order_each_for_itself() {
    let application = Application::on_unix();
    let stage = Stage::before(application.place());
    let heard = Arc::default();
    let keeping = tokio::spawn(keep(application, Arc::clone(&heard)));
    let mut client = stage.client().await;
    let post =
        "POST /b HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\nContent-Length: 3\r\n\r\nabc";
    client.send([&get("/a"), post, &get("/c")].concat()).await;
    for path in ["GET /a HTTP/1.1", "POST /b HTTP/1.1", "GET /c HTTP/1.1"] {
        assert_eq!(client.answer().await.text(), path);
    }
    for request in heard.lock().await.iter() {
        let request = request.as_ref().unwrap();
        assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    }
    keeping.abort();
}

#[tokio::test]
async fn heads_have_a_largest_size_and_a_largest_number_of_lines() {
    let application = Application::on_unix();
    let stage = Stage::before(application.place());
    let heard = Arc::default();
    let keeping = tokio::spawn(keep(application, Arc::clone(&heard)));
    let lines = |count: usize| "X-A: b\r\n".repeat(count);
    // Host is one of them.
    let largest = format!("GET /x HTTP/1.1\r\nHost: h\r\n{}\r\n", lines(63));
    assert_eq!(stage.client().await.ask(largest).await.status(), 200);
    heard.lock().await.clear();
    let too_large = [
        format!("GET /x HTTP/1.1\r\nHost: h\r\n{}\r\n", lines(64)),
        format!(
            "GET /x HTTP/1.1\r\nHost: h\r\nX-A: {}\r\n\r\n",
            "a".repeat(17_000)
        ),
        format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(17_000)),
        // Never an end.
        format!("GET /x HTTP/1.1\r\nHost: h\r\nX-A: {}", "a".repeat(40_000)),
    ];
    for sent in too_large {
        let mut client = stage.client().await;
        // It may hang up before it has heard everything.
        let _ = client.reader.send(sent.as_bytes()).await;
        let told = tokio::time::timeout(LONG, client.reader.response("GET")).await;
        if let Ok(told) = told.expect("an end") {
            assert!(matches!(told.status(), 400 | 414 | 431), "{told:?}");
        }
    }
    assert!(heard.lock().await.is_empty());
    keeping.abort();
}
