//! The only place that names a TLS crate (with [`super::conn`]'s streams).
//!
//! native-tls decides where the platform's trust decides: verified next hops.
//! The `openssl` crate under it does what native-tls cannot: the server with TLS
//! 1.3, sessions whose certificate nobody verifies, names of protocol and cipher.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use openssl::pkey::PKey;
use openssl::ssl::{
    Ssl, SslAcceptor, SslContext, SslMethod, SslMode, SslRef, SslSessionCacheMode, SslVerifyMode,
    SslVersion,
};
use openssl::x509::X509;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_openssl::SslStream;

use crate::class::{Class, Classify};

/// What was agreed on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.3`; `None` where native-tls made the session (it cannot tell).
    pub protocol: Option<String>,
    /// As IANA or OpenSSL name it; `None` as above.
    pub cipher: Option<String>,
    /// Chain, date and name were verified.
    pub verified: bool,
    /// Host names in the peer's certificate, where it was verified.
    pub names: Vec<String>,
}

/// `TLSv1.3 TLS_AES_256_GCM_SHA384`, or `verified`: the form of `state/`, the
/// log and Received.
impl fmt::Display for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.protocol, &self.cipher) {
            (Some(protocol), Some(cipher)) => write!(f, "{protocol} {cipher}"),
            (Some(protocol), None) => f.write_str(protocol),
            _ if self.verified => f.write_str("verified"),
            _ => f.write_str("TLS"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A certificate, key or CA file cannot be used: which, and why.
    #[error("{0}")]
    Setup(String),
    /// No agreement with the peer, in plain words.
    #[error("TLS: {0}")]
    Handshake(String),
    /// The peer's certificate is not good for this name, in plain words.
    #[error("TLS: {0}")]
    Certificate(String),
    #[error("TLS: no end of the handshake in time")]
    TimedOut,
}

impl Classify for TlsError {
    /// Certificates get renewed and servers mended: what the peer does wrong is
    /// temporary, so the message stays queued (P3).
    fn class(&self) -> Class {
        match self {
            TlsError::Setup(_) => Class::Config,
            _ => Class::Temporary,
        }
    }
}

/// The server's side: certificate and key of a listener, shared by its sessions.
#[derive(Clone)]
pub struct Acceptor(SslAcceptor);

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    /// Reads both files; PEM, the chain with the server's certificate first, the
    /// key in any of PKCS#8, PKCS#1, SEC1.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Acceptor, TlsError> {
        let (chain, secret) = (read(certificate)?, read(key)?);
        Acceptor::from_pem(&chain, &secret).map_err(|why| {
            let (certificate, key) = (certificate.display(), key.display());
            TlsError::Setup(format!("certificate {certificate}, key {key}: {why}"))
        })
    }

    /// The same from memory; the error says what is wrong with which.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Acceptor, String> {
        let key = PKey::private_key_from_pem_callback(key, |_| Ok(0)).map_err(|_| {
            "the key is not a PEM private key, or it is protected by a passphrase".to_string()
        })?;
        let chain = X509::stack_from_pem(chain)
            .map_err(|e| format!("the certificate does not read as PEM: {e}"))?;
        let mut chain = chain.into_iter();
        let Some(own) = chain.next() else {
            return Err("there is no certificate in the file".to_string());
        };
        if !own.public_key().is_ok_and(|public| public.public_eq(&key)) {
            return Err("the key does not belong to the (first) certificate".to_string());
        }
        let mut build = || {
            let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
            builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
            // Sessions resume by ticket: a cache would grow with the strangers met.
            builder.set_session_cache_mode(SslSessionCacheMode::OFF);
            builder.set_certificate(&own)?;
            builder.set_private_key(&key)?;
            chain.try_for_each(|link| builder.add_extra_chain_cert(link))?;
            builder.check_private_key()?;
            Ok::<_, openssl::error::ErrorStack>(builder.build())
        };
        build()
            .map(Acceptor)
            .map_err(|e| format!("refused by the TLS library: {e}"))
    }

    pub(super) async fn accept(
        &self,
        tcp: TcpStream,
    ) -> Result<(SslStream<TcpStream>, TlsInfo), TlsError> {
        let ssl = Ssl::new(self.0.context()).map_err(setup)?;
        let mut stream = SslStream::new(ssl, tcp).map_err(setup)?;
        Pin::new(&mut stream)
            .accept()
            .await
            .map_err(|e| handshake(&e.to_string()))?;
        let info = info(stream.ssl());
        Ok((stream, info))
    }
}

/// The client's side, one a process: what is costly is made when first needed.
pub struct Connector {
    ca_file: Option<PathBuf>,
    verified: OnceCell<tokio_native_tls::TlsConnector>,
    opportunistic: OnceCell<SslContext>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

impl Connector {
    /// `ca_file`: trusted roots (PEM) instead of the system's. Reads nothing yet.
    pub fn new(ca_file: Option<PathBuf>) -> Connector {
        Connector {
            ca_file,
            verified: OnceCell::new(),
            opportunistic: OnceCell::new(),
        }
    }

    pub(super) async fn opportunistic(
        &self,
        host: &str,
        tcp: TcpStream,
    ) -> Result<(SslStream<TcpStream>, TlsInfo), TlsError> {
        let context = self
            .opportunistic
            .get_or_try_init(async || unverified_context())
            .await?;
        let mut ssl = Ssl::new(context).map_err(setup)?;
        if host.parse::<std::net::IpAddr>().is_err() {
            ssl.set_hostname(host).map_err(setup)?;
        }
        let mut stream = SslStream::new(ssl, tcp).map_err(setup)?;
        Pin::new(&mut stream)
            .connect()
            .await
            .map_err(|e| handshake(&e.to_string()))?;
        let info = info(stream.ssl());
        Ok((stream, info))
    }

