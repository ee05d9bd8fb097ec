//! The client's side: contexts made when first needed, one of a kind a process.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use openssl::hash::MessageDigest;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode, SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509Lookup;
use openssl::x509::verify::X509CheckFlags;
use openssl::x509::{X509, X509Ref, X509VerifyResult};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_openssl::SslStream;

use super::roots;
use super::words::handshake;
use super::{TlsError, TlsInfo, info, key_pair, read, setup};

/// Whom we take for the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Whoever answers (opportunistic, RFC 7435).
    #[default]
    Anybody,
    /// Whoever answers, but chain, date and name are looked at, for
    /// [`super::examine`].
    Examined,
    /// Chain, date and name are good.
    Verified,
    /// SHA-256 of the certificate or of its public key is one of these.
    Pinned(Vec<[u8; 32]>),
}

/// What we ask of the server's certificate, and show of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    pub trust: Trust,
    pub files: Files,
}

/// Files that a context is made of, PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Files {
    /// Trusted roots; none: the connector's own, else the platform's.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate chain and its key.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// A session, by the crate that made it.
pub(in crate::net) enum Session {
    Openssl(SslStream<TcpStream>),
    Native(tokio_native_tls::TlsStream<TcpStream>),
}

/// One a process: what is costly is made when first needed, once for each set of
/// files.
pub struct Connector {
    ca_file: Option<PathBuf>,
    made: Mutex<HashMap<Files, Arc<Contexts>>>,
}

#[derive(Default)]
struct Contexts {
    verified: OnceCell<Verifier>,
    unverified: OnceCell<SslContext>,
    examined: OnceCell<SslContext>,
}

/// The platform decides where its roots do. With roots of our own, or the
/// platform's one by one, a context costs 2 ms in place of 60.
enum Verifier {
    Platform(tokio_native_tls::TlsConnector),
    Own(SslContext),
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
            made: Mutex::default(),
        }
    }

    pub(in crate::net) async fn connect(
        &self,
        host: &str,
        tcp: TcpStream,
        demand: &Demand,
    ) -> Result<(Session, TlsInfo), TlsError> {
        let files = Files {
            ca_file: demand.files.ca_file.clone().or(self.ca_file.clone()),
            ..demand.files.clone()
        };
        let contexts = self.contexts(&files);
        if demand.trust == Trust::Verified {
            let made = contexts
                .verified
                .get_or_try_init(|| verifier(files))
                .await?;
            return match made {
                Verifier::Platform(connector) => by_platform(connector, host, tcp).await,
                Verifier::Own(context) => by_openssl(context, host, tcp, true).await,
            };
        }
        if demand.trust == Trust::Examined {
            let made = contexts
                .examined
                .get_or_try_init(|| examining(files))
                .await?;
            let (session, mut info) = by_openssl(made, host, tcp, true).await?;
            if let Session::Openssl(stream) = &session {
                info.verified = stream.ssl().verify_result() == X509VerifyResult::OK;
            }
            return Ok((session, info));
        }
        let made = &contexts.unverified;
        let context = made.get_or_try_init(async || unverified(&files)).await?;
        let (session, info) = by_openssl(context, host, tcp, false).await?;
        if let (Trust::Pinned(pins), Session::Openssl(stream)) = (&demand.trust, &session) {
            check_pins(stream.ssl().peer_certificate().as_deref(), pins)?;
        }
        Ok((session, info))
    }

    /// A context in place of the one that would be made.
    #[cfg(test)]
    pub(super) fn preset(&self, context: SslContext) {
        let contexts = self.contexts(&Files::default());
        let _ = contexts.unverified.set(context);
    }

    fn contexts(&self, files: &Files) -> Arc<Contexts> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(files.clone()).or_default().clone()
    }
}

