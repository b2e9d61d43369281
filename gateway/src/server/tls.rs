//! TLS for callers: certificates from files, read anew when told, and from an ACME authority, which renew themselves.
//! Knows neither HTTP nor routes.

mod authority;
mod certificate;
mod certificates;
mod expiry;
mod kept;

use crate::config::TlsConfig;
use certificate::{Certificate, Unfit};
use certificates::{Certificates, Proofs};
use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;
use rustls_acme::is_tls_alpn_challenge;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// From a connection's first byte to the end of its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not a key for each certificate.
    #[error("--tls-cert and --tls-key come in pairs: there are {0} certificates and {1} keys")]
    Pairs(usize, usize),
    /// A file holds nothing of use.
    #[error("{}: {what}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Something that needs TLS is asked for without it.
    #[error("--redirect-listen sends callers to TLS: give --tls-cert and --tls-key, or --acme")]
    NothingToRedirectTo,
}

/// The certificates, and how connections begin.
pub struct Tls {
    config: Arc<ServerConfig>,
    /// For the authority's look at us.
    challenge: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    files: Vec<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Reads certificates and begins to get those of an authority; `None` without any. `data` is where those are kept.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(config: &TlsConfig, data: &Path) -> Result<Option<Arc<Self>>, TlsError> {
        let TlsConfig { tls_cert, tls_key, acme, .. } = config;
        if tls_cert.len() != tls_key.len() {
            return Err(TlsError::Pairs(tls_cert.len(), tls_key.len()));
        }
        if !config.is_on() {
            return if config.redirect_listen.is_some() {
                Err(TlsError::NothingToRedirectTo)
            } else {
                Ok(None)
            };
        }
        let files: Vec<_> = tls_cert.iter().cloned().zip(tls_key.iter().cloned()).collect();
        let certificates = Arc::new(Certificates::new(read(&files)?, acme));
        if !acme.is_empty() {
            authority::obtain(config, data, &certificates)?;
        }
        tokio::spawn(expiry::watch(Arc::clone(&certificates)));
        let callers = server(Arc::clone(&certificates) as _, &[b"h2", b"http/1.1"]);
        let challenge = server(Arc::new(Proofs(Arc::clone(&certificates))), &[b"acme-tls/1"]);
        Ok(Some(Arc::new(Self { config: callers, challenge, certificates, files })))
    }

    /// When the certificate of each name ends; `None` where the authority gave none yet.
    #[must_use]
    pub fn expiries(&self) -> BTreeMap<String, Option<SystemTime>> {
        let all = self.certificates.all().into_iter();
        all.map(|(name, certificate)| (name, certificate.map(|it| it.ends))).collect()
    }

    /// Reads the files anew; connections that are there keep what they have.
    ///
    /// # Errors
    /// [`TlsError::File`]; then all is as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.certificates.replace_files(read(&self.files)?);
        Ok(())
    }

    /// A connection's handshake; `None` for one that only wanted to see that we are who we say (RFC 8737).
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<Option<TlsStream<TcpStream>>> {
        let shake = async {
            let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
            if is_tls_alpn_challenge(&start.client_hello()) {
                start.into_stream(Arc::clone(&self.challenge)).await?;
                return Ok(None);
            }
            start.into_stream(Arc::clone(&self.config)).await.map(Some)
        };
        tokio::time::timeout(HANDSHAKE, shake)
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }
}

fn server(certificates: Arc<dyn ResolvesServerCert>, protocols: &[&[u8]]) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(certificates);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

fn read(files: &[(PathBuf, PathBuf)]) -> Result<Vec<Certificate>, TlsError> {
    files.iter().map(|(certificate, key)| pair(certificate, key)).collect()
}

fn pair(certificate: &Path, key: &Path) -> Result<Certificate, TlsError> {
    let wrong = |path: &Path, what: String| TlsError::File { path: path.to_owned(), what };
    let bytes = |path: &Path| std::fs::read(path).map_err(|error| wrong(path, error.to_string()));
    Certificate::read(&bytes(certificate)?, &bytes(key)?).map_err(|unfit| {
        let path = if unfit.is_of_key() { key } else { certificate };
        match unfit {
            Unfit::NotAPair => wrong(path, format!("not the key of {}", certificate.display())),
            unfit => wrong(path, unfit.to_string()),
        }
    })
}
