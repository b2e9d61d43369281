//! Tabs and gateways meet through real sockets, in every way a gateway can take part.
#![allow(missing_docs)]

mod common;

use std::sync::atomic::Ordering::Relaxed;

use common::{Server, answer, hear, join, joined, offer, relay, with_token, within};
use tabmesh_protocol::signal::{Candidate, IceServer, Peer, Relay, Role, ServerMessage, SignalErrorCode};
use tabmesh_signaling::{HubConfig, Join, client};

fn candidate() -> Relay {
    let candidate = "candidate:1 1 udp 2113937151 127.0.0.1 50000 typ host".to_owned();
    let sdp_mid = Some("0".to_owned());
    Relay::Candidate {
        candidate: Candidate { candidate, sdp_mid, sdp_mline_index: Some(0), username_fragment: None },
    }
}

fn from(id: &str, relay: Relay) -> ServerMessage {
    ServerMessage::Relay { from: id.into(), session: 3, relay }
}

#[tokio::test]
async fn two_sockets_from_join_to_bye() {
    let mut config = with_token();
    let stun = IceServer { urls: vec!["stun:stun.example:3478".into()], ..IceServer::default() };
    config.policy.ice_servers = vec![stun.clone()];
    let server = Server::start(config).await;
    let (mut tab, tab_id, peers) = server.tab("main").await;
    assert_eq!(peers, []);

    let mut gateway = server.client().await;
    gateway.say(&join(Role::Gateway, "main", Some(common::TOKEN))).await;
    let ServerMessage::Joined { id, ice_servers, peers } = gateway.hear().await else { panic!() };
    assert_eq!(ice_servers, [stun]);
    assert_eq!(peers, [Peer { id: tab_id.clone(), role: Role::Tab }]);
    let peer = Peer { id: id.clone(), role: Role::Gateway };
    assert_eq!(tab.hear().await, ServerMessage::PeerJoined { peer });

    let sdp = "v=0\r\na=\u{1F9ED}\r\n";
    let bye = || Relay::Bye { reason: "done".into() };
    for said in [offer(sdp), candidate(), bye()] {
        tab.say(&relay(&id, said.clone())).await;
        assert_eq!(gateway.hear().await, from(&tab_id, said));
    }
    for said in [answer(sdp), candidate(), bye()] {
        gateway.say(&relay(&tab_id, said.clone())).await;
        assert_eq!(tab.hear().await, from(&id, said));
    }
    tab.say(&relay("nobody", offer(sdp))).await;
    let told = tab.hear().await;
    assert!(matches!(told, ServerMessage::Error { code: SignalErrorCode::UnknownPeer, .. }), "{told:?}");

    drop(gateway); // no goodbye
    assert_eq!(tab.hear().await, ServerMessage::PeerLeft { id });
    tab.0.close(None).await.unwrap();
    within(server.hub.drained()).await;

    let metrics = server.hub.metrics();
    assert_eq!((metrics.joins.load(Relaxed), metrics.relays.load(Relaxed)), (2, 6));
    assert_eq!(metrics.errors(SignalErrorCode::UnknownPeer), 1);
    assert_eq!((metrics.members(Role::Tab), metrics.members(Role::Gateway)), (0, 0));
    assert_eq!(metrics.connections.load(Relaxed), 0);
}