async fn by_platform(
    connector: &tokio_native_tls::TlsConnector,
    host: &str,
    tcp: TcpStream,
) -> Result<(Session, TlsInfo), TlsError> {
    let stream = connector
        .connect(host, tcp)
        .await
        .map_err(|e| handshake(&e.to_string()))?;
    let peer = stream.get_ref().peer_certificate().ok().flatten();
    let der = peer.and_then(|certificate| certificate.to_der().ok());
    let names = der.and_then(|der| X509::from_der(&der).ok());
    let info = TlsInfo {
        protocol: None,
        cipher: None,
        verified: true,
        names: names.map(|x| names_of(&x)).unwrap_or_default(),
    };
    Ok((Session::Native(stream), info))
}

async fn by_openssl(
    context: &SslContext,
    host: &str,
    tcp: TcpStream,
    verify: bool,
) -> Result<(Session, TlsInfo), TlsError> {
    let mut ssl = Ssl::new(context).map_err(setup)?;
    let address = host.parse::<IpAddr>();
    if address.is_err() {
        ssl.set_hostname(host).map_err(setup)?;
    }
    if verify {
        let param = ssl.param_mut();
        param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match address {
            Ok(address) => param.set_ip(address),
            Err(_) => param.set_host(host),
        }
        .map_err(setup)?;
    }
    let mut stream = SslStream::new(ssl, tcp).map_err(setup)?;
    if let Err(error) = Pin::new(&mut stream).connect().await {
        let verdict = stream.ssl().verify_result();
        return Err(handshake(
            &match verify && verdict != X509VerifyResult::OK {
                true => format!("{error}: {}", verdict.error_string()),
                false => error.to_string(),
            },
        ));
    }
    let mut agreed = info(stream.ssl());
    if verify {
        agreed.verified = true;
        let peer = stream.ssl().peer_certificate();
        agreed.names = peer.map(|x| names_of(&x)).unwrap_or_default();
    }
    Ok((Session::Openssl(stream), agreed))
}

pub(super) fn names_of(certificate: &X509Ref) -> Vec<String> {
    let names = certificate.subject_alt_names();
    let names = names.iter().flatten();
    names
        .filter_map(|n| n.dnsname().map(str::to_string))
        .collect()
}

