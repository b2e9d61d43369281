//! TLS for callers: certificates from files, read anew when told, and from an ACME authority, which renew themselves.
//! Knows neither HTTP nor routes.

use crate::config::TlsConfig;
use futures_util::StreamExt as _;
use rustls::client::verify_server_name;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeConfig, ResolvesServerCertAcme, is_tls_alpn_challenge};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// From a connection's first byte to the end of its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Folder in the data directory where certificates of the authority are kept, and the account with it.
const FOLDER: &str = "acme";

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
    challenge: Option<Arc<ServerConfig>>,
    certificates: Arc<Certificates>,
    files: Vec<(PathBuf, PathBuf)>,
}

#[derive(Debug)]
struct Certificates {
    files: RwLock<Vec<Arc<CertifiedKey>>>,
    acme: Option<Arc<ResolvesServerCertAcme>>,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let named = hello.server_name().and_then(|name| files.iter().find(|key| covers(key, name)).cloned());
        let first = files.first().cloned();
        drop(files);
        named.or_else(|| self.acme.as_ref()?.resolve(hello)).or(first)
    }
}

fn covers(key: &CertifiedKey, name: &str) -> bool {
    let certificate = key.end_entity_cert().and_then(ParsedCertificate::try_from);
    let name = ServerName::try_from(name);
    certificate
        .is_ok_and(|certificate| name.is_ok_and(|name| verify_server_name(&certificate, &name).is_ok()))
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
        let authority = (!acme.is_empty()).then(|| authority(config, data));
        let certificates = Arc::new(Certificates {
            files: RwLock::new(read(&files)?),
            acme: authority.as_ref().map(|(resolver, _)| Arc::clone(resolver)),
        });
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&certificates) as _;
        let mut server = ServerConfig::builder().with_no_client_auth().with_cert_resolver(resolver);
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let challenge = authority.map(|(_, challenge)| challenge);
        Ok(Some(Arc::new(Self { config: Arc::new(server), challenge, certificates, files })))
    }

    /// Reads the files anew; connections that are there keep what they have.
    ///
    /// # Errors
    /// [`TlsError::File`]; then all is as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let read = read(&self.files)?;
        *self.certificates.files.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// A connection's handshake; `None` for one that only wanted to see that we are who we say (RFC 8737).
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<Option<TlsStream<TcpStream>>> {
        let shake = async {
            let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
            if let Some(challenge) =
                self.challenge.as_ref().filter(|_| is_tls_alpn_challenge(&start.client_hello()))
            {
                start.into_stream(Arc::clone(challenge)).await?;
                return Ok(None);
            }
            start.into_stream(Arc::clone(&self.config)).await.map(Some)
        };
        tokio::time::timeout(HANDSHAKE, shake)
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }
}

fn read(files: &[(PathBuf, PathBuf)]) -> Result<Vec<Arc<CertifiedKey>>, TlsError> {
    files.iter().map(|(certificate, key)| pair(certificate, key).map(Arc::new)).collect()
}

fn pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let wrong = |path: &Path, what: String| TlsError::File { path: path.to_owned(), what };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(certificate, format!("no certificates in PEM ({error})")))?;
    if chain.is_empty() {
        return Err(wrong(certificate, "no certificates in PEM".into()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| wrong(key, format!("no private key in PEM ({error})")))?;
    let signer = any_supported_type(&private).map_err(|error| wrong(key, error.to_string()))?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        // Where it cannot be told, the first caller will.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
        Err(error) => Err(wrong(key, format!("not the key of {} ({error})", certificate.display()))),
    }
}

/// Begins to get certificates; how connections are answered with them, and the authority's looks.
fn authority(config: &TlsConfig, data: &Path) -> (Arc<ResolvesServerCertAcme>, Arc<ServerConfig>) {
    let mut roots = RootCertStore::empty();
    // Those that cannot be read were never used.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let contact = config.acme_email.iter().map(|email| format!("mailto:{email}"));
    let mut state = AcmeConfig::new_with_client_config(&config.acme, Arc::new(client))
        .contact(contact)
        .directory(&config.acme_directory)
        .cache(DirCache::new(data.join(FOLDER)))
        .state();
    let (resolver, challenge) = (state.resolver(), state.challenge_rustls_config());
    tokio::spawn(async move {
        while let Some(event) = state.next().await {
            match event {
                Ok(event) => tracing::info!(?event, "certificate authority"),
                Err(error) => tracing::error!(%error, "no certificate; it is tried again"),
            }
        }
    });
    (resolver, challenge)
}
