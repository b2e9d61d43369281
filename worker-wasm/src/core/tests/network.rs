//! Joining, attempts, reconnection, pausing, leaving, and what the page is told.

use super::sim::*;
use crate::core::*;
use std::time::Duration;
use tabmesh_protocol::signal::{Candidate, Peer, Relay, Role, ServerMessage, SignalErrorCode};
use tabmesh_protocol::{Event, ResetCode};

fn gateway(id: &str) -> ServerMessage {
    ServerMessage::PeerJoined { peer: Peer { id: id.into(), role: Role::Gateway } }
}

fn relay(from: &str, session: u32, relay: Relay) -> ServerMessage {
    ServerMessage::Relay { from: from.into(), session, relay }
}

#[test]
fn an_attempt_from_join_to_candidates() {
    let mut sim = Sim::idle();
    sim.connect = false;
    sim.settle();
    assert_eq!(sim.state(), State::Joining);
    let candidate = Candidate { candidate: "candidate:1".into(), ..Candidate::default() };
    sim.log.clear();
    sim.input(Input::Offer { link: 1, sdp: "mine".into() });
    sim.input(Input::Candidate { link: 1, candidate: candidate.clone() });
    // A candidate before the answer waits for it; strangers and other sessions are ignored.
    sim.server_says(&relay("g1", 1, Relay::Candidate { candidate: candidate.clone() }));
    sim.server_says(&relay("g9", 1, Relay::Answer { sdp: "not yours".into() }));
    sim.server_says(&relay("g1", 2, Relay::Answer { sdp: "not this".into() }));
    sim.server_says(&relay("g1", 1, Relay::Answer { sdp: "theirs".into() }));
    sim.server_says(&relay("g1", 1, Relay::Candidate { candidate }));
    sim.settle();
    let kinds: Vec<_> = sim.log.iter().map(|line| line.split([' ', '{']).next().unwrap()).collect();
    assert_eq!(kinds, ["SendSocket", "SendSocket", "Answer", "RemoteCandidate", "RemoteCandidate"]);
    assert!(sim.log[0].contains("offer") && sim.log[2].contains("theirs"));
    sim.input(Input::ChannelOpen { link: 1 });
    assert!(!sim.core.wants_transmit(1), "the tab speaks second");
}

#[test]
fn messages_before_the_channel_is_open_are_not_lost() {
    let mut sim = Sim::idle();
    sim.connect = false;
    sim.settle();
    let mut gateway =
        Session::new(tabmesh_protocol::Role::Gateway, tabmesh_protocol::Config::default(), sim.now);
    let hello = gateway.poll_transmit().unwrap();
    sim.input(Input::ChannelMessage { link: 1, message: hello.into() });
    assert!(!sim.core.wants_transmit(1), "nothing may be sent yet");
    sim.input(Input::ChannelOpen { link: 1 });
    sim.settle();
    assert_eq!(sim.state(), State::Ready);
}

#[test]
fn a_restarted_gateway_has_its_tab_back_within_five_seconds() {
    for outage in [0, 300, 2500, 20_000, 100_000] {
        let mut sim = Sim::joined();
        sim.advance(Duration::from_secs(60));
        let (old, socket) = (sim.link(), sim.socket.take().unwrap());
        // It was killed: the socket ends, the data channel says nothing.
        sim.cut.push(old);
        sim.signalling_up = false;
        sim.input(Input::SocketClosed { socket, code: 1006 });
        sim.advance(ms(outage));
        sim.signalling_up = true;
        sim.gateways = vec!["g2".into()];
        let back = sim.now;
        while !sim.sessions.keys().any(|link| *link > old) {
            sim.advance(ms(50));
            assert!(sim.now - back < Duration::from_secs(5), "outage of {outage} ms");
        }
        sim.advance(Duration::from_secs(3));
        assert_eq!(sim.core.links.len(), 1, "the dead link is gone, by its unanswered probe");
        assert_eq!(sim.state(), State::Ready);
        let key = sim.get("hello", V1, "/hello");
        assert!(sim.got[&key].fin);
    }
}

#[test]
fn a_link_survives_the_end_of_the_signalling_socket() {
    let mut sim = Sim::joined();
    let (link, socket) = (sim.link(), sim.socket.take().unwrap());
    sim.input(Input::SocketClosed { socket, code: 1006 });
    sim.advance(Duration::from_secs(30));
    assert_eq!(sim.link(), link);
    assert_eq!(sim.sessions.len(), 1);
    assert!(sim.socket.is_some() && sim.core.signalling.is_joined());
    // Late news of the old socket are nobody's.
    sim.input(Input::SocketClosed { socket, code: 1006 });
    assert!(sim.core.signalling.is_joined());
}

#[test]
fn retries_back_off() {
    let mut sim = Sim::idle();
    sim.signalling_up = false;
    sim.advance(Duration::from_secs(60));
    assert!((30..80).contains(&sim.sockets_opened), "{}", sim.sockets_opened);
    assert_eq!(sim.state(), State::Joining);
}

