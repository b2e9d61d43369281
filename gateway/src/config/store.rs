//! Where the store's key is.

use crate::store::{KEY_FILE, KeyError, SecretKey};
use clap::Args;
use std::path::{Path, PathBuf};

/// Environment variable with the key itself. No flag: other users of the machine see command lines.
const KEY_VARIABLE: &str = "TABMESH_SECRET_KEY";

/// The store, beside its directory.
#[derive(Clone, Debug, Default, Args)]
pub struct StoreConfig {
    /// File with the key that secrets are sealed with at rest: 32 bytes in hex or base64; or put the key itself into
    /// TABMESH_SECRET_KEY. Default: secret.key in the data directory, made at the first start. Elsewhere it protects copies of that
    /// directory, too
    #[arg(long, env = "TABMESH_SECRET_KEY_FILE", value_name = "FILE")]
    pub secret_key_file: Option<PathBuf>,
}

impl StoreConfig {
    /// The key for the store in `data`, a directory that exists.
    ///
    /// # Errors
    /// [`KeyError`]. A file that is named is never made: one that is not there is a mistake, or not mounted yet.
    pub fn key(&self, data: &Path) -> Result<SecretKey, KeyError> {
        if let Some(file) = &self.secret_key_file {
            return SecretKey::load(file, false);
        }
        match std::env::var(KEY_VARIABLE) {
            Ok(text) => {
                SecretKey::parse(&text).ok_or_else(|| KeyError::Malformed { place: KEY_VARIABLE.to_owned() })
            }
            Err(_) => SecretKey::load(&data.join(KEY_FILE), true),
        }
    }
}
