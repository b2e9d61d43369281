//! Who may do what: tokens, the table that says what each route needs, and the middleware that stands before the
//! gateway's own routes and asks both.
//!
//! The order for a request: [`table`] (what is needed), [`gate`] (who asks, from where, may they), and only then the
//! route's own code, which makes no such checks. What is not in the table is for the operator's token alone, so a route
//! that somebody forgets is closed, not open. Tokens and secret values never get into a log, an error or the audit log.

mod action;
mod address;
mod audit;
mod cors;
mod door;
mod gate;
mod guard;
mod hold;
mod hosts;
mod principal;
pub mod rates;
mod shape;
pub mod table;
mod tenant;
mod token;
mod tokens;

pub use action::{Action, Actions};
pub use address::CallerAddress;
pub use audit::{Audit, MAX_ENTRIES};
pub use cors::Origin;
pub use door::{Admissions, Door};
pub use gate::protect;
pub use hold::{Ended, Hold};
pub use hosts::HostPattern;
pub use principal::Principal;
pub use rates::Rates;
pub use tenant::{MAX_HOSTS, Quota, Settings, Tenants};
pub use token::{Kind, Secret};
pub use tokens::{MAX_TOKENS, NewToken, OPERATOR, Refused, TokenError, Tokens, Whose};

use crate::config::{AccessConfig, AuthMode};
use crate::store::{SecretKey, SqliteStore, Store, StoreError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What stands between callers and the API, put together.
pub struct Access {
    mode: AuthMode,
    cors: cors::Cors,
    /// The gateway's domain, one of the names that the API has where nobody shows a token.
    domain: String,
    /// Who has which token.
    pub tokens: Arc<Tokens>,
    /// What the operator granted each tenant.
    pub tenants: Tenants,
    /// Who changed what.
    pub audit: Audit,
    /// How often who may.
    pub rates: Rates,
    /// What tenants may have that were granted nothing else.
    quota: Quota,
}

/// A connection of its own to the store: what is asked here waits for no deployment.
type SharedStore = Arc<Mutex<Box<dyn Store>>>;

impl Access {
    /// Opens what is needed of the store in `data`, and makes an operator's token where there is none and one is needed
    /// (or a new one where asked for). Blocking.
    ///
    /// # Errors
    /// Database errors, or that the token's file cannot be written.
    pub fn open(data: &Path, key: SecretKey, domain: &str, config: &AccessConfig) -> Result<Self, OpenError> {
        let store: SharedStore = Arc::new(Mutex::new(Box::new(SqliteStore::open(data, key)?)));
        let tokens = Tokens::open(Arc::clone(&store))?;
        if config.reset_admin_token || (config.auth == AuthMode::On && !tokens.has_operator()) {
            let file = operators_token(data, &tokens)?;
            println!("admin token: {}", file.display());
        }
        let tenants = Tenants::open(Arc::clone(&store))?;
        let rates = Rates::new(config.rates());
        rates.grant_all(&tenants.all());
        Ok(Self {
            mode: config.auth,
            cors: cors::Cors::new(&config.api_cors),
            domain: domain.to_ascii_lowercase(),
            tokens: Arc::new(tokens),
            tenants,
            audit: Audit::new(store),
            rates,
            quota: config.quota(),
        })
    }

    /// Reads all anew, after somebody else wrote the store. Goes on to its end even if the future is dropped.
    ///
    /// # Errors
    /// Database errors.
    pub async fn reload(self: &Arc<Self>) -> Result<(), StoreError> {
        let access = Arc::clone(self);
        blocking(move || {
            access.tenants.reload()?;
            access.rates.grant_all(&access.tenants.all());
            access.tokens.reload()
        })
        .await
    }

    /// Whether tokens are asked for.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.mode == AuthMode::On
    }

    /// Grants a tenant that exists this, and nothing else, from the next request on.
    ///
    /// # Errors
    /// Database errors; then all is as it was.
    pub async fn grant(&self, tenant: &str, settings: Settings) -> Result<(), StoreError> {
        let rate = settings.quota.requests_per_second;
        self.tenants.put(tenant, settings).await?;
        self.rates.grant(tenant, rate);
        Ok(())
    }

    /// What a tenant may have: its own grant, else what the flags say. 0 is no bound.
    #[must_use]
    pub fn quota(&self, tenant: &str) -> Quota {
        let granted = self.tenants.get(tenant).quota;
        Quota {
            handlers: granted.handlers.or(self.quota.handlers),
            stored_bytes: granted.stored_bytes.or(self.quota.stored_bytes),
            requests_per_second: granted.requests_per_second.or(self.quota.requests_per_second),
        }
    }

    /// A routes' check before a deployment: whether its developer may have these hosts, by the operator's grants to
    /// the tenant. Without tokens anybody may.
    ///
    /// # Errors
    /// The first pattern that nobody granted.
    pub fn check_routes<'a>(
        &self,
        principal: Option<&Principal>,
        tenant: &str,
        patterns: &'a [crate::routes::Pattern],
    ) -> Result<(), &'a crate::routes::Pattern> {
        if !self.is_on() || principal.is_some_and(Principal::is_operator) {
            return Ok(());
        }
        let granted = &self.tenants.get(tenant).hosts;
        match patterns.iter().find(|pattern| !granted.iter().any(|host| host.covers(pattern))) {
            Some(pattern) => Err(pattern),
            None => Ok(()),
        }
    }
}

/// Why access cannot be controlled, so that the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A new token for the operator.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Its file.
    #[error("cannot write the admin token to {}: {source}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Name of the file in the data directory that has the operator's token.
pub const ADMIN_FILE: &str = "admin-token";

/// Makes the operator's token, in place of any before it, and writes it to its file.
fn operators_token(data: &Path, tokens: &Tokens) -> Result<PathBuf, OpenError> {
    let path = data.join(ADMIN_FILE);
    let secret = Secret::generate(Kind::Admin).map_err(TokenError::from)?;
    // The file first: a crash between both leaves a file that opens nothing, and the next start makes another.
    write_private(&path, secret.reveal()).map_err(|source| OpenError::File { path: path.clone(), source })?;
    tokens.set_operator(&secret, now_ms())?;
    Ok(path)
}

/// Replaces a file, whole or not at all, readable by its owner alone from its first moment on.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let new = path.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

fn lock(store: &SharedStore) -> MutexGuard<'_, Box<dyn Store>> {
    // A panic under it leaves nothing half done: the store rolls back.
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Runs what waits for the disk where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closing))
}
