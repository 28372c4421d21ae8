//! The client against a real server: batches, bounds, recovery.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "support/inbox.rs"]
mod inbox;
mod support;

use std::time::{Duration, Instant};

use booking_core::outcome::Refusal;
use booking_redis::call::{CounterNews, SessionState, Settlement};
use booking_redis::keys::Counter;
use booking_redis::reply::Verdict;
use booking_redis::{CacheError, ClientSettings};
use inbox::Inbox;
use support::{Server, request, session};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

fn settings(url: &str) -> ClientSettings {
    let mut settings = ClientSettings::new(url).unwrap();
    settings.response_timeout = Duration::from_millis(300);
    settings.connect_timeout = Duration::from_millis(500);
    settings
}

#[test]
fn what_queues_while_a_batch_is_away_leaves_together() {
    let server = Server::start();
    let runtime = runtime();
    let mut settings = settings(&server.url());
    settings.max_batch = 50;
    let (client, mut inbox, _done) = Inbox::start(settings, runtime.handle());
    assert_eq!(
        runtime.block_on(client.load(&[session(1, 1, 1000), session(2, 1, 1000)])),
        Ok(vec![true, true])
    );

    server.freeze(true);
    client.submit(0, request(1, "first")).unwrap();
    // The one worker takes up what it is given in turn: after this it has sent the first.
    runtime.block_on(runtime.spawn(async {})).unwrap();
    for ticket in 1..=120 {
        client
            .submit(ticket, request(1 + ticket % 2, &format!("p{ticket}")))
            .unwrap();
    }
    server.freeze(false);

    let answers = inbox.take(121);
    assert!(answers.values().all(|verdict| *verdict == Verdict::Granted));
    assert_eq!(inbox.sizes, [1, 50, 50, 20]);
}

#[test]
fn answers_find_their_tickets_across_sessions() {
    let server = Server::start();
    let runtime = runtime();
    let (client, mut inbox, _done) = Inbox::start(settings(&server.url()), runtime.handle());
    runtime
        .block_on(client.load(&[session(1, 1, 1), session(2, 1, 0)]))
        .unwrap();

    client.submit(1, request(2, "a")).unwrap();
    client.submit(2, request(1, "a")).unwrap();
    client.submit(3, request(9, "a")).unwrap();
    client.submit(4, request(1, "b")).unwrap();
    let mut elsewhere = request(1, "c");
    elsewhere.channel = "no such\r\nchannel".to_owned();
    client.submit(5, elsewhere).unwrap();

    let answers = inbox.take(5);
    assert_eq!(answers[&1], Verdict::Refused(Refusal::WindowFull));
    assert_eq!(answers[&2], Verdict::Granted);
    assert_eq!(answers[&3], Verdict::Rebuild);
    assert_eq!(answers[&4], Verdict::Refused(Refusal::WindowFull));
    assert_eq!(answers[&5], Verdict::Refused(Refusal::WrongChannel));
}

