//! Writers between holds that wait and a ledger that follows a script: everybody hears one word, whatever the ledger does.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]
#![allow(
    clippy::unnecessary_wraps,
    reason = "scripts are of one type, whether they fail or not"
)]

#[path = "../stage/mod.rs"]
mod stage;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Steady};

use booking_gate::admissions::Turn;
use booking_gate::lanes::{Lanes, Waiting};
use booking_gate::work::{HoldWish, Word};
use booking_gate::writers::{Manner, Told, Writers};
use booking_ledger::{Committed, Ledger, Part, Trouble, Word as LedgerWord};
use tokio::sync::oneshot;
use uuid::Uuid;

use stage::{LONG, Stage, idle_desk, nowhere};

type Asked = Arc<Mutex<Vec<Vec<i64>>>>;
/// What comes of a try, by how many came before it and by its windows.
type Script = fn(usize, &[i64]) -> Result<Vec<LedgerWord>, Trouble>;

struct Scripted {
    script: Script,
    asked: Asked,
}

impl Ledger for Scripted {
    async fn hold(&mut self, part: Part<'_>, _: Duration) -> Result<Committed, Trouble> {
        let windows = part.holds.window_ids[part.from..part.to].to_vec();
        let before = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(windows.clone());
            asked.len() - 1
        };
        let words = (self.script)(before, &windows)?;
        Ok(Committed {
            words,
            counters: Vec::new(),
        })
    }
}

struct Desk {
    _stage: Stage,
    lanes: Arc<Lanes>,
    told: Arc<Told>,
    writers: Option<Writers>,
    asked: Asked,
    queue: Arc<AtomicUsize>,
}

impl Desk {
    fn open(lanes: usize, batch_max: usize, script: Script) -> Self {
        let stage = Stage::open(nowhere(), idle_desk(), "redis://127.0.0.1:1");
        let (lanes, told, asked) = (
            Arc::new(Lanes::new(lanes)),
            Arc::default(),
            Asked::default(),
        );
        let manner = Manner {
            batch_max,
            patience: LONG,
        };
        let heard = Arc::clone(&asked);
        let ledger = move || Scripted {
            script,
            asked: Arc::clone(&heard),
        };
        let writers = Writers::start(&stage.gate, &lanes, &told, manner, ledger).unwrap();
        Self {
            _stage: stage,
            lanes,
            told,
            writers: Some(writers),
            asked,
            queue: Arc::default(),
        }
    }

    fn wish(&self, session_id: i64, window_id: i64, deadline: Steady) -> oneshot::Receiver<Word> {
        let (reply, word) = oneshot::channel();
        let wish = wish_for(session_id, window_id, &format!("key-{window_id}"));
        let turn = Turn::take(&self.queue, usize::MAX).unwrap();
        self.lanes.push(Waiting::new(wish, deadline, turn, reply));
        word
    }

    fn asks(&self, window_id: i64) -> oneshot::Receiver<Word> {
        self.wish(0, window_id, Steady::now() + LONG)
    }
}

fn wish_for(session_id: i64, window_id: i64, key: &str) -> HoldWish {
    HoldWish {
        account: Uuid::from_u128(1),
        person: Uuid::from_u128(2),
        session_id,
        window_id,
        stock_id: 3,
        key: key.to_owned(),
        body_hash: [0; 32],
        pass_generation: 0,
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(writers) = self.writers.take() {
            writers.drain();
        }
    }
}

fn by_window(_: usize, windows: &[i64]) -> Result<Vec<LedgerWord>, Trouble> {
    Ok(windows
        .iter()
        .map(|window| LedgerWord::no(&window.to_string()))
        .collect())
}

fn refused(code: &str) -> Word {
    Word::Refused(code.to_owned(), None)
}

async fn heard(word: oneshot::Receiver<Word>) -> Option<Word> {
    tokio::time::timeout(LONG, word)
        .await
        .expect("a word, or nobody to say it")
        .ok()
}

#[tokio::test]
async fn everybody_hears_the_word_on_their_own_hold_and_gives_their_place_back() {
    let desk = Desk::open(3, 8, by_window);
    let words: Vec<_> = (0..100)
        .map(|n| (n, desk.wish(n % 5, n, Steady::now() + LONG)))
        .collect();
    for (n, word) in words {
        assert_eq!(heard(word).await, Some(refused(&n.to_string())));
    }
    assert_eq!(desk.queue.load(std::sync::atomic::Ordering::Acquire), 0);
    let asked = desk.asked.lock().unwrap();
    assert!(asked.iter().all(|windows| windows.len() <= 8));
    assert_eq!(asked.iter().map(Vec::len).sum::<usize>(), 100);
    assert!(desk.told.take_ms().is_some());
    assert_eq!(desk.told.take_ms(), None, "it was asked a moment ago");
}

