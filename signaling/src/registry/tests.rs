//! Each rule and each error code of the registry, by hand. Arbitrary sequences are in `tests/registry_props.rs`.

use tabmesh_protocol::signal::{Candidate, IceServer};

use super::*;
use crate::policy::{Allowance, Limits};

const T0: Duration = Duration::ZERO;

/// A registry whose connection `n` has peer id `pn`.
struct Bench(Registry);

impl Bench {
    fn new(limits: Limits) -> Self {
        let ice_servers = vec![IceServer { urls: vec!["stun:s:1".into()], ..IceServer::default() }];
        let gateway_token = Some("g".into());
        Self(Registry::new(Policy { gateway_token, ice_servers, limits, ..Policy::default() }))
    }

    fn connect(&mut self, conn: u64, trust: Trust) -> Vec<Output> {
        self.0.handle(ConnId(conn), Input::Connect { peer_id: format!("p{conn}"), trust }, T0)
    }

    fn say(&mut self, conn: u64, message: ClientMessage) -> Vec<Output> {
        self.0.handle(ConnId(conn), Input::Message { message, bytes: 100 }, T0)
    }

    /// Connects and joins as a stranger.
    fn join(&mut self, conn: u64, role: Role, pool: &str) -> Vec<Output> {
        assert_eq!(self.connect(conn, Trust::Stranger), []);
        let token = (role == Role::Gateway).then(|| "g".into());
        self.say(conn, ClientMessage::Join { version: SIGNAL_VERSION, role, pool: pool.into(), token })
    }

    fn relay(&mut self, from: u64, to: u64, relay: Relay) -> Vec<Output> {
        self.say(from, ClientMessage::Relay { to: format!("p{to}"), session: 9, relay })
    }

    fn leave(&mut self, conn: u64) -> Vec<Output> {
        self.0.handle(ConnId(conn), Input::Disconnect, T0)
    }

    fn is_empty(&self) -> bool {
        let Registry { conns, strangers, pools, tabs, gateways, .. } = &self.0;
        conns.is_empty() && pools.is_empty() && (*strangers, *tabs, *gateways) == (0, 0, 0)
    }
}

fn bench() -> Bench {
    Bench::new(Limits::default())
}

fn join(version: u32, role: Role, pool: &str, token: Option<&str>) -> ClientMessage {
    ClientMessage::Join { version, role, pool: pool.into(), token: token.map(Into::into) }
}

fn offer() -> Relay {
    Relay::Offer { sdp: "v=0".into() }
}

fn answer() -> Relay {
    Relay::Answer { sdp: "v=0".into() }
}

fn send(to: u64, message: ServerMessage) -> Output {
    Output::Send { to: ConnId(to), message }
}

fn relayed(from: u64, to: u64, relay: Relay) -> Vec<Output> {
    vec![send(to, ServerMessage::Relay { from: format!("p{from}"), session: 9, relay })]
}

fn left(to: u64, who: u64) -> Output {
    send(to, ServerMessage::PeerLeft { id: format!("p{who}") })
}

/// The code told to `conn`, having checked that a close follows (or none for `UnknownPeer`) and nothing else.
#[track_caller]
fn error(outputs: &[Output], conn: u64) -> SignalErrorCode {
    let [Output::Send { to, message: ServerMessage::Error { code, message } }, rest @ ..] = outputs else {
        panic!("no error: {outputs:?}");
    };
    assert_eq!(*to, ConnId(conn));
    assert!(!message.is_empty());
    match code {
        SignalErrorCode::UnknownPeer => assert_eq!(rest, []),
        _ => assert_eq!(rest.first(), Some(&Output::Close { conn: ConnId(conn), code: *code })),
    }
    *code
}

