//! From a signalling offer to a tab in the pool, and back out when it leaves.
//!
//! One task reads the signalling link and hands each message to the task of its attempt; an attempt's task owns its
//! peer from offer to close and runs on one of the I/O threads.

mod attempts;

use super::incoming::Host;
use super::peer::{ChannelEvent, Peer, PeerEvent, Peers};
use super::pool::Pool;
use super::tab::{Tab, Watcher};
use crate::access::{Admissions, Ended, Hold};
use crate::config::{PeerConfig, PoolConfig};
use crate::io_threads::IoThreads;
use crate::metrics::Metrics;
use attempts::Attempts;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tabmesh_protocol::Config;
use tabmesh_protocol::config::MAX_CALLS;
use tabmesh_protocol::signal::{ClientMessage, Relay, ServerMessage};
use tabmesh_signaling::Link;
use tokio::sync::mpsc;

/// Messages for one attempt that may wait; a tab that sends more than it is owed loses the rest.
const ATTEMPT_QUEUE: usize = 64;

/// Attempts one tab may have at once: the one that works and the one that replaces it.
const ATTEMPTS_PER_TAB: usize = 2;

/// How long a tab whose join token has ended may go on with the requests that it has.
const FAREWELL: Duration = Duration::from_secs(30);

/// What every attempt needs.
pub struct Rendezvous {
    pool: Arc<Pool>,
    metrics: Arc<Metrics>,
    peers: Peers,
    limits: PoolConfig,
    threads: IoThreads,
    host: Arc<dyn Host>,
    next_tab: AtomicU64,
}

/// A message for an attempt.
enum Input {
    Relay(Relay),
    /// The tab's signalling socket ended: first sign of its death.
    Left,
}

type Key = (String, u32);

impl Rendezvous {
    /// Peers will run on `threads`; `host` answers what handlers call.
    #[must_use]
    pub fn new(
        pool: Arc<Pool>,
        metrics: Arc<Metrics>,
        peer: PeerConfig,
        limits: PoolConfig,
        listen: IpAddr,
        threads: IoThreads,
        host: Arc<dyn Host>,
    ) -> Arc<Self> {
        let peers = Peers::new(peer, listen);
        Arc::new(Self { pool, metrics, peers, limits, threads, host, next_tab: AtomicU64::new(1) })
    }

    /// Serves one signalling link until it ends. Tabs that are joined stay, as long as what let them in holds where there are
    /// `admissions`.
    pub async fn run(self: Arc<Self>, mut link: Link, admissions: Option<Arc<Admissions>>) {
        let mut attempts = Attempts::new();
        while let Some(message) = link.rx.recv().await {
            match message {
                ServerMessage::Relay { from, session, relay } => {
                    if let Some(inputs) = attempts.get(&from, session) {
                        let _ = inputs.try_send(Input::Relay(relay));
                    } else if let Relay::Offer { sdp } = relay
                        && self.has_room(&from, &mut attempts)
                    {
                        let Some(stay) = Stay::of(&from, admissions.as_ref()) else { continue };
                        let inputs = self.start((from.clone(), session), sdp, link.tx.clone(), stay);
                        attempts.add(&from, session, inputs);
                    }
                }
                ServerMessage::PeerLeft { id } => {
                    for (_, inputs) in attempts.of(&id) {
                        let _ = inputs.try_send(Input::Left);
                    }
                }
                ServerMessage::Error { code, message } => {
                    tracing::debug!(?code, message, "signalling says");
                }
                ServerMessage::Joined { .. } | ServerMessage::PeerJoined { .. } => {}
            }
        }
    }

    fn has_room(&self, peer: &str, attempts: &mut Attempts<Input>) -> bool {
        let own = attempts.of(peer).count();
        let room = own < ATTEMPTS_PER_TAB && attempts.has_room(self.limits.max_tabs);
        if !room {
            tracing::warn!(peer, own, "offer refused: too many");
        }
        room
    }

    fn start(
        self: &Arc<Self>,
        key: Key,
        offer: String,
        signal: mpsc::Sender<ClientMessage>,
        stay: Stay,
    ) -> mpsc::Sender<Input> {
        let (inputs, queue) = mpsc::channel(ATTEMPT_QUEUE);
        let id = self.next_tab.fetch_add(1, Ordering::Relaxed);
        let attempt = Attempt { shared: Arc::clone(self), id, key, signal, stay };
        self.threads.spawn(attempt.run(offer, queue));
        inputs
    }
}

/// How long a tab may stay. It goes with the tab and not with its signalling socket, which the tab may close as it likes.
struct Stay {
    hold: Hold,
    admissions: Option<Arc<Admissions>>,
}

impl Stay {
    /// `None` for one that must not come in any more.
    fn of(peer: &str, admissions: Option<&Arc<Admissions>>) -> Option<Self> {
        let hold = match admissions {
            Some(admissions) => admissions.of(peer)?,
            None => Hold::forever(),
        };
        let stay = Self { hold, admissions: admissions.cloned() };
        match stay.hold.check() {
            Ok(()) => Some(stay),
            Err(why) => {
                stay.expel(peer, why);
                None
            }
        }
    }

    /// Waits until it may not; then it has been shown out of the rendezvous. Gives the reason.
    async fn ended(&self, peer: &str) -> &'static str {
        let why = self.hold.ended().await;
        self.expel(peer, why);
        why.sentence()
    }

    fn expel(&self, peer: &str, why: Ended) {
        if let Some(admissions) = &self.admissions {
            admissions.expel(peer, why);
        }
    }
}

/// One connection attempt and, if it succeeds, the tab's whole life.
struct Attempt {
    shared: Arc<Rendezvous>,
    id: u64,
    key: Key,
    signal: mpsc::Sender<ClientMessage>,
    stay: Stay,
}

