//! Where the server is, and how the way to it is kept private: `sslmode` and `sslrootcert` of the URL, as libpq understands them.
//!
//! | `sslmode` | the way is private | the server is who it says |
//! |---|---|---|
//! | `disable` | no | – |
//! | `prefer` (default) | when the server can | – |
//! | `require` | yes | only with `sslrootcert`: as `verify-ca` |
//! | `verify-ca` | yes | its certificate is signed by somebody we trust |
//! | `verify-full` | yes | and is made out to the host in the URL |
//!
//! Whom we trust: the certificates in the file `sslrootcert`, or those of the operating system when it is absent or says `system`. A
//! certificate that stands in that file itself is trusted as it is, signed by whomever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_rustls::TlsConnector;

use super::failure;
use crate::error::{Error, Result};

/// What is found out about the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// Nothing: who listens on the way cannot read, who stands in it can.
    Nothing,
    /// That somebody we trust has signed it.
    Signer,
    /// That, and that it is made out to the host we asked for.
    SignerAndName,
}

/// A server, and how to reach it.
#[derive(Clone)]
pub(crate) struct Target {
    config: Config,
    connector: Option<TlsConnector>,
}

/// A connection's traffic, to be driven by a task.
pub(crate) type Traffic = Connection<Socket, Private<Socket>>;

/// What the URL says about TLS.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wishes {
    mode: Option<String>,
    roots: Option<String>,
}

/// Says what is wrong with the URL of a server, in words for the operator that repeat nothing of it. Certificates that it names are read,
/// nobody is asked.
///
/// # Errors
/// The words.
pub fn judge_url(url: &str) -> std::result::Result<(), String> {
    match Target::parse(url) {
        Ok(_) => Ok(()),
        Err(Error::Internal(words)) => Err(words),
        Err(error) => Err(error.to_string()),
    }
}

impl Target {
    /// Reads a URL. Fails with `Internal` and words for the operator when it cannot be read, and never repeats what it says.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let wrong = |reason: &str| Error::Internal(format!("the database URL: {reason}"));
        let (url, wishes) = wishes(url);
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| wrong(&error.to_string()))?;
        if config.get_application_name().is_none() {
            config.application_name("mainstay");
        }
        let check = match wishes.mode.as_deref() {
            None => match config.get_ssl_mode() {
                SslMode::Require if wishes.roots.is_some() => Check::Signer,
                _ => Check::Nothing,
            },
            Some(word) => {
                let (mode, check) = match word {
                    "disable" => (SslMode::Disable, Check::Nothing),
                    "prefer" => (SslMode::Prefer, Check::Nothing),
                    "require" if wishes.roots.is_some() => (SslMode::Require, Check::Signer),
                    "require" => (SslMode::Require, Check::Nothing),
                    "verify-ca" => (SslMode::Require, Check::Signer),
                    "verify-full" => (SslMode::Require, Check::SignerAndName),
                    _ => {
                        return Err(wrong("sslmode must be disable, prefer, require, verify-ca or verify-full"));
                    }
                };
                config.ssl_mode(mode);
                check
            }
        };
        if wishes.roots.as_deref() == Some("system") && check == Check::Signer {
            // Anybody can have a certificate signed that the system trusts; without the name it proves nothing.
            return Err(wrong("sslrootcert=system needs sslmode=verify-full"));
        }
        let sockets = |host: &Host| matches!(host, Host::Unix(_));
        if config.get_ssl_mode() == SslMode::Prefer && config.get_hosts().iter().all(sockets) {
            // A socket that is a file is private anyway, and the server would say no.
            config.ssl_mode(SslMode::Disable);
        }
        let connector = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(connector(check, wishes.roots.as_deref()).map_err(|reason| wrong(&reason))?),
        };
        Ok(Self { config, connector })
    }

    /// What the driver knows of it.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<(Client, Traffic)> {
        self.config.connect(self.clone()).await.map_err(|error| refused(&error))
    }

    /// What makes a stream to this host private.
    pub(crate) fn handshake(&self, host: &str) -> Handshake {
        let name = ServerName::try_from(host.to_owned());
        Handshake(self.connector.clone().zip(name.ok()))
    }
}

impl MakeTlsConnect<Socket> for Target {
    type Stream = Private<Socket>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        Ok(self.handshake(host))
    }
}

/// Takes what is about TLS out of a URL: the driver does not know all of it. Other forms of addresses are the driver's affair.
fn wishes(url: &str) -> (String, Wishes) {
    let mut wishes = Wishes::default();
    let Some((address, query)) = url.split_once('?').filter(|(address, _)| address.contains("://")) else {
        return (url.to_owned(), wishes);
    };
    let mut others: Vec<&str> = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => wishes.mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => wishes.roots = Some(decoded(value)),
            _ => others.push(pair),
        }
    }
    let query = others.join("&");
    (if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") }, wishes)
}

