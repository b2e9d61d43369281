//! Who may join the pool: tabs that show a join token, and the gateway's own.

use super::token::{Kind, Secret};
use super::{Access, Tokens};
use crate::config::{AccessConfig, SignalConfig};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use tabmesh_signaling::policy::JoinTokens;

/// A pool's door, as the rendezvous asks it.
#[derive(Debug)]
pub struct Door {
    tokens: Arc<Tokens>,
    /// What the gateway's own headless tabs show; of this process, and never written down.
    own: Secret,
}

impl Door {
    /// `None` where tabs need no token: without tokens at all, or where the operator opens the pool. A pool with a secret
    /// of its own always has a door, which join tokens open, too. At a shared rendezvous that one's secret counts.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new(
        access: &Access,
        config: &AccessConfig,
        signal: &SignalConfig,
    ) -> Result<Option<Self>, getrandom::Error> {
        let is_closed = signal.pool_token.is_some() || (access.is_on() && !config.public_pool);
        if !is_closed || signal.signal.is_some() {
            return Ok(None);
        }
        Ok(Some(Self { tokens: Arc::clone(&access.tokens), own: Secret::generate(Kind::Join)? }))
    }

    /// The token of the gateway's own tabs.
    #[must_use]
    pub fn own_token(&self) -> &str {
        self.own.reveal()
    }
}

impl JoinTokens for Door {
    fn admit(&self, pool: &str, token: &str) -> bool {
        bool::from(self.own.reveal().as_bytes().ct_eq(token.as_bytes())) || self.tokens.admits(pool, token)
    }
}
