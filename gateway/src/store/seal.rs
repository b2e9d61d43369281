//! Secrets at rest: sealed with a key that is not in the store, each to its place, so that none can be moved to another handler.
//!
//! XChaCha20-Poly1305 with random nonces (draft-irtf-cfrg-xchacha). Never shows a key or what was sealed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Name of the key's file in the data directory, where no other is named.
pub const KEY_FILE: &str = "secret.key";

/// Bytes of a key.
const KEY: usize = 32;

/// Bytes of a nonce, which stands before what is sealed with it.
const NONCE: usize = 24;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("cannot use the key file {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What is given is no key.
    #[error(
        "{place} holds no key: a key is 32 bytes, as 64 hex digits or in base64 (openssl rand -hex 32 makes one)"
    )]
    Malformed {
        /// Where it was read.
        place: String,
    },
}

/// What secrets are sealed with.
#[derive(Clone)]
pub struct SecretKey(XChaCha20Poly1305);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey")
    }
}

impl SecretKey {
    /// The key that a text writes, in hex or base64.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = hex::decode(text).or_else(|_| BASE64_STANDARD.decode(text)).ok()?;
        let bytes: [u8; KEY] = bytes.try_into().ok()?;
        Some(Self(XChaCha20Poly1305::new(&bytes.into())))
    }

    /// The key in a file. Where it is not there, and `make` says so, a new one is written that only its owner can read.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn load(path: &Path, make: bool) -> Result<Self, KeyError> {
        let file = |source| KeyError::File { path: path.to_owned(), source };
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && make => {
                new_file(path).map_err(file)?
            }
            read => read.map_err(file)?,
        };
        Self::parse(&text).ok_or_else(|| KeyError::Malformed { place: path.display().to_string() })
    }

    /// Seals a text to a place.
    #[must_use]
    pub fn seal(&self, place: &str, text: &str) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).expect("a system without randomness can keep no secrets");
        let payload = Payload { msg: text.as_bytes(), aad: place.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.expect("a secret is far shorter than the cipher's 256 GiB");
        [&nonce[..], &sealed].concat()
    }

    /// What was sealed to this place; `None` with another key, for another place, or after a change.
    #[must_use]
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        String::from_utf8(self.0.decrypt(&XNonce::from(*nonce), payload).ok()?).ok()
    }
}

fn new_file(path: &Path) -> std::io::Result<String> {
    let mut bytes = [0; KEY];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    let text = hex::encode(bytes);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{text}")?;
    // What is sealed with it must not outlive it.
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_with_its_key_alone() {
        let key = SecretKey::parse(&"07".repeat(KEY)).unwrap();
        let sealed = key.seal("a/b/C", "value");
        assert_eq!(key.open("a/b/C", &sealed).as_deref(), Some("value"));
        assert_ne!(key.seal("a/b/C", "value"), sealed, "the same twice is not to be seen");
        assert_eq!(key.open("a/x/C", &sealed), None);
        assert_eq!(SecretKey::parse(&"08".repeat(KEY)).unwrap().open("a/b/C", &sealed), None);
        for at in [0, NONCE, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open("a/b/C", &changed), None, "{at}");
        }
        assert_eq!(key.open("", b"short"), None);
        assert_eq!(key.open("e", &key.seal("e", "")).as_deref(), Some(""));
        assert_eq!(format!("{key:?}"), "SecretKey");
    }

    #[test]
    fn keys_are_read_and_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        assert!(matches!(SecretKey::load(&path, false), Err(KeyError::File { .. })));
        let made = SecretKey::load(&path, true).unwrap();
        let sealed = made.seal("", "x");
        assert!(SecretKey::load(&path, true).unwrap().open("", &sealed).is_some(), "the same from now on");
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
            assert_eq!(mode & 0o777, 0o600);
        }
        let base64 = BASE64_STANDARD.encode([7; KEY]);
        let hex = SecretKey::parse(&"07".repeat(KEY)).unwrap();
        assert!(SecretKey::parse(&format!("{base64}\n")).unwrap().open("", &hex.seal("", "x")).is_some());
        std::fs::write(&path, "short").unwrap();
        let error = SecretKey::load(&path, true).unwrap_err().to_string();
        assert!(error.contains("openssl rand -hex 32") && !error.contains("short"), "{error}");
    }
}
