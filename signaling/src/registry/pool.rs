//! One room: its members by role. Knows no rules.

use std::collections::BTreeMap;

use tabmesh_protocol::signal::Role;

use super::ConnId;

/// Peer id to connection; ordered, so that the same inputs always give the same outputs.
pub(super) type Members = BTreeMap<String, ConnId>;

/// Members of one pool.
#[derive(Debug, Default)]
pub(super) struct Pool {
    tabs: Members,
    gateways: Members,
}

/// The role that a member of `role` talks to.
pub(super) fn other(role: Role) -> Role {
    match role {
        Role::Tab => Role::Gateway,
        Role::Gateway => Role::Tab,
    }
}

impl Pool {
    pub(super) fn members(&self, role: Role) -> &Members {
        match role {
            Role::Tab => &self.tabs,
            Role::Gateway => &self.gateways,
        }
    }

    fn members_mut(&mut self, role: Role) -> &mut Members {
        match role {
            Role::Tab => &mut self.tabs,
            Role::Gateway => &mut self.gateways,
        }
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.tabs.contains_key(id) || self.gateways.contains_key(id)
    }

    pub(super) fn insert(&mut self, role: Role, id: String, conn: ConnId) {
        self.members_mut(role).insert(id, conn);
    }

    pub(super) fn remove(&mut self, role: Role, id: &str) {
        self.members_mut(role).remove(id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tabs.is_empty() && self.gateways.is_empty()
    }
}