fn check_pins(certificate: Option<&X509Ref>, pins: &[[u8; 32]]) -> Result<(), TlsError> {
    let whole = certificate.and_then(|c| c.digest(MessageDigest::sha256()).ok());
    let key = certificate.and_then(|c| c.public_key().ok()?.public_key_to_der().ok());
    let key = key.and_then(|der| openssl::hash::hash(MessageDigest::sha256(), &der).ok());
    let (Some(whole), Some(key)) = (whole, key) else {
        return Err(TlsError::Certificate(
            "the server shows no certificate, and one is pinned".to_string(),
        ));
    };
    if pins.iter().any(|pin| pin == &*whole || pin == &*key) {
        return Ok(());
    }
    Err(TlsError::Certificate(format!(
        "the server's certificate is not the pinned one: it has sha256:{}, its public key sha256:{}",
        hex(&whole),
        hex(&key)
    )))
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Reads files and roots (the platform's: 30 to 60 ms) away from the threads that
/// serve others.
async fn verifier(files: Files) -> Result<Verifier, TlsError> {
    let make = move || match &files.ca_file {
        Some(roots) => verified(&files, roots).map(Verifier::Own),
        None => match roots::directory() {
            Some(directory) => by_directory(&files, &directory).map(Verifier::Own),
            None => platform(&files).map(Verifier::Platform),
        },
    };
    tokio::task::spawn_blocking(make)
        .await
        .map_err(|e| TlsError::Setup(e.to_string()))?
}

/// The roots are read, so that it can be told whether they would do.
async fn examining(files: Files) -> Result<SslContext, TlsError> {
    let make = move || {
        let mut builder = context(&files)?;
        match &files.ca_file {
            Some(roots) => trust(&mut builder, roots)?,
            None => builder.set_default_verify_paths().map_err(setup)?,
        }
        builder.set_verify(SslVerifyMode::NONE);
        Ok(builder.build())
    };
    tokio::task::spawn_blocking(make)
        .await
        .map_err(|e| TlsError::Setup(e.to_string()))?
}

fn platform(files: &Files) -> Result<tokio_native_tls::TlsConnector, TlsError> {
    let mut builder = native_tls::TlsConnector::builder();
    builder.min_protocol_version(Some(native_tls::Protocol::Tlsv12));
    if let Some((chain, key)) = own_pair(files)? {
        let mut pem = Vec::new();
        for link in &chain {
            pem.extend(link.to_pem().map_err(setup)?);
        }
        let key = key.private_key_to_pem_pkcs8().map_err(setup)?;
        let identity = native_tls::Identity::from_pkcs8(&pem, &key);
        builder.identity(identity.map_err(|e| TlsError::Setup(format!("TLS: {e}")))?);
    }
    let connector = builder
        .build()
        .map_err(|e| TlsError::Setup(format!("TLS: {e}")))?;
    Ok(connector.into())
}

fn verified(files: &Files, roots: &Path) -> Result<SslContext, TlsError> {
    let mut builder = context(files)?;
    trust(&mut builder, roots)?;
    builder.set_verify(SslVerifyMode::PEER);
    Ok(builder.build())
}

fn trust(builder: &mut SslContextBuilder, roots: &Path) -> Result<(), TlsError> {
    let unusable = |why: String| TlsError::Setup(format!("CA file {}: {why}", roots.display()));
    let trusted = X509::stack_from_pem(&read(roots)?)
        .map_err(|e| unusable(format!("does not read as PEM: {e}")))?;
    if trusted.is_empty() {
        return Err(unusable("holds no certificate".to_string()));
    }
    for root in trusted {
        builder.cert_store_mut().add_cert(root).map_err(setup)?;
    }
    Ok(())
}

/// The platform's roots, read as they are asked for.
fn by_directory(files: &Files, directory: &Path) -> Result<SslContext, TlsError> {
    let unusable = |why: &str| TlsError::Setup(format!("{}: {why}", directory.display()));
    let path = directory.to_str().ok_or_else(|| unusable("no UTF-8"))?;
    let mut builder = context(files)?;
    let store = builder.cert_store_mut();
    let lookup = store.add_lookup(X509Lookup::hash_dir()).map_err(setup)?;
    lookup.add_dir(path, SslFiletype::PEM).map_err(setup)?;
    builder.set_verify(SslVerifyMode::PEER);
    Ok(builder.build())
}

fn unverified(files: &Files) -> Result<SslContext, TlsError> {
    let mut builder = context(files)?;
    builder.set_verify(SslVerifyMode::NONE);
    Ok(builder.build())
}

/// Not made by `SslConnector`, which would read the system's roots (60 ms) that
/// nobody asks here.
fn context(files: &Files) -> Result<SslContextBuilder, TlsError> {
    let mut builder = SslContext::builder(SslMethod::tls_client()).map_err(setup)?;
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
    if let Some((chain, key)) = own_pair(files)? {
        let mut chain = chain.into_iter();
        if let Some(own) = chain.next() {
            builder.set_certificate(&own).map_err(setup)?;
        }
        builder.set_private_key(&key).map_err(setup)?;
        for link in chain {
            builder.add_extra_chain_cert(link).map_err(setup)?;
        }
    }
    Ok(builder)
}

type Pair = (Vec<X509>, openssl::pkey::PKey<openssl::pkey::Private>);

fn own_pair(files: &Files) -> Result<Option<Pair>, TlsError> {
    let (Some(certificate), Some(key)) = (&files.certificate, &files.key) else {
        return Ok(None);
    };
    let pair = key_pair(&read(certificate)?, &read(key)?).map_err(|why| {
        let (certificate, key) = (certificate.display(), key.display());
        TlsError::Setup(format!(
            "client certificate {certificate}, key {key}: {why}"
        ))
    })?;
    Ok(Some(pair))
}
