//! A request body that may not be larger than so much. What is too large is read on, and thrown away, up to a bound of its
//! own: a client that is still sending when its connection is closed never sees why.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use hyper::body::{Body, Frame};

/// Any error of a body.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Of a body that is too large, so much is read before it is given up.
const DISCARDED_BYTES_MAX: u64 = 4 << 20;

/// A body went beyond its limit.
#[derive(Debug, thiserror::Error)]
#[error("the body is too large")]
pub struct TooLarge;

/// Passes on at most so many bytes, and ends with [`TooLarge`] where there were more.
pub struct Bounded<B> {
    body: B,
    left: u64,
    discarded: u64,
    has_ended: bool,
}

impl<B> Bounded<B> {
    /// At most `bytes_max` of `body`.
    pub const fn new(body: B, bytes_max: u64) -> Self {
        Self {
            body,
            left: bytes_max,
            discarded: 0,
            has_ended: false,
        }
    }

    /// Whether its end has been read.
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether more has come than may.
    pub const fn is_too_large(&self) -> bool {
        self.discarded > 0
    }
}

impl<B> Body for Bounded<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let bounded = self.get_mut();
        loop {
            let frame = match ready!(Pin::new(&mut bounded.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => {
                    bounded.has_ended = true;
                    let too_large = bounded.is_too_large();
                    return Poll::Ready(too_large.then(|| Err(TooLarge.into())));
                }
            };
            let size = frame.data_ref().map_or(0, |data| data.remaining() as u64);
            if !bounded.is_too_large() && size <= bounded.left {
                bounded.left -= size;
                return Poll::Ready(Some(Ok(frame)));
            }
            bounded.discarded += size;
            if bounded.discarded > DISCARDED_BYTES_MAX {
                return Poll::Ready(Some(Err(Box::new(TooLarge))));
            }
        }
    }
}
