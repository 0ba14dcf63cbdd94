//! The body of a request, read within its bounds: bytes in all, time between pieces, the request's deadline.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use kernel::{Error, Result};

use crate::problem::{BODY_BROKEN, BODY_TIMEOUT, BODY_TOO_LARGE};

/// The body of a request, not yet read.
#[derive(Debug)]
pub struct RequestBody {
    source: Source,
    bytes_left: usize,
    bytes_max: usize,
    idle_time: Duration,
}

#[derive(Debug)]
enum Source {
    Memory(Bytes),
    Wire(Incoming),
}

impl From<Bytes> for RequestBody {
    /// A body that is already there; for calls that do not come from a socket.
    fn from(bytes: Bytes) -> Self {
        Self::new(Source::Memory(bytes))
    }
}

impl From<Incoming> for RequestBody {
    fn from(incoming: Incoming) -> Self {
        Self::new(Source::Wire(incoming))
    }
}

impl RequestBody {
    const fn new(source: Source) -> Self {
        Self { source, bytes_left: usize::MAX, bytes_max: usize::MAX, idle_time: Duration::MAX }
    }

    /// Binds the body, and refuses it at once when it announces more than it may have.
    pub(crate) fn bind(&mut self, bytes_max: usize, idle_time: Duration) -> Result<()> {
        (self.bytes_left, self.bytes_max, self.idle_time) = (bytes_max, bytes_max, idle_time);
        let announced = match &self.source {
            Source::Memory(bytes) => bytes.len() as u64,
            Source::Wire(incoming) => incoming.size_hint().lower(),
        };
        if announced > bytes_max as u64 { Err(self.too_large()) } else { Ok(()) }
    }

    fn too_large(&self) -> Error {
        Error::new(&BODY_TOO_LARGE, format!("The body of this request may have at most {} bytes.", self.bytes_max))
    }

    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let incoming = match &mut self.source {
            Source::Memory(bytes) => {
                let all = std::mem::take(bytes);
                return Ok((!all.is_empty()).then_some(all));
            }
            Source::Wire(incoming) => incoming,
        };
        loop {
            if incoming.is_end_stream() {
                return Ok(None);
            }
            let frame = match tokio::time::timeout(self.idle_time, incoming.frame()).await {
                Err(_) => return Err(Error::new(&BODY_TIMEOUT, "")),
                Ok(None) => return Ok(None),
                Ok(Some(Err(e))) => return Err(Error::new(&BODY_BROKEN, "").with_source(e)),
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers carry nothing the house reads.
            let Ok(data) = frame.into_data() else { continue };
            let Some(left) = self.bytes_left.checked_sub(data.len()) else { return Err(self.too_large()) };
            self.bytes_left = left;
            return Ok(Some(data));
        }
    }

    /// All of it. A body that came in one piece is not copied.
    pub async fn read(&mut self) -> Result<Bytes> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut all = BytesMut::with_capacity((first.len() + second.len()) * 2);
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}
