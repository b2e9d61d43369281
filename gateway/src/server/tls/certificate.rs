//! A certificate with its key, from PEM, and what it says of itself. Pure.

use rustls::client::verify_server_name;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// Certificates in a chain, at most.
const MAX_CHAIN: usize = 16;

/// What is wrong with a certificate, or with its key.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// There is none, or not as PEM.
    #[error("no certificates in PEM")]
    NoCertificate,
    /// It cannot be read.
    #[error("the first certificate cannot be read")]
    Garbled,
    /// There is no key, or not as PEM.
    #[error("no private key in PEM")]
    NoKey,
    /// The key is of a kind that is not known here.
    #[error("{0}")]
    Key(Error),
    /// The key is another certificate's.
    #[error("not the key of the certificate")]
    NotAPair,
}

impl Unfit {
    /// Whether the key is to blame.
    pub(super) fn is_of_key(&self) -> bool {
        matches!(self, Self::NoKey | Self::Key(_) | Self::NotAPair)
    }
}

/// A chain and the key of its first certificate.
#[derive(Debug)]
pub(super) struct Certificate {
    /// For handshakes.
    pub(super) key: Arc<CertifiedKey>,
    /// The first name (or address) that it is for, else its subject.
    pub(super) name: String,
    /// When it begins to be valid.
    pub(super) begins: SystemTime,
    /// When it ends.
    pub(super) ends: SystemTime,
}

impl Certificate {
    /// Reads both.
    ///
    /// # Errors
    /// [`Unfit`].
    pub(super) fn read(chain: &[u8], key: &[u8]) -> Result<Self, Unfit> {
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(chain).take(MAX_CHAIN).collect();
        let chain = chain.map_err(|_| Unfit::NoCertificate)?;
        let first = chain.first().ok_or(Unfit::NoCertificate)?;
        let (_, parsed) = parse_x509_certificate(first).map_err(|_| Unfit::Garbled)?;
        let (begins, ends) =
            (time(parsed.validity().not_before.timestamp()), time(parsed.validity().not_after.timestamp()));
        let names = parsed.subject_alternative_name().ok().flatten();
        let name = names.and_then(|names| {
            names.value.general_names.iter().find_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                GeneralName::IPAddress(bytes) => Some(address(bytes)?.to_string()),
                _ => None,
            })
        });
        let name = name.unwrap_or_else(|| parsed.subject().to_string());
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Unfit::NoKey)?;
        let key = CertifiedKey::new(chain, any_supported_type(&key).map_err(Unfit::Key)?);
        match key.keys_match() {
            // Where it cannot be told, the first caller will.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(Unfit::NotAPair),
        }
        Ok(Self { key: Arc::new(key), name, begins, ends })
    }

    /// Whether it is for this host, wildcards included.
    pub(super) fn covers(&self, host: &str) -> bool {
        let certificate = self.key.end_entity_cert().and_then(ParsedCertificate::try_from);
        let host = ServerName::try_from(host);
        certificate
            .is_ok_and(|certificate| host.is_ok_and(|host| verify_server_name(&certificate, &host).is_ok()))
    }
}

/// An address as certificates have it.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// A time of a certificate; what lies before 1970 is long ago all the same.
fn time(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    #[test]
    fn what_it_says_of_itself() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["*.a.example".into(), "b.example".into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 2);
        let pem = params.self_signed(&key).unwrap().pem();
        let read = Certificate::read(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        assert_eq!(read.name, "*.a.example");
        assert_eq!(read.ends.duration_since(read.begins).unwrap(), Duration::from_secs(86_400));
        assert!(read.covers("x.a.example") && read.covers("b.example") && !read.covers("a.example"));
        let other = KeyPair::generate().unwrap().serialize_pem();
        for (chain, key, wrong) in [
            ("", "", Unfit::NoCertificate),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "", Unfit::Garbled),
            (&pem, "", Unfit::NoKey),
            (&pem, &other, Unfit::NotAPair),
        ] {
            assert_eq!(Certificate::read(chain.as_bytes(), key.as_bytes()).unwrap_err(), wrong);
        }
    }
}
