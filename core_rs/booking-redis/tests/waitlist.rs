//! Ranks on a real server: generated histories of imports and changes agree with the order of the core.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use booking_core::waitlist::{Standing, Tier, Turn};
use booking_redis::waitlist::{Entry, Imported, Ranked, Ranks};
use booking_redis::{CacheError, Client, ClientSettings};
use proptest::prelude::*;
use support::Server;
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// A client with its time bounds set for a busy machine: what is tested here is order, not time.
fn client(server: &Server, runtime: &Runtime) -> Client {
    let mut settings = ClientSettings::new(&server.url()).unwrap();
    settings.response_timeout = Duration::from_secs(20);
    settings.connect_timeout = Duration::from_secs(20);
    Client::start(settings, runtime.handle(), |_| {}).0
}

fn arrived(id: i64, tier: u8, sequence: u64) -> Entry {
    Entry {
        id,
        standing: Standing {
            tier: Tier(tier),
            turn: Turn::Arrived { sequence },
        },
    }
}

fn drawn(id: i64, tier: u8, position: u32) -> Entry {
    Entry {
        id,
        standing: Standing {
            tier: Tier(tier),
            turn: Turn::Drawn { position },
        },
    }
}

/// What must be answered where `waiting` are those who wait.
fn expected(waiting: &BTreeMap<Standing, i64>, asked: &[i64]) -> Ranks {
    let order: Vec<(Standing, i64)> = waiting.iter().map(|(s, id)| (*s, *id)).collect();
    let rank = |id: &i64| {
        let at = order.iter().position(|(_, other)| other == id)?;
        let standing = order[at].0;
        let earlier = order.iter().filter(|(s, _)| s.tier < standing.tier).count();
        Some(Ranked {
            ahead: at as u64,
            ahead_in_earlier_tiers: earlier as u64,
            standing,
            previous: at.checked_sub(1).map(|before| order[before].1),
            next: order.get(at + 1).map(|(_, id)| *id),
        })
    };
    Ranks {
        waiting: order.len() as u64,
        entries: asked.iter().map(rank).collect(),
    }
}

/// One thing that happens. People have numbers from 0 to 11, and their standing follows from the number.
#[derive(Debug, Clone)]
enum Step {
    Join(BTreeSet<i64>),
    Leave(BTreeSet<i64>),
    /// A worker begins an import and reads the ledger; another may be under way and is left behind.
    Begin,
    /// A part of what was read when the import began.
    Import(usize),
    Publish,
    /// The server forgets everything.
    Wipe,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = || prop::collection::btree_set(0_i64..12, 0..4);
    let step = prop_oneof![
        4 => some().prop_map(Step::Join),
        3 => some().prop_map(Step::Leave),
        2 => Just(Step::Begin),
        4 => (0_usize..3).prop_map(Step::Import),
        3 => Just(Step::Publish),
        1 => Just(Step::Wipe),
    ];
    prop::collection::vec(step, 0..40)
}

fn person(id: i64) -> Entry {
    let number = u32::try_from(id).unwrap();
    match number % 3 {
        0 => drawn(id, 1, 100 - number),
        1 => arrived(id, 1, u64::from(50 - number)),
        _ => arrived(id, 2, u64::from(number)),
    }
}

/// An import under way: its generation, what the ledger had, and which of the three parts have been sent.
struct Import {
    generation: u64,
    read: Vec<Entry>,
    sent: BTreeSet<usize>,
}

