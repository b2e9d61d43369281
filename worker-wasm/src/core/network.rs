//! Connections: what the signalling server says, attempts, links and their ends; pausing and leaving.

use super::backoff::pause;
use super::io::{LinkId, Output, PeerState, SocketId};
use super::limits::{ATTEMPT_LIMIT, GOOD_AFTER, MAX_GATEWAYS};
use super::link::Link;
use super::settings::{Settings, Surroundings};
use super::{Core, ends::End};
use bytes::Bytes;
use tabmesh_protocol::Now;
use tabmesh_protocol::signal::{Candidate, Relay, Role, ServerMessage};

/// Attempts in a row without any answer after which the socket itself is suspected.
const SUSPECT_SOCKET_AFTER: u32 = 2;

impl Core {
    // ---- the signalling socket ----

    pub(super) fn on_socket_open(&mut self, now: Now, socket: SocketId) {
        if self.signalling.is_current(socket) {
            self.signalling.on_open(now, &mut self.out);
        }
    }

    pub(super) fn on_socket_message(&mut self, now: Now, socket: SocketId, text: &str) {
        if !self.signalling.is_current(socket) {
            return;
        }
        // A newer server may say more than we know.
        let Ok(message) = serde_json::from_str::<ServerMessage>(text) else { return };
        let was_joined = self.signalling.is_joined();
        self.signalling.on_message(now, &message);
        match message {
            ServerMessage::Joined { peers, .. } if !was_joined => {
                for peer in peers.into_iter().filter(|peer| peer.role == Role::Gateway) {
                    self.meet(now, &peer.id);
                }
            }
            ServerMessage::PeerJoined { peer } if was_joined && peer.role == Role::Gateway => {
                self.meet(now, &peer.id);
            }
            ServerMessage::PeerLeft { id } => self.peer_left(now, &id),
            ServerMessage::Relay { from, session, relay } => self.on_relay(now, &from, session, relay),
            _ => {}
        }
    }

    pub(super) fn on_socket_closed(&mut self, now: Now, socket: SocketId, code: u16) {
        if self.signalling.is_current(socket) {
            self.signalling.on_closed(now, code, &mut self.jitter);
            self.signalling_lost(now);
        }
    }

    /// Nobody can be met until the next join; what is connected stays so if it still answers.
    fn signalling_lost(&mut self, now: Now) {
        let ids: Vec<String> = self.peers.keys().cloned().collect();
        for id in ids {
            self.peer_left(now, &id);
        }
    }

    /// A gateway is in the room.
    fn meet(&mut self, now: Now, id: &str) {
        if !self.peers.contains_key(id) && self.peers.len() >= MAX_GATEWAYS {
            return;
        }
        let peer = self.peers.entry(id.to_owned()).or_default();
        peer.present = true;
        if peer.link.is_none() {
            self.attempt(now, id);
        }
    }

