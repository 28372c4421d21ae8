//! Bodies of responses: a few bytes of our own, or somebody else's stream passed on.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use crate::admissions::Turn;
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
