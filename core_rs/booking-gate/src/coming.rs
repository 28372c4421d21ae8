//! Bodies of requests: a small one is read whole before it takes a place at the application, a large one flows there as it
//! comes, and one that nobody wants is read on before its client is answered.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::header::EXPECT;
use hyper::http::request::Parts;
use tokio::time::{Instant, Sleep, timeout, timeout_at};

use crate::bounded::{BodyError, Bounded};

/// A body that flows has to have come to its end within this: 5 MB, the longest there is, over a line of 10 kB a second take
/// some eight minutes. Who sends a byte now and then has a place no longer than that.
const FLOW_MAX: Duration = Duration::from_secs(600);

/// What came of a body that was to be read whole.
pub enum Arrived {
    /// All of it.
    Whole(Bytes),
    /// More than it may be.
    TooLarge,
    /// It broke off, or was not there in time.
    Not,
}

/// The body of a request until somebody wants it. What nobody wanted is read on before the client is answered: one that is
/// still sending when its connection ends never sees the answer.
pub struct Unread {
    body: Option<Incoming>,
    /// Whether the client sends only when it is told to go on (RFC 9110, 10.1.1). Reading would tell it so.
    asks_first: bool,
    /// Whether some of it may yet come, which nobody will read.
    is_left: bool,
}

impl Unread {
    /// The body that comes behind a head.
    pub fn of(head: &Parts, body: Incoming) -> Self {
        Self {
            body: Some(body),
            asks_first: head.headers.contains_key(EXPECT),
            is_left: false,
        }
    }

    /// Whether there is none, or it has been taken.
    pub fn is_empty(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    /// How long it is, as far as that is known.
    pub fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }

    /// To be read elsewhere.
    pub const fn take(&mut self) -> Option<Incoming> {
        self.body.take()
    }

    /// Nothing is read of it any more, nor of the connection.
    pub fn give_up(&mut self) {
        self.is_left = true;
        self.body = None;
    }

    /// Reads it whole: at most `bytes_max`, within `time_max` from the first to the last byte. What is read is kept no longer
    /// than that, so slow bodies hold no more memory than their senders send in that time.
    pub async fn whole(&mut self, bytes_max: u64, time_max: Duration) -> Arrived {
        let Some(body) = self.body.take() else {
            return Arrived::Whole(Bytes::new());
        };
        let mut body = Bounded::new(body, bytes_max);
        let arrived = match timeout(time_max, (&mut body).collect()).await {
            Ok(Ok(whole)) => Arrived::Whole(whole.to_bytes()),
            _ if body.is_too_large() => Arrived::TooLarge,
            _ => Arrived::Not,
        };
        self.is_left = !body.has_ended();
        arrived
    }

    /// Reads what nobody wanted, for as long as `time_max`; tells whether the connection may go on.
    pub async fn read_on(mut self, time_max: Duration) -> bool {
        if !self.is_empty() {
            if self.asks_first {
                self.give_up();
            } else {
                self.whole(0, time_max).await;
            }
        }
        !self.is_left
    }
}

/// Whether the next piece of a flowing body, or its end, is still to come.
///
/// None while the client is waited for; else since when the application has the word: there is more for it to take, or all
/// has been sent and its answer is due.
#[derive(Clone)]
pub struct Flow(Arc<Mutex<Option<Instant>>>);

impl Flow {
    /// Since when the application has the word, if it has it.
    pub fn due_since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, due_since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = due_since;
    }

    /// The answer to the request that flows; none where the application takes nothing, or says nothing to all of it, for
    /// `time_max`. How long the client takes does not count.
    pub async fn answered<F: Future>(&self, answer: F, time_max: Duration) -> Option<F::Output> {
        let mut answer = pin!(answer);
        loop {
            let due_since = self.due_since();
            // While the client is waited for, it is looked at again before the application can be late.
            let late_at = due_since.unwrap_or_else(Instant::now) + time_max;
            if let Ok(answer) = timeout_at(late_at, answer.as_mut()).await {
                return Some(answer);
            }
            if due_since.is_some() && due_since == self.due_since() {
                return None;
            }
        }
    }
}

/// A body on its way to the application: of a bounded size, each piece within a time after it was asked for, and all of it
/// within `FLOW_MAX`.
pub struct Flowing<B> {
    body: Bounded<B>,
    pause_max: Duration,
    patience: Pin<Box<Sleep>>,
    /// Whether `patience` is that for the next piece.
    waited_for: bool,
    end: Instant,
    flow: Flow,
}

/// The next piece of a body did not come, or its end.
#[derive(Debug, thiserror::Error)]
#[error("the body does not go on")]
pub struct Dawdled;

impl<B> Flowing<B> {
    /// At most `bytes_max`, and at most `pause_max` for a piece; beside it, how far it is.
    pub fn new(body: B, bytes_max: u64, pause_max: Duration) -> (Self, Flow) {
        let now = Instant::now();
        // It begins with the application, which has to be there.
        let flow = Flow(Arc::new(Mutex::new(Some(now))));
        let flowing = Self {
            body: Bounded::new(body, bytes_max),
            pause_max,
            patience: Box::pin(tokio::time::sleep(pause_max)),
            waited_for: false,
            end: now + FLOW_MAX,
            flow: flow.clone(),
        };
        (flowing, flow)
    }
}

impl<B> HttpBody for Flowing<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waited_for = false;
            this.flow.tell(Some(Instant::now()));
            return Poll::Ready(frame);
        }
        if !this.waited_for {
            this.waited_for = true;
            let late_at = (Instant::now() + this.pause_max).min(this.end);
            this.patience.as_mut().reset(late_at);
            this.flow.tell(None);
        }
        ready!(this.patience.as_mut().poll(context));
        Poll::Ready(Some(Err(Dawdled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