#[tokio::test]
async fn a_local_gateway_meets_a_socket_tab() {
    let server = Server::start(HubConfig::default()).await;
    let mut gateway = server.hub.attach_local(Role::Gateway, "main");
    let (gateway_id, peers) = joined(&mut gateway).await;
    assert_eq!(peers, []);
    let (mut tab, tab_id, peers) = server.tab("main").await;
    assert_eq!(peers, [Peer { id: gateway_id.clone(), role: Role::Gateway }]);
    let peer = Peer { id: tab_id.clone(), role: Role::Tab };
    assert_eq!(hear(&mut gateway).await, ServerMessage::PeerJoined { peer });

    tab.say(&relay(&gateway_id, offer("o"))).await;
    assert_eq!(hear(&mut gateway).await, from(&tab_id, offer("o")));
    gateway.tx.send(relay(&tab_id, answer("a"))).await.unwrap();
    assert_eq!(tab.hear().await, from(&gateway_id, answer("a")));

    // A tab that comes back before its old socket is noticed is a new peer beside the old one.
    let (mut again, again_id, _) = server.tab("main").await;
    let peer = Peer { id: again_id.clone(), role: Role::Tab };
    assert_eq!(hear(&mut gateway).await, ServerMessage::PeerJoined { peer });
    again.say(&relay(&gateway_id, offer("o2"))).await;
    assert_eq!(hear(&mut gateway).await, from(&again_id, offer("o2")));
    drop(tab);
    assert_eq!(hear(&mut gateway).await, ServerMessage::PeerLeft { id: tab_id });

    drop(gateway);
    assert_eq!(again.hear().await, ServerMessage::PeerLeft { id: gateway_id });
}

#[tokio::test]
async fn a_local_member_with_a_bad_pool_is_told() {
    let server = Server::start(HubConfig::default()).await;
    let mut link = server.hub.attach_local(Role::Gateway, "No Pool");
    let told = hear(&mut link).await;
    assert!(matches!(told, ServerMessage::Error { code: SignalErrorCode::BadPool, .. }), "{told:?}");
    assert_eq!(within(link.rx.recv()).await, None);
    within(link.tx.closed()).await;
}

#[tokio::test]
async fn a_gateway_over_the_client() {
    let server = Server::start(with_token()).await;
    let join = |token: &str| Join { role: Role::Gateway, pool: "main".into(), token: Some(token.into()) };
    let mut gateway = client::connect(&server.url(), join(common::TOKEN)).await.unwrap();
    let (gateway_id, _) = joined(&mut gateway).await;
    let (mut tab, tab_id, _) = server.tab("main").await;
    hear(&mut gateway).await;
    tab.say(&relay(&gateway_id, offer("o"))).await;
    assert_eq!(hear(&mut gateway).await, from(&tab_id, offer("o")));
    gateway.tx.send(relay(&tab_id, answer("a"))).await.unwrap();
    assert_eq!(tab.hear().await, from(&gateway_id, answer("a")));
    drop(gateway);
    assert_eq!(tab.hear().await, ServerMessage::PeerLeft { id: gateway_id });

    let mut refused = client::connect(&server.url(), join("wrong")).await.unwrap();
    let told = hear(&mut refused).await;
    assert!(matches!(told, ServerMessage::Error { code: SignalErrorCode::Forbidden, .. }), "{told:?}");
    assert_eq!(within(refused.rx.recv()).await, None, "one reason is enough");
    assert!(client::connect("ws://127.0.0.1:1/", join("x")).await.is_err());
    assert!(client::connect("nonsense", join("x")).await.is_err());
}

#[tokio::test]
async fn shutdown_closes_everyone() {
    let server = Server::start(HubConfig::default()).await;
    let mut local = server.hub.attach_local(Role::Gateway, "main");
    joined(&mut local).await;
    let (mut tab, _, _) = server.tab("main").await;
    hear(&mut local).await;
    let mut silent = server.client().await;

    server.hub.shutdown();
    tab.closed(SignalErrorCode::GoingAway).await;
    silent.closed(SignalErrorCode::GoingAway).await;
    let told = hear(&mut local).await;
    assert!(matches!(told, ServerMessage::Error { code: SignalErrorCode::GoingAway, .. }), "{told:?}");
    assert_eq!(within(local.rx.recv()).await, None);
    let mut late = server.client().await;
    late.closed(SignalErrorCode::GoingAway).await;
    drop((tab, silent, late));
    within(server.hub.drained()).await;
}
