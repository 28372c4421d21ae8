//! Streams of a waiting room: what a poll says, heard as it changes, and who finds no room to listen.

use std::time::Duration;

use booking_core::time::Instant;
use booking_gate::rooms::{Head, Standing, Tick};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::tokens::{self, GENERATION, SECRET, header, signed, unix_ms, unix_s};
use crate::stage::{Client, LONG, Stage, idle_desk, nowhere, settings};

const NO_CACHE: &str = "redis://127.0.0.1:1";
const ROOM: i64 = 7;
/// The last chunk of a body.
const END: &str = "\r\n0\r\n\r\n";

/// Somebody with an entry of the room.
struct Listener {
    account: Uuid,
    entry: Uuid,
}

impl Listener {
    fn new(number: u128) -> Self {
        Self {
            account: Uuid::from_u128(0x4000_8000_0000_0000_0000 + number),
            // The first byte is 0: no waiting beside what all wait.
            entry: Uuid::from_u128(number),
        }
    }

    fn asks(&self, path: &str, more: &str) -> String {
        let claims = json!({
            "iss": "humiao", "aud": "room", "iat": unix_s(), "exp": unix_s() + 3600, "gen": GENERATION,
            "sub": self.account.to_string(), "acc": self.account.to_string(), "room": ROOM,
            "tkt": self.entry.to_string(),
        });
        let ticket = signed(SECRET, &header().to_string(), &claims.to_string());
        let token = tokens::token_of(self.account);
        format!(
            "GET /api/v1/resident/rooms/{ROOM}/place{path} HTTP/1.1\r\nHost: humiao.example\r\n\
             Authorization: Bearer {token}\r\nRoom-Ticket: {ticket}\r\n{more}\r\n"
        )
    }
}

fn head(places: u32, version: u64) -> Head {
    Head {
        room_id: ROOM,
        is_on: true,
        is_open: true,
        is_drawn: true,
        pace: 1_000_000,
        version,
        places,
        present: (1..=places).collect(),
        ..Head::default()
    }
}

/// A gate that knows a room in which so many wait.
fn stage(waiting: u32) -> Stage {
    let stage = Stage::open(nowhere(), idle_desk(), NO_CACHE);
    know(&stage, waiting);
    stage
}

fn know(stage: &Stage, waiting: u32) {
    stage.gate.rooms.take_heads(vec![head(waiting, 0)]);
    let entries =
        (1..=waiting).map(|place| (place, u128::from(place).to_be_bytes(), Standing::Waits));
    stage.gate.rooms.take_places(ROOM, entries);
}

fn tick(tick: u64, admitted: &[u32], gone: &[u32]) -> Tick {
    Tick {
        tick,
        admitted: admitted.to_vec(),
        until: Some(Instant(unix_ms() + 600_000)),
        gone: gone.to_vec(),
    }
}

/// Begins to listen; the head of the answer has been read.
async fn listen(stage: &Stage, who: &Listener, more: &str) -> Client {
    let mut client = stage.client().await;
    client.send(who.asks("/events", more)).await;
    let opening = tokio::time::timeout(LONG, client.reader.head()).await;
    let opening = opening.expect("an answer in time").unwrap().unwrap();
    assert_eq!(opening.status(), 200, "{opening:?}");
    assert_eq!(opening.header("content-type"), Some("text/event-stream"));
    assert_eq!(opening.header("cache-control"), Some("no-store"));
    client
}

/// The text until there is a whole event with `wanted` in it, or the end that is wanted.
async fn heard(client: &mut Client, wanted: &str) -> String {
    let whole = |text: &str| {
        let after = text.split_once(wanted).map(|(_, after)| after);
        after.is_some_and(|after| wanted == END || wanted.ends_with('\n') || after.contains("\n\n"))
    };
    let mut text = String::new();
    let listening = async {
        while !whole(&text) {
            let some = client.reader.some().await;
            assert!(!some.is_empty(), "it ended before {wanted}: {text}");
            text.push_str(std::str::from_utf8(&some).unwrap());
        }
    };
    let in_time = tokio::time::timeout(LONG, listening).await;
    in_time.unwrap_or_else(|_| panic!("{wanted} was not heard: {text}"));
    text
}

fn data(text: &str) -> Value {
    let line = text.lines().rfind(|line| line.starts_with("data: "));
    serde_json::from_str(&line.unwrap()["data: ".len()..]).unwrap()
}

#[tokio::test]
async fn a_stream_says_what_a_poll_says_and_ends_when_it_is_ones_turn() {
    let stage = stage(3);
    let who = Listener::new(3);
    let polled = stage.client().await.ask(who.asks("", "")).await.json();
    let mut client = listen(&stage, &who, "").await;
    let first = heard(&mut client, "data: ").await;
    assert!(first.contains("retry: 2000\n\n"), "{first}");
    assert_eq!(data(&first), polled);
    assert_eq!(polled["ahead"], 2);
    stage
        .gate
        .rooms
        .take_ticks(ROOM, [tick(1, &[1, 3], &[])].into_iter());
    let last = heard(&mut client, END).await;
    assert!(last.contains("id: 1\ndata: "), "{last}");
    assert_eq!(data(&last)["state"], "admitted");
}

