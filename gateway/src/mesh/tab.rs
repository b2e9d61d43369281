//! One joined tab: a protocol session, its exchanges, and the loop that sends for it.
//!
//! Any task may use a [`Tab`]; its state is behind one short-held lock, never across an await. What carries the
//! messages is a [`Transport`]; the tab does not know which. After [`Tab::close`] every exchange has failed and
//! nothing more happens.

mod dispatch;

use super::console::{Console, Loose};
use super::exchange::{Ends, Exchange, Failure, Receivers};
use super::incoming::{self, AFTERWARDS, Host, Recent};
use super::memory::Memory;
use crate::metrics::{Carried, Lane, Metrics};
use crate::telemetry::{Record, Sight};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};
use tabmesh_protocol::config::MAX_MESSAGE;
use tabmesh_protocol::{
    Config, RequestHead, ResetCode, ResponseHead, Role, SendError, Session, StreamId, Violation,
};
use tokio::sync::Notify;

/// Number of a tab in this process; never used again.
pub type TabId = u64;

/// Ended streams whose console is remembered for late lines: some seconds of a busy tab.
const REMEMBERED_STREAMS: usize = 1024;

/// How often a tab that shall go is asked whether it still has requests.
const IDLE_LOOK: Duration = Duration::from_millis(50);

/// What carries a session's messages, in order and reliably.
#[async_trait::async_trait]
pub trait Transport: Send + Sync {
    /// Size that messages full of bodies should have, in bytes.
    fn message_size(&self) -> usize {
        MAX_MESSAGE
    }

    /// Sends one message, waiting while the transport's buffer is full; false once the transport is closed.
    async fn send(&self, message: Vec<u8>) -> bool;
}

/// Somebody who waits for tabs that take streams: the pool.
pub trait Watcher: Send + Sync {
    /// This tab takes streams and took none before. Called under the tab's lock: may ask the tab no more than
    /// [`Tab::is_ready`], [`Tab::capacity`] and [`Tab::serves`].
    fn ready(&self, id: TabId);
}

/// One joined tab. See the module's page.
pub struct Tab {
    /// Its number.
    pub id: TabId,
    /// Its id at the signalling server, for logs.
    pub peer: String,
    /// How it is carried.
    pub lane: Lane,
    /// What went over it.
    pub carried: Carried,
    /// When it joined.
    pub since: SystemTime,
    epoch: Instant,
    state: Mutex<State>,
    /// Something waits to be sent, or the state changed so that the send loop must look.
    outbox: Notify,
    ready: AtomicBool,
    closed: AtomicBool,
    /// What it said in its hello: streams at once, and the tenants that it serves.
    capacity: AtomicUsize,
    tenants: OnceLock<Vec<String>>,
    /// Streams at once as far as we are concerned.
    max_streams: u32,
    metrics: Arc<Metrics>,
    watcher: Weak<dyn Watcher>,
    host: Arc<dyn Host>,
}

struct State {
    session: Session,
    exchanges: HashMap<StreamId, Exchange>,
    /// The streams that ended last: handlers go on logging after their answer.
    ended: VecDeque<Past>,
    /// Records that are over, until nobody waits for the lock.
    over: Vec<Arc<Record>>,
    /// The tab says of each request when it is done with it.
    tells_costs: bool,
    loose: Loose,
    /// Calls of handlers that are being served.
    calls: HashMap<StreamId, incoming::Ends>,
    recent: Recent,
    memory: Memory,
}

/// A stream that ended.
struct Past {
    id: StreamId,
    console: Console,
    at: Instant,
}

impl State {
    /// Takes an exchange out of the books; its console stays.
    fn end(&mut self, id: StreamId) -> Option<Ends> {
        let Exchange { ends, mut console, limits, .. } = self.exchanges.remove(&id)?;
        let now = Instant::now();
        self.recent.ended(console.labels.clone(), limits, now);
        if !self.tells_costs {
            console.let_go();
        }
        if self.ended.len() >= REMEMBERED_STREAMS {
            self.ended.pop_front();
        }
        self.ended.push_back(Past { id, console, at: now });
        Some(ends)
    }

    fn console(&mut self, id: StreamId) -> Option<&mut Console> {
        match self.exchanges.get_mut(&id) {
            Some(exchange) => Some(&mut exchange.console),
            None => self.ended.iter_mut().rev().find(|past| past.id == id).map(|past| &mut past.console),
        }
    }

    /// Waits no more for a tab's word on requests that ended long ago.
    fn let_go(&mut self, now: Instant) {
        for past in self.ended.iter_mut().take_while(|past| now.duration_since(past.at) >= AFTERWARDS) {
            past.console.let_go();
        }
    }
}

