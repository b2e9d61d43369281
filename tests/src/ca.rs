//! A certificate authority of a test's own, as companies have them: a root that nobody else trusts.

use crate::gateway::client_builder;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Client};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The root, and what it signs with.
pub struct PrivateCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Default for PrivateCa {
    fn default() -> Self {
        Self::new()
    }
}

impl PrivateCa {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Root of a test");
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The root's certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes the root to `ca.pem` in `folder`, a certificate for `names` to `cert.pem` and its key to `key.pem`.
    pub fn certify(&self, folder: &Path, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.certify_with(folder, &CertificateParams::new(names).unwrap());
    }

    /// The same with what else a certificate may say.
    pub fn certify_with(&self, folder: &Path, params: &CertificateParams) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        for (file, text) in
            [("ca.pem", self.pem.clone()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
        {
            std::fs::write(folder.join(file), text).unwrap();
        }
    }

    /// A caller who trusts this root alone.
    #[must_use]
    pub fn client(&self) -> Client {
        trusting(&self.pem)
    }
}

impl PrivateCa {
    /// A connection by TLS to whoever shows that it is `host`, in one of these protocols, which begins with `before` in the clear.
    ///
    /// # Errors
    /// Those of the handshake.
    pub async fn connect(
        &self,
        address: SocketAddr,
        host: &str,
        protocols: &[&str],
        before: &[u8],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(before).await?;
        let host = ServerName::try_from(host.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(host, stream).await
    }
}

/// A caller who trusts this root alone.
#[must_use]
pub fn trusting(pem: &str) -> Client {
    let root = Certificate::from_pem(pem.as_bytes()).unwrap();
    client_builder().tls_certs_only([root]).build().unwrap()
}

/// The flags of `tabmesh serve` for what [`PrivateCa::certify`] wrote.
#[must_use]
pub fn tls_flags(folder: &Path) -> [String; 4] {
    let path = |file: &str| -> String { PathBuf::from(folder).join(file).display().to_string() };
    ["--tls-cert".into(), path("cert.pem"), "--tls-key".into(), path("key.pem")]
}