impl Import {
    fn part(&self, which: usize) -> Vec<Entry> {
        let of_part = |entry: &&Entry| entry.id % 3 == i64::try_from(which).unwrap();
        self.read.iter().filter(of_part).copied().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn imports_and_changes_in_any_order_leave_the_ledgers_order(histories in prop::collection::vec(steps(), 1..6)) {
        let server = Server::start();
        let runtime = runtime();
        let client = client(&server, &runtime);
        for (list, history) in (1..).zip(histories) {
            runtime.block_on(live_through(&server, &client, list, history));
        }
    }
}

async fn live_through(server: &Server, client: &Client, list: i64, history: Vec<Step>) {
    let (mut joined, mut left) = (BTreeSet::new(), BTreeSet::new());
    let (mut shown, mut generation, mut import) = (false, 0, None::<Import>);
    // Who left when the server did not know the list, or before it forgot: a late message of their joining would be
    // believed, so the one who sends them must not send it.
    let mut forgotten = BTreeSet::new();
    for step in history {
        match step {
            Step::Join(mut ids) => {
                ids.retain(|id| !forgotten.contains(id));
                // The ledger lets nobody in again; the message of a join may come a second time, or late.
                let entries: Vec<Entry> = ids.iter().map(|id| person(*id)).collect();
                joined.extend(ids);
                let whole = client.change_waitlist(list, &entries, &[]).await.unwrap();
                assert_eq!(whole, entries.is_empty() || shown || import.is_some());
            }
            Step::Leave(ids) => {
                joined.extend(&ids);
                let ids: Vec<i64> = ids.into_iter().collect();
                left.extend(&ids);
                let whole = client.change_waitlist(list, &[], &ids).await.unwrap();
                assert_eq!(whole, ids.is_empty() || shown || import.is_some());
                if !whole {
                    forgotten.extend(&ids);
                }
            }
            Step::Begin => {
                generation += 1;
                assert!(client.begin_waitlist(list, generation).await.unwrap());
                assert!(!client.begin_waitlist(list, generation).await.unwrap());
                import = Some(Import {
                    generation,
                    read: joined.difference(&left).map(|id| person(*id)).collect(),
                    sent: BTreeSet::new(),
                });
            }
            Step::Import(which) => {
                if let Some(import) = &mut import {
                    let part = import.part(which);
                    let done = client
                        .import_waitlist(list, import.generation, &part)
                        .await
                        .unwrap();
                    assert_eq!(done, Imported::Done);
                    if !part.is_empty() {
                        let stale = client.import_waitlist(list, import.generation - 1, &part);
                        assert_eq!(stale.await.unwrap(), Imported::Stale);
                    }
                    import.sent.insert(which);
                }
            }
            Step::Publish => {
                if let Some(mut coming) = import.take() {
                    for which in [2, 0, 1] {
                        if coming.sent.insert(which) {
                            let part = coming.part(which);
                            let sent = client.import_waitlist(list, coming.generation, &part);
                            assert_eq!(sent.await.unwrap(), Imported::Done);
                        }
                    }
                    let count = coming.read.len() as u64;
                    // Parts that were sent twice count twice, so only a far larger number is missed for certain.
                    let short = client.publish_waitlist(list, coming.generation, count + 1000);
                    assert_eq!(short.await.unwrap(), Imported::Incomplete);
                    let done = client.publish_waitlist(list, coming.generation, count);
                    assert_eq!(done.await.unwrap(), Imported::Done);
                    let again = client.publish_waitlist(list, coming.generation, count);
                    assert_eq!(again.await.unwrap(), Imported::Stale);
                    shown = true;
                }
            }
            Step::Wipe => {
                let mut connection = server.connection();
                redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
                (shown, import) = (false, None);
                forgotten.clone_from(&left);
            }
        }
        let asked: Vec<i64> = (0..12).collect();
        let answer = client.rank_waitlist(list, &asked).await.unwrap();
        let waiting = joined
            .difference(&left)
            .map(|id| (person(*id).standing, *id))
            .collect();
        assert_eq!(answer, shown.then(|| expected(&waiting, &asked)));
    }
}

#[test]
fn an_empty_list_is_known_and_a_forgotten_one_is_not() {
    let server = Server::start();
    let runtime = runtime();
    let client = client(&server, &runtime);
    runtime.block_on(async {
        assert_eq!(client.rank_waitlist(7, &[]).await, Ok(None));
        assert_eq!(client.begin_waitlist(7, 1).await, Ok(true));
        assert_eq!(client.rank_waitlist(7, &[]).await, Ok(None));
        assert_eq!(client.publish_waitlist(7, 1, 0).await, Ok(Imported::Done));
        let nobody = Ranks {
            waiting: 0,
            entries: vec![None],
        };
        assert_eq!(client.rank_waitlist(7, &[3]).await, Ok(Some(nobody)));
        assert_eq!(client.begin_waitlist(7, 1).await, Ok(false));
        assert_eq!(
            client.change_waitlist(7, &[arrived(3, 1, 1)], &[]).await,
            Ok(true)
        );
        assert_eq!(client.forget_waitlist(7).await, Ok(()));
        assert_eq!(client.rank_waitlist(7, &[3]).await, Ok(None));
        let mut connection = server.connection();
        let keys: u64 = redis::cmd("DBSIZE").query(&mut connection).unwrap();
        assert_eq!(keys, 0);
    });
}

#[test]
fn what_cannot_be_scored_is_an_error_and_the_largest_scores_are_exact() {
    let server = Server::start();
    let runtime = runtime();
    let client = client(&server, &runtime);
    runtime.block_on(async {
        assert_eq!(client.begin_waitlist(1, 1).await, Ok(true));
        let beyond = client
            .import_waitlist(1, 1, &[arrived(1, 1, 1 << 43)])
            .await;
        assert!(matches!(beyond, Err(CacheError::BadStanding(_))));
        let last = (1 << 43) - 1;
        let entries = [
            arrived(i64::MAX, 255, last),
            arrived(-1, 255, last - 1),
            drawn(0, 255, u32::MAX),
        ];
        assert_eq!(
            client.import_waitlist(1, 1, &entries).await,
            Ok(Imported::Done)
        );
        assert_eq!(client.publish_waitlist(1, 1, 3).await, Ok(Imported::Done));
        let waiting = entries
            .iter()
            .map(|entry| (entry.standing, entry.id))
            .collect();
        let asked = [i64::MAX, -1, 0];
        assert_eq!(
            client.rank_waitlist(1, &asked).await,
            Ok(Some(expected(&waiting, &asked)))
        );
    });
}

/// A hundred thousand here, a million in `bench/test_waitlist.py`; prints what it took.
#[test]
fn a_long_list_is_imported_in_parts_and_asked_in_moments() {
    let server = Server::start();
    let runtime = runtime();
    let client = client(&server, &runtime);
    let count = 100_000_i64;
    let all: Vec<Entry> = (0..count)
        .map(|id| arrived(id, 1 + u8::from(id % 4 == 0), u64::try_from(id).unwrap()))
        .collect();
    runtime.block_on(async {
        assert_eq!(client.begin_waitlist(1, 1).await, Ok(true));
        let began = Instant::now();
        for part in all.chunks(20_000) {
            assert_eq!(client.import_waitlist(1, 1, part).await, Ok(Imported::Done));
        }
        let published = client.publish_waitlist(1, 1, 100_000).await;
        assert_eq!(published, Ok(Imported::Done));
        let imported = began.elapsed();
        let asked: Vec<i64> = (0..200).map(|at| at * 499).collect();
        let began = Instant::now();
        for id in &asked {
            let ranks = client.rank_waitlist(1, &[*id]).await.unwrap().unwrap();
            let rank = ranks.entries[0].unwrap();
            let ahead = if id % 4 == 0 {
                75_000 + id / 4
            } else {
                id - id.div_euclid(4) - 1
            };
            assert_eq!(i64::try_from(rank.ahead).unwrap(), ahead, "{id}");
        }
        println!(
            "{count} imported in {imported:?}, a rank in {:?}",
            began.elapsed() / 200
        );
    });
}
