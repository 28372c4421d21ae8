//! The road of a hold, with a real cache and a ledger's side played by hand.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use booking_core::snapshot::Versions;
use booking_gate::work::{Holders, Word, Work};
use booking_redis::call::{CounterNews, Settlement};
use booking_redis::keys::Counter;
use bytes::Bytes;

use crate::application::{Application, say};
use crate::stage::message::Message;
use crate::stage::{Resident, Stage, desk_by_hand, hold, nowhere, settings};
use crate::support::{Server, session};

pub const NO_CACHE: &str = "redis://127.0.0.1:1";
pub const HELD: &[u8] = b"{\"hold_id\":\"first\"}";

pub fn refused(answer: &Message) -> (u16, String) {
    (answer.status(), answer.problem())
}

/// The three counters that a hold in the window of a session moves: the window's, the quota's, the stock's.
fn counters(session_id: i64) -> [Counter; 3] {
    let window_id = session_id * 10;
    let channel = "h5".to_owned();
    [
        Counter::Window { window_id },
        Counter::Quota { window_id, channel },
        Counter::Stock {
            stock_id: session_id,
        },
    ]
}

/// Versions of a window's places, its quota and its stock.
const fn versions([window, quota, stock]: [u64; 3]) -> Versions {
    Versions {
        window,
        quota,
        stock,
    }
}

/// The ledger's word after a commit: the answer, and what the cache is told.
async fn settle(stage: &Stage, session_id: i64, version: u64, free: u32, permit: &str) {
    tell(
        stage,
        session_id,
        counters(session_id),
        version,
        free,
        permit,
    )
    .await;
}

/// The cache is told of some counters.
async fn tell(
    stage: &Stage,
    session_id: i64,
    counters: impl IntoIterator<Item = Counter>,
    version: u64,
    free: u32,
    permit: &str,
) {
    let news = counters.into_iter().map(|counter| CounterNews {
        counter,
        version,
        free,
    });
    let settlement = Settlement {
        session_id,
        permits: vec![permit.to_owned()],
        news: news.collect(),
    };
    let lost = stage
        .gate
        .admissions
        .client()
        .settle(&[settlement])
        .await
        .unwrap();
    assert!(lost.is_empty());
}

