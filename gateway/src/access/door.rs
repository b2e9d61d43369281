//! Who may join the pool, tabs that show a join token and the gateway's own; and how long they may stay.

use super::token::{self, Kind, Secret};
use super::{Access, Ended, Hold, Tokens};
use crate::config::{AccessConfig, SignalConfig};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use tabmesh_signaling::Hub;
use tabmesh_signaling::policy::JoinTokens;

/// A pool's door, as the rendezvous asks it.
#[derive(Debug)]
pub struct Door {
    tokens: Arc<Tokens>,
    /// The pool's secret, if it has one: who shows it needs no token.
    secret: Option<PoolSecret>,
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
        let secret = signal.pool_token.clone().map(PoolSecret);
        Ok(Some(Self { tokens: Arc::clone(&access.tokens), secret, own: Secret::generate(Kind::Join)? }))
    }

    /// The token of the gateway's own tabs.
    #[must_use]
    pub fn own_token(&self) -> &str {
        self.own.reveal()
    }

    /// How long a tab that was let in with this may stay: as long as its join token is there; for ever with a secret of this
    /// process.
    fn hold(&self, shown: &str) -> Hold {
        let is = |secret: &str| bool::from(secret.as_bytes().ct_eq(shown.as_bytes()));
        if is(self.own.reveal()) || self.secret.as_ref().is_some_and(|secret| is(&secret.0)) {
            return Hold::forever();
        }
        Hold::of_pool(Arc::clone(&self.tokens), token::hash(shown))
    }
}

impl JoinTokens for Door {
    fn admit(&self, pool: &str, token: &str) -> bool {
        bool::from(self.own.reveal().as_bytes().ct_eq(token.as_bytes())) || self.tokens.admits(pool, token)
    }
}

/// A secret that somebody chose. Without its text in what is logged.
struct PoolSecret(String);

impl std::fmt::Debug for PoolSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PoolSecret")
    }
}

/// How long tabs that came through a door may stay, and their way out.
pub struct Admissions {
    door: Arc<Door>,
    hub: Arc<Hub>,
    pool: String,
}

impl Admissions {
    /// Of the pool at this rendezvous.
    #[must_use]
    pub fn new(door: Arc<Door>, hub: Arc<Hub>, pool: &str) -> Self {
        Self { door, hub, pool: pool.to_owned() }
    }

    /// How long this member may stay; `None` where it is gone already.
    #[must_use]
    pub fn of(&self, peer: &str) -> Option<Hold> {
        Some(self.door.hold(&self.hub.shown(&self.pool, peer)?))
    }

    /// Shows a member out of the rendezvous, and tells it why. One that is gone is gone.
    pub fn expel(&self, peer: &str, why: Ended) {
        self.hub.expel(&self.pool, peer, why.sentence());
    }
}
