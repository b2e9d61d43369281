//! The registry behind a lock, with a clock, fresh peer ids and a queue for each connection. Makes no rule of its own
//! but one: a connection whose queue overruns is closed. Never awaits while it holds the lock.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use tabmesh_protocol::signal::{ClientMessage, Role, ServerMessage, SignalErrorCode};
use tokio::sync::{Notify, mpsc, watch};

use crate::{
    config::{HubConfig, Queues, Timing},
    link::{self, Join, Link},
    metrics::Metrics,
    origin::Origins,
    outbox::{Inbox, Outbox, Outgoing, outbox},
    registry::{ConnId, Input, Output, Registry, Trust},
};

/// The rendezvous as sockets and local members use it.
#[derive(Debug)]
pub struct Hub {
    state: Mutex<State>,
    started: Instant,
    next_conn: AtomicU64,
    metrics: Metrics,
    origins: Origins,
    timing: Timing,
    queues: Queues,
    /// Sockets whose pump still runs.
    sockets: watch::Sender<usize>,
}

#[derive(Debug)]
struct State {
    registry: Registry,
    outboxes: HashMap<ConnId, Outbox>,
}

impl Hub {
    /// An empty rendezvous.
    #[must_use]
    pub fn new(config: HubConfig) -> Arc<Self> {
        let HubConfig { policy, origins, timing, queues } = config;
        Arc::new(Self {
            state: Mutex::new(State { registry: Registry::new(policy), outboxes: HashMap::new() }),
            started: Instant::now(),
            next_conn: AtomicU64::new(0),
            metrics: Metrics::default(),
            origins,
            timing,
            queues,
            sockets: watch::Sender::new(0),
        })
    }

    /// Joins `pool` as a member in this process: trusted for the role, with no allowance and no bound on members. Must
    /// be called within a tokio runtime. The first message is `Joined`, or an `Error` (bad pool name, shutdown). A
    /// local member that lets more than [`Queues::gateway`] bytes wait is dropped: `rx` ends and it must attach again.
    pub fn attach_local(self: &Arc<Self>, role: Role, pool: &str) -> Link {
        let (link, from_member, to_member) = link::pair();
        let (conn, inbox, _) = self.connect(Trust::Local);
        let join = Join { role, pool: pool.to_owned(), token: None };
        self.input(conn, Input::Message { message: join.into_message(), bytes: 0 });
        let hub = Arc::clone(self);
        tokio::spawn(async move {
            // Both directions at once: a member that only writes must not keep the other one from moving.
            tokio::select! {
                () = hub.pump_in(conn, from_member) => {}
                () = pump_out(inbox, to_member) => {}
            }
            hub.disconnect(conn);
        });
        link
    }

    /// What a tab of this pool showed when it joined; `None` if there is no such tab (any more).
    #[must_use]
    pub fn shown(&self, pool: &str, peer_id: &str) -> Option<String> {
        self.lock().registry.shown(pool, peer_id).map(str::to_owned)
    }

    /// Ends a tab's membership, as if it asked to join now and might not. Nothing happens if there is no such tab.
    pub fn expel(&self, pool: &str, peer_id: &str, reason: &str) {
        let mut state = self.lock();
        if let Some(conn) = state.registry.tab(pool, peer_id) {
            let code = SignalErrorCode::Forbidden;
            self.step(&mut state, conn, Input::Refuse { code, reason: reason.to_owned() });
        }
    }

    /// Tells every member that the server goes away and closes it; later connections are refused. Then see
    /// [`Hub::drained`].
    pub fn shutdown(&self) {
        let mut state = self.lock();
        let outputs = state.registry.shutdown();
        self.apply(&mut state, outputs);
    }

    /// Waits until no socket is left. Ends within about two [`Timing::close_grace`] after [`Hub::shutdown`].
    pub async fn drained(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        self.sockets.subscribe().wait_for(|&open| open == 0).await.ok();
    }