impl Tab {
    /// A tab whose transport has just opened.
    #[must_use]
    pub fn new(
        id: TabId,
        peer: String,
        lane: Lane,
        config: Config,
        metrics: Arc<Metrics>,
        watcher: Weak<dyn Watcher>,
        host: Arc<dyn Host>,
    ) -> Arc<Self> {
        let max_streams = config.max_outgoing_streams;
        Arc::new(Self {
            id,
            peer,
            lane,
            carried: Carried::default(),
            since: SystemTime::now(),
            epoch: Instant::now(),
            state: Mutex::new(State {
                session: Session::new(Role::Gateway, config, Duration::ZERO),
                exchanges: HashMap::new(),
                ended: VecDeque::new(),
                over: Vec::new(),
                tells_costs: false,
                loose: Loose::new(),
                calls: HashMap::new(),
                recent: Recent::default(),
                memory: Memory::default(),
            }),
            outbox: Notify::new(),
            ready: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            capacity: AtomicUsize::new(0),
            tenants: OnceLock::new(),
            max_streams,
            metrics,
            watcher,
            host,
        })
    }

    /// Whether a stream may be opened now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Streams that may be open at once; 0 before the tab's hello.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity.load(Ordering::Acquire)
    }

    /// Whether the tab takes requests of this tenant.
    #[must_use]
    pub fn serves(&self, tenant: &str) -> bool {
        let named = |tenants: &Vec<String>| tenants.is_empty() || tenants.iter().any(|name| name == tenant);
        self.tenants.get().is_some_and(named)
    }

    /// Whether [`Tab::close`] has happened.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Opens a stream, behind the version's `code` where it is given; `fin` when no body follows.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent but perhaps the code.
    pub(super) fn open(
        &self,
        head: &RequestHead,
        sight: &Sight,
        code: Option<&Bytes>,
        fin: bool,
    ) -> Result<(StreamId, Receivers), SendError> {
        let mut state = self.lock();
        if self.is_closed() {
            return Err(SendError::NotAccepting);
        }
        if code.is_some_and(|code| state.session.push_code(&head.target.version, code)) {
            self.metrics.code_pushes.inc();
        }
        let id = state.session.open(head, fin)?;
        let (exchange, receivers) = Exchange::new(head, sight.clone());
        self.counts(Carried::requested);
        state.exchanges.insert(id, exchange);
        self.after(state);
        Ok((id, receivers))
    }

    /// Body bytes that the stream's send buffer has room for; `None` once the peer takes no more.
    pub(super) fn room(&self, id: StreamId) -> Option<usize> {
        let mut state = self.lock();
        state.session.takes_body(id).then(|| state.session.room(id))
    }

    /// Queues body bytes; false once the peer takes no more.
    pub(super) fn send(&self, id: StreamId, data: Bytes, fin: bool) -> bool {
        let mut state = self.lock();
        let sent = state.session.send(id, data, fin).is_ok();
        self.after(state);
        sent
    }

    pub(super) fn consumed(&self, id: StreamId, bytes: usize) {
        let mut state = self.lock();
        let now = self.epoch.elapsed();
        state.session.consumed(now, id, bytes);
        self.after(state);
    }

    /// The caller lost interest.
    pub(super) fn cancel(&self, id: StreamId, code: ResetCode) {
        let mut state = self.lock();
        if let Some(ends) = state.end(id) {
            ends.writable.notify_one();
        }
        let now = self.epoch.elapsed();
        state.session.reset(now, id, code, "");
        self.after(state);
    }

    /// Answers a call of a handler; `fin` when no body follows.
    ///
    /// # Errors
    /// A sentence for the handler; nothing was sent. Not where the tab wants no answer any more.
    pub(super) fn respond(&self, id: StreamId, head: &ResponseHead, fin: bool) -> Result<(), String> {
        let mut state = self.lock();
        let sent = state.session.respond(id, head, fin);
        self.after(state);
        match sent {
            Err(error @ SendError::Head(_)) => Err(format!("The response cannot be passed on: {error}")),
            _ => Ok(()),
        }
    }

    /// Ends a call of a handler with a sentence for it.
    pub(super) fn refuse(&self, id: StreamId, code: ResetCode, reason: &str) {
        let mut state = self.lock();
        state.session.reset(self.epoch.elapsed(), id, code, reason);
        self.after(state);
    }

    /// A call is served no more; `answered` in whole or not.
    pub(super) fn call_ended(&self, id: StreamId, answered: bool) {
        let mut state = self.lock();
        state.calls.remove(&id);
        let now = self.epoch.elapsed();
        if answered {
            // What is left is at most a request body that nobody reads.
            state.session.stop(now, id);
        } else {
            state.session.reset(now, id, ResetCode::Cancelled, "the gateway broke the call off");
        }
        self.after(state);
    }

    /// Tells the tab that this gateway is going away (it opens no new streams).
    pub fn say_draining(&self) {
        let mut state = self.lock();
        state.session.set_draining(true);
        self.after(state);
    }

    /// Resolves when it has no request any more. One that is sent it later is not waited for.
    pub async fn idle(&self) {
        while !self.lock().exchanges.is_empty() {
            tokio::time::sleep(IDLE_LOOK).await;
        }
    }

    /// Something hints that the tab is gone: it must show a sign of life soon.
    pub fn probe(&self) {
        let mut state = self.lock();
        state.session.probe(self.epoch.elapsed());
        self.after(state);
    }

    /// A message came from the transport. On a violation the tab closes; no other tab notices.
    pub fn receive(self: &Arc<Self>, message: Bytes) {
        if self.is_closed() {
            return;
        }
        let bytes = message.len();
        self.counts(|it| it.received(bytes));
        let mut state = self.lock();
        let handled = state.session.handle_message(self.epoch.elapsed(), message);
        let dispatched = self.dispatch(&mut state);
        self.after(state);
        if let Err(violation) = handled.and(dispatched) {
            self.violated(&violation);
        }
    }

    /// Sends what waits and watches the clock until the tab is closed, from either side.
    pub async fn run(self: &Arc<Self>, transport: &dyn Transport) {
        while !self.is_closed() {
            let (message, deadline) = {
                let mut state = self.lock();
                let message = state.session.poll_transmit_within(transport.message_size());
                // Sending makes room, which is an event, and may end a stream.
                let dispatched = self.dispatch(&mut state);
                self.tell_readiness(&state);
                let deadline = self.epoch + state.session.poll_timeout();
                let over = std::mem::take(&mut state.over);
                drop(state);
                drop(over);
                if let Err(violation) = dispatched {
                    self.violated(&violation);
                }
                (message, deadline)
            };
            if let Some(message) = message {
                let bytes = message.len();
                self.counts(|it| it.sent(bytes));
                if !transport.send(message).await {
                    self.close("the data channel closed");
                }
                continue;
            }
            tokio::select! {
                () = self.outbox.notified() => {}
                () = tokio::time::sleep_until(deadline.into()) => {
                    let mut state = self.lock();
                    state.let_go(Instant::now());
                    let result = state.session.handle_timeout(self.epoch.elapsed());
                    drop(state);
                    if let Err(violation) = result {
                        self.violated(&violation);
                    }
                }
            }
        }
    }

    /// Ends the tab: every exchange fails, no new one starts.
    pub fn close(self: &Arc<Self>, reason: &str) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        tracing::info!(tab = self.id, peer = self.peer, reason, "tab left");
        self.ready.store(false, Ordering::Release);
        let (exchanges, calls) = {
            let mut state = self.lock();
            state.ended.clear();
            (std::mem::take(&mut state.exchanges), std::mem::take(&mut state.calls))
        };
        // Each ends the task that serves it.
        drop(calls);
        exchanges.into_values().for_each(|exchange| exchange.ends.fail(Failure::TabLost));
        self.outbox.notify_one();
    }

    /// Counts something for this tab and its lane.
    fn counts(&self, add: impl Fn(&Carried)) {
        add(&self.carried);
        add(self.metrics.lanes.of(self.lane));
    }

    fn violated(self: &Arc<Self>, violation: &Violation) {
        if *violation != Violation::Silent {
            self.metrics.violations.inc();
            tracing::warn!(tab = self.id, peer = self.peer, %violation, "tab broke the protocol");
        }
        self.close(&violation.to_string());
    }

    /// Locks the state. A panic elsewhere under the lock leaves plain data, which stays usable.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After every use of the session: wakes the send loop if there is something to send, and tells the pool if streams
    /// may be opened again.
    fn after(&self, mut state: MutexGuard<'_, State>) {
        self.tell_readiness(&state);
        let wake = state.session.wants_transmit();
        let over = std::mem::take(&mut state.over);
        drop(state);
        drop(over);
        if wake {
            self.outbox.notify_one();
        }
    }

    fn tell_readiness(&self, state: &State) {
        let ready = !self.is_closed() && state.session.accepting();
        if self.ready.swap(ready, Ordering::AcqRel) != ready
            && ready
            && let Some(watcher) = self.watcher.upgrade()
        {
            watcher.ready(self.id);
        }
    }
}