#[test]
fn settling_releasing_and_forgetting_reach_every_session() {
    let server = Server::start();
    let runtime = runtime();
    let (client, mut inbox, _done) = Inbox::start(settings(&server.url()), runtime.handle());
    let ids: Vec<i64> = (1..=150).collect();
    let states: Vec<_> = ids.iter().map(|id| session(*id, 1, 2)).collect();
    runtime.block_on(async {
        assert_eq!(client.load(&states).await.unwrap(), vec![true; 150]);
        assert_eq!(client.load(&states).await.unwrap(), vec![false; 150]);
    });
    for id in &ids {
        client.submit(*id, request(*id, "x")).unwrap();
        client.submit(1000 + *id, request(*id, "y")).unwrap();
    }
    assert!(
        inbox
            .take(300)
            .values()
            .all(|verdict| *verdict == Verdict::Granted)
    );

    runtime.block_on(async {
        let settlements: Vec<_> = (1..=151)
            .map(|session_id| Settlement {
                session_id,
                permits: vec!["x".to_owned()],
                news: vec![CounterNews {
                    counter: Counter::Stock {
                        stock_id: session_id,
                    },
                    version: 2,
                    free: 1,
                }],
            })
            .collect();
        assert_eq!(client.settle(&settlements).await.unwrap(), vec![151]);
        client
            .release(
                &ids.iter()
                    .map(|id| (*id, "y".to_owned()))
                    .collect::<Vec<_>>(),
            )
            .await
            .unwrap();
        for read in client.read(&ids).await.unwrap() {
            let read = read.unwrap();
            assert!(read.permits.is_empty());
            assert!(read.live.values().all(|live| *live == 0));
            assert_eq!(
                (read.state.stocks[0].version, read.state.stocks[0].free),
                (2, 1)
            );
            assert_eq!(
                (read.state.windows[0].version, read.state.windows[0].free),
                (1, 2)
            );
        }
        client.forget(&ids).await.unwrap();
        assert!(client.read(&ids).await.unwrap().iter().all(Option::is_none));
    });
    let left: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query(&mut server.connection())
        .unwrap();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_look_at_known_counters_says_what_a_read_would() {
    let server = Server::start();
    let runtime = runtime();
    let (client, mut inbox, _done) = Inbox::start(settings(&server.url()), runtime.handle());
    let known = session(1, 1, 5);
    let window_id = known.windows[0].window_id;
    let counters = [
        Counter::Window { window_id },
        Counter::Quota {
            window_id,
            channel: known.quotas[0].channel.clone(),
        },
        Counter::Stock {
            stock_id: known.stocks[0].stock_id,
        },
    ];
    let look = |generation, counters: &[Counter]| {
        runtime
            .block_on(client.look(1, generation, counters))
            .unwrap()
    };
    assert_eq!(look(1, &counters), None, "not loaded");

    runtime
        .block_on(client.load(std::slice::from_ref(&known)))
        .unwrap();
    assert_eq!(look(1, &counters).as_ref(), Some(&known));
    client.submit(1, request(1, "x")).unwrap();
    assert_eq!(inbox.take(1)[&1], Verdict::Granted);
    let settlement = Settlement {
        session_id: 1,
        permits: vec!["x".to_owned()],
        news: vec![CounterNews {
            counter: counters[0].clone(),
            version: 2,
            free: 4,
        }],
    };
    runtime.block_on(client.settle(&[settlement])).unwrap();
    let read = runtime.block_on(client.read(&[1])).unwrap().remove(0);
    assert_eq!(look(1, &counters), read.map(|read| read.state));
    assert_eq!(look(1, &counters).unwrap().windows[0].free, 4);

    let other = [Counter::Stock { stock_id: 99 }];
    assert_eq!(look(1, &other), None, "a counter that it has not got");
    let anew = SessionState {
        generation: 2,
        ..known
    };
    runtime.block_on(client.load(&[anew])).unwrap();
    assert_eq!(look(1, &counters), None, "loaded anew");
}

#[test]
fn a_server_that_is_not_there_is_an_answer_in_time() {
    let mut server = Server::start();
    server.kill();
    let runtime = runtime();
    let (client, mut inbox, _done) = Inbox::start(settings(&server.url()), runtime.handle());

    let begun = Instant::now();
    client.submit(1, request(1, "a")).unwrap();
    assert_eq!(inbox.take(1)[&1], Verdict::Unavailable);
    assert!(
        begun.elapsed() < Duration::from_millis(700),
        "first: {:?}",
        begun.elapsed()
    );

    let begun = Instant::now();
    client.submit(2, request(1, "a")).unwrap();
    assert_eq!(inbox.take(1)[&2], Verdict::Unavailable);
    assert!(
        begun.elapsed() < Duration::from_millis(100),
        "later: {:?}",
        begun.elapsed()
    );
    assert!(matches!(
        runtime.block_on(client.ping()),
        Err(CacheError::Unavailable(_))
    ));
}

#[test]
fn a_server_that_hangs_is_an_answer_after_the_response_timeout() {
    let server = Server::start();
    let runtime = runtime();
    let (client, mut inbox, _done) = Inbox::start(settings(&server.url()), runtime.handle());
    runtime.block_on(client.load(&[session(1, 1, 5)])).unwrap();

    server.freeze(true);
    let begun = Instant::now();
    client.submit(1, request(1, "a")).unwrap();
    assert_eq!(inbox.take(1)[&1], Verdict::Unavailable);
    let waited = begun.elapsed();
    server.freeze(false);
    assert!(
        waited >= Duration::from_millis(250) && waited < Duration::from_millis(800),
        "{waited:?}"
    );
    wait_until_back(&runtime, &client);
}

#[test]
fn calls_that_fail_together_cost_one_connection() {
    let server = Server::start();
    let runtime = runtime();
    let (client, _inbox, _done) = Inbox::start(settings(&server.url()), runtime.handle());
    let state = [session(1, 1, 5)];
    runtime.block_on(client.load(&state)).unwrap();

    let mut operator = server.connection();
    let before = connections_received(&mut operator);
    redis::cmd("CLIENT")
        .arg(("PAUSE", 400, "WRITE"))
        .exec(&mut operator)
        .unwrap();
    let failed = runtime.block_on(async {
        tokio::join!(
            client.load(&state),
            client.load(&state),
            client.load(&state)
        )
    });
    assert!(matches!(failed, (Err(_), Err(_), Err(_))), "{failed:?}");
    wait_until_back(&runtime, &client);
    assert_eq!(connections_received(&mut operator) - before, 1);
}

#[test]
fn after_an_empty_restart_the_library_is_loaded_again_and_sessions_ask_for_a_rebuild() {
    let mut server = Server::start();
    let runtime = runtime();
    let (client, mut inbox, _done) = Inbox::start(settings(&server.url()), runtime.handle());
    runtime.block_on(client.load(&[session(1, 1, 5)])).unwrap();
    client.submit(1, request(1, "a")).unwrap();
    assert_eq!(inbox.take(1)[&1], Verdict::Granted);

    server.restart();
    wait_until_back(&runtime, &client);
    client.submit(2, request(1, "a")).unwrap();
    assert_eq!(inbox.take(1)[&2], Verdict::Rebuild);
    assert_eq!(
        runtime.block_on(client.load(&[session(1, 1, 5)])),
        Ok(vec![true])
    );
    client.submit(3, request(1, "a")).unwrap();
    assert_eq!(inbox.take(1)[&3], Verdict::Granted);
}

#[test]
fn a_library_that_vanishes_under_a_living_connection_is_not_even_noticed() {
    let server = Server::start();
    let runtime = runtime();
    let (client, mut inbox, _done) = Inbox::start(settings(&server.url()), runtime.handle());
    runtime.block_on(client.load(&[session(1, 1, 5)])).unwrap();
    redis::cmd("FUNCTION")
        .arg("FLUSH")
        .exec(&mut server.connection())
        .unwrap();
    client.submit(1, request(1, "a")).unwrap();
    assert_eq!(inbox.take(1)[&1], Verdict::Granted);

    redis::cmd("FUNCTION")
        .arg("FLUSH")
        .exec(&mut server.connection())
        .unwrap();
    redis::cmd("FLUSHALL")
        .exec(&mut server.connection())
        .unwrap();
    client.submit(2, request(1, "a")).unwrap();
    assert_eq!(inbox.take(1)[&2], Verdict::Rebuild);
}

#[test]
fn another_version_of_the_library_is_replaced_on_connecting() {
    let server = Server::start();
    let older = "#!lua name=humiao_v1\nredis.register_function('humiao_version', function() return 'older' end)";
    redis::cmd("FUNCTION")
        .arg("LOAD")
        .arg(older)
        .exec(&mut server.connection())
        .unwrap();
    let runtime = runtime();
    let settings = settings(&server.url());
    let expected = format!("humiao_v1 {}", settings.library.version());
    let (client, _inbox, _done) = Inbox::start(settings, runtime.handle());
    let health = runtime.block_on(client.ping()).unwrap();
    assert_eq!(health.library, expected);
    assert_eq!(health.mode, "single");
    assert!(
        health.server.starts_with("valkey ") || health.server.starts_with("redis "),
        "{}",
        health.server
    );
}

#[test]
fn gates_of_an_earlier_release_and_this_one_work_at_one_cache() {
    let server = Server::start();
    let runtime = runtime();
    let (client, mut inbox, _done) = Inbox::start(settings(&server.url()), runtime.handle());
    runtime.block_on(client.load(&[session(1, 1, 5)])).unwrap();

    // An older gate that connects puts its library in the place of ours.
    let older = "#!lua name=humiao_v1\nredis.register_function('humiao_admit_many', function() return {'older'} end)";
    redis::cmd("FUNCTION")
        .arg("LOAD")
        .arg("REPLACE")
        .arg(older)
        .exec(&mut server.connection())
        .unwrap();
    client.submit(1, request(1, "a")).unwrap();
    assert_eq!(inbox.take(1)[&1], Verdict::Granted);

    // Ours is back, and answers the older gate as its own did.
    let answers: Vec<String> = redis::cmd("FCALL")
        .arg("humiao_admit_many")
        .arg(&["2", "hm:{1}:state", "hm:{1}:permits", "10000", "2"])
        .arg(&["w:10", "q:10:h5", "v:1", "p:a"])
        .arg(&["w:10", "q:10:h5", "v:1", "p:b"])
        .query(&mut server.connection())
        .unwrap();
    assert_eq!(answers, ["in_flight", "granted"]);
}

#[test]
fn closing_answers_everything_that_is_still_open() {
    let server = Server::start();
    let runtime = runtime();
    let (client, mut inbox, done) = Inbox::start(settings(&server.url()), runtime.handle());
    runtime.block_on(client.load(&[session(1, 1, 5)])).unwrap();
    server.freeze(true);
    for ticket in 0..10 {
        client
            .submit(ticket, request(1, &format!("p{ticket}")))
            .unwrap();
    }
    client.close();
    let answers = inbox.take(10);
    server.freeze(false);
    assert!(
        answers
            .values()
            .all(|verdict| *verdict == Verdict::Unavailable)
    );
    runtime.block_on(done).unwrap();
    assert!(matches!(
        client.submit(99, request(1, "late")),
        Err(CacheError::Unavailable(_))
    ));
}

fn connections_received(operator: &mut redis::Connection) -> u64 {
    let told: String = redis::cmd("INFO").arg("stats").query(operator).unwrap();
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("total_connections_received:"));
    line.unwrap().trim().parse().unwrap()
}

fn wait_until_back(runtime: &Runtime, client: &booking_redis::Client) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while runtime.block_on(client.ping()).is_err() {
        assert!(Instant::now() < deadline, "the client did not come back");
        std::thread::sleep(Duration::from_millis(20));
    }
}
