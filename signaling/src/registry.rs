//! Rooms, members and rules of the rendezvous, sans I/O.
//!
//! [`Registry::handle`] takes what one connection did and the time, and returns what to send to whom. Nothing here
//! reads a clock, makes up an id, touches a socket or looks inside a description. What always holds:
//! - a relay goes only from a tab to a gateway or from a gateway to a tab, both in the same pool;
//! - `from` is the id that the registry knows, whatever the sender wrote;
//! - after `Close` for a connection nothing more is sent to it, and its peers have been told that it left;
//! - a pool exists only while it has a member.

mod bucket;
mod pool;
#[cfg(test)]
mod tests;
mod types;

use std::{collections::HashMap, time::Duration};

use tabmesh_protocol::signal::{
    ClientMessage, Peer, Relay, Role, SIGNAL_VERSION, ServerMessage, SignalErrorCode, valid_pool,
};

pub use self::types::{ConnId, Input, Output, Trust};
use self::{bucket::Bucket, pool::Pool};
use crate::policy::Policy;

/// Peers named in `Joined`; more follow as `PeerJoined`. At some 60 bytes each this stays well below
/// [`tabmesh_protocol::signal::MAX_SIGNAL_MESSAGE`].
pub const MAX_PEERS_IN_JOINED: usize = 500;

/// State of one open connection.
#[derive(Debug)]
struct Conn {
    peer_id: String,
    trust: Trust,
    bucket: Bucket,
    /// Role and pool, once joined.
    member: Option<(Role, String)>,
    /// What it showed when it joined.
    shown: Shown,
}

/// A token, without its text in what is logged.
#[derive(Default)]
struct Shown(Option<String>);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown")
    }
}

/// A broken rule: code and sentence.
type Fault = (SignalErrorCode, String);

fn fault(code: SignalErrorCode, reason: &str) -> Fault {
    (code, reason.to_owned())
}

/// The rendezvous itself. See the module.
#[derive(Debug)]
pub struct Registry {
    policy: Policy,
    conns: HashMap<ConnId, Conn>,
    strangers: usize,
    pools: HashMap<String, Pool>,
    tabs: usize,
    gateways: usize,
    going_away: bool,
}