impl Attempt {
    async fn run(self, offer: String, mut inputs: mpsc::Receiver<Input>) {
        let (peer, mut events) = match self.shared.peers.make(self.id).await {
            Ok(made) => made,
            Err(error) => {
                tracing::error!(%error, "no data channel can be made; are the ICE ports free?");
                return self.say(Relay::Bye { reason: "the gateway has no free port".to_owned() }).await;
            }
        };
        let joining = tokio::time::timeout(
            PeerConfig::JOIN_DEADLINE,
            self.join(&peer, offer, &mut inputs, &mut events),
        );
        match joining.await {
            Ok(Ok(())) => self.live(&peer, &mut inputs, &mut events).await,
            Ok(Err(reason)) => tracing::info!(peer = self.key.0, reason, "tab did not join"),
            Err(_) => {
                tracing::info!(peer = self.key.0, "tab did not join: no data channel before the deadline");
                self.say(Relay::Bye { reason: "the data channel did not open in time".to_owned() }).await;
            }
        }
        peer.close().await;
    }

    /// Answers the offer and waits for the channel.
    async fn join(
        &self,
        peer: &Peer,
        offer: String,
        inputs: &mut mpsc::Receiver<Input>,
        events: &mut mpsc::Receiver<PeerEvent>,
    ) -> Result<(), String> {
        self.answer(peer, offer).await?;
        loop {
            tokio::select! {
                event = peer.next() => match event {
                    ChannelEvent::Open => return Ok(()),
                    ChannelEvent::Message(_) => return Err("message before the channel was open".to_owned()),
                    ChannelEvent::Closed => return Err("channel closed".to_owned()),
                },
                Some(event) = events.recv() => match event {
                    PeerEvent::Candidate(candidate) => self.say(Relay::Candidate { candidate }).await,
                    PeerEvent::Unsure => {}
                    PeerEvent::Gone => return Err("connection failed".to_owned()),
                },
                input = inputs.recv() => match input {
                    Some(Input::Relay(relay)) => self.relayed(peer, relay).await?,
                    Some(Input::Left) => return Err("tab left".to_owned()),
                    None => return Err("signalling ended".to_owned()),
                },
            }
        }
    }

    /// The tab's life in the pool.
    async fn live(
        &self,
        peer: &Peer,
        inputs: &mut mpsc::Receiver<Input>,
        events: &mut mpsc::Receiver<PeerEvent>,
    ) {
        let config = Config {
            max_incoming_streams: MAX_CALLS,
            max_outgoing_streams: self.shared.limits.tab_concurrency,
            agent: concat!("tabmesh/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..Config::default()
        };
        let watcher: Weak<dyn Watcher> = Arc::downgrade(&(Arc::clone(&self.shared.pool) as Arc<dyn Watcher>));
        let tab = Tab::new(
            self.id,
            self.key.0.clone(),
            self.shared.peers.lane(),
            config,
            Arc::clone(&self.shared.metrics),
            watcher,
            Arc::clone(&self.shared.host),
        );
        self.shared.metrics.joins.inc();
        self.shared.metrics.lanes.of(tab.lane).joined();
        self.shared.pool.add(&tab);
        let receiving = async {
            let receiver = Arc::clone(&tab);
            peer.receive(move |message| receiver.receive(message)).await;
            tab.close("the data channel closed");
        };
        let mut signalled = true;
        let watching = async {
            loop {
                tokio::select! {
                    event = events.recv() => match event {
                        Some(PeerEvent::Candidate(candidate)) => self.say(Relay::Candidate { candidate }).await,
                        Some(PeerEvent::Unsure) => tab.probe(),
                        Some(PeerEvent::Gone) | None => return tab.close("the connection failed"),
                    },
                    input = inputs.recv(), if signalled => match input {
                        Some(Input::Relay(relay)) => {
                            if let Err(reason) = self.relayed(peer, relay).await {
                                return tab.close(&reason);
                            }
                        }
                        Some(Input::Left) => tab.probe(),
                        // The link is gone, the channel is not.
                        None => signalled = false,
                    },
                }
            }
        };
        let staying = async {
            let why = self.stay.ended(&self.key.0).await;
            // No request is given to it any more; those that it has it may finish.
            self.shared.pool.remove(tab.id);
            let _ = tokio::time::timeout(FAREWELL, tab.idle()).await;
            tab.close(why);
        };
        tokio::select! {
            () = tab.run(peer) => {}
            () = receiving => {}
            () = watching => {}
            () = staying => {}
        }
        tab.close("the connection ended");
        self.shared.pool.remove(tab.id);
    }

    async fn relayed(&self, peer: &Peer, relay: Relay) -> Result<(), String> {
        match relay {
            Relay::Offer { sdp } => self.answer(peer, sdp).await,
            Relay::Candidate { candidate } => {
                peer.add_candidate(candidate).await;
                Ok(())
            }
            Relay::Bye { reason } => Err(format!("the tab said goodbye: {}", reason.escape_debug())),
            Relay::Answer { .. } => Err("a tab does not answer".to_owned()),
        }
    }

    async fn answer(&self, peer: &Peer, offer: String) -> Result<(), String> {
        let sdp = peer.answer(offer).await.map_err(|error| format!("offer not acceptable: {error}"))?;
        self.say(Relay::Answer { sdp }).await;
        Ok(())
    }

    async fn say(&self, relay: Relay) {
        let (to, session) = self.key.clone();
        // Without a link the tab will notice by itself.
        let _ = self.signal.send(ClientMessage::Relay { to, session, relay }).await;
    }
}