/// With `%41` read as `A`.
fn decoded(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            out.push(u8::try_from(high * 16 + low).unwrap_or_default());
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn connector(check: Check, roots: Option<&str>) -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let judge = Judge::new(check, roots, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(judge)).with_no_client_auth();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Judges the server's certificate.
#[derive(Debug)]
struct Judge {
    check: Check,
    /// Knows the signers, where they are asked for.
    signers: Option<Arc<WebPkiServerVerifier>>,
    /// Trusted as they are.
    known: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    fn new(check: Check, roots: Option<&str>, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let mut judge = Self { check, signers: None, known: Vec::new(), provider: provider.clone() };
        if check == Check::Nothing {
            return Ok(judge);
        }
        let found = match roots.filter(|roots| *roots != "system") {
            Some(file) => {
                let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
                judge.known = read.map_err(|error| format!("sslrootcert cannot be read: {error}"))?;
                judge.known.clone()
            }
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut store = RootCertStore::empty();
        // What a system keeps is not always well-formed; what is not simply signs nothing.
        store.add_parsable_certificates(found);
        if store.is_empty() {
            return Err("sslmode asks for a trusted signer, but there is no certificate to trust: name a file with \
                        sslrootcert"
                .to_owned());
        }
        let signers = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone()).build();
        judge.signers = Some(signers.map_err(|error| error.to_string())?);
        Ok(judge)
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(signers) = &self.signers else { return Ok(ServerCertVerified::assertion()) };
        if self.known.iter().any(|known| **known == **certificate) {
            if self.check == Check::SignerAndName {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match signers.verify_server_cert(certificate, between, name, ocsp, now) {
            // The name is looked at last, so everything else is in order.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.check == Check::Signer => Ok(ServerCertVerified::assertion()),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Makes one stream private.
pub(crate) struct Handshake(Option<(TlsConnector, ServerName<'static>)>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsConnect<S> for Handshake {
    type Stream = Private<S>;
    type Error = io::Error;
    type Future = Shaking<S>;

    fn connect(self, stream: S) -> Shaking<S> {
        Shaking(self.0.map(|(connector, name)| connector.connect(name, stream)))
    }
}

/// A handshake under way.
pub(crate) struct Shaking<S>(Option<tokio_rustls::Connect<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Shaking<S> {
    type Output = io::Result<Private<S>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Some(connect) => Pin::new(connect).poll(context).map(|done| done.map(Private)),
            None => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidInput, "the host has no name to ask for"))),
        }
    }
}

/// A private stream.
pub(crate) struct Private<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Private<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Private<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, out)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Private<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// A connection that did not come about, in the store's words.
fn refused(error: &tokio_postgres::Error) -> Error {
    let source = std::error::Error::source(error);
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    let tls = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(tls) = tls {
        return failure::unavailable(format!("TLS: {}", spoken(tls)));
    }
    if source.is_some_and(|source| source.to_string() == "server does not support TLS") {
        return failure::unavailable("the server does not speak TLS, which sslmode asks for".to_owned());
    }
    failure::of(error)
}

/// What is wrong, without names and addresses.
fn spoken(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(why) = error else { return "the handshake failed".to_owned() };
    let why = match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        // The second when somebody else has the name of a signer we trust.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "is signed by nobody we trust (sslrootcert)"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is made out to another host than the one in the URL (its alternative names count, not its common name)"
        }
        _ => "cannot be used",
    };
    format!("the server's certificate {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_says_how_private_the_way_is() {
        let wish = |mode: Option<&str>, roots: Option<&str>| Wishes {
            mode: mode.map(str::to_owned),
            roots: roots.map(str::to_owned),
        };
        for (url, rest, want) in [
            ("postgres://u@h/d", "postgres://u@h/d", wish(None, None)),
            ("postgres://u@h/d?sslmode=verify-full", "postgres://u@h/d", wish(Some("verify-full"), None)),
            (
                "postgres://u@h/d?connect_timeout=3&sslmode=require&sslrootcert=%2Fetc%2Fmy%20ca.pem",
                "postgres://u@h/d?connect_timeout=3",
                wish(Some("require"), Some("/etc/my ca.pem")),
            ),
            ("host=h sslmode=require", "host=h sslmode=require", wish(None, None)),
        ] {
            assert_eq!(wishes(url), (rest.to_owned(), want), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_had_is_refused_in_words() {
        for (url, want) in [
            ("postgres://u@h/d?sslmode=allow", "sslmode must be"),
            ("postgres://u@h/d?sslmode=verify-ca&sslrootcert=system", "needs sslmode=verify-full"),
            ("postgres://u@h/d?sslmode=verify-full&sslrootcert=/no/such/file", "sslrootcert cannot be read"),
            ("postgres://u@h/d?nonsense=1", "the database URL"),
        ] {
            let Err(Error::Internal(reason)) = Target::parse(url).map(drop) else { panic!("{url} is taken") };
            assert!(reason.contains(want), "{url}: {reason}");
        }
    }
}