#[tokio::test]
async fn a_hold_is_acknowledged_with_the_ledgers_word_and_a_repeat_gets_it_although_all_is_sold() {
    let server = Server::start();
    let (desk, mut pile) = desk_by_hand();
    let stage = Stage::open(nowhere(), desk, &server.url());
    stage.load(session(1, 1, 1)).await;
    let (first, other) = (Resident::new(), Resident::new());

    let mut client = stage.client().await;
    client.send(first.hold(1, "key-of-first")).await;
    let (wish, turn, reply) = pile.hold().await;
    assert_eq!((wish.account, wish.person), (first.account, first.account));
    assert_eq!((wish.session_id, wish.window_id, wish.stock_id), (1, 10, 1));
    assert_eq!(wish.key, "key-of-first");
    drop(turn);
    reply.send(Word::Answer(Bytes::from_static(HELD))).unwrap();
    let answer = client.answer().await;
    assert_eq!((answer.status(), &answer.body[..]), (201, HELD));
    assert_eq!(answer.header("content-type"), Some("application/json"));

    // The permit lives: a repeat is under way for all the cache knows, and has its answer all the same.
    client.send(first.hold(1, "key-of-first")).await;
    let (account, key, reply) = pile.first_answer().await;
    assert_eq!((account, key.as_str()), (first.account, "key-of-first"));
    reply.send(Word::Answer(Bytes::from_static(HELD))).unwrap();
    assert_eq!(&client.answer().await.body[..], HELD);

    // Sold out, and the cache knows: another is refused without a lookup of keys.
    let permit = format!("{}:1", first.account.simple());
    settle(&stage, 1, 2, 0, &permit).await;
    let mut stranger = stage.client().await;
    stranger.send(other.hold(1, "key-of-other")).await;
    let holders = Holders {
        versions: versions([2; 3]),
        accounts: HashSet::from([first.account]),
    };
    pile.holders().await.send(holders).unwrap();
    let answer = stranger.answer().await;
    assert_eq!(refused(&answer), (409, "window_full".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("30"));
    for _ in 0..20 {
        assert_eq!(
            refused(&stranger.ask(other.hold(1, "key-of-other")).await).1,
            "window_full"
        );
    }
    assert!(pile.is_empty(), "a refusal that is known asked the ledger");

    // The first repeats once more, from what is known here.
    client.send(first.hold(1, "key-of-first")).await;
    let (.., reply) = pile.first_answer().await;
    reply.send(Word::Answer(Bytes::from_static(HELD))).unwrap();
    let answer = client.answer().await;
    assert_eq!((answer.status(), &answer.body[..]), (201, HELD));
    // Under another key it is a new wish.
    client.send(first.hold(1, "key-of-second-intent")).await;
    let (.., reply) = pile.first_answer().await;
    reply.send(Word::Nothing).unwrap();
    assert_eq!(refused(&client.answer().await).1, "window_full");
}

#[tokio::test]
async fn a_repeat_has_its_answer_although_the_cache_has_not_heard_of_its_claim() {
    let server = Server::start();
    let (desk, mut pile) = desk_by_hand();
    let stage = Stage::open(nowhere(), desk, &server.url());
    stage.load(session(1, 1, 1)).await;
    let (unlucky, lucky, third) = (Resident::new(), Resident::new(), Resident::new());
    // Committed, but the database died before it said so: the permit ends, and the cache goes on counting the place as free.
    let mut client = stage.client().await;
    client.send(unlucky.hold(1, "key-of-unlucky")).await;
    let (.., reply) = pile.hold().await;
    let permit = (1, format!("{}:1", unlucky.account.simple()));
    let cache = stage.gate.admissions.client();
    cache.release(&[permit]).await.unwrap();
    reply
        .send(Word::Refused("outcome_unknown".to_owned(), None))
        .unwrap();
    assert_eq!(refused(&client.answer().await).1, "outcome_unknown");
    // Somebody else tries for it, and a third is refused because of that permit.
    let mut other = stage.client().await;
    other.send(lucky.hold(1, "key-of-lucky")).await;
    let (.., verdict) = pile.hold().await;
    let known_before = Holders {
        versions: versions([1; 3]),
        accounts: HashSet::new(),
    };
    let mut stranger = stage.client().await;
    stranger.send(third.hold(1, "key-of-third")).await;
    pile.holders().await.send(known_before).unwrap();
    assert_eq!(refused(&stranger.answer().await).1, "window_full");
    // The repeat is refused by the cache as well; the ledger, asked anew, knows the account.
    client.send(unlucky.hold(1, "key-of-unlucky")).await;
    let known_now = Holders {
        versions: versions([2; 3]),
        accounts: HashSet::from([unlucky.account]),
    };
    pile.holders().await.send(known_now).unwrap();
    let (account, key, reply) = pile.first_answer().await;
    assert_eq!((account, key.as_str()), (unlucky.account, "key-of-unlucky"));
    reply.send(Word::Answer(Bytes::from_static(HELD))).unwrap();
    assert_eq!(client.answer().await.status(), 201);
    drop(verdict);
}

#[tokio::test]
async fn a_list_of_holders_that_has_heard_less_through_any_one_counter_does_not_refuse() {
    let server = Server::start();
    let (mut settings, (desk, mut pile)) = (nowhere(), desk_by_hand());
    // What is known here changes when the test says so.
    settings.snapshot_renewed_after = crate::stage::LONG;
    settings.snapshot_trusted_for = crate::stage::LONG;
    let stage = Stage::open(settings, desk, &server.url());
    let codes = ["window_full", "channel_full", "out_of_stock"];
    for (session_id, (told, code)) in (1..).zip(codes.into_iter().enumerate()) {
        let (holder, stranger) = (Resident::new(), Resident::new());
        stage.load(session(session_id, 1, 1)).await;
        let counter = || counters(session_id).into_iter().nth(told);
        let renew = || stage.gate.snapshot_since(session_id, Instant::now());
        // One counter is used up, by somebody elsewhere; the holder has nothing yet, and that is known here.
        tell(&stage, session_id, counter(), 2, 0, "of-another").await;
        assert!(renew().await.is_some());
        let mut client = stage.client().await;
        client
            .send(stranger.hold(session_id, "key-of-stranger"))
            .await;
        let mut heard = [1; 3];
        heard[told] = 2;
        let known_before = Holders {
            versions: versions(heard),
            accounts: HashSet::new(),
        };
        pile.holders().await.send(known_before).unwrap();
        assert_eq!(refused(&client.answer().await), (409, code.to_owned()));
        // The list is as new as the snapshot in all three: nobody is asked for the holder's sake either.
        let early = client.ask(holder.hold(session_id, "key-of-early")).await;
        assert_eq!(refused(&early), (409, code.to_owned()));
        assert!(pile.is_empty(), "{code}: what is known was asked for");

        // It comes back, and the holder has it through a gate that dies before it tells the cache, which hears of one
        // counter alone, by what somebody else does.
        tell(&stage, session_id, counter(), 4, 0, "of-a-third").await;
        assert!(renew().await.is_some());
        client.send(holder.hold(session_id, "key-of-holder")).await;
        let known_now = Holders {
            versions: versions([4; 3]),
            accounts: HashSet::from([holder.account]),
        };
        pile.holders().await.send(known_now).unwrap();
        for _ in 0..2 {
            let (account, key, reply) = pile.first_answer().await;
            assert_eq!((account, key.as_str()), (holder.account, "key-of-holder"));
            reply.send(Word::Answer(Bytes::from_static(HELD))).unwrap();
            let answer = client.answer().await;
            assert_eq!((answer.status(), &answer.body[..]), (201, HELD), "{code}");
            // The second time the list is known, and the holder is on it.
            client.send(holder.hold(session_id, "key-of-holder")).await;
        }
        let (.., reply) = pile.first_answer().await;
        reply.send(Word::Nothing).unwrap();
        assert_eq!(refused(&client.answer().await), (409, code.to_owned()));
        // Others are refused from what is known.
        let other = client.ask(stranger.hold(session_id, "key-of-stranger"));
        assert_eq!(refused(&other.await), (409, code.to_owned()));
        assert!(pile.is_empty(), "{code}: what is known was asked for");
    }
}

#[tokio::test]
async fn who_is_refused_by_the_clock_has_the_first_answer_although_no_counter_has_heard_of_it() {
    let server = Server::start();
    let (mut settings, (desk, mut pile)) = (nowhere(), desk_by_hand());
    settings.snapshot_renewed_after = crate::stage::LONG;
    settings.snapshot_trusted_for = crate::stage::LONG;
    let stage = Stage::open(settings, desk, &server.url());
    let (mut over, mut sealed) = (session(1, 1, 1), session(2, 1, 10));
    over.windows[0].until_ms = 1;
    sealed.stocks[0].vial_size = 10;
    sealed.stocks[0].seal_ms = Some(1);
    for (state, code) in [(over, "booking_ended"), (sealed, "vial_not_opened")] {
        let (holder, stranger) = (Resident::new(), Resident::new());
        let session_id = state.session_id;
        stage.load(state).await;
        let renewed = stage.gate.snapshot_since(session_id, Instant::now()).await;
        assert!(renewed.is_some());
        let mut client = stage.client().await;
        client
            .send(stranger.hold(session_id, "key-of-stranger"))
            .await;
        let known_before = Holders {
            versions: versions([1; 3]),
            accounts: HashSet::new(),
        };
        pile.holders().await.send(known_before).unwrap();
        assert_eq!(refused(&client.answer().await).1, code);
        // Granted in time, by a gate that died before it told the cache.
        client.send(holder.hold(session_id, "key-of-holder")).await;
        let known_now = Holders {
            versions: versions([2; 3]),
            accounts: HashSet::from([holder.account]),
        };
        pile.holders().await.send(known_now).unwrap();
        let (account, key, reply) = pile.first_answer().await;
        assert_eq!((account, key.as_str()), (holder.account, "key-of-holder"));
        reply.send(Word::Answer(Bytes::from_static(HELD))).unwrap();
        assert_eq!(client.answer().await.status(), 201, "{code}");
    }
}

#[tokio::test]
async fn a_hold_whose_asker_has_gone_is_decided_and_a_repeat_has_its_answer() {
    let server = Server::start();
    let (desk, mut pile) = desk_by_hand();
    let stage = Stage::open(nowhere(), desk, &server.url());
    stage.load(session(1, 1, 1)).await;
    let resident = Resident::new();
    // The cache is still thinking when the asker leaves.
    server.freeze(true);
    let mut client = stage.client().await;
    client.send(resident.hold(1, "key-of-gone")).await;
    let at_cache = || {
        stage
            .gate
            .at_cache
            .load(std::sync::atomic::Ordering::Acquire)
    };
    let deadline = Instant::now() + crate::stage::LONG;
    while at_cache() == 0 {
        assert!(Instant::now() < deadline, "it does not come to the cache");
        tokio::task::yield_now().await;
    }
    client.reader.hang_up().await;
    client.until_closed().await;
    server.freeze(false);
    let (wish, turn, reply) = pile.hold().await;
    assert_eq!(wish.key, "key-of-gone");
    drop(turn);
    // Nobody hears it; it is written under its key.
    assert!(reply.send(Word::Answer(Bytes::from_static(HELD))).is_err());
    assert_eq!(
        stage
            .gate
            .at_ledger
            .load(std::sync::atomic::Ordering::Acquire),
        0
    );

    let mut client = stage.client().await;
    client.send(resident.hold(1, "key-of-gone")).await;
    let (account, key, reply) = pile.first_answer().await;
    assert_eq!((account, key.as_str()), (resident.account, "key-of-gone"));
    reply.send(Word::Answer(Bytes::from_static(HELD))).unwrap();
    let answer = client.answer().await;
    assert_eq!((answer.status(), &answer.body[..]), (201, HELD));
}

#[tokio::test]
async fn an_unknown_session_is_brought_into_the_cache_once_for_all_who_ask() {
    let server = Server::start();
    let (desk, mut pile) = desk_by_hand();
    let stage = Stage::open(nowhere(), desk, &server.url());
    let mut clients = Vec::new();
    for number in 0..8 {
        let mut client = stage.client().await;
        client
            .send(Resident::new().hold(1, &format!("key-of-{number}")))
            .await;
        clients.push(client);
    }
    let (session_id, reply) = pile.load().await;
    assert_eq!(session_id, 1);
    stage.load(session(1, 1, 8)).await;
    reply.send(true).unwrap();
    for _ in 0..8 {
        let (_, turn, reply) = pile.hold().await;
        drop(turn);
        reply.send(Word::Answer(Bytes::from_static(HELD))).unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.answer().await.status(), 201);
    }
}