#[tokio::test]
async fn numbers_change_as_the_record_does_and_who_listens_is_present() {
    let stage = stage(3);
    let who = Listener::new(3);
    let mut client = listen(&stage, &who, "").await;
    heard(&mut client, "\"ahead\":2").await;
    let reports = stage.gate.rooms.take_reports();
    assert!(
        reports
            .iter()
            .any(|(room, seen, _)| *room == ROOM && seen.contains(3))
    );
    stage
        .gate
        .rooms
        .take_ticks(ROOM, [tick(1, &[1], &[])].into_iter());
    assert_eq!(data(&heard(&mut client, "\"ahead\":1").await)["place"], 3);
    let reports = stage.gate.rooms.take_reports();
    assert!(
        reports.iter().any(|(_, seen, _)| seen.contains(3)),
        "as long as they listen"
    );
    // Left on another device: a poll explains.
    stage
        .gate
        .rooms
        .take_ticks(ROOM, [tick(2, &[], &[3])].into_iter());
    let end = heard(&mut client, END).await;
    assert!(end.contains("retry: ") && !end.contains("data: "), "{end}");
    let again = stage.client().await.ask(who.asks("/events", "")).await;
    // A code that this stage's vocabulary does not have is told as its own.
    assert_ne!(again.status(), 200);
}

#[tokio::test]
async fn who_comes_back_is_told_nothing_older_than_they_have_heard() {
    let stage = stage(2);
    let mut client = listen(&stage, &Listener::new(2), "Last-Event-ID: 1\r\n").await;
    let text = heard(&mut client, "retry: ").await;
    assert!(!text.contains("data: "), "this gate is behind: {text}");
    stage
        .gate
        .rooms
        .take_ticks(ROOM, [tick(1, &[1], &[])].into_iter());
    assert!(heard(&mut client, "data: ").await.contains("id: 1\n"));
}

#[tokio::test]
async fn streams_have_a_bound_and_a_place_is_given_back() {
    let mut narrow = nowhere();
    narrow.streams_max = 5;
    let stage = Stage::open(narrow, idle_desk(), NO_CACHE);
    know(&stage, 9);
    let greedy = Listener::new(1);
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(listen(&stage, &greedy, "").await);
    }
    let refused = stage.client().await.ask(greedy.asks("/events", "")).await;
    assert_eq!(refused.problem(), "busy", "four of an account are enough");
    open.push(listen(&stage, &Listener::new(2), "").await);
    let other = Listener::new(3);
    let refused = stage.client().await.ask(other.asks("/events", "")).await;
    assert_eq!(
        (refused.status(), refused.problem().as_str()),
        (503, "busy")
    );
    assert!(refused.has("retry-after"));
    let polled = stage.client().await.ask(other.asks("", "")).await;
    assert_eq!(polled.status(), 200, "who cannot listen polls");
    for mut gone in open.drain(..) {
        gone.reader.hang_up().await;
    }
    let free = async {
        while stage.client().await.ask(other.asks("", "")).await.status() == 200 {
            let open = stage.gate.streams.open();
            if open.load(std::sync::atomic::Ordering::Acquire) == 0 {
                break;
            }
        }
    };
    tokio::time::timeout(LONG, free)
        .await
        .expect("who hung up listens no more");
    listen(&stage, &other, "").await;
}

#[tokio::test]
async fn a_gate_that_leaves_says_when_to_come_back() {
    let mut stage = Stage::open_for(nowhere(), idle_desk(), NO_CACHE, LONG);
    know(&stage, 2);
    let mut client = listen(&stage, &Listener::new(2), "").await;
    heard(&mut client, "data: ").await;
    let serving = stage.take_serving();
    let draining = tokio::task::spawn_blocking(move || serving.drain());
    let end = heard(&mut client, END).await;
    assert!(end.contains("retry: "), "{end}");
    tokio::time::timeout(LONG, draining)
        .await
        .expect("it waits for no listener")
        .unwrap();
}

#[tokio::test]
async fn a_stream_outlives_the_patience_with_the_idle() {
    let mut hasty = nowhere();
    hasty.head_timeout = Duration::from_millis(300);
    let stage = Stage::open(hasty, idle_desk(), NO_CACHE);
    know(&stage, 2);
    let mut client = listen(&stage, &Listener::new(2), "").await;
    heard(&mut client, "\"ahead\":1").await;
    // The first look comes after a second, the patience with an idle connection is over by then.
    stage
        .gate
        .rooms
        .take_ticks(ROOM, [tick(1, &[1], &[])].into_iter());
    heard(&mut client, "\"ahead\":0").await;
}

#[tokio::test]
async fn what_is_not_known_here_the_application_tells() {
    let application = crate::application::Application::on_unix();
    let stage = Stage::open(settings(application.place()), idle_desk(), NO_CACHE);
    let mut client = stage.client().await;
    client
        .send(Listener::new(1).asks("/events", "Last-Event-ID: 4\r\n"))
        .await;
    let (mut line, request) = application.asked().await;
    assert_eq!(request.header("last-event-id"), Some("4"));
    crate::application::say(&mut line, "retry: 2000\n\n").await;
    assert_eq!(client.answer().await.text(), "retry: 2000\n\n");
}
