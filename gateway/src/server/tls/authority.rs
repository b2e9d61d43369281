//! Gets certificates from an ACME authority (RFC 8555) by TLS-ALPN-01 (RFC 8737), each name for itself, so that one that cannot be had
//! keeps no other from being got or renewed. Never keeps the gateway from serving.

use super::TlsError;
use super::certificates::Certificates;
use super::kept::Kept;
use crate::config::TlsConfig;
use futures_util::StreamExt as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_acme::{AcmeConfig, Event, EventError, EventOk, OrderError};
use std::collections::HashSet;
use std::io::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Folder in the data directory for what is kept.
const FOLDER: &str = "acme";

/// An order that nothing is heard of for so long is begun anew, for a connection that fell silent would hold it for ever; one that only waits
/// for its time loses nothing by it. It also bounds the pause after many failures.
const SILENCE: Duration = Duration::from_secs(6 * 3600);

/// Longest text of an error that is logged, in bytes: the authority writes it.
const MAX_REASON: usize = 1000;

/// Begins to get certificates.
///
/// # Errors
/// [`TlsError::File`] where `--acme-ca` is of no use.
pub(super) fn obtain(
    config: &TlsConfig,
    data: &Path,
    certificates: &Arc<Certificates>,
) -> Result<(), TlsError> {
    let mut roots = RootCertStore::empty();
    // Those that cannot be read were never used.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &config.acme_ca {
        roots.add_parsable_certificates(own_roots(path)?);
    }
    let client = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
    let kept = Kept::new(data.join(FOLDER), Arc::clone(certificates));
    let mut names = HashSet::new();
    for name in config.acme.iter().filter(|name| names.insert(*name)) {
        let contact = config.acme_email.iter().map(|email| format!("mailto:{email}")).collect();
        let order = Order {
            name: name.clone(),
            directory: config.acme_directory.clone(),
            contact,
            client: Arc::clone(&client),
            kept: kept.clone(),
        };
        tokio::spawn(order.keep(Arc::clone(certificates)));
    }
    Ok(())
}

fn own_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |what: String| TlsError::File { path: path.to_owned(), what };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    roots.ok().filter(|roots| !roots.is_empty()).ok_or_else(|| wrong("no certificates in PEM".into()))
}

/// What is wanted, and from whom.
struct Order {
    name: String,
    directory: String,
    contact: Vec<String>,
    client: Arc<ClientConfig>,
    kept: Kept,
}

impl Order {
    /// Gets it, and a new one each time that two thirds of its time are over.
    async fn keep(self, certificates: Arc<Certificates>) {
        for round in 0_u64.. {
            let mut state = AcmeConfig::new_with_client_config([&self.name], Arc::clone(&self.client))
                .contact(&self.contact)
                .directory(&self.directory)
                .cache(self.kept.clone())
                .state();
            certificates.prove(&self.name, state.resolver());
            while let Ok(Some(event)) = tokio::time::timeout(SILENCE, state.next()).await {
                // What is as it was is told once.
                if round == 0 || !matches!(event, Ok(EventOk::DeployedCachedCert)) {
                    self.tell(event, &certificates);
                }
            }
        }
    }

    fn tell(&self, event: Event<Error, Error>, certificates: &Certificates) {
        let Self { name, directory, .. } = self;
        let ends = || certificates.of(name).map(|it| humantime::format_rfc3339_seconds(it.ends).to_string());
        match event {
            Ok(EventOk::DeployedCachedCert) => {
                tracing::info!(name, ends = ends(), "the certificate that was kept is shown");
            }
            Ok(EventOk::CertCacheStore) => tracing::info!(name, directory, ends = ends(), "new certificate"),
            Ok(EventOk::DeployedNewCert | EventOk::AccountCacheStore) => {}
            Err(EventError::Order(error)) => {
                let reason = reason(&error);
                match ends() {
                    Some(ends) => tracing::warn!(
                        name,
                        directory,
                        reason,
                        ends,
                        "the certificate was not renewed; it is tried again"
                    ),
                    None => tracing::error!(
                        name,
                        directory,
                        reason,
                        "no certificate from the authority; it is tried again"
                    ),
                }
            }
            Err(error) => {
                tracing::error!(name, %error, "the certificate, or its account, cannot be kept on the disk");
            }
        }
    }
}

/// What went wrong, as a person at a terminal wants it: what the authority itself says where it could not see that the name is ours.
fn reason(error: &OrderError) -> String {
    let said = match error {
        OrderError::BadAuth(auth) => {
            auth.challenges.iter().find_map(|challenge| challenge.error.as_ref()?.detail.as_deref())
        }
        OrderError::BadOrder(order) => order.error.as_ref().and_then(|problem| problem.detail.as_deref()),
        _ => None,
    };
    let mut reason = match said {
        // Quoted: the authority's words may hold anything.
        Some(said) => format!("the authority says {said:?}"),
        None => error.to_string(),
    };
    if reason.len() > MAX_REASON {
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
        reason.push_str("...");
    }
    if reason.contains("UnknownIssuer") {
        reason.push_str(" (an authority of your own: name the root of its certificate with --acme-ca FILE)");
    }
    reason
}
