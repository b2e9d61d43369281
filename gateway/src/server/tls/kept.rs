//! What is kept of an authority: a certificate with its key for each name, and the account's key. Files that nobody else may read, each
//! written whole or not at all.

use super::certificate::Certificate;
use super::certificates::Certificates;
use async_trait::async_trait;
use rustls_acme::acme::Account;
use rustls_acme::{AccountCache, CertCache};
use sha2::{Digest as _, Sha256};
use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The folder, and who wants to know what is in it.
#[derive(Clone)]
pub(super) struct Kept {
    folder: PathBuf,
    certificates: Arc<Certificates>,
    /// All names share one account, whoever comes first.
    account: Arc<Mutex<()>>,
}

impl Kept {
    pub(super) fn new(folder: PathBuf, certificates: Arc<Certificates>) -> Self {
        Self { folder, certificates, account: Arc::default() }
    }

    /// A file's place. What belongs to another authority, or another contact, is another file.
    fn path(&self, kind: &str, of: &[&str]) -> PathBuf {
        let mut hash = Sha256::new();
        for part in of {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        self.folder.join(format!("{kind}-{}.pem", hex::encode(&hash.finalize()[..8])))
    }

    fn certificate(&self, names: &[String], directory: &str) -> PathBuf {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.path(&names.join("+"), &[&[directory], &*names].concat())
    }

    fn account(&self, contact: &[String], directory: &str) -> PathBuf {
        let contact = contact.iter().map(String::as_str);
        self.path("account", &std::iter::once(directory).chain(contact).collect::<Vec<_>>())
    }

    /// Shows it to callers from now on.
    fn show(&self, names: &[String], pem: &[u8]) -> Result<()> {
        for name in names {
            let certificate =
                Certificate::read(pem, pem).map_err(|wrong| Error::new(ErrorKind::InvalidData, wrong))?;
            self.certificates.issue(name, certificate);
        }
        Ok(())
    }
}

#[async_trait]
impl CertCache for Kept {
    type EC = Error;

    async fn load_cert(&self, names: &[String], directory: &str) -> Result<Option<Vec<u8>>> {
        let pem = read(self.certificate(names, directory)).await?;
        // One that cannot be read is got anew.
        Ok(pem.filter(|pem| self.show(names, pem).is_ok()))
    }

    async fn store_cert(&self, names: &[String], directory: &str, pem: &[u8]) -> Result<()> {
        // It counts even if it cannot be kept.
        self.show(names, pem)?;
        write(self.certificate(names, directory), pem.to_vec()).await
    }
}

#[async_trait]
impl AccountCache for Kept {
    type EA = Error;

    async fn load_account(&self, contact: &[String], directory: &str) -> Result<Option<Vec<u8>>> {
        let _one = self.account.lock().await;
        let path = self.account(contact, directory);
        if let Some(key) = read(path.clone()).await? {
            return Ok(Some(key));
        }
        let key = Account::generate_key_pair();
        write(path, key.clone()).await?;
        Ok(Some(key))
    }

    async fn store_account(&self, contact: &[String], directory: &str, key: &[u8]) -> Result<()> {
        write(self.account(contact, directory), key.to_vec()).await
    }
}

async fn read(path: PathBuf) -> Result<Option<Vec<u8>>> {
    match tokio::fs::read(path).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn write(path: PathBuf, bytes: Vec<u8>) -> Result<()> {
    tokio::task::spawn_blocking(move || {
        let folder = path.parent().unwrap_or(Path::new("."));
        crate::store::make_directory(folder).map_err(Error::other)?;
        // Made for its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn pem(name: &str) -> String {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        made.signing_key.serialize_pem() + &made.cert.pem()
    }

    #[tokio::test]
    async fn what_is_kept_is_the_owners_alone_and_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let name = ["a.example".to_owned()];
        let certificates = || Arc::new(Certificates::new(Vec::new(), &name));
        let kept = Kept::new(folder.path().join("acme"), certificates());
        assert_eq!(kept.load_cert(&name, "https://d").await.unwrap(), None);
        kept.store_cert(&name, "https://d", pem("a.example").as_bytes()).await.unwrap();
        assert!(kept.certificates.of("a.example").is_some());
        let one = kept.load_account(&[], "https://d").await.unwrap();
        assert_eq!(one, kept.load_account(&[], "https://d").await.unwrap(), "one account");
        for file in std::fs::read_dir(folder.path().join("acme")).unwrap() {
            let mode = file.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }

        let again = Kept::new(folder.path().join("acme"), certificates());
        assert!(again.load_cert(&name, "https://d").await.unwrap().is_some());
        assert!(again.certificates.of("a.example").is_some());
        assert_eq!(again.load_cert(&name, "https://other").await.unwrap(), None, "another authority's");
        std::fs::write(again.certificate(&name, "https://d"), "half of i").unwrap();
        assert_eq!(again.load_cert(&name, "https://d").await.unwrap(), None);
    }
}
