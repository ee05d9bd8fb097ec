//! The only place that names a TLS crate (with [`super::conn`]'s streams).
//!
//! native-tls decides where the platform's trust decides: verified next hops.
//! The `openssl` crate under it does what native-tls cannot: the server with TLS
//! 1.3, sessions that nobody verifies, that trust a CA file or a pinned
//! certificate, names of protocol and cipher. `client` holds our side as a client,
//! `words` what the library's errors mean.

use std::fmt;
use std::path::Path;
use std::pin::Pin;

use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslAcceptor, SslMethod, SslRef, SslSessionCacheMode, SslVersion};
use openssl::x509::X509;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use crate::class::{Class, Classify};

mod client;
pub mod examine;
mod roots;
mod words;

pub(super) use client::Session;
pub use client::{Connector, Demand, Files, Trust};
use words::handshake;

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

/// `TLSv1.3 TLS_AES_256_GCM_SHA384 verified`, of which what is known and true:
/// the form of `state/`, the log and Received.
impl fmt::Display for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verified = self.verified.then_some("verified");
        let words: Vec<&str> = [self.protocol.as_deref(), self.cipher.as_deref(), verified]
            .into_iter()
            .flatten()
            .collect();
        match words.is_empty() {
            true => f.write_str("TLS"),
            false => f.write_str(&words.join(" ")),
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
        let (chain, key) = key_pair(chain, key)?;
        let mut chain = chain.into_iter();
        let mut build = || {
            let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
            builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
            // Sessions resume by ticket: a cache would grow with the strangers met.
            builder.set_session_cache_mode(SslSessionCacheMode::OFF);
            if let Some(own) = chain.next() {
                builder.set_certificate(&own)?;
            }
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

/// A chain, its own certificate first, and the key that belongs to it; the error
/// says what is wrong with which.
fn key_pair(chain: &[u8], key: &[u8]) -> Result<(Vec<X509>, PKey<Private>), String> {
    let key = PKey::private_key_from_pem_callback(key, |_| Ok(0)).map_err(|_| {
        "the key is not a PEM private key, or it is protected by a passphrase".to_string()
    })?;
    let chain = X509::stack_from_pem(chain)
        .map_err(|e| format!("the certificate does not read as PEM: {e}"))?;
    let Some(own) = chain.first() else {
        return Err("there is no certificate in the file".to_string());
    };
    if !own.public_key().is_ok_and(|public| public.public_eq(&key)) {
        return Err("the key does not belong to the (first) certificate".to_string());
    }
    Ok((chain, key))
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

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path)
        .map_err(|e| TlsError::Setup(format!("{}: cannot be read: {e}", path.display())))
}

fn setup(error: openssl::error::ErrorStack) -> TlsError {
    TlsError::Setup(format!("TLS library: {error}"))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub use tests::self_signed;
