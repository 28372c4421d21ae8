//! Collects what a client delivers.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use booking_redis::reply::Verdict;
use booking_redis::{Answer, Client, ClientSettings};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

pub struct Inbox {
    batches: Receiver<Vec<Answer>>,
    /// Size of every batch, in order.
    pub sizes: Vec<usize>,
}

impl Inbox {
    /// Starts a client that delivers here.
    pub fn start(settings: ClientSettings, runtime: &Handle) -> (Client, Self, JoinHandle<()>) {
        let (sender, batches) = channel();
        let (client, done) = Client::start(settings, runtime, move |batch| {
            let _ = sender.send(batch);
        });
        (
            client,
            Self {
                batches,
                sizes: Vec::new(),
            },
            done,
        )
    }

    /// Waits for `count` answers, by ticket. Blocks: call it from outside the client's worker thread.
    pub fn take(&mut self, count: usize) -> HashMap<i64, Verdict> {
        let mut answers = HashMap::new();
        while answers.len() < count {
            let batch = self
                .batches
                .recv_timeout(Duration::from_secs(20))
                .expect("an answer within 20 s");
            self.sizes.push(batch.len());
            for answer in batch {
                let before = answers.insert(answer.ticket, answer.verdict);
                assert!(before.is_none(), "two answers for ticket {}", answer.ticket);
            }
        }
        answers
    }
}