impl Registry {
    /// An empty rendezvous under `policy`.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            conns: HashMap::new(),
            strangers: 0,
            pools: HashMap::new(),
            tabs: 0,
            gateways: 0,
            going_away: false,
        }
    }

    /// Takes what `conn` did at `now` (since any fixed start) and returns what follows, in order. Input from a
    /// connection that is not open is ignored.
    pub fn handle(&mut self, conn: ConnId, input: Input, now: Duration) -> Vec<Output> {
        let mut out = Vec::new();
        let result = match input {
            Input::Connect { peer_id, trust } => self.connect(conn, peer_id, trust, now, &mut out),
            Input::Disconnect => {
                self.remove(conn, &mut out);
                Ok(())
            }
            _ if !self.conns.contains_key(&conn) => return out,
            Input::Refuse { code, reason } => Err((code, reason)),
            Input::Noise { bytes } => self.pay(conn, bytes, now),
            Input::Message { message, bytes } => {
                self.pay(conn, bytes, now).and_then(|()| self.message(conn, message, now, &mut out))
            }
        };
        if let Err((code, message)) = result {
            out.push(Output::Send { to: conn, message: ServerMessage::Error { code, message } });
            if code != SignalErrorCode::UnknownPeer {
                out.push(Output::Close { conn, code });
                self.remove(conn, &mut out);
            }
        }
        out
    }

    /// Tells every connection that the server goes away and closes it; later connections are refused the same way.
    pub fn shutdown(&mut self) -> Vec<Output> {
        self.going_away = true;
        self.pools.clear();
        (self.strangers, self.tabs, self.gateways) = (0, 0, 0);
        let code = SignalErrorCode::GoingAway;
        let conns = self.conns.drain().flat_map(|(conn, _)| {
            let message = ServerMessage::Error { code, message: GOING_AWAY.to_owned() };
            [Output::Send { to: conn, message }, Output::Close { conn, code }]
        });
        conns.collect()
    }

    /// Open connections, joined or not.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Members of `role` in all pools.
    #[must_use]
    pub fn members(&self, role: Role) -> usize {
        match role {
            Role::Tab => self.tabs,
            Role::Gateway => self.gateways,
        }
    }

    /// Pools that have a member.
    #[must_use]
    pub fn pools(&self) -> usize {
        self.pools.len()
    }

    /// The role that `conn` joined with.
    #[must_use]
    pub fn role(&self, conn: ConnId) -> Option<Role> {
        self.conns.get(&conn)?.member.as_ref().map(|(role, _)| *role)
    }

    /// What a tab of this pool showed when it joined, nothing included; `None` if there is no such tab.
    #[must_use]
    pub fn shown(&self, pool: &str, peer_id: &str) -> Option<&str> {
        let Shown(token) = &self.conns.get(&self.tab(pool, peer_id)?)?.shown;
        Some(token.as_deref().unwrap_or_default())
    }

    /// The connection of a tab.
    #[must_use]
    pub fn tab(&self, pool: &str, peer_id: &str) -> Option<ConnId> {
        self.pools.get(pool)?.members(Role::Tab).get(peer_id).copied()
    }

    fn connect(
        &mut self,
        conn: ConnId,
        peer_id: String,
        trust: Trust,
        now: Duration,
        out: &mut Vec<Output>,
    ) -> Result<(), Fault> {
        // A name used twice breaks the caller's promise; the older connection must be gone, so let it go.
        self.remove(conn, out);
        if self.going_away {
            return Err(fault(SignalErrorCode::GoingAway, GOING_AWAY));
        }
        if trust == Trust::Stranger {
            if self.strangers >= self.policy.limits.max_connections {
                return Err(fault(SignalErrorCode::Full, "the server has as many connections as it may"));
            }
            self.strangers += 1;
        }
        let bucket = Bucket::full(self.policy.limits.tab, now);
        self.conns.insert(conn, Conn { peer_id, trust, bucket, member: None, shown: Shown::default() });
        Ok(())
    }

    /// Charges the allowance.
    fn pay(&mut self, conn: ConnId, bytes: usize, now: Duration) -> Result<(), Fault> {
        let Some(state) = self.conns.get_mut(&conn) else { return Ok(()) };
        if state.trust == Trust::Local || state.bucket.pay(bytes, now) {
            Ok(())
        } else {
            Err(fault(SignalErrorCode::Flooding, "more messages than the allowance"))
        }
    }

    fn message(
        &mut self,
        conn: ConnId,
        message: ClientMessage,
        now: Duration,
        out: &mut Vec<Output>,
    ) -> Result<(), Fault> {
        match message {
            ClientMessage::Join { version, role, pool, token } => {
                self.join(conn, version, role, pool, token, now, out)
            }
            ClientMessage::Relay { to, session, relay } => self.relay(conn, &to, session, relay, out),
        }
    }

    #[allow(clippy::too_many_arguments)] // the fields of one message, taken apart
    fn join(
        &mut self,
        conn: ConnId,
        version: u32,
        role: Role,
        pool: String,
        token: Option<String>,
        now: Duration,
        out: &mut Vec<Output>,
    ) -> Result<(), Fault> {
        let Some(state) = self.conns.get_mut(&conn) else { return Ok(()) };
        let stranger = state.trust == Trust::Stranger;
        if state.member.is_some() {
            return Err(fault(SignalErrorCode::OutOfOrder, "already joined"));
        }
        if version != SIGNAL_VERSION {
            let reason = format!("this server speaks version {SIGNAL_VERSION}");
            return Err((SignalErrorCode::Version, reason));
        }
        if !valid_pool(&pool) {
            return Err(fault(SignalErrorCode::BadPool, "a pool is named by 1 to 63 of a-z, 0-9 and -"));
        }
        if stranger && !self.policy.admits(role, &pool, token.as_deref()) {
            return Err(fault(SignalErrorCode::Forbidden, "the token does not open this role"));
        }
        let limits = &self.policy.limits;
        let members = self.pools.get(&pool).map_or(0, |pool| pool.members(role).len());
        let (most, count) = match role {
            Role::Tab => (limits.max_pool_tabs, &mut self.tabs),
            Role::Gateway => (limits.max_pool_gateways, &mut self.gateways),
        };
        if stranger && members >= most {
            return Err(fault(SignalErrorCode::Full, "the pool has as many members of this role as it may"));
        }
        if self.pools.get(&pool).is_some_and(|pool| pool.knows(&state.peer_id)) {
            return Err(fault(SignalErrorCode::Full, "the peer id is taken, connect again"));
        }
        if role == Role::Gateway {
            state.bucket = Bucket::full(limits.gateway, now);
        }
        state.member = Some((role, pool.clone()));
        state.shown = Shown(token);
        *count += 1;
        let id = state.peer_id.clone();
        let room = self.pools.entry(pool).or_default();
        room.insert(role, id.clone(), conn);

        let (mut peers, mut rest) = (Vec::new(), Vec::new());
        for (other, &to) in room.members(pool::other(role)) {
            let peer = Peer { id: other.clone(), role: pool::other(role) };
            if peers.len() < MAX_PEERS_IN_JOINED {
                peers.push(peer);
            } else {
                rest.push(Output::Send { to: conn, message: ServerMessage::PeerJoined { peer } });
            }
            let peer = Peer { id: id.clone(), role };
            rest.push(Output::Send { to, message: ServerMessage::PeerJoined { peer } });
        }
        let ice_servers = self.policy.ice_servers.clone();
        out.push(Output::Send { to: conn, message: ServerMessage::Joined { id, ice_servers, peers } });
        out.append(&mut rest);
        Ok(())
    }

    fn relay(
        &self,
        conn: ConnId,
        to: &str,
        session: u32,
        relay: Relay,
        out: &mut Vec<Output>,
    ) -> Result<(), Fault> {
        let Some(state) = self.conns.get(&conn) else { return Ok(()) };
        let Some((role, pool)) = &state.member else {
            return Err(fault(SignalErrorCode::OutOfOrder, "join first"));
        };
        match (role, &relay) {
            (Role::Tab, Relay::Answer { .. }) => {
                return Err(fault(SignalErrorCode::OutOfOrder, "a tab offers, it does not answer"));
            }
            (Role::Gateway, Relay::Offer { .. }) => {
                return Err(fault(SignalErrorCode::OutOfOrder, "a gateway answers, it does not offer"));
            }
            _ => {}
        }
        // Peers of the same role or of another pool are nobody to this member, and it is not told that they exist.
        let peers = self.pools.get(pool).map(|pool| pool.members(pool::other(*role)));
        let Some(&to) = peers.and_then(|peers| peers.get(to)) else {
            return Err(fault(SignalErrorCode::UnknownPeer, "no such peer in the pool"));
        };
        let from = state.peer_id.clone();
        out.push(Output::Send { to, message: ServerMessage::Relay { from, session, relay } });
        Ok(())
    }

    /// Forgets `conn` and tells its peers. Harmless if it is not open.
    fn remove(&mut self, conn: ConnId, out: &mut Vec<Output>) {
        let Some(state) = self.conns.remove(&conn) else { return };
        if state.trust == Trust::Stranger {
            self.strangers -= 1;
        }
        let Some((role, name)) = state.member else { return };
        match role {
            Role::Tab => self.tabs -= 1,
            Role::Gateway => self.gateways -= 1,
        }
        let Some(room) = self.pools.get_mut(&name) else { return };
        room.remove(role, &state.peer_id);
        for &to in room.members(pool::other(role)).values() {
            out.push(Output::Send { to, message: ServerMessage::PeerLeft { id: state.peer_id.clone() } });
        }
        if room.is_empty() {
            self.pools.remove(&name);
        }
    }
}

const GOING_AWAY: &str = "the server is going away, come back later";
