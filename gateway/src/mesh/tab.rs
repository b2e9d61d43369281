//! One joined tab: a protocol session, its exchanges, and the loop that sends for it.
//!
//! Any task may use a [`Tab`]; its state is behind one short-held lock, never across an await. What carries the
//! messages is a [`Transport`]; the tab does not know which. After [`Tab::close`] every exchange has failed and
//! nothing more happens.

use super::exchange::{Exchange, Failure, Labels, Piece, Receivers, log_line};
use crate::metrics::Metrics;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tabmesh_protocol::{
    Config, Event, RequestHead, ResetCode, Role, SendError, Session, StreamId, Violation,
};
use tokio::sync::Notify;

/// Number of a tab in this process; never used again.
pub type TabId = u64;

/// Ended streams whose handler and request are remembered for late console lines: some seconds of a busy tab.
const REMEMBERED_STREAMS: usize = 1024;

/// What carries a session's messages, in order and reliably.
#[async_trait::async_trait]
pub trait Transport: Send + Sync {
    /// Sends one message, waiting while the transport's buffer is full; false once the transport is closed.
    async fn send(&self, message: Vec<u8>) -> bool;
}

/// Somebody who waits for tabs that take streams: the pool.
pub trait Watcher: Send + Sync {
    /// A tab takes streams that took none before. Called under the tab's lock: must not use the tab.
    fn ready(&self);
}

/// One joined tab. See the module's page.
pub struct Tab {
    /// Its number.
    pub id: TabId,
    /// Its id at the signalling server, for logs.
    pub peer: String,
    epoch: Instant,
    state: Mutex<State>,
    /// Something waits to be sent, or the state changed so that the send loop must look.
    outbox: Notify,
    ready: AtomicBool,
    closed: AtomicBool,
    metrics: Arc<Metrics>,
    watcher: Weak<dyn Watcher>,
}

struct State {
    session: Session,
    exchanges: HashMap<StreamId, Exchange>,
    /// Whose the streams were that ended last: handlers go on logging after their answer.
    ended: VecDeque<(StreamId, Labels)>,
}

impl State {
    /// Takes an exchange out of the books.
    fn end(&mut self, id: StreamId) -> Option<Exchange> {
        let exchange = self.exchanges.remove(&id)?;
        if self.ended.len() >= REMEMBERED_STREAMS {
            self.ended.pop_front();
        }
        self.ended.push_back((id, exchange.labels.clone()));
        Some(exchange)
    }

    fn labels(&self, id: StreamId) -> Option<&Labels> {
        let ended = || self.ended.iter().rev().find(|(ended, _)| *ended == id).map(|(_, labels)| labels);
        self.exchanges.get(&id).map(|exchange| &exchange.labels).or_else(ended)
    }
}