#[test]
fn members_meet_the_other_role_of_their_pool() {
    let mut b = bench();
    let ice_servers = vec![IceServer { urls: vec!["stun:s:1".into()], ..IceServer::default() }];
    let peer = |conn: u64, role| Peer { id: format!("p{conn}"), role };
    let joined = |conn: u64, peers| {
        send(conn, ServerMessage::Joined { id: format!("p{conn}"), ice_servers: ice_servers.clone(), peers })
    };
    let came = |to, who| send(to, ServerMessage::PeerJoined { peer: who });
    assert_eq!(b.join(1, Role::Tab, "a"), [joined(1, vec![])]);
    assert_eq!(b.join(2, Role::Tab, "a"), [joined(2, vec![])], "tabs do not hear of tabs");
    assert_eq!(b.join(3, Role::Gateway, "b"), [joined(3, vec![])], "pools do not mix");
    let tabs = vec![peer(1, Role::Tab), peer(2, Role::Tab)];
    let gateway = || peer(4, Role::Gateway);
    assert_eq!(b.join(4, Role::Gateway, "a"), [joined(4, tabs), came(1, gateway()), came(2, gateway())]);
    assert_eq!(b.join(5, Role::Tab, "a"), [joined(5, vec![gateway()]), came(4, peer(5, Role::Tab))]);
    assert_eq!((b.0.members(Role::Tab), b.0.members(Role::Gateway), b.0.pools()), (3, 2, 2));

    assert_eq!(b.leave(1), [left(4, 1)]);
    assert_eq!(b.leave(1), []);
    assert_eq!(b.leave(4), [left(2, 4), left(5, 4)]);
    for conn in [2, 3, 5] {
        assert_eq!(b.leave(conn), []);
    }
    assert!(b.is_empty());
}

#[test]
fn relays_go_between_roles() {
    let mut b = bench();
    b.join(1, Role::Tab, "a");
    b.join(2, Role::Gateway, "a");
    let candidate = || Relay::Candidate { candidate: Candidate::default() };
    let bye = || Relay::Bye { reason: "done".into() };
    for relay in [offer(), candidate(), bye()] {
        assert_eq!(b.relay(1, 2, relay.clone()), relayed(1, 2, relay));
    }
    for relay in [answer(), candidate(), bye()] {
        assert_eq!(b.relay(2, 1, relay.clone()), relayed(2, 1, relay));
    }
}

#[test]
fn unknown_peer_keeps_the_connection() {
    let mut b = bench();
    b.join(1, Role::Tab, "a");
    b.join(2, Role::Tab, "a");
    b.join(3, Role::Gateway, "b");
    for nobody in [1, 2, 3, 77] {
        assert_eq!(error(&b.relay(1, nobody, offer()), 1), SignalErrorCode::UnknownPeer);
    }
    assert_eq!(error(&b.relay(3, 1, answer()), 3), SignalErrorCode::UnknownPeer);
    b.join(4, Role::Gateway, "a");
    assert_eq!(b.relay(1, 4, offer()), relayed(1, 4, offer()));
}

#[test]
fn out_of_order() {
    let code = SignalErrorCode::OutOfOrder;
    let mut b = bench();
    b.connect(1, Trust::Stranger);
    assert_eq!(error(&b.relay(1, 2, offer()), 1), code, "before join");
    assert!(b.is_empty());

    b.join(1, Role::Tab, "a");
    b.join(2, Role::Gateway, "a");
    let again = b.say(1, join(1, Role::Tab, "a", None));
    assert_eq!(error(&again, 1), code, "a second join");
    assert_eq!(again[2..], [left(2, 1)], "the peers are told");
    assert_eq!(b.relay(1, 2, offer()), [], "nothing more from it");

    b.join(3, Role::Tab, "a");
    assert_eq!(error(&b.relay(3, 2, answer()), 3), code, "a tab does not answer");
    b.join(3, Role::Tab, "a");
    assert_eq!(error(&b.relay(2, 3, offer()), 2), code, "a gateway does not offer");
}

