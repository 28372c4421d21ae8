//! Bodies of responses: a few bytes of our own, or somebody else's stream passed on.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::bounded::BodyError;
use crate::passing::Passing;
use crate::streams::Telling;

/// Ours or the upstream's.
pub struct Body(Kind);

enum Kind {
    Full(Option<Bytes>),
    Passed(Passing),
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

    /// The bytes, where they are ours.
    pub const fn at_hand(&self) -> Option<&Bytes> {
        match &self.0 {
            Kind::Full(bytes) => bytes.as_ref(),
            Kind::Passed(_) | Kind::Told(_) => None,
        }
    }

    /// The bytes of one that is at hand; nothing of a stream.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Kind::Full(bytes) => bytes.unwrap_or_default(),
            Kind::Passed(_) | Kind::Told(_) => Bytes::new(),
        }
    }

    /// Ours, piece by piece.
    pub fn told(telling: Telling) -> Self {
        Self(Kind::Told(Box::new(telling)))
    }

    /// The upstream's, as it comes.
    pub const fn passed(passing: Passing) -> Self {
        Self(Kind::Passed(passing))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().0 {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Passed(passing) => Pin::new(passing).poll_frame(context),
            Kind::Told(telling) => telling
                .poll_next(context)
                .map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Passed(passing) => passing.is_end_stream(),
            Kind::Told(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Kind::Passed(passing) => passing.size_hint(),
            Kind::Told(_) => SizeHint::default(),
        }
    }
}
