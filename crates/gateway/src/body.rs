//! The body of an answer: whole, or a stream that is relayed as it comes.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{pass::PassedBody, stream::StreamBody};

/// What the listener sends back.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// All at once.
    Whole(Option<Bytes>),
    /// As it comes.
    Stream(Box<StreamBody>),
    /// As it comes, each record of a chat turned into one of a completion.
    Completions(Box<StreamBody>),
    /// As it comes, each record an element of one JSON array, until the array has ended.
    Array(Box<StreamBody>, Option<wire::JsonArray>),
    /// As it comes, whatever it is.
    Passed(Box<PassedBody>),
}

/// An answer that is passed on broke off: its caller's connection breaks, too, because no error can be
/// said within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the provider's answer broke off")]
pub(crate) struct CutShort;

impl ReplyBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => {
                stream.poll_bytes(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Completions(stream) => stream
                .poll_bytes(context)
                .map(|bytes| bytes.map(|bytes| Ok(Frame::data(wire::completion_records(&bytes))))),
            Self::Array(stream, array) => stream.poll_bytes(context).map(|bytes| {
                let piece = match bytes {
                    Some(bytes) => array.as_mut().map(|array| array.push(&bytes)),
                    None => array.take().map(|mut array| array.finish()),
                };
                piece.map(|piece| Ok(Frame::data(piece)))
            }),
            Self::Passed(passed) => {
                passed.poll_bytes(context).map(|bytes| bytes.map(|bytes| bytes.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(_) | Self::Completions(_) | Self::Array(..) | Self::Passed(_) => {
                SizeHint::default()
            }
        }
    }
}
