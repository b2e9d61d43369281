//! Arbitrary inputs: the registry never panics, never forgets to forget, and never lets a word out of a pool.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use proptest::{collection::vec, prelude::*};
use tabmesh_protocol::signal::{
    Candidate, ClientMessage, Relay, Role, SIGNAL_VERSION, ServerMessage, SignalErrorCode,
};
use tabmesh_signaling::{
    Allowance, Limits, Policy,
    registry::{ConnId, Input, Output, Registry, Trust},
};

const CONNS: u64 = 8;

fn relay() -> impl Strategy<Value = Relay> {
    prop_oneof![
        Just(Relay::Offer { sdp: "o".into() }),
        Just(Relay::Answer { sdp: "a".into() }),
        Just(Relay::Candidate { candidate: Candidate::default() }),
        Just(Relay::Bye { reason: "b".into() }),
    ]
}

fn message() -> impl Strategy<Value = ClientMessage> {
    let version = prop_oneof![20 => Just(SIGNAL_VERSION), 1 => any::<u32>()];
    let role = prop_oneof![Just(Role::Tab), Just(Role::Gateway)];
    let pool = prop_oneof![20 => "[ab]", 1 => ".*"];
    let token = prop_oneof![4 => Just(Some("g".to_owned())), 1 => Just(None), 1 => ".*".prop_map(Some)];
    let join = (version, role, pool, token).prop_map(|(version, role, pool, token)| ClientMessage::Join {
        version,
        role,
        pool,
        token,
    });
    let to = prop_oneof![20 => (0..CONNS * 4).prop_map(|n| format!("p{n}")), 1 => ".*"];
    let relay = (to, any::<u32>(), relay()).prop_map(|(to, session, relay)| ClientMessage::Relay {
        to,
        session,
        relay,
    });
    prop_oneof![join, relay]
}

/// `None` stands for `Connect`, whose id the test makes up.
fn input() -> impl Strategy<Value = Option<Input>> {
    let code = (0..SignalErrorCode::ALL.len()).prop_map(|index| SignalErrorCode::ALL[index]);
    prop_oneof![
        4 => Just(None),
        12 => (message(), 0..70_000_usize).prop_map(|(message, bytes)| Some(Input::Message { message, bytes })),
        1 => (0..200_usize).prop_map(|bytes| Some(Input::Noise { bytes })),
        1 => code.prop_map(|code| Some(Input::Refuse { code, reason: "r".into() })),
        2 => Just(Some(Input::Disconnect)),
    ]
}

/// What the test believes, from outputs alone: who is a member of what.
#[derive(Default)]
struct Model {
    open: HashSet<ConnId>,
    ids: HashMap<ConnId, String>,
    members: HashMap<ConnId, (Role, String)>,
}

impl Model {
    fn conn(&self, id: &str) -> ConnId {
        *self.ids.iter().find(|(_, known)| *known == id).expect("ids come from the test").0
    }

    fn check(&mut self, conn: ConnId, joining: Option<&(Role, String)>, outputs: &[Output]) {
        let mut closed = HashSet::new();
        for output in outputs {
            match output {
                Output::Close { conn, .. } => {
                    closed.insert(*conn);
                }
                Output::Send { to, message } => {
                    assert!(!closed.contains(to), "a word after the close");
                    assert!(self.open.contains(to), "a word to a connection that is not open");
                    match message {
                        ServerMessage::Joined { id, peers, .. } => {
                            assert_eq!((to, id), (&conn, &self.ids[&conn]));
                            let (role, pool) = joining.cloned().expect("only a join is answered so");
                            for peer in peers {
                                let (theirs, of) = &self.members[&self.conn(&peer.id)];
                                assert!(*theirs == peer.role && *theirs != role && *of == pool);
                            }
                            self.members.insert(conn, (role, pool));
                        }
                        ServerMessage::PeerJoined { peer } => self.check_pair(*to, self.conn(&peer.id)),
                        ServerMessage::PeerLeft { id } => self.check_pair(*to, self.conn(id)),
                        ServerMessage::Relay { from, relay, .. } => {
                            assert_eq!(from, &self.ids[&conn]);
                            self.check_pair(*to, conn);
                            let role = self.members[&conn].0;
                            assert!(role == Role::Gateway || !matches!(relay, Relay::Answer { .. }));
                            assert!(role == Role::Tab || !matches!(relay, Relay::Offer { .. }));
                        }
                        ServerMessage::Error { .. } => assert_eq!(*to, conn, "errors go to the culprit"),
                    }
                }
            }
        }
        for conn in closed {
            self.gone(conn);
        }
    }

    fn check_pair(&self, one: ConnId, two: ConnId) {
        let ((role, pool), (other, of)) = (&self.members[&one], &self.members[&two]);
        assert!(role != other && pool == of, "a word across pools or within a role");
    }

    fn gone(&mut self, conn: ConnId) {
        self.open.remove(&conn);
        self.members.remove(&conn);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence(
        steps in vec((0..CONNS, input(), any::<bool>(), 0..500_u64), 0..120),
        max_connections in 0..12_usize,
        max_pool_tabs in 0..6_usize,
    ) {
        let limits = Limits {
            max_connections,
            max_pool_tabs,
            max_pool_gateways: 2,
            tab: Allowance { burst: 40, per_second: 20 },
            gateway: Allowance { burst: 80, per_second: 40 },
        };
        let policy = Policy { gateway_token: Some("g".into()), limits, ..Policy::default() };
        let mut registry = Registry::new(policy);
        let mut model = Model::default();
        let (mut now, mut made) = (Duration::ZERO, 0_u64);
        for (slot, input, local, pause) in steps {
            now += Duration::from_millis(pause);
            let conn = ConnId(slot);
            let input = match input {
                Some(input) => input,
                None => {
                    // A slot is used again only after its connection ended; then it is a new peer.
                    if model.open.contains(&conn) {
                        continue;
                    }
                    made += 1;
                    let peer_id = format!("p{}", made % (CONNS * 4));
                    if model.ids.values().any(|id| *id == peer_id) {
                        continue;
                    }
                    model.open.insert(conn);
                    model.ids.insert(conn, peer_id.clone());
                    let trust = if local { Trust::Local } else { Trust::Stranger };
                    Input::Connect { peer_id, trust }
                }
            };
            let joining = match &input {
                Input::Message { message: ClientMessage::Join { role, pool, .. }, .. } => {
                    Some((*role, pool.clone()))
                }
                _ => None,
            };
            let leaving = matches!(input, Input::Disconnect);
            let outputs = registry.handle(conn, input, now);
            model.check(conn, joining.as_ref(), &outputs);
            if leaving {
                model.gone(conn);
            }
            prop_assert_eq!(registry.connections(), model.open.len());
            for role in [Role::Tab, Role::Gateway] {
                let members = model.members.values().filter(|(theirs, _)| *theirs == role).count();
                prop_assert_eq!(registry.members(role), members);
            }
            let pools: HashSet<_> = model.members.values().map(|(_, pool)| pool).collect();
            prop_assert_eq!(registry.pools(), pools.len());
        }
        for conn in 0..CONNS {
            let outputs = registry.handle(ConnId(conn), Input::Disconnect, now);
            model.check(ConnId(conn), None, &outputs);
            model.gone(ConnId(conn));
        }
        prop_assert_eq!((registry.connections(), registry.pools()), (0, 0));
        prop_assert_eq!((registry.members(Role::Tab), registry.members(Role::Gateway)), (0, 0));
    }
}