#[test]
fn a_refusal_is_shown_and_retried_slowly() {
    for code in [SignalErrorCode::Forbidden, SignalErrorCode::Version, SignalErrorCode::BadPool] {
        let mut sim = Sim::idle();
        sim.gateways.clear();
        sim.settle();
        let socket = sim.socket.unwrap();
        sim.server_says(&ServerMessage::Error { code, message: "you may not".into() });
        sim.input(Input::SocketClosed { socket, code: code.close_code() });
        sim.signalling_up = false;
        sim.settle();
        let status = sim.states.last().unwrap();
        assert_eq!((status.state, status.detail.as_str()), (State::Error, "you may not"));
        let opened = sim.sockets_opened;
        sim.advance(Duration::from_secs(14));
        assert_eq!(sim.sockets_opened, opened);
        sim.signalling_up = true;
        sim.gateways = vec!["g1".into()];
        sim.advance(Duration::from_secs(20));
        assert_eq!(sim.state(), State::Ready);
    }
    // Known by the close code alone.
    let mut sim = Sim::idle();
    sim.settle();
    let socket = sim.socket.unwrap();
    sim.connect = false;
    sim.input(Input::ChannelClosed { link: 1 });
    sim.input(Input::SocketClosed { socket, code: 4403 });
    sim.settle();
    assert_eq!(sim.state(), State::Error);
}

#[test]
fn an_attempt_that_leads_nowhere_is_made_again_and_then_the_socket_is_suspected() {
    let mut sim = Sim::idle();
    sim.connect = false;
    sim.advance(Duration::from_secs(9));
    let connects = |sim: &Sim| sim.log.iter().filter(|line| line.starts_with("Connect")).count();
    assert_eq!((connects(&sim), sim.sockets_opened), (1, 1));
    sim.advance(Duration::from_secs(3));
    assert_eq!((connects(&sim), sim.sockets_opened), (2, 1));
    sim.advance(Duration::from_secs(12));
    assert_eq!(sim.sockets_opened, 2);
    assert_eq!(connects(&sim), 3);
    sim.connect = true;
    sim.advance(Duration::from_secs(15));
    assert_eq!(sim.state(), State::Ready);
}

#[test]
fn a_socket_that_brings_nobody_is_opened_anew() {
    let mut sim = Sim::idle();
    sim.gateways.clear();
    sim.advance(Duration::from_secs(29));
    assert_eq!(sim.sockets_opened, 1);
    sim.gateways = vec!["g1".into()];
    sim.advance(Duration::from_secs(5));
    assert_eq!(sim.sockets_opened, 2);
    assert_eq!(sim.state(), State::Ready);
}

#[test]
fn a_lost_link_ends_its_requests_and_is_made_again() {
    let mut sim = Sim::joined();
    let old = sim.link();
    sim.get("hello", V1, "/x");
    let (isolate, id) = sim.holder("/x");
    sim.input(Input::ChannelClosed { link: old });
    sim.settle();
    assert!(sim.isolates[&isolate].jobs[&id].aborted);
    sim.settle();
    assert_eq!(sim.state(), State::Reconnecting);
    sim.advance(ms(200));
    assert!(sim.link() > old);
    assert_eq!(sim.state(), State::Ready);
    sim.assert_empty();
}

#[test]
fn a_violation_ends_that_link_only() {
    let mut sim = Sim::joined();
    sim.server_says(&gateway("g2"));
    sim.settle();
    let links: Vec<_> = sim.sessions.keys().copied().collect();
    sim.input(Input::ChannelMessage { link: links[0], message: vec![0xff, 0, 0].into() });
    sim.settle();
    assert!(!sim.sessions.contains_key(&links[0]) && sim.sessions.contains_key(&links[1]));
    assert!(sim.log.iter().any(|line| line.contains("broke the protocol")));
}

#[test]
fn failed_ice_is_restarted_once() {
    let mut sim = Sim::joined();
    let link = sim.link();
    let state = |sim: &mut Sim, state| {
        sim.input(Input::PeerState { link, state });
        sim.settle();
    };
    state(&mut sim, PeerState::Disconnected);
    state(&mut sim, PeerState::Failed);
    assert_eq!(sim.log.iter().filter(|line| line.starts_with("RestartIce")).count(), 1);
    sim.input(Input::Offer { link, sdp: "again".into() });
    sim.settle();
    assert!(sim.log.iter().any(|line| line.starts_with("SendSocket") && line.contains("again")));
    state(&mut sim, PeerState::Connected);
    sim.advance(Duration::from_secs(60));
    assert_eq!(sim.link(), link, "it helped");
    state(&mut sim, PeerState::Failed);
    state(&mut sim, PeerState::Failed);
    assert!(sim.log.iter().any(|line| line.starts_with("Disconnect")), "the second failure in a row ends it");
    sim.advance(ms(3000));
    assert!(sim.link() > link);
}