#[test]
fn version_pool_and_role() {
    let mut b = bench();
    let refused = |b: &mut Bench, message, code| {
        b.connect(1, Trust::Stranger);
        let outputs = b.say(1, message);
        assert_eq!((error(&outputs, 1), outputs.len()), (code, 2));
        assert!(b.is_empty());
    };
    refused(&mut b, join(SIGNAL_VERSION + 1, Role::Tab, "a", None), SignalErrorCode::Version);
    for pool in ["", "A", "a/b", &"a".repeat(64)] {
        refused(&mut b, join(1, Role::Tab, pool, None), SignalErrorCode::BadPool);
    }
    for token in [None, Some(""), Some("G"), Some("gg")] {
        refused(&mut b, join(1, Role::Gateway, "a", token), SignalErrorCode::Forbidden);
    }
    b.0 = Registry::new(Policy { pool_token: Some("p".into()), ..Policy::default() });
    refused(&mut b, join(1, Role::Gateway, "a", Some("g")), SignalErrorCode::Forbidden);
    refused(&mut b, join(1, Role::Tab, "a", None), SignalErrorCode::Forbidden);
    b.connect(1, Trust::Stranger);
    assert_eq!(b.say(1, join(1, Role::Tab, "a", Some("p"))).len(), 1);
}

#[test]
fn a_local_member_needs_no_token_room_or_allowance() {
    let none = Allowance { burst: 0, per_second: 0 };
    let limits =
        Limits { max_connections: 0, max_pool_gateways: 0, tab: none, gateway: none, ..Limits::default() };
    let mut b = Bench::new(limits);
    assert_eq!(b.connect(1, Trust::Local), []);
    assert_eq!(b.say(1, join(1, Role::Gateway, "a", None)).len(), 1);
    for _ in 0..1000 {
        assert_eq!(error(&b.relay(1, 2, answer()), 1), SignalErrorCode::UnknownPeer);
    }
    b.connect(2, Trust::Local);
    assert_eq!(
        error(&b.say(2, join(1, Role::Tab, "A", None)), 2),
        SignalErrorCode::BadPool,
        "names still count"
    );
}

#[test]
fn flooding() {
    let tab = Allowance { burst: 3, per_second: 1 };
    let mut b = Bench::new(Limits { tab, ..Limits::default() });
    b.join(1, Role::Tab, "a"); // one token
    b.join(2, Role::Gateway, "a");
    assert_eq!(b.relay(1, 2, offer()).len(), 1);
    assert_eq!(b.0.handle(ConnId(1), Input::Noise { bytes: 4 }, T0), [], "pings cost too");
    let outputs = b.relay(1, 2, offer());
    assert_eq!(error(&outputs, 1), SignalErrorCode::Flooding);
    assert_eq!(outputs[2..], [left(2, 1)]);

    b.join(3, Role::Tab, "a");
    for second in 1..50 {
        let noise = b.0.handle(ConnId(3), Input::Noise { bytes: 0 }, Duration::from_secs(second));
        assert_eq!(noise, [], "within the rate");
    }
    for _ in 0..100 {
        assert_eq!(b.relay(2, 3, answer()).len(), 1, "a gateway has its own allowance");
    }
}

#[test]
fn full() {
    let limits = Limits { max_connections: 4, max_pool_tabs: 2, max_pool_gateways: 1, ..Limits::default() };
    let mut b = Bench::new(limits);
    b.join(1, Role::Tab, "a");
    b.join(2, Role::Tab, "a");
    assert_eq!(error(&b.join(3, Role::Tab, "a"), 3), SignalErrorCode::Full, "tabs of the pool");
    assert_eq!(b.join(3, Role::Gateway, "a").len(), 3, "gateways have their own room");
    assert_eq!(error(&b.join(4, Role::Gateway, "a"), 4), SignalErrorCode::Full, "gateways of the pool");
    b.join(4, Role::Tab, "b");
    assert_eq!(error(&b.connect(5, Trust::Stranger), 5), SignalErrorCode::Full, "connections in all");
    b.leave(4);
    assert_eq!(b.connect(5, Trust::Stranger), []);
    for conn in [1, 2, 3, 5] {
        b.leave(conn);
    }
    assert!(b.is_empty());
}