    pub(super) async fn verified(
        &self,
        host: &str,
        tcp: TcpStream,
    ) -> Result<(tokio_native_tls::TlsStream<TcpStream>, TlsInfo), TlsError> {
        let connector = self
            .verified
            .get_or_try_init(|| self.build_verified())
            .await?;
        let stream = connector
            .connect(host, tcp)
            .await
            .map_err(|e| handshake(&e.to_string()))?;
        let names = certificate_names(stream.get_ref()).unwrap_or_default();
        Ok((
            stream,
            TlsInfo {
                protocol: None,
                cipher: None,
                verified: true,
                names,
            },
        ))
    }

    /// Reads the roots (30 to 60 ms) away from the threads that serve others.
    async fn build_verified(&self) -> Result<tokio_native_tls::TlsConnector, TlsError> {
        let ca_file = self.ca_file.clone();
        tokio::task::spawn_blocking(move || verified_connector(ca_file.as_deref()))
            .await
            .map_err(|e| TlsError::Setup(e.to_string()))?
    }
}

fn verified_connector(ca_file: Option<&Path>) -> Result<tokio_native_tls::TlsConnector, TlsError> {
    let mut builder = native_tls::TlsConnector::builder();
    builder.min_protocol_version(Some(native_tls::Protocol::Tlsv12));
    if let Some(path) = ca_file {
        let unusable = |why: String| TlsError::Setup(format!("CA file {}: {why}", path.display()));
        let roots = native_tls::Certificate::stack_from_pem(&read(path)?)
            .map_err(|e| unusable(format!("does not read as PEM: {e}")))?;
        if roots.is_empty() {
            return Err(unusable("holds no certificate".to_string()));
        }
        builder.disable_built_in_roots(true);
        for root in roots {
            builder.add_root_certificate(root);
        }
    }
    let connector = builder
        .build()
        .map_err(|e| TlsError::Setup(format!("TLS: {e}")))?;
    Ok(connector.into())
}

/// Not made by `SslConnector`, which would read the system's roots (60 ms) that
/// nobody asks here.
fn unverified_context() -> Result<SslContext, TlsError> {
    let mut builder = SslContext::builder(SslMethod::tls_client()).map_err(setup)?;
    builder.set_verify(SslVerifyMode::NONE);
    builder
        .set_min_proto_version(Some(SslVersion::TLS1_2))
        .map_err(setup)?;
    // A write may be repeated from another buffer, in part; buffers of an idle
    // session are given back.
    builder.set_mode(
        SslMode::AUTO_RETRY
            | SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER
            | SslMode::RELEASE_BUFFERS,
    );
    Ok(builder.build())
}

fn info(ssl: &SslRef) -> TlsInfo {
    TlsInfo {
        protocol: Some(ssl.version_str().to_string()),
        cipher: ssl
            .current_cipher()
            .map(|c| c.standard_name().unwrap_or_else(|| c.name()).to_string()),
        verified: false,
        names: Vec::new(),
    }
}

fn certificate_names<S>(stream: &native_tls::TlsStream<S>) -> Option<Vec<String>>
where
    S: std::io::Read + std::io::Write,
{
    let der = stream.peer_certificate().ok()??.to_der().ok()?;
    let names = X509::from_der(&der).ok()?.subject_alt_names()?;
    Some(
        names
            .iter()
            .filter_map(|n| n.dnsname().map(str::to_string))
            .collect(),
    )
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path)
        .map_err(|e| TlsError::Setup(format!("{}: cannot be read: {e}", path.display())))
}

fn setup(error: openssl::error::ErrorStack) -> TlsError {
    TlsError::Setup(format!("TLS library: {error}"))
}

/// What the library's words mean to whoever reads a bounce. Both crates give
/// text only; the library's own words stand behind ours.
const MEANINGS: [(&str, bool, &str); 13] = [
    (
        "certificate has expired",
        true,
        "the server's certificate has expired",
    ),
    (
        "certificate is not yet valid",
        true,
        "the server's certificate is not valid yet",
    ),
    (
        "ostname mismatch",
        true,
        "the server's certificate is for another name",
    ),
    (
        "IP address mismatch",
        true,
        "the server's certificate is for another name",
    ),
    (
        "self-signed certificate",
        true,
        "the server's certificate is signed by no known authority",
    ),
    (
        "self signed certificate",
        true,
        "the server's certificate is signed by no known authority",
    ),
    (
        "local issuer certificate",
        true,
        "the server's certificate is signed by no known authority",
    ),
    (
        "certificate revoked",
        true,
        "the server's certificate is revoked",
    ),
    (
        "certificate verify failed",
        true,
        "the server's certificate was not accepted",
    ),
    (
        "unsupported protocol",
        false,
        "the other side wants a version older than TLS 1.2",
    ),
    (
        "alert protocol version",
        false,
        "the other side refuses TLS 1.2 and newer",
    ),
    (
        "wrong version number",
        false,
        "the other side does not speak TLS on this connection",
    ),
    (
        "no shared cipher",
        false,
        "no cipher is known to both sides",
    ),
];

fn handshake(text: &str) -> TlsError {
    let known = MEANINGS.iter().find(|(needle, _, _)| text.contains(needle));
    match known {
        Some((_, true, words)) => TlsError::Certificate(format!("{words} ({text})")),
        Some((_, false, words)) => TlsError::Handshake(format!("{words} ({text})")),
        None => TlsError::Handshake(text.to_string()),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub use tests::self_signed;
