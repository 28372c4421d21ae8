//! Bodies: of a response a few bytes of our own or somebody else's stream passed on, of a request one that must not dawdle.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::admissions::Turn;
use crate::bounded::{BodyError, Bounded};
use crate::streams::Telling;

/// Ours or the upstream's.
pub struct Body(Kind);

enum Kind {
    Full(Option<Bytes>),
    Passed {
        incoming: Incoming,
        /// Given back with the body.
        _under_way: Option<Turn>,
    },
    Told(Box<Telling>),
}

impl Body {
    /// Some bytes.
    pub const fn full(bytes: Bytes) -> Self {
        Self(Kind::Full(Some(bytes)))
    }

    /// None.
    pub const fn empty() -> Self {
        Self(Kind::Full(None))
    }

    /// The bytes of one that is at hand; nothing of a stream.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Kind::Full(bytes) => bytes.unwrap_or_default(),
            Kind::Passed { .. } | Kind::Told(_) => Bytes::new(),
        }
    }

    /// Ours, piece by piece.
    pub fn told(telling: Telling) -> Self {
        Self(Kind::Told(Box::new(telling)))
    }

    /// The upstream's, as it comes; it counts as under way until its end.
    pub const fn passed(incoming: Incoming, under_way: Option<Turn>) -> Self {
        Self(Kind::Passed {
            incoming,
            _under_way: under_way,
        })
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.get_mut().0 {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Passed { incoming, .. } => Pin::new(incoming).poll_frame(context),
            Kind::Told(telling) => telling
                .poll_next(context)
                .map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Passed { incoming, .. } => incoming.is_end_stream(),
            Kind::Told(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Kind::Passed { incoming, .. } => incoming.size_hint(),
            Kind::Told(_) => SizeHint::default(),
        }
    }
}

/// A request's body on its way to the application: of a bounded size, each piece within a time after the one before.
pub struct Paced<B> {
    body: Bounded<B>,
    pause_max: Duration,
    patience: Pin<Box<Sleep>>,
}

/// The next piece of a body did not come.
#[derive(Debug)]
pub struct Dawdled;

impl fmt::Display for Dawdled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the body does not go on")
    }
}

impl Error for Dawdled {}

impl<B> Paced<B> {
    /// At most `limit` bytes, at most `pause_max` between two pieces.
    pub fn new(body: B, limit: u64, pause_max: Duration) -> Self {
        Self {
            body: Bounded::new(body, limit),
            pause_max,
            patience: Box::pin(tokio::time::sleep(pause_max)),
        }
    }
}

impl<B> HttpBody for Paced<B>
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
            this.patience
                .as_mut()
                .reset(Instant::now() + this.pause_max);
            return Poll::Ready(frame);
        }
        this.patience
            .as_mut()
            .poll(context)
            .map(|()| Some(Err(Dawdled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