#[test]
fn what_the_shell_refuses() {
    use SignalErrorCode::{Malformed, TooLarge, TooSlow};
    for code in [Malformed, TooLarge, TooSlow] {
        let mut b = bench();
        b.join(1, Role::Tab, "a");
        b.join(2, Role::Gateway, "a");
        let refuse = Input::Refuse { code, reason: "because".into() };
        let outputs = b.0.handle(ConnId(1), refuse.clone(), T0);
        assert_eq!((error(&outputs, 1), &outputs[2..]), (code, &[left(2, 1)][..]));
        assert_eq!(b.0.handle(ConnId(1), refuse, T0), [], "only once");
    }
}

#[test]
fn a_rejoin_while_the_dead_connection_lingers() {
    let mut b = bench();
    b.join(1, Role::Gateway, "a");
    b.join(2, Role::Tab, "a");
    assert_eq!(b.join(3, Role::Tab, "a").len(), 2, "the same tab, back on a new socket");
    assert_eq!(b.relay(3, 1, offer()), relayed(3, 1, offer()));
    assert_eq!(b.leave(2), [left(1, 2)], "the old one is noticed at last");
    assert_eq!(b.relay(1, 3, answer()), relayed(1, 3, answer()));
}

#[test]
fn ids_that_the_caller_uses_twice() {
    let mut b = bench();
    b.join(1, Role::Gateway, "a");
    b.join(2, Role::Tab, "a");
    assert_eq!(b.connect(2, Trust::Stranger), [left(1, 2)], "the older connection is gone");
    b.0.handle(ConnId(3), Input::Connect { peer_id: "p1".into(), trust: Trust::Stranger }, T0);
    assert_eq!(error(&b.say(3, join(1, Role::Tab, "a", None)), 3), SignalErrorCode::Full);
    b.leave(1);
    b.leave(2);
    assert!(b.is_empty());
}

#[test]
fn a_crowd_is_told_in_pieces() {
    let mut b = bench();
    let tabs = MAX_PEERS_IN_JOINED as u64 + 7;
    for conn in 1..=tabs {
        b.join(conn, Role::Tab, "a");
    }
    let outputs = b.join(9999, Role::Gateway, "a");
    let Output::Send { message: joined @ ServerMessage::Joined { peers, .. }, .. } = &outputs[0] else {
        panic!("{:?}", outputs[0])
    };
    assert_eq!(peers.len(), MAX_PEERS_IN_JOINED);
    let text = serde_json::to_string(joined).unwrap();
    assert!(text.len() + MAX_PEERS_IN_JOINED * 16 < tabmesh_protocol::signal::MAX_SIGNAL_MESSAGE / 2);
    let to = |conn| move |output: &&Output| matches!(output, Output::Send { to, .. } if *to == ConnId(conn));
    assert_eq!(outputs.iter().filter(to(9999)).count(), 1 + 7);
    assert_eq!(outputs.iter().filter(to(1)).count(), 1);
}

#[test]
fn shutdown_tells_everyone_and_refuses_the_rest() {
    let mut b = bench();
    b.join(1, Role::Tab, "a");
    b.join(2, Role::Gateway, "a");
    b.connect(3, Trust::Stranger);
    let outputs = b.0.shutdown();
    assert_eq!(outputs.len(), 6);
    for pair in outputs.chunks(2) {
        let Output::Send { to, .. } = &pair[0] else { panic!("{pair:?}") };
        assert_eq!(error(pair, to.0), SignalErrorCode::GoingAway);
    }
    assert!(b.is_empty());
    assert_eq!(error(&b.connect(4, Trust::Local), 4), SignalErrorCode::GoingAway);
    assert!(b.is_empty());
}
