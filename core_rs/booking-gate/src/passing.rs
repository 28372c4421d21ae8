//! Answers of the application on their way to the clients. Each keeps a socket to the application busy until its end, so there
//! are so many at most, and one that its client does not take is given up.
//!
//! A body that is not asked for the next piece cannot end itself: whoever attends to the connection looks after those that are
//! passed over it. That costs an answer no task and no timer.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use crate::admissions::Turn;
use crate::bounded::BodyError;

/// Most that is handed on at once. Of a large piece a slow line would take no other for long, and its client would seem to
/// take nothing; and so much at most lies here for a client of HTTP/2 that gives no room.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// An answer was given up: its client did not take the next piece.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not taken")]
pub struct Untaken;

/// An answer that is passed on as it comes.
pub struct Passing(Arc<Mutex<State>>);

enum State {
    Open(Open),
    /// All of it was handed on, or it broke off.
    Ended,
    GivenUp,
}

struct Open {
    incoming: Incoming,
    /// Has come and does not fit into the piece before.
    rest: Bytes,
    /// Since when the client has the word. None while it has asked for the next piece and the application is waited for,
    /// however long that keeps silent.
    untaken_since: Option<Instant>,
    /// Its places, given back when it ends or is given up, even where the client's side keeps the body.
    _turns: [Option<Turn>; 2],
}

impl Passing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut state = self.state();
        let open = match &mut *state {
            State::Open(open) => open,
            State::Ended => return Poll::Ready(None),
            State::GivenUp => return Poll::Ready(Some(Err(Untaken.into()))),
        };
        let frame = ready!(open.poll_next(context));
        if !matches!(frame, Some(Ok(_))) {
            *state = State::Ended;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match &*self.state() {
            State::Open(open) => open.rest.is_empty() && open.incoming.is_end_stream(),
            State::Ended => true,
            State::GivenUp => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &*self.state() {
            State::Open(open) => open.size_hint(),
            State::Ended => SizeHint::with_exact(0),
            State::GivenUp => SizeHint::default(),
        }
    }
}

impl Open {
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if self.rest.is_empty() {
            self.untaken_since = None;
            match ready!(Pin::new(&mut self.incoming).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => {
                        self.untaken_since = Some(Instant::now());
                        return Poll::Ready(Some(Ok(other)));
                    }
                },
                end => return Poll::Ready(end),
            }
        }
        self.untaken_since = Some(Instant::now());
        let length = self.rest.len().min(PIECE_BYTES_MAX);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn size_hint(&self) -> SizeHint {
        let (to_come, rest) = (self.incoming.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = to_come.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(to_come.lower() + rest);
        hint
    }
}

/// The answers that are passed on over one connection.
#[derive(Default)]
pub struct Answers(Mutex<Vec<Weak<Mutex<State>>>>);

impl Answers {
    /// Passes on one more; it has its places until it ends or is given up.
    pub fn pass(&self, incoming: Incoming, turns: [Option<Turn>; 2]) -> Passing {
        let state = Arc::new(Mutex::new(State::Open(Open {
            incoming,
            rest: Bytes::new(),
            untaken_since: Some(Instant::now()),
            _turns: turns,
        })));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|answer| answer.strong_count() > 0);
        all.push(Arc::downgrade(&state));
        Passing(state)
    }

    /// Gives up those of which the next piece has not been taken for `pause_max`: their sockets to the application are
    /// closed and their places free, and a client that asks again after all is told that they broke off. Returns when to
    /// look again.
    pub fn give_up_untaken(&self, pause_max: Duration) -> Instant {
        let now = Instant::now();
        let mut look_at = now + pause_max;
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for answer in all.iter().filter_map(Weak::upgrade) {
            let mut state = answer.lock().unwrap_or_else(PoisonError::into_inner);
            let State::Open(Open {
                untaken_since: Some(since),
                ..
            }) = &*state
            else {
                continue;
            };
            let late_at = *since + pause_max;
            if late_at <= now {
                *state = State::GivenUp;
            } else {
                look_at = look_at.min(late_at);
            }
        }
        look_at
    }
}
