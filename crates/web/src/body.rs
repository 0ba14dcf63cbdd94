//! The body of an answer: all of it at once, or piece by piece through a bounded channel.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

use crate::app::InFlight;
use crate::io::Busy;

/// The body of an answer.
#[derive(Debug)]
pub struct Body {
    content: Content,
    /// A streamed answer counts as in flight until its last byte is handed over.
    pub(crate) in_flight: Option<InFlight>,
    /// Tells the connection that an answer is on its way.
    pub(crate) busy: Option<Busy>,
}

#[derive(Debug)]
enum Content {
    Full(Bytes),
    Stream(mpsc::Receiver<Piece>),
    Done,
}

#[derive(Debug)]
enum Piece {
    Chunk(Bytes),
    End,
}

/// The producer of a streamed body went away before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off before its end")
    }
}
impl std::error::Error for BrokenOff {}

/// The caller is no longer there to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the caller went away")
    }
}
impl std::error::Error for Gone {}

/// The producing end of a streamed body. Dropped without [`BodySender::finish`], the connection is cut, so that the caller cannot take a
/// part for the whole.
#[derive(Debug)]
pub struct BodySender(mpsc::Sender<Piece>);

impl Body {
    /// No bytes.
    pub const fn empty() -> Self {
        Self::of(Content::Full(Bytes::new()))
    }

    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::of(Content::Full(bytes.into()))
    }

    /// A body whose pieces come from elsewhere; at most `pieces_max` wait to be sent.
    pub fn stream(pieces_max: usize) -> (BodySender, Self) {
        let (send, receive) = mpsc::channel(pieces_max.max(1));
        (BodySender(send), Self::of(Content::Stream(receive)))
    }

    const fn of(content: Content) -> Self {
        Self { content, in_flight: None, busy: None }
    }

    /// The bytes of a body that is not streamed.
    pub const fn as_full(&self) -> Option<&Bytes> {
        if let Content::Full(bytes) = &self.content { Some(bytes) } else { None }
    }

    pub(crate) const fn is_stream(&self) -> bool {
        matches!(self.content, Content::Stream(_))
    }
}

impl BodySender {
    /// Hands over the next piece; waits while the caller reads slowly. Empty pieces are passed over.
    pub async fn send(&self, chunk: Bytes) -> Result<(), Gone> {
        if chunk.is_empty() {
            return Ok(());
        }
        self.0.send(Piece::Chunk(chunk)).await.map_err(|_| Gone)
    }

    /// As [`BodySender::send`], from a thread of the engine. Never call it on an async thread.
    pub fn blocking_send(&self, chunk: Bytes) -> Result<(), Gone> {
        if chunk.is_empty() {
            return Ok(());
        }
        self.0.blocking_send(Piece::Chunk(chunk)).map_err(|_| Gone)
    }

    /// Waits until the caller is no longer there to read.
    pub async fn gone(&self) {
        self.0.closed().await;
    }

    /// Says that the body is complete.
    pub async fn finish(self) -> Result<(), Gone> {
        self.0.send(Piece::End).await.map_err(|_| Gone)
    }

    /// As [`BodySender::finish`], from a thread of the engine.
    pub fn blocking_finish(self) -> Result<(), Gone> {
        self.0.blocking_send(Piece::End).map_err(|_| Gone)
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let next = match &mut self.content {
            Content::Full(bytes) => (!bytes.is_empty()).then(|| Ok(std::mem::take(bytes))),
            Content::Stream(pieces) => match ready!(pieces.poll_recv(cx)) {
                Some(Piece::Chunk(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Piece::End) => None,
                None => Some(Err(BrokenOff)),
            },
            Content::Done => None,
        };
        self.content = Content::Done;
        Poll::Ready(next.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Full(bytes) => bytes.is_empty(),
            Content::Stream(_) => false,
            Content::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
            Content::Done => SizeHint::with_exact(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_stream_is_whole_only_when_it_is_finished() {
        let (sender, body) = Body::stream(4);
        sender.send(Bytes::from_static(b"ab")).await.unwrap();
        sender.send(Bytes::new()).await.unwrap();
        sender.send(Bytes::from_static(b"c")).await.unwrap();
        sender.finish().await.unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");

        let (sender, body) = Body::stream(4);
        sender.send(Bytes::from_static(b"ab")).await.unwrap();
        drop(sender);
        assert_eq!(body.collect().await.unwrap_err(), BrokenOff);
    }

    #[tokio::test]
    async fn a_producer_learns_that_nobody_reads() {
        let (sender, body) = Body::stream(1);
        drop(body);
        sender.gone().await;
        assert_eq!(sender.send(Bytes::from_static(b"x")).await, Err(Gone));
    }

    #[tokio::test]
    async fn full_bodies_know_their_length() {
        use hyper::body::Body as _;
        assert_eq!(Body::full("abc").size_hint().exact(), Some(3));
        assert!(Body::empty().is_end_stream());
        assert_eq!(Body::full("abc").collect().await.unwrap().to_bytes(), "abc");
    }
}
