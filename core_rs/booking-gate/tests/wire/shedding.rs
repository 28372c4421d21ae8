//! Every queue has a bound: what does not fit is told when to come back. Every caller has a pace.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::application::{Application, asked, say};
use crate::stage::message::Message;
use crate::stage::{
    Client, LONG, Resident, Stage, desk_by_hand, get, hold, idle_desk, nowhere, settings, tokens,
};
use crate::support::{Server, session};
use booking_gate::limits::Rate;
use booking_gate::work::{Word, Work};
use bytes::Bytes;
use tokio::net::TcpStream;
use uuid::Uuid;

const NO_CACHE: &str = "redis://127.0.0.1:1";

/// Turned away: small, and with a time to come back.
pub fn assert_shed(answer: &Message) {
    assert_eq!((answer.status(), answer.problem().as_str()), (503, "busy"));
    let wait_s: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait_s));
    assert!(answer.body.len() < 300, "{answer:?}");
    assert!(answer.json()["retry_at"].is_string());
}

/// Waits until so many connections are open.
pub async fn until_open(stage: &Stage, count: usize) {
    until_told(stage, &format!("humiao_gate_connections {count}\n")).await;
}

/// Waits until the metrics say so.
pub async fn until_told(stage: &Stage, line: &str) {
    let deadline = Instant::now() + LONG;
    while !stage.gate.metrics_text().contains(line) {
        assert!(Instant::now() < deadline, "{}", stage.gate.metrics_text());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn connections_have_a_bound() {
    let mut settings = nowhere();
    settings.connections_max = 2;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let mut first = stage.client().await;
    let mut second = stage.client().await;
    for client in [&mut first, &mut second] {
        assert_eq!(client.ask(get("/healthz")).await.status(), 200);
    }
    for _ in 0..3 {
        let mut third = stage.client().await;
        let told = third.answer().await;
        assert_eq!(told.status(), 503);
        assert_eq!(told.header("retry-after"), Some("5"));
        assert_eq!(third.until_closed().await, Bytes::new());
    }
    // The two who are in go on being served; one leaves, another comes in.
    assert_eq!(first.ask(get("/healthz")).await.status(), 200);
    second.reader.hang_up().await;
    second.until_closed().await;
    until_open(&stage, 1).await;
    assert_eq!(
        stage.client().await.ask(get("/healthz")).await.status(),
        200
    );
}

#[tokio::test]
async fn residents_who_take_all_connections_shut_no_operator_out() {
    let mut settings = nowhere();
    settings.connections_max = 1;
    settings.admin = Some((Ipv4Addr::LOCALHOST, 0).into());
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let mut resident = stage.client().await;
    assert_eq!(resident.ask(get("/healthz")).await.status(), 200);
    assert_eq!(stage.client().await.answer().await.status(), 503);
    let mut operator = Client::of(TcpStream::connect(stage.admin.unwrap()).await.unwrap());
    let told = operator.ask(get("/metrics")).await;
    assert_eq!(told.status(), 200);
    let shed = "humiao_gate_shed_total{reason=\"connections_full\"} 1\n";
    assert!(told.text().contains(shed), "{}", told.text());
}

#[tokio::test]
async fn a_request_for_what_cannot_be_is_counted_as_any_other() {
    let stage = Stage::open(nowhere(), idle_desk(), NO_CACHE);
    let told = stage
        .client()
        .await
        .ask(get("/api/v1/public/sessions/007/availability"))
        .await;
    assert_eq!(told.status(), 404);
    let counted = "humiao_gate_requests_total{route=\"nowhere\",outcome=\"4xx\"} 1\n";
    let metrics = stage.gate.metrics_text();
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn requests_at_the_application_have_a_bound() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.upstream_max = 1;
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let (mut first, mut second) = (stage.client().await, stage.client().await);
    first.send(get("/1")).await;
    let (mut line, _) = application.asked().await;
    assert_shed(&second.ask(get("/2")).await);
    say(&mut line, "1").await;
    assert_eq!(first.answer().await.text(), "1");
    second.send(get("/3")).await;
    assert_eq!(asked(&mut line).await.start, "GET /3 HTTP/1.1");
}

#[tokio::test]
async fn lookups_have_a_bound() {
    let mut settings = nowhere();
    settings.lookups_waiting_max = 1;
    let (desk, mut pile) = desk_by_hand();
    let stage = Stage::open(settings, desk, NO_CACHE);
    let resident = Resident::new();
    let ask = format!(
        "GET /api/v1/resident/holds/{}/status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\n\r\n",
        Uuid::from_u128(5),
        resident.token
    );
    let (mut first, mut second) = (stage.client().await, stage.client().await);
    first.send(&ask).await;
    let Work::HoldStatus {
        account,
        hold_id,
        reply,
    } = pile.next().await
    else {
        panic!("not a lookup");
    };
    assert_eq!((account, hold_id), (resident.account, Uuid::from_u128(5)));
    assert_shed(&second.ask(&ask).await);
    assert!(pile.is_empty());
    reply.send(Word::Answer(Bytes::from_static(b"{}"))).unwrap();
    assert_eq!(first.answer().await.text(), "{}");
}

#[tokio::test]
async fn those_who_wait_for_the_cache_have_a_bound() {
    let server = Server::start();
    let (mut settings, (desk, mut pile)) = (nowhere(), desk_by_hand());
    settings.admit_waiting_max = 2;
    settings.lookups_waiting_max = 1;
    let stage = Stage::open(settings, desk, &server.url());
    stage.load(session(1, 1, 10)).await;
    server.freeze(true);
    let mut waiting = Vec::new();
    for number in 0..2 {
        let mut client = stage.client().await;
        client
            .send(Resident::new().hold(1, &format!("key-of-{number}")))
            .await;
        waiting.push(client);
    }
    let at_cache = || {
        stage
            .gate
            .at_cache
            .load(std::sync::atomic::Ordering::Acquire)
    };
    let deadline = Instant::now() + LONG;
    while at_cache() < 2 {
        assert!(Instant::now() < deadline, "they do not queue");
        tokio::task::yield_now().await;
    }
    assert_shed(
        &stage
            .client()
            .await
            .ask(Resident::new().hold(1, "key-of-third"))
            .await,
    );
    server.freeze(false);
    // Nobody of those who waited is forgotten, whether the cache answered or was given up.
    for _ in 0..2 {
        let (_, turn, reply) = pile.hold().await;
        drop(turn);
        reply.send(Word::Answer(Bytes::from_static(b"{}"))).unwrap();
    }
    for client in &mut waiting {
        assert_eq!(client.answer().await.status(), 201);
    }
}

#[tokio::test]
async fn those_who_wait_for_the_ledger_have_a_bound() {
    let server = Server::start();
    let (mut settings, (desk, mut pile)) = (nowhere(), desk_by_hand());
    settings.ledger_waiting_max = 2;
    let stage = Stage::open(settings, desk, &server.url());
    stage.load(session(1, 1, 10)).await;
    let mut waiting = Vec::new();
    let mut held = Vec::new();
    for number in 0..2 {
        let mut client = stage.client().await;
        client
            .send(Resident::new().hold(1, &format!("key-of-{number}")))
            .await;
        held.push(pile.hold().await);
        waiting.push(client);
    }
    assert_shed(
        &stage
            .client()
            .await
            .ask(Resident::new().hold(1, "key-of-third"))
            .await,
    );
    assert!(pile.is_empty(), "the third came to the ledger");
    for (_, turn, reply) in held {
        drop(turn);
        reply.send(Word::Answer(Bytes::from_static(b"{}"))).unwrap();
    }
    for client in &mut waiting {
        assert_eq!(client.answer().await.status(), 201);
    }
    let mut client = stage.client().await;
    client.send(Resident::new().hold(1, "key-of-fourth")).await;
    let (wish, ..) = pile.hold().await;
    assert_eq!(wish.key, "key-of-fourth");
}

#[tokio::test]
async fn who_was_turned_away_is_not_listened_to_for_a_moment() {
    let pause = Duration::from_millis(800);
    let server = Server::start();
    let (mut settings, (desk, mut pile)) = (nowhere(), desk_by_hand());
    settings.ledger_waiting_max = 1;
    settings.shed_pause = pause;
    let stage = Stage::open(settings, desk, &server.url());
    stage.load(session(1, 1, 10)).await;
    let mut first = stage.client().await;
    first.send(Resident::new().hold(1, "key-of-first")).await;
    let held = pile.hold().await;
    // A query is for the general road, on which a connection then stays.
    for beginning in ["/healthz", "/healthz?general"] {
        let mut client = stage.client().await;
        client.ask(get(beginning)).await;
        let began = Instant::now();
        assert_shed(&client.ask(Resident::new().hold(1, "key-of-another")).await);
        assert_eq!(client.ask(get("/healthz")).await.status(), 200);
        assert!(began.elapsed() >= pause, "{beginning}: heard at once");
        let again = Instant::now();
        assert_eq!(client.ask(get("/healthz")).await.status(), 200);
        assert!(again.elapsed() < pause, "{beginning}: one pause for one no");
    }
    drop(held);
}

#[tokio::test]
async fn a_gate_that_stops_waits_for_no_pause() {
    let server = Server::start();
    let (mut settings, (desk, mut pile)) = (nowhere(), desk_by_hand());
    settings.ledger_waiting_max = 1;
    settings.shed_pause = LONG * 10;
    let mut stage = Stage::open(settings, desk, &server.url());
    stage.load(session(1, 1, 10)).await;
    let mut first = stage.client().await;
    first.send(Resident::new().hold(1, "key-of-first")).await;
    let held = pile.hold().await;
    let mut client = stage.client().await;
    assert_shed(&client.ask(Resident::new().hold(1, "key-of-another")).await);
    client.send(get("/healthz")).await;
    let serving = stage.take_serving();
    let draining = tokio::task::spawn_blocking(move || serving.drain());
    assert_eq!(client.answer().await.status(), 200);
    drop(held);
    draining.await.unwrap();
}

#[tokio::test]
async fn while_the_cache_is_away_few_at_a_time_go_to_the_ledger() {
    let (mut settings, (desk, mut pile)) = (nowhere(), desk_by_hand());
    settings.slow_path_max = 1;
    let stage = Stage::open(settings, desk, NO_CACHE);
    let mut first = stage.client().await;
    first.send(Resident::new().hold(1, "key-of-first")).await;
    let (wish, _turn, reply) = pile.hold().await;
    assert_eq!(wish.key, "key-of-first");
    assert_shed(
        &stage
            .client()
            .await
            .ask(Resident::new().hold(1, "key-of-second"))
            .await,
    );
    reply.send(Word::Answer(Bytes::from_static(b"{}"))).unwrap();
    assert_eq!(first.answer().await.status(), 201);
}

fn told_to_slow_down(answer: &Message) {
    assert_eq!(
        (answer.status(), answer.problem().as_str()),
        (429, "too_many_requests")
    );
    let wait_s: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait_s >= 1);
}

#[tokio::test]
async fn whatever_a_client_writes_about_its_address_it_is_counted_as_one() {
    let mut settings = nowhere();
    settings.address_rate = Rate {
        per_s: 0.001,
        burst: 50,
    };
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let mut let_in = 0;
    for number in 0_u32..500 {
        let told = stage.client().await.ask(spoofed(number)).await;
        if told.status() == 200 {
            let_in += 1;
        } else {
            told_to_slow_down(&told);
        }
    }
    assert_eq!(let_in, 50);
}

fn spoofed(number: u32) -> String {
    let address = Ipv4Addr::from(0xCB00_7100 + number);
    format!(
        "GET /healthz HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {address}\r\nForwarded: for={address}\r\n\
         X-Real-IP: {address}\r\nX-Client-IP: {address}\r\nTrue-Client-IP: {address}\r\n\r\n"
    )
}

#[tokio::test]
async fn behind_a_trusted_proxy_one_network_of_ipv6_is_counted_as_one_and_spoofing_ends_at_the_proxy()
 {
    let mut settings = nowhere();
    settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    settings.address_rate = Rate {
        per_s: 0.001,
        burst: 50,
    };
    let stage = Stage::open(settings, idle_desk(), NO_CACHE);
    let mut client = stage.client().await;
    let mut let_in = [0, 0];
    for number in 0..500 {
        // The proxy appends what it saw: any address of one /64, whatever the client had written before.
        let asked = [
            format!(
                "198.51.{}.{}, 2001:db8:1:1::{number:x}",
                number / 256,
                number % 256
            ),
            format!("2001:db8:9:{number:x}::1,203.0.113.77"),
        ];
        for (hops, let_in) in asked.iter().zip(&mut let_in) {
            let request =
                format!("GET /healthz HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {hops}\r\n\r\n");
            *let_in += u32::from(client.ask(request).await.status() == 200);
        }
    }
    assert_eq!(let_in, [50, 50]);
}

#[tokio::test]
async fn accounts_and_devices_have_a_pace_of_their_own() {
    let mut settings = nowhere();
    settings.account_rate = Rate {
        per_s: 0.001,
        burst: 5,
    };
    settings.device_rate = Rate {
        per_s: 0.001,
        burst: 3,
    };
    let (desk, _pile) = desk_by_hand();
    let stage = Stage::open(settings, desk, NO_CACHE);
    let (account, mine, yours) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let token = |login_session| {
        let claims = tokens::access(account, login_session, tokens::unix_s());
        tokens::signed(
            tokens::SECRET,
            &tokens::header().to_string(),
            &claims.to_string(),
        )
    };
    let mut client = stage.client().await;
    let mut statuses = Vec::new();
    for login_session in [mine, mine, mine, mine, yours, yours, yours] {
        let request = hold(
            &token(login_session),
            "x",
            "key-of-intent",
            "{\"person_id\":1}",
        );
        statuses.push(client.ask(request).await.status());
    }
    // What is let in is passed on to an application that is away. The fourth counts for the account, too.
    assert_eq!(statuses, [502, 502, 502, 429, 502, 429, 429]);
    let other = Resident::new();
    let request = hold(&other.token, "x", "key-of-intent", "{\"person_id\":1}");
    assert_eq!(client.ask(request).await.status(), 502);
}