#[tokio::test]
async fn two_holds_under_one_key_do_not_share_a_batch() {
    // Without a word to the writer before all wait: the first batch is what is there when it comes.
    let lanes = Lanes::new(1);
    let queue = Arc::default();
    for (window_id, key) in [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "a")] {
        let (reply, _) = oneshot::channel();
        let turn = Turn::take(&queue, usize::MAX).unwrap();
        let wish = wish_for(0, window_id, key);
        lanes.push(Waiting::new(wish, Steady::now() + LONG, turn, reply));
    }
    let mut batches: Vec<Vec<i64>> = Vec::new();
    for _ in 0..3 {
        let holds = lanes.next(0, 8).await.unwrap();
        batches.push(holds.iter().map(|hold| hold.wish.window_id).collect());
    }
    assert_eq!(batches, [vec![1, 2, 4], vec![3], vec![5]]);
}

#[tokio::test]
async fn who_is_behind_others_asks_again_before_those_who_came_later() {
    fn script(before: usize, windows: &[i64]) -> Result<Vec<LedgerWord>, Trouble> {
        let word = |window: &i64| match (before, window) {
            (0, 2) => LedgerWord::no("contended"),
            _ => LedgerWord::no(&window.to_string()),
        };
        Ok(windows.iter().map(word).collect())
    }
    let desk = Desk::open(1, 1, script);
    let words: Vec<_> = [2, 3].map(|window| (window, desk.asks(window))).into();
    for (window, word) in words {
        assert_eq!(heard(word).await, Some(refused(&window.to_string())));
    }
    assert_eq!(*desk.asked.lock().unwrap(), [[2], [2], [3]]);
}

#[tokio::test]
async fn who_is_always_behind_is_told_in_the_end() {
    fn script(_: usize, windows: &[i64]) -> Result<Vec<LedgerWord>, Trouble> {
        Ok(windows
            .iter()
            .map(|_| LedgerWord::no("contended"))
            .collect())
    }
    let desk = Desk::open(1, 8, script);
    assert_eq!(heard(desk.asks(1)).await, Some(refused("busy")));
    assert_eq!(desk.asked.lock().unwrap().len(), 8);
}

#[tokio::test]
async fn a_hold_whose_time_is_over_is_not_begun() {
    let desk = Desk::open(1, 8, by_window);
    let late = desk.wish(0, 1, Steady::now());
    assert_eq!(heard(late).await, Some(refused("busy")));
    assert_eq!(heard(desk.asks(2)).await, Some(refused("2")));
    assert_eq!(*desk.asked.lock().unwrap(), [[2]]);
}

#[tokio::test]
async fn what_should_not_happen_is_unknown_to_whoever_waits_and_told_to_who_keeps_watch() {
    fn script(_: usize, _: &[i64]) -> Result<Vec<LedgerWord>, Trouble> {
        Err(Trouble::Broken("42883".to_owned()))
    }
    let desk = Desk::open(1, 8, script);
    assert_eq!(heard(desk.asks(1)).await, Some(refused("outcome_unknown")));
    assert_eq!(desk.told.take_troubles(), ["broken: 42883"]);
    assert!(desk.told.take_troubles().is_empty());
}

#[tokio::test]
async fn a_writer_that_breaks_loses_its_batch_and_not_its_lane() {
    fn script(before: usize, windows: &[i64]) -> Result<Vec<LedgerWord>, Trouble> {
        assert!(before > 0, "the first batch breaks its writer");
        by_window(before, windows)
    }
    let desk = Desk::open(1, 8, script);
    assert_eq!(heard(desk.asks(1)).await, None, "its outcome is not known");
    assert_eq!(heard(desk.asks(2)).await, Some(refused("2")));
}

#[tokio::test]
async fn whoever_waits_is_decided_before_the_writers_leave() {
    let mut desk = Desk::open(1, 4, by_window);
    let words: Vec<_> = (0..20).map(|window| (window, desk.asks(window))).collect();
    let writers = desk.writers.take().unwrap();
    tokio::task::spawn_blocking(move || writers.drain())
        .await
        .unwrap();
    for (window, mut word) in words {
        assert_eq!(word.try_recv(), Ok(refused(&window.to_string())));
    }
}