#[test]
fn a_gateway_that_left_is_forgotten_and_one_that_comes_is_met() {
    let mut sim = Sim::idle();
    sim.connect = false;
    sim.settle();
    sim.server_says(&ServerMessage::PeerLeft { id: "g1".into() });
    sim.settle();
    assert!(sim.core.peers.is_empty() && sim.core.links.is_empty());
    sim.connect = true;
    sim.server_says(&gateway("g2"));
    sim.settle();
    assert_eq!(sim.state(), State::Ready);
    sim.server_says(&gateway("g2"));
    sim.settle();
    assert_eq!(sim.core.links.len(), 1, "one link per gateway");
    for index in 0..200 {
        sim.server_says(&gateway(&format!("x{index}")));
    }
    sim.settle();
    assert!(sim.core.peers.len() <= limits::MAX_GATEWAYS);
}

#[test]
fn unknown_messages_of_a_newer_server_are_ignored() {
    let mut sim = Sim::joined();
    let socket = sim.socket.unwrap();
    for text in ["", "{}", "[1]", r#"{"type":"news"}"#, "\u{0}"] {
        sim.input(Input::SocketMessage { socket, text: text.into() });
    }
    sim.settle();
    assert_eq!(sim.state(), State::Ready);
}

#[test]
fn pause_drains_and_resume_undoes_it() {
    let mut sim = Sim::joined();
    let running = sim.get("hello", V1, "/x");
    let crossing = sim.open(&head(target("hello", V1), "/hello"), true);
    sim.input(Input::Pause);
    sim.settle();
    assert_eq!(sim.state(), State::Draining);
    assert!(sim.got[&crossing].fin, "sent before the gateway knew");
    let link = sim.link();
    let refused = sim.sessions.get_mut(&link).unwrap().open(&head(target("hello", V1), "/hello"), true);
    assert!(refused.is_err());
    let (isolate, id) = sim.holder("/x");
    sim.say(isolate, response(id, 200, false));
    sim.say(isolate, FromIsolate::Done { id });
    sim.settle();
    assert!(sim.got[&running].fin);
    assert_eq!(sim.state(), State::Paused);
    // A gateway that comes meanwhile learns of it.
    sim.server_says(&gateway("g2"));
    sim.settle();
    let second = sim.link();
    assert!(!sim.sessions[&second].accepting());
    sim.input(Input::Resume);
    sim.advance(ms(10));
    assert_eq!(sim.state(), State::Ready);
    let key = sim.get("hello", V1, "/hello");
    assert!(sim.got[&key].fin);
    sim.assert_empty();
}

#[test]
fn a_gateway_that_does_not_listen_is_refused() {
    let mut sim = Sim::joined();
    let link = sim.link();
    sim.input(Input::Pause);
    sim.now += limits::DRAIN_GRACE + ms(1);
    // Nothing of ours was read yet: it does not know.
    let key = sim.open(&head(target("hello", V1), "/hello"), true);
    let message = sim.sessions.get_mut(&link).unwrap().poll_transmit().unwrap();
    sim.input(Input::ChannelMessage { link, message: message.into() });
    sim.settle();
    assert_eq!(sim.reset_code(key), Some(ResetCode::Refused));
}

#[test]
fn leaving_says_so_closes_everything_and_can_be_undone() {
    let mut sim = Sim::joined();
    let key = sim.get("hello", V1, "/x");
    let link = sim.link();
    sim.input(Input::Leaving);
    sim.core.finish_turn(sim.now);
    let message = sim.core.poll_transmit(sim.now, link, 0).unwrap();
    let session = sim.sessions.get_mut(&link).unwrap();
    session.handle_message(sim.now, message.into()).unwrap();
    assert!(matches!(session.poll_event(), Some(Event::Draining(true))));
    sim.advance(Duration::from_secs(100));
    assert!(sim.core.links.is_empty() && sim.core.peers.is_empty() && sim.isolates.is_empty());
    assert_eq!((sim.sockets_opened, sim.socket), (1, None));
    assert!(sim.got[&key].head.is_none());
    assert!(sim.log.iter().any(|line| line.starts_with("Dispose")));
    assert_eq!(sim.core.poll_timeout(), None);
    sim.assert_clean();
    sim.input(Input::Resume);
    sim.settle();
    assert_eq!(sim.state(), State::Ready);
}

#[test]
fn counters_reach_the_page_but_not_with_every_request() {
    let mut sim = Sim::joined();
    sim.states.clear();
    for _ in 0..100 {
        sim.get("hello", V1, "/hello");
        sim.advance(ms(10));
    }
    assert!(sim.states.len() <= 5, "{}", sim.states.len());
    assert!(sim.states.iter().all(|status| status.state == State::Serving));
    sim.advance(ms(600));
    let last = sim.states.last().unwrap();
    assert_eq!((last.state, last.served, last.active), (State::Ready, 100, 0));
    let told = sim.states.len();
    sim.advance(Duration::from_secs(20));
    assert_eq!(sim.states.len(), told, "nothing changed");
}
