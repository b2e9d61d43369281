//! Who may join and how much they may say: the settings of a rendezvous. Pure; never reads a file or the environment.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use tabmesh_protocol::signal::{IceServer, Role};

/// How many messages a connection may send: a token bucket.
///
/// A message costs one token and one more for every [`Allowance::BYTES_PER_TOKEN`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Tokens a full bucket holds.
    pub burst: u32,
    /// Tokens that flow in each second.
    pub per_second: u32,
}

impl Allowance {
    /// Bytes that cost one token more: a data-channel-only description (below 2 KiB) still costs one.
    pub const BYTES_PER_TOKEN: usize = 4096;

    /// A tab offers to each gateway of its pool and trickles some ten candidates to each; 256 lets it meet 20 gateways
    /// at once, and 32 a second is far above what ICE restarts need. At most 1 MiB can come in one burst.
    pub const TAB: Self = Self { burst: 256, per_second: 32 };

    /// A gateway answers every tab of its pool, so a thousand tabs that come back after a restart must fit. Only
    /// holders of the gateway token get this.
    pub const GATEWAY: Self = Self { burst: 16_384, per_second: 4_096 };
}

/// Bounds on members. Every map of the registry is bounded by these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of strangers in all, joined or not. Local members are not counted.
    pub max_connections: usize,
    /// Tabs in one pool.
    pub max_pool_tabs: usize,
    /// Gateways in one pool, counted apart so that tabs cannot keep a gateway out.
    pub max_pool_gateways: usize,
    /// Allowance before `join` and of a tab.
    pub tab: Allowance,
    /// Allowance of a gateway over a socket.
    pub gateway: Allowance,
}

impl Default for Limits {
    /// 16,384 connections; 4,096 tabs and 64 gateways a pool; [`Allowance::TAB`] and [`Allowance::GATEWAY`].
    fn default() -> Self {
        Self {
            max_connections: 16_384,
            max_pool_tabs: 4_096,
            max_pool_gateways: 64,
            tab: Allowance::TAB,
            gateway: Allowance::GATEWAY,
        }
    }
}

/// Tokens of tabs that somebody else keeps. Asked at every join that shows one, under the rendezvous' lock: an answer
/// must not wait for anything.
pub trait JoinTokens: fmt::Debug + Send + Sync {
    /// Whether a tab that shows `token` may join `pool` now.
    fn admit(&self, pool: &str, token: &str) -> bool;
}

/// Everything the registry decides by.
#[derive(Clone, Default)]
pub struct Policy {
    /// Secret a tab must name to join any pool. Without this and [`Policy::join_tokens`] pools are open to tabs.
    pub pool_token: Option<String>,
    /// Further tokens that let a tab join.
    pub join_tokens: Option<Arc<dyn JoinTokens>>,
    /// Secret a gateway must name to join over a socket; `None` closes that role to sockets.
    pub gateway_token: Option<String>,
    /// STUN and TURN servers told to every member.
    pub ice_servers: Vec<IceServer>,
    /// Bounds.
    pub limits: Limits,
}

impl Policy {
    /// Whether a stranger that shows `token` may take `role` in `pool`. Compares in constant time (the length may show).
    #[must_use]
    pub fn admits(&self, role: Role, pool: &str, token: Option<&str>) -> bool {
        if role == Role::Tab && self.pool_token.is_none() && self.join_tokens.is_none() {
            return true;
        }
        let Some(token) = token else { return false };
        let secret = match role {
            Role::Tab => &self.pool_token,
            Role::Gateway => &self.gateway_token,
        };
        // An empty secret would admit everyone who sends an empty token: treat it as a closed door.
        let secret = secret.as_ref().filter(|secret| !secret.is_empty());
        if secret.is_some_and(|secret| bool::from(secret.as_bytes().ct_eq(token.as_bytes()))) {
            return true;
        }
        role == Role::Tab && self.join_tokens.as_ref().is_some_and(|tokens| tokens.admit(pool, token))
    }
}

/// Without the secrets.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("pool_token", &self.pool_token.as_ref().map(|_| "***"))
            .field("join_tokens", &self.join_tokens.is_some())
            .field("gateway_token", &self.gateway_token.as_ref().map(|_| "***"))
            .field("ice_servers", &self.ice_servers.len())
            .field("limits", &self.limits)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(pool: Option<&str>, gateway: Option<&str>) -> Policy {
        Policy {
            pool_token: pool.map(Into::into),
            gateway_token: gateway.map(Into::into),
            ..Policy::default()
        }
    }

    #[test]
    fn roles_and_tokens() {
        let open = policy(None, None);
        assert!(open.admits(Role::Tab, "default", None));
        assert!(!open.admits(Role::Gateway, "default", None));
        assert!(!open.admits(Role::Gateway, "default", Some("")));
        let closed = policy(Some("p"), Some("g"));
        assert!(
            closed.admits(Role::Tab, "default", Some("p"))
                && closed.admits(Role::Gateway, "default", Some("g"))
        );
        for wrong in [None, Some(""), Some("gg"), Some("q")] {
            assert!(
                !closed.admits(Role::Tab, "default", wrong)
                    && !closed.admits(Role::Gateway, "default", wrong)
            );
        }
        let empty = policy(Some(""), Some(""));
        assert!(
            !empty.admits(Role::Tab, "default", Some(""))
                && !empty.admits(Role::Gateway, "default", Some(""))
        );
    }

    #[derive(Debug)]
    struct OneToken;

    impl JoinTokens for OneToken {
        fn admit(&self, pool: &str, token: &str) -> bool {
            pool == "blue" && token == "t"
        }
    }

    #[test]
    fn further_tokens_open_a_pool_to_tabs_alone() {
        let policy = Policy { join_tokens: Some(Arc::new(OneToken)), ..policy(Some("p"), Some("g")) };
        assert!(policy.admits(Role::Tab, "blue", Some("t")) && policy.admits(Role::Tab, "red", Some("p")));
        for (pool, token) in [("red", Some("t")), ("blue", Some("g")), ("blue", Some("")), ("blue", None)] {
            assert!(!policy.admits(Role::Tab, pool, token), "{pool} {token:?}");
        }
        assert!(!policy.admits(Role::Gateway, "blue", Some("t")));
        let without_secret = Policy { pool_token: None, ..policy };
        assert!(
            !without_secret.admits(Role::Tab, "blue", None),
            "the door is closed without the secret, too"
        );
    }

    #[test]
    fn debug_keeps_secrets() {
        let text = format!("{:?}", policy(Some("hunter2"), Some("hunter2")));
        assert!(!text.contains("hunter2"));
    }
}
