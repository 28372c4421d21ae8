//! Streams of a waiting room: server-sent events for a page that would poll otherwise. From memory alone.
//!
//! What a reader can rely on:
//! * An event is what a poll says, byte for byte, with the record's version as its id. That it is somebody's turn is told
//!   within a second; all else as often as a poll would be answered, so that a stream costs the line no more than polls do.
//! * Whoever listens counts as present, as whoever polls does.
//! * Who names the id of the last event they heard is told nothing older: a gate that is behind keeps still until it knows.
//! * A stream ends when somebody was let in, when there is nothing more to tell from memory, and when the gate leaves.
//!   Why, a poll explains. Before that it says how long to wait before coming back, not the same for all.
//! * There are so many streams at most, and a few for each account; who finds no room polls.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use booking_core::room::next_poll_ms;
use bytes::Bytes;
use tokio::time::{Instant, Sleep};
use uuid::Uuid;

use crate::admissions::Turn;
use crate::gate::Gate;
use crate::rooms::{Known, Told};
use crate::waiting;

/// Streams of one account: its phones and open pages.
const OF_ACCOUNT_MAX: usize = 4;
/// How often a stream looks whether there is news.
const LOOK: Duration = Duration::from_secs(1);
/// A stream is not silent for longer, so that nobody on the way takes it for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Who was cut off comes back after so long (ms) at least, and after [`AGAIN_SPREAD_MS`] more at most.
const AGAIN_MS: u64 = 2_000;
const AGAIN_SPREAD_MS: u64 = 8_000;
/// News that comes to all at once, as when places have been drawn, is told over so long (ms).
const NEWS_SPREAD_MS: u64 = 4_000;

type OfAccounts = Arc<Mutex<HashMap<Uuid, usize>>>;

/// The streams of a gate.
#[derive(Default)]
pub struct Streams {
    open: Arc<AtomicUsize>,
    of_accounts: OfAccounts,
}

/// A place among the streams, given back when dropped.
pub struct Seat {
    _turn: Turn,
    account: Uuid,
    of_accounts: OfAccounts,
}

impl Streams {
    /// A place for one more stream of an account, where there is one.
    pub fn seat(&self, account: Uuid, max: usize) -> Option<Seat> {
        let turn = Turn::take(&self.open, max)?;
        let mut counts = self
            .of_accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(account).or_default();
        if *count >= OF_ACCOUNT_MAX {
            return None;
        }
        *count += 1;
        Some(Seat {
            _turn: turn,
            account,
            of_accounts: Arc::clone(&self.of_accounts),
        })
    }

    /// How many are open.
    pub fn open(&self) -> &AtomicUsize {
        &self.open
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self
            .of_accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.account);
            }
        }
    }
}

/// What was told last.
struct Before {
    known: Known,
    text: String,
}

/// One stream: what a ticket is told from now on.
pub struct Telling {
    gate: Arc<Gate>,
    room_id: i64,
    ticket: [u8; 16],
    /// Nothing older than this is told.
    after: u64,
    before: Option<Before>,
    /// When news that is not urgent may be told.
    due: Instant,
    /// When something has to be said, whatever it is.
    alive_by: Instant,
    look: Pin<Box<Sleep>>,
    greeted: bool,
    over: bool,
    _seat: Seat,
    _under_way: Option<Turn>,
}

/// Whether it is another kind of answer, not only other numbers.
fn is_other(before: Known, now: Known) -> bool {
    std::mem::discriminant(&before) != std::mem::discriminant(&now)
}

impl Telling {
    /// Begins to tell. It counts as `under_way` to its end.
    pub fn new(
        gate: Arc<Gate>,
        room_id: i64,
        ticket: [u8; 16],
        after: u64,
        seat: Seat,
        under_way: Option<Turn>,
    ) -> Self {
        let now = Instant::now();
        Self {
            gate,
            room_id,
            ticket,
            after,
            before: None,
            due: now,
            alive_by: now,
            look: Box::pin(tokio::time::sleep_until(now)),
            greeted: false,
            over: false,
            _seat: seat,
            _under_way: under_way,
        }
    }

    /// The next piece; none at the end.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while !self.over {
            std::task::ready!(self.look.as_mut().poll(context));
            let now = Instant::now();
            self.look.as_mut().reset(now + LOOK);
            if let Some(piece) = self.piece(now) {
                self.alive_by = now + HEARTBEAT;
                return Poll::Ready(Some(Bytes::from(piece)));
            }
        }
        Poll::Ready(None)
    }

    fn again(&self) -> String {
        let spread_ms = AGAIN_SPREAD_MS * u64::from(self.ticket[0]) / 256;
        format!("retry: {}\n\n", AGAIN_MS + spread_ms)
    }

    fn piece(&mut self, now: Instant) -> Option<String> {
        let told = self
            .gate
            .rooms
            .poll(self.room_id, self.ticket, self.gate.clock.now());
        let told = told.filter(|told| !matches!(told.known, Known::Gone | Known::Unknown));
        let Some(told) = told.filter(|_| !self.gate.is_leaving()) else {
            self.over = true;
            return Some(self.again());
        };
        let greeting = if std::mem::replace(&mut self.greeted, true) {
            None
        } else {
            Some(self.again())
        };
        let event = (told.version >= self.after && self.is_news(told, now))
            .then(|| self.event(told, now))
            .or_else(|| (now >= self.alive_by).then(|| ":\n\n".to_owned()));
        match (greeting, event) {
            (Some(greeting), event) => Some(greeting + &event.unwrap_or_default()),
            (None, event) => event,
        }
    }

    fn is_news(&mut self, told: Told, now: Instant) -> bool {
        let Some(before) = &mut self.before else {
            return true;
        };
        match told.known {
            Known::Admitted { .. } => return true,
            // Nobody needs to hear that places are being drawn: the place comes in a moment.
            Known::Unnumbered => return false,
            known if is_other(before.known, known) => {
                before.known = known;
                let spread_ms = NEWS_SPREAD_MS * u64::from(self.ticket[0]) / 256;
                self.due = now + Duration::from_millis(spread_ms);
            }
            _ => {}
        }
        now >= self.due && before.text != waiting::text(told, self.ticket[0])
    }

    fn event(&mut self, told: Told, now: Instant) -> String {
        let text = waiting::text(told, self.ticket[0]);
        let piece = format!("id: {}\ndata: {text}\n\n", told.version);
        let pause_ms = match told.known {
            Known::Waits { ahead, pace, .. } => next_poll_ms(ahead, pace, 0),
            _ => 0,
        };
        self.due = now + Duration::from_millis(pause_ms);
        self.over = matches!(told.known, Known::Admitted { .. });
        self.after = told.version;
        self.before = Some(Before {
            known: told.known,
            text,
        });
        piece
    }
}
