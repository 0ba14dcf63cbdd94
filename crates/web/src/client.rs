//! A small HTTP/1.1 client over one kept-alive connection: for tests, benchmarks and the command line's own questions. What the house sends
//! to strangers goes elsewhere (time limits, guards, breakers).

use std::io;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

/// One connection to a server.
#[derive(Debug)]
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Client {
    /// Connects to `host:port` or `unix:/path`.
    pub async fn connect(address: &str) -> io::Result<Self> {
        if let Some(path) = address.strip_prefix("unix:") {
            return Self::over(UnixStream::connect(path).await?, "localhost").await;
        }
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Self::over(stream, address).await
    }

    async fn over<S>(stream: S, host: &str) -> io::Result<Self>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let host = HeaderValue::from_str(host).map_err(io::Error::other)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // Its error, if any, reaches the caller through the sender.
        drop(telemetry::spawn("http client", connection));
        Ok(Self { sender, host })
    }

    /// Sends a request and reads the whole answer. `Host` is added when it is not there. Fails when the answer breaks off.
    pub async fn send(&mut self, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
        let (mut head, body) = request.into_parts();
        head.headers.entry(HOST).or_insert_with(|| self.host.clone());
        self.sender.ready().await.map_err(io::Error::other)?;
        let answer =
            self.sender.send_request(Request::from_parts(head, Full::new(body))).await.map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Response::from_parts(head, body))
    }

    /// Gets a path.
    pub async fn get(&mut self, path: &str) -> io::Result<Response<Bytes>> {
        self.send(Request::get(path).body(Bytes::new()).map_err(io::Error::other)?).await
    }
}
