//! A gate that leaves answers what has begun, hangs up on who is idle, takes nobody new, and is gone in time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use booking_gate::work::{Word, Work};
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::application::{Application, say};
use crate::stage::{LONG, Resident, Script, Stage, desk_by_hand, get, nowhere, settings};

const NO_CACHE: &str = "redis://127.0.0.1:1";

/// Begins to drain and returns when that is seen from outside: the idle are hung up on.
async fn begin_to_drain(stage: &mut Stage) -> JoinHandle<()> {
    let mut idle = stage.client().await;
    assert_eq!(idle.ask(get("/healthz")).await.status(), 200);
    let serving = stage.take_serving();
    let draining = tokio::task::spawn_blocking(move || serving.drain());
    assert_eq!(idle.until_closed().await, Bytes::new());
    draining
}

async fn assert_takes_nobody(address: SocketAddr) {
    let connected = TcpStream::connect(address).await;
    let error = connected.expect_err("nobody listens").kind();
    assert_eq!(error, std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn what_has_begun_is_answered() {
    let application = Application::on_unix();
    let (desk, mut pile) = desk_by_hand();
    let mut stage = Stage::open_for(settings(application.place()), desk, NO_CACHE, LONG);
    let (mut passed, mut holding, mut silent) = (
        stage.client().await,
        stage.client().await,
        stage.client().await,
    );
    passed.send(get("/slow")).await;
    let (mut line, _) = application.asked().await;
    holding.send(Resident::new().hold(1, "key-of-intent")).await;
    let (_, turn, reply) = pile.hold().await;

    let draining = begin_to_drain(&mut stage).await;
    assert_takes_nobody(stage.address).await;
    assert_eq!(silent.until_closed().await, Bytes::new());
    assert!(!draining.is_finished());

    say(&mut line, "slow").await;
    assert_eq!(passed.answer().await.text(), "slow");
    assert_eq!(passed.until_closed().await, Bytes::new());
    drop(turn);
    reply
        .send(Word::Answer(Bytes::from_static(b"{\"held\":1}")))
        .unwrap();
    let told = holding.answer().await;
    assert_eq!((told.status(), told.text()), (201, "{\"held\":1}"));
    tokio::time::timeout(LONG, draining)
        .await
        .expect("in time")
        .unwrap();
}

#[tokio::test]
async fn what_is_never_answered_is_waited_for_only_so_long() {
    let application = Application::on_unix();
    let (desk, _pile) = desk_by_hand();
    let patience = Duration::from_millis(300);
    let mut stage = Stage::open_for(settings(application.place()), desk, NO_CACHE, patience);
    let mut client = stage.client().await;
    client.send(get("/never")).await;
    let (_line, _) = application.asked().await;
    let since = Instant::now();
    let draining = begin_to_drain(&mut stage).await;
    tokio::time::timeout(LONG, draining)
        .await
        .expect("in time")
        .unwrap();
    assert!(since.elapsed() >= patience);
    assert_eq!(client.until_closed().await, Bytes::new());
}

/// Batches and fetches run on the first thread. Whichever thread's connections end last, it has to be there still.
#[tokio::test]
async fn with_several_threads_the_last_request_is_answered_whichever_thread_has_it() {
    for _ in 0..6 {
        let (pile, mut asked) = mpsc::unbounded_channel();
        let desk = Arc::new(Script(move |work| {
            if let Work::Facts { window_id, reply } = work {
                let _ = pile.send((window_id, reply));
            }
        }));
        let mut settings = nowhere();
        settings.threads = 2;
        let mut stage = Stage::open_for(settings, desk, NO_CACHE, LONG);
        let mut clients = Vec::new();
        let mut replies = Vec::new();
        for session_id in 0..8 {
            let mut client = stage.client().await;
            // A window of its own for each, so that each has a fetch of its own.
            client
                .send(Resident::new().hold(session_id + 1, "key-of-intent"))
                .await;
            clients.push(client);
            replies.push(asked.recv().await.unwrap());
        }
        let draining = begin_to_drain(&mut stage).await;
        for (client, (_, reply)) in clients.iter_mut().zip(replies) {
            reply.send(None).unwrap();
            let told = client.answer().await;
            assert_eq!(
                (told.status(), told.problem().as_str()),
                (404, "unknown_window")
            );
        }
        tokio::time::timeout(LONG, draining)
            .await
            .expect("in time")
            .unwrap();
    }
}