    /// Counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn timing(&self) -> Timing {
        self.timing
    }

    pub(crate) fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Counts a socket until the guard is dropped.
    pub(crate) fn track(&self) -> Tracked<'_> {
        self.sockets.send_modify(|open| *open += 1);
        Tracked(self)
    }

    /// Opens a connection. If it is refused, the reason and the close are already in the queue.
    pub(crate) fn connect(&self, trust: Trust) -> (ConnId, Inbox, Arc<Notify>) {
        let conn = ConnId(self.next_conn.fetch_add(1, Relaxed));
        let limit = if trust == Trust::Local { self.queues.gateway } else { self.queues.tab };
        let (outbox, inbox, overrun) = outbox(limit);
        let connect = Input::Connect { peer_id: fresh_id(), trust };
        let mut state = self.lock();
        state.outboxes.insert(conn, outbox);
        self.step(&mut state, conn, connect);
        (conn, inbox, overrun)
    }

    /// Hands `input` of `conn` to the registry and queues what follows. `false` once `conn` is closed: the rest of
    /// what it says is not worth reading.
    pub(crate) fn input(&self, conn: ConnId, input: Input) -> bool {
        let mut state = self.lock();
        self.step(&mut state, conn, input);
        state.outboxes.contains_key(&conn)
    }

    /// Text that came in on `conn`; as [`Hub::input`].
    pub(crate) fn text(&self, conn: ConnId, text: &str) -> bool {
        let input = match serde_json::from_str::<ClientMessage>(text) {
            Ok(message) => Input::Message { message, bytes: text.len() },
            Err(error) => {
                // The error may quote the text, and the close must not be lost to a long reason.
                let reason = format!("not a signalling message: {error}").chars().take(200).collect();
                Input::Refuse { code: SignalErrorCode::Malformed, reason }
            }
        };
        self.input(conn, input)
    }

    /// Closes `conn` for a fault that the shell found.
    pub(crate) fn refuse(&self, conn: ConnId, code: SignalErrorCode, reason: &str) {
        self.input(conn, Input::Refuse { code, reason: reason.to_owned() });
    }

    /// `conn` is gone.
    pub(crate) fn disconnect(&self, conn: ConnId) {
        let mut state = self.lock();
        self.step(&mut state, conn, Input::Disconnect);
        state.outboxes.remove(&conn);
    }

    async fn pump_in(&self, conn: ConnId, mut from_member: mpsc::Receiver<ClientMessage>) {
        while let Some(message) = from_member.recv().await {
            if !self.input(conn, Input::Message { message, bytes: 0 }) {
                // `pump_out` ends this member once it has told why.
                std::future::pending::<()>().await;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic elsewhere cannot leave the registry half changed in a way that matters more than staying up.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, state: &mut State, conn: ConnId, input: Input) {
        let outputs = state.registry.handle(conn, input, self.started.elapsed());
        self.apply(state, outputs);
    }

    /// Queues `outputs`. A queue that overruns removes its connection, which makes outputs of its own; that ends
    /// because each round removes one.
    fn apply(&self, state: &mut State, outputs: Vec<Output>) {
        let mut outputs = VecDeque::from(outputs);
        while let Some(output) = outputs.pop_front() {
            match output {
                Output::Send { to, message } => {
                    let joined_as_gateway = matches!(message, ServerMessage::Joined { .. })
                        && state.registry.role(to) == Some(Role::Gateway);
                    let Some(outbox) = state.outboxes.get_mut(&to) else { continue };
                    if joined_as_gateway {
                        outbox.set_limit(self.queues.gateway);
                    }
                    self.count(&message);
                    if outbox.push(message).is_err() {
                        tracing::warn!(conn = to.0, "slow reader dropped");
                        self.metrics.count_error(SignalErrorCode::TooSlow);
                        state.outboxes.remove(&to);
                        let now = self.started.elapsed();
                        outputs.extend(state.registry.handle(to, Input::Disconnect, now));
                    }
                }
                Output::Close { conn, code } => {
                    tracing::debug!(conn = conn.0, code = code.as_str(), "closed");
                    if let Some(outbox) = state.outboxes.remove(&conn) {
                        outbox.close(code);
                    }
                }
            }
        }
        let registry = &state.registry;
        let gauge = |gauge: &AtomicU64, value: usize| gauge.store(value as u64, Relaxed);
        gauge(&self.metrics.connections, registry.connections());
        gauge(&self.metrics.tabs, registry.members(Role::Tab));
        gauge(&self.metrics.gateways, registry.members(Role::Gateway));
    }

    fn count(&self, message: &ServerMessage) {
        match message {
            ServerMessage::Joined { id, .. } => {
                tracing::debug!(peer = id, "joined");
                self.metrics.joins.fetch_add(1, Relaxed);
            }
            ServerMessage::Relay { .. } => {
                self.metrics.relays.fetch_add(1, Relaxed);
            }
            ServerMessage::Error { code, .. } => self.metrics.count_error(*code),
            ServerMessage::PeerJoined { .. } | ServerMessage::PeerLeft { .. } => {}
        }
    }
}

async fn pump_out(mut inbox: Inbox, to_member: mpsc::Sender<ServerMessage>) {
    while let Some(Outgoing::Message(message)) = inbox.recv().await {
        if to_member.send(message).await.is_err() {
            return;
        }
    }
}

/// See [`Hub::track`].
#[derive(Debug)]
pub(crate) struct Tracked<'a>(&'a Hub);

impl Drop for Tracked<'_> {
    fn drop(&mut self) {
        self.0.sockets.send_modify(|open| *open -= 1);
    }
}

/// A peer id: 64 random bits in hex. Unique also across restarts, so that a stale id names nobody.
fn fresh_id() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system's random source works once the machine is up");
    hex::encode(bytes)
}
