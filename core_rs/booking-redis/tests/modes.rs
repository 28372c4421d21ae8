//! Cluster and Sentinel on loopback.
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

use std::fs;
use std::num::NonZeroU64;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use booking_core::outcome::Refusal;
use booking_core::throttle::Pace;
use booking_redis::ClientSettings;
use booking_redis::call::{CounterNews, LetThrough, Settlement};
use booking_redis::keys::{CallerKind, Counter};
use booking_redis::reply::Verdict;
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

/// Three masters that share the slots.
fn cluster() -> Vec<Server> {
    let nodes: Vec<Server> = (0..3)
        .map(|_| {
            Server::start_with(&["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"])
        })
        .collect();
    for (number, node) in nodes.iter().enumerate() {
        let mut connection = node.connection();
        let (first, last) = [(0, 5460), (5461, 10_922), (10_923, 16_383)][number];
        redis::cmd("CLUSTER")
            .arg("ADDSLOTSRANGE")
            .arg(first)
            .arg(last)
            .exec(&mut connection)
            .unwrap();
        redis::cmd("CLUSTER")
            .arg("SET-CONFIG-EPOCH")
            .arg(number + 1)
            .exec(&mut connection)
            .unwrap();
        redis::cmd("CLUSTER")
            .arg("MEET")
            .arg("127.0.0.1")
            .arg(nodes[0].port)
            .exec(&mut connection)
            .unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    for node in &nodes {
        loop {
            let info: String = redis::cmd("CLUSTER")
                .arg("INFO")
                .query(&mut node.connection())
                .unwrap();
            if info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3") {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "the cluster did not form: {info}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    nodes
}

#[test]
fn in_a_cluster_one_batch_reaches_every_master() {
    let mut nodes = cluster();
    let runtime = runtime();
    let url = format!(
        "redis+cluster://127.0.0.1:{},127.0.0.1:{}",
        nodes[0].port, nodes[1].port
    );
    let (client, mut inbox, _done) =
        Inbox::start(ClientSettings::new(&url).unwrap(), runtime.handle());
    let ids: Vec<i64> = (1..=60).collect();
    runtime.block_on(async {
        let health = client.ping().await.unwrap();
        assert_eq!(health.mode, "cluster");
        let states: Vec<_> = ids.iter().map(|id| session(*id, 1, 1)).collect();
        assert_eq!(client.load(&states).await.unwrap(), vec![true; 60]);
    });
    for node in &nodes {
        let count: usize = redis::cmd("DBSIZE").query(&mut node.connection()).unwrap();
        assert!(count > 5, "a master with {count} sessions");
    }

    for id in &ids {
        client.submit(*id, request(*id, "a")).unwrap();
        client.submit(100 + *id, request(*id, "b")).unwrap();
    }
    let answers = inbox.take(120);
    for id in &ids {
        assert_eq!(answers[id], Verdict::Granted);
        assert_eq!(answers[&(100 + id)], Verdict::Refused(Refusal::WindowFull));
    }

    runtime.block_on(async {
        let settlements: Vec<_> = ids
            .iter()
            .map(|id| Settlement {
                session_id: *id,
                permits: vec!["a".to_owned()],
                news: vec![CounterNews {
                    counter: Counter::Window { window_id: id * 10 },
                    version: 2,
                    free: 0,
                }],
            })
            .collect();
        assert_eq!(
            client.settle(&settlements).await.unwrap(),
            Vec::<i64>::new()
        );
        for read in client.read(&ids).await.unwrap() {
            let read = read.unwrap();
            assert!(read.permits.is_empty() && read.state.windows[0].free == 0);
        }
    });

    // Callers are spread over the masters, and one report asks all of them.
    let callers: Vec<LetThrough> = (0..60_u128)
        .map(|number| LetThrough {
            kind: CallerKind::Account,
            name: number.to_be_bytes(),
            requests: 2,
        })
        .collect();
    let pace = Pace {
        interval: NonZeroU64::new(100_000_000).unwrap(),
        ahead_max: 1_000_000_000,
    };
    let aheads = runtime.block_on(client.throttle(&callers, |_| pace));
    assert_eq!(aheads, [Some(200_000_000); 60]);
    for node in &nodes {
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg("hm:{limit:*")
            .query(&mut node.connection())
            .unwrap();
        assert!(!keys.is_empty(), "a master without callers");
    }

    // One master comes back empty: its sessions ask for a rebuild, the others never notice.
    nodes[2].restart();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut ticket = 1000;
    loop {
        for id in &ids {
            client.submit(ticket + id, request(*id, "c")).unwrap();
        }
        let answers = inbox.take(60);
        let count =
            |verdict: &Verdict| answers.values().filter(|answer| *answer == verdict).count();
        if count(&Verdict::Rebuild) > 5 && count(&Verdict::Unavailable) == 0 {
            assert_eq!(
                count(&Verdict::Rebuild) + count(&Verdict::Refused(Refusal::WindowFull)),
                60
            );
            break;
        }
        assert!(Instant::now() < deadline, "no recovery: {answers:?}");
        ticket += 100;
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_sentinel_names_the_master() {
    let server = Server::start();
    let port = support::free_port();
    let directory = std::env::temp_dir().join(format!("humiao-sentinel-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let config = directory.join("sentinel.conf");
    fs::write(
        &config,
        format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor city 127.0.0.1 {} 1\n",
            server.port
        ),
    )
    .unwrap();
    let mut sentinel = Command::new(support::binary())
        .arg(&config)
        .arg("--sentinel")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();

    let runtime = runtime();
    let url = format!("redis+sentinel://127.0.0.1:{port}/city");
    let (client, mut inbox, _done) =
        Inbox::start(ClientSettings::new(&url).unwrap(), runtime.handle());
    let deadline = Instant::now() + Duration::from_secs(10);
    let mode = loop {
        match runtime.block_on(client.ping()) {
            Ok(health) => break Some(health.mode),
            Err(_) if Instant::now() > deadline => break None,
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let granted = mode.map(|_| {
        runtime.block_on(client.load(&[session(1, 1, 1)])).unwrap();
        client.submit(1, request(1, "a")).unwrap();
        inbox.take(1)
    });
    let _ = sentinel.kill();
    let _ = sentinel.wait();
    let _ = fs::remove_dir_all(directory);
    assert_eq!(mode, Some("sentinel"));
    assert_eq!(granted.unwrap()[&1], Verdict::Granted);
}
