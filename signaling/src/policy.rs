//! Who may join and how much they may say: the settings of a rendezvous. Pure; never reads a file or the environment.

use std::fmt;

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

/// Everything the registry decides by.
#[derive(Clone, Default)]
pub struct Policy {
    /// Secret a tab must name to join any pool; `None` leaves pools open to tabs.
    pub pool_token: Option<String>,
    /// Secret a gateway must name to join over a socket; `None` closes that role to sockets.
    pub gateway_token: Option<String>,
    /// STUN and TURN servers told to every member.
    pub ice_servers: Vec<IceServer>,
    /// Bounds.
    pub limits: Limits,
}

impl Policy {
    /// Whether a stranger that shows `token` may take `role`. Compares in constant time (the length may show).
    #[must_use]
    pub fn admits(&self, role: Role, token: Option<&str>) -> bool {
        let secret = match role {
            Role::Tab => match &self.pool_token {
                None => return true,
                Some(secret) => secret,
            },
            Role::Gateway => match &self.gateway_token {
                None => return false,
                Some(secret) => secret,
            },
        };
        // An empty secret would admit everyone who sends an empty token: treat it as a closed door.
        !secret.is_empty() && token.is_some_and(|token| bool::from(secret.as_bytes().ct_eq(token.as_bytes())))
    }
}

/// Without the secrets.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("pool_token", &self.pool_token.as_ref().map(|_| "***"))
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
        assert!(open.admits(Role::Tab, None));
        assert!(!open.admits(Role::Gateway, None));
        assert!(!open.admits(Role::Gateway, Some("")));
        let closed = policy(Some("p"), Some("g"));
        assert!(closed.admits(Role::Tab, Some("p")) && closed.admits(Role::Gateway, Some("g")));
        for wrong in [None, Some(""), Some("gg"), Some("q")] {
            assert!(!closed.admits(Role::Tab, wrong) && !closed.admits(Role::Gateway, wrong));
        }
        let empty = policy(Some(""), Some(""));
        assert!(!empty.admits(Role::Tab, Some("")) && !empty.admits(Role::Gateway, Some("")));
    }

    #[test]
    fn debug_keeps_secrets() {
        let text = format!("{:?}", policy(Some("hunter2"), Some("hunter2")));
        assert!(!text.contains("hunter2"));
    }
}