#[tokio::test]
async fn a_word_that_is_lost_or_late_leaves_the_outcome_unknown() {
    let (mut settings, (desk, mut pile)) = (nowhere(), desk_by_hand());
    settings.hold_deadline = Duration::from_millis(400);
    let stage = Stage::open(settings, desk, NO_CACHE);
    let mut client = stage.client().await;
    client.send(Resident::new().hold(1, "key-of-lost")).await;
    drop(pile.hold().await);
    let lost = client.answer().await;
    assert_eq!(refused(&lost), (503, "outcome_unknown".to_owned()));
    assert!(lost.has("retry-after"));

    let since = Instant::now();
    client.send(Resident::new().hold(1, "key-of-late")).await;
    let Work::Hold {
        deadline,
        reply,
        turn,
        ..
    } = pile.next().await
    else {
        panic!("not a hold");
    };
    // The time travels along: the desk knows when nobody waits any more.
    assert!(deadline <= since + Duration::from_millis(400) + since.elapsed());
    assert_eq!(
        refused(&client.answer().await),
        (503, "outcome_unknown".to_owned())
    );
    assert!(since.elapsed() >= Duration::from_millis(400));
    drop((reply, turn));
}

#[tokio::test]
async fn what_is_not_exactly_a_hold_is_explained_by_the_application() {
    let application = Application::on_unix();
    let (desk, mut pile) = desk_by_hand();
    let stage = Stage::open(settings(application.place()), desk, NO_CACHE);
    let resident = Resident::new();
    let good = resident.hold(1, "key-of-intent");
    let with_body = |body: &str| hold(&resident.token, &resident.pass, "key-of-intent", body);
    let chunked = |body: &str| {
        good.split("Content-Length").next().unwrap().to_owned()
            + &format!(
                "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            )
    };
    let rows = [
        (
            "no key",
            good.replace("Idempotency-Key", "X-Other"),
            resident.body(1),
        ),
        (
            "a short key",
            good.replace("key-of-intent", "short"),
            resident.body(1),
        ),
        (
            "another type",
            good.replace("application/json", "text/plain"),
            resident.body(1),
        ),
        ("no JSON", with_body("{"), "{".to_owned()),
        ("nothing", with_body(""), String::new()),
        (
            "a member too many",
            with_body("{\"a\":1}"),
            "{\"a\":1}".to_owned(),
        ),
        ("no JSON in chunks", chunked("[1]"), "[1]".to_owned()),
        ("long", with_body(&" ".repeat(1025)), " ".repeat(1025)),
        (
            "long in chunks",
            chunked(&" ".repeat(1025)),
            " ".repeat(1025),
        ),
    ];
    let mut line = None;
    let mut client = stage.client().await;
    for (why, ask, body) in rows {
        client.send(ask).await;
        let (mut at, request) = match line.take() {
            None => application.asked().await,
            Some(mut line) => {
                let request = crate::application::asked(&mut line).await;
                (line, request)
            }
        };
        assert_eq!(
            request.start, "POST /api/v1/resident/holds HTTP/1.1",
            "{why}"
        );
        assert_eq!(request.text(), body, "{why}");
        assert_eq!(
            request.header("eligibility-pass"),
            Some(&*resident.pass),
            "{why}"
        );
        say(&mut at, "explained").await;
        assert_eq!(client.answer().await.text(), "explained", "{why}");
        line = Some(at);
    }
    // A hold in pieces is a hold.
    let mut client = stage.client().await;
    client.send(chunked(&resident.body(1))).await;
    let (wish, ..) = pile.hold().await;
    assert_eq!(wish.window_id, 10);
}