    fn peer_left(&mut self, now: Now, id: &str) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.present = false;
        peer.retry_at = None;
        let Some(link) = peer.link else {
            self.peers.remove(id);
            return;
        };
        match self.session(link) {
            // It may only have lost the signalling server.
            Some(session) => session.probe(now),
            None => self.drop_link(now, link, "the gateway left"),
        }
    }

    // ---- attempts ----

    fn attempt(&mut self, now: Now, id: &str) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        self.last_link += 1;
        let link = self.last_link;
        peer.link = Some(link);
        peer.retry_at = None;
        self.links.insert(link, Link::new(id.to_owned(), now));
        let ice_servers = self.signalling.ice_servers.clone();
        self.out.push_back(Output::Connect { peer: id.to_owned(), link, ice_servers });
    }

    pub(super) fn on_offer(&mut self, link: LinkId, sdp: String) {
        if let Some(state) = self.links.get(&link) {
            self.signalling.relay(&state.peer, link, Relay::Offer { sdp }, &mut self.out);
        }
    }

    pub(super) fn on_candidate(&mut self, link: LinkId, candidate: Candidate) {
        if let Some(state) = self.links.get(&link) {
            self.signalling.relay(&state.peer, link, Relay::Candidate { candidate }, &mut self.out);
        }
    }

    fn on_relay(&mut self, now: Now, from: &str, id: LinkId, relay: Relay) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.peer == from) else { return };
        match relay {
            Relay::Answer { sdp } => {
                self.unanswered = 0;
                let held = link.answered();
                self.out.push_back(Output::Answer { peer: from.to_owned(), link: id, sdp });
                for candidate in held {
                    self.out.push_back(Output::RemoteCandidate {
                        peer: from.to_owned(),
                        link: id,
                        candidate,
                    });
                }
            }
            Relay::Candidate { candidate } => {
                if let Some(candidate) = link.candidate(candidate) {
                    self.out.push_back(Output::RemoteCandidate {
                        peer: from.to_owned(),
                        link: id,
                        candidate,
                    });
                }
            }
            Relay::Bye { reason } => self.drop_link(now, id, &reason),
            // Gateways do not offer.
            Relay::Offer { .. } => {}
        }
    }

    pub(super) fn on_peer_state(&mut self, now: Now, id: LinkId, state: PeerState) {
        let joined = self.signalling.is_joined();
        let Some(link) = self.links.get_mut(&id) else { return };
        match state {
            PeerState::Connected => {
                link.restarted = false;
                if link.session.is_some() {
                    link.deadline = None;
                }
            }
            PeerState::Failed if joined && link.session.is_some() && !link.restarted => {
                link.restarted = true;
                link.deadline = Some(now + ATTEMPT_LIMIT);
                self.out.push_back(Output::RestartIce { peer: link.peer.clone(), link: id });
            }
            PeerState::Failed => self.drop_link(now, id, "no network path"),
            PeerState::Closed => self.drop_link(now, id, "the connection was closed"),
            // May mend itself; if not, the session's silence or `failed` follows.
            PeerState::Connecting | PeerState::Disconnected => {}
        }
    }

    // ---- links ----

    pub(super) fn on_channel_open(&mut self, now: Now, id: LinkId) {
        let draining = self.draining.is_some();
        let Some(link) = self.links.get_mut(&id).filter(|link| link.session.is_none()) else { return };
        for message in link.open(now, &self.settings, draining) {
            self.on_message(now, id, message);
        }
    }

    pub(super) fn on_message(&mut self, now: Now, link: LinkId, message: Bytes) {
        let Some(open) = self.links.get_mut(&link) else { return };
        let Some(session) = &mut open.session else {
            if !open.early(message) {
                self.drop_link(now, link, "messages before the channel was open");
            }
            return;
        };
        let result = session.handle_message(now, message);
        self.take_events(now, link);
        if let Err(violation) = result {
            self.out.push_back(Output::Warn(format!("the gateway broke the protocol: {violation}")));
            self.drop_link(now, link, "protocol violation");
        }
    }

    /// The gateway said hello: requests may come.
    pub(super) fn link_ready(&mut self, now: Now, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.ready = true;
            self.was_ready = true;
            self.want_spare(now);
        }
    }

    /// Ends a link or attempt; a gateway that is still in the room is tried again after a pause.
    pub(super) fn drop_link(&mut self, now: Now, id: LinkId, why: &str) {
        let Some(link) = self.links.remove(&id) else { return };
        let keys: Vec<_> = self.exchanges.keys().filter(|key| key.0 == id).copied().collect();
        for key in keys {
            self.cancel(now, key, "the gateway went away");
        }
        self.calls_lost(id);
        self.signalling.relay(&link.peer, id, Relay::Bye { reason: why.to_owned() }, &mut self.out);
        let Some(peer) = self.peers.get_mut(&link.peer) else { return };
        peer.link = None;
        if peer.present {
            let was_good = link.session.is_some() && now.saturating_sub(link.opened_at) >= GOOD_AFTER;
            peer.failures = if was_good { 1 } else { peer.failures.saturating_add(1) };
            peer.retry_at = Some(now + pause(peer.failures, &mut self.jitter));
        } else {
            self.peers.remove(&link.peer);
        }
        self.out.push_back(Output::Disconnect { peer: link.peer, link: id });
    }

    // ---- the contributor ----

    pub(super) fn set_settings(&mut self, now: Now, settings: Settings) {
        self.settings = settings.clamped();
        self.throttle.set_rate(self.settings.cpu_rate(), now);
        self.room_made = true;
        self.settle_drain(now);
    }

    pub(super) fn set_surroundings(&mut self, now: Now, surroundings: Surroundings) {
        self.surroundings = surroundings;
        self.settle_drain(now);
    }

    /// Why no requests are taken, if none are.
    pub(super) fn held_back(&self) -> Option<&'static str> {
        self.surroundings.forbid(&self.settings)
    }

    /// Takes requests or not, as contributor and surroundings want it.
    fn settle_drain(&mut self, now: Now) {
        let drain = self.paused || self.leaving.is_some() || self.left || self.held_back().is_some();
        if drain == self.draining.is_some() {
            return;
        }
        self.draining = drain.then_some(now);
        for session in self.links.values_mut().filter_map(|link| link.session.as_mut()) {
            session.set_draining(drain);
        }
        if !drain {
            self.want_spare(now);
        }
    }

    pub(super) fn pause(&mut self, now: Now) {
        self.paused = true;
        self.settle_drain(now);
    }

    pub(super) fn resume(&mut self, now: Now) {
        self.paused = false;
        if self.left || self.leaving.is_some() {
            self.left = false;
            self.leaving = None;
            self.signalling.start(now, &mut self.out);
        }
        self.settle_drain(now);
    }

    /// The page goes: gateways hear it at once; links are closed in the next turn, after that was sent.
    pub(super) fn leave(&mut self, now: Now) {
        if self.left || self.leaving.is_some() {
            return;
        }
        self.leaving = Some(now);
        self.settle_drain(now);
    }

    fn close_everything(&mut self, now: Now) {
        self.leaving = None;
        self.left = true;
        self.peers.values_mut().for_each(|peer| peer.present = false);
        let links: Vec<_> = self.links.keys().copied().collect();
        for link in links {
            self.drop_link(now, link, "the tab is leaving");
        }
        self.peers.clear();
        self.signalling.stop(&mut self.out);
        let isolates: Vec<_> = self.isolates.iter().map(|(id, _)| id).collect();
        for isolate in isolates {
            self.end_isolate(now, isolate, &End::Idle);
        }
        self.spare_at = None;
    }

    // ---- time ----

    pub(super) fn network_timeout(&mut self, now: Now) {
        if self.leaving.is_some_and(|at| at <= now) {
            self.close_everything(now);
        }
        if self.signalling.handle_timeout(now, &mut self.jitter, &mut self.out) {
            self.signalling_lost(now);
        }
        let retries = self.peers.iter().filter(|(_, peer)| peer.retry_at.is_some_and(|at| at <= now));
        let retries: Vec<String> = retries.map(|(id, _)| id.clone()).collect();
        for id in retries {
            self.attempt(now, &id);
        }
        let due = self.links.iter().filter(|(_, link)| link.poll_timeout().is_some_and(|at| at <= now));
        let due: Vec<LinkId> = due.map(|(id, _)| *id).collect();
        for id in due {
            self.link_timeout(now, id);
        }
    }

    fn link_timeout(&mut self, now: Now, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.deadline.is_some_and(|at| at <= now) {
            if link.session.is_some() {
                self.drop_link(now, id, "no network path, also after an ICE restart");
                return;
            }
            if !link.has_answer() {
                self.unanswered += 1;
            }
            self.drop_link(now, id, "no connection in time");
            if self.unanswered >= SUSPECT_SOCKET_AFTER {
                self.unanswered = 0;
                self.signalling.give_up(now, &mut self.jitter, &mut self.out);
                self.signalling_lost(now);
            }
            return;
        }
        if let Some(session) = &mut link.session
            && session.handle_timeout(now).is_err()
        {
            self.drop_link(now, id, "no sign of life");
        }
    }
}