impl Tab {
    /// A tab whose transport has just opened.
    #[must_use]
    pub fn new(
        id: TabId,
        peer: String,
        config: Config,
        metrics: Arc<Metrics>,
        watcher: Weak<dyn Watcher>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            peer,
            epoch: Instant::now(),
            state: Mutex::new(State {
                session: Session::new(Role::Gateway, config, Duration::ZERO),
                exchanges: HashMap::new(),
                ended: VecDeque::new(),
            }),
            outbox: Notify::new(),
            ready: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            metrics,
            watcher,
        })
    }

    /// Whether a stream may be opened now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Whether [`Tab::close`] has happened.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Opens a stream; `fin` when no body follows.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent.
    pub(super) fn open(&self, head: &RequestHead, fin: bool) -> Result<(StreamId, Receivers), SendError> {
        let mut state = self.lock();
        if self.is_closed() {
            return Err(SendError::NotAccepting);
        }
        let id = state.session.open(head, fin)?;
        let (exchange, receivers) = Exchange::new(head);
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
        if let Some(exchange) = state.end(id) {
            exchange.writable.notify_one();
        }
        let now = self.epoch.elapsed();
        state.session.reset(now, id, code, "");
        self.after(state);
    }

    /// Tells the tab that this gateway is going away (it opens no new streams).
    pub fn say_draining(&self) {
        let mut state = self.lock();
        state.session.set_draining(true);
        self.after(state);
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
        let mut state = self.lock();
        let result = state.session.handle_message(self.epoch.elapsed(), message);
        self.dispatch(&mut state);
        self.after(state);
        if let Err(violation) = result {
            self.violated(&violation);
        }
    }

    /// Sends what waits and watches the clock until the tab is closed, from either side.
    pub async fn run(self: &Arc<Self>, transport: &dyn Transport) {
        while !self.is_closed() {
            let (message, deadline) = {
                let mut state = self.lock();
                let message = state.session.poll_transmit();
                // Sending makes room, which is an event.
                self.dispatch(&mut state);
                (message, self.epoch + state.session.poll_timeout())
            };
            if let Some(message) = message {
                if !transport.send(message).await {
                    self.close("the data channel closed");
                }
                continue;
            }
            tokio::select! {
                () = self.outbox.notified() => {}
                () = tokio::time::sleep_until(deadline.into()) => {
                    let result = self.lock().session.handle_timeout(self.epoch.elapsed());
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
        let exchanges = std::mem::take(&mut self.lock().exchanges);
        exchanges.into_values().for_each(|exchange| exchange.fail(Failure::TabLost));
        self.outbox.notify_one();
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
    fn after(&self, state: MutexGuard<'_, State>) {
        let ready = !self.is_closed() && state.session.accepting();
        if self.ready.swap(ready, Ordering::AcqRel) != ready
            && ready
            && let Some(watcher) = self.watcher.upgrade()
        {
            watcher.ready();
        }
        let wake = state.session.wants_transmit();
        drop(state);
        if wake {
            self.outbox.notify_one();
        }
    }

    fn dispatch(self: &Arc<Self>, state: &mut State) {
        // Answers go last: whoever wakes by one then finds the body pieces that came with it.
        let mut answers = Vec::new();
        while let Some(event) = state.session.poll_event() {
            match event {
                Event::Ready(hello) => {
                    tracing::info!(tab = self.id, peer = self.peer, agent = hello.agent, "tab joined");
                }
                // `max_incoming_streams` is 0 for tabs: the session refuses before we get here.
                Event::Request { .. } => {}
                Event::Response { id, head, fin } => {
                    if let Some(answer) =
                        state.exchanges.get_mut(&id).and_then(|exchange| exchange.answer.take())
                    {
                        answers.push((answer, head, fin));
                    }
                    if fin {
                        state.end(id);
                    }
                }
                Event::Data { id, data, fin } => {
                    if let Some(exchange) = state.exchanges.get(&id) {
                        let _ = exchange.body.send(Piece::Data(data, fin));
                    }
                    if fin {
                        state.end(id);
                    }
                }
                Event::Reset { id, code, reason } => {
                    if let Some(exchange) = state.end(id) {
                        exchange.fail(Failure::Reset { code, reason });
                    }
                }
                Event::Stopped { id } | Event::Writable { id } => {
                    if let Some(exchange) = state.exchanges.get(&id) {
                        exchange.writable.notify_one();
                    }
                }
                Event::Draining(draining) => {
                    tracing::info!(tab = self.id, draining, "tab changed its mind");
                }
                Event::Log { stream, level, text } => {
                    log_line(self.id, stream.and_then(|id| state.labels(id)), level, &text);
                }
                Event::Pong { load, round_trip } => {
                    self.metrics.round_trip.observe(round_trip.as_secs_f64());
                    tracing::trace!(tab = self.id, ?load, ?round_trip, "pong");
                }
            }
        }
        for (answer, head, fin) in answers {
            let _ = answer.send(Ok((*head, fin)));
        }
    }
}
