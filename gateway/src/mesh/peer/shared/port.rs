//! The sockets of one thread, the peers behind them, and the one task that reads for all of these.
//!
//! That task takes a batch of datagrams, hands each to its peer, and then lets each peer that got some say what it has to say:
//! messages in, acknowledgements out. What is sent goes straight from the sender's task to the socket, so neither way wakes a
//! task in between. Of locks, a link's is taken first, then those of routes, timers and sockets, one at a time.

use super::link::{Link, Sink};
use super::routes::Routes;
use super::socket::{Room, Socket};
use super::stun;
use super::timers::Timers;
use bytes::{Bytes, BytesMut};
use rtc::shared::TaggedBytesMut;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep_until};

/// Longest sleep of a port without peers.
const LONG: Duration = Duration::from_secs(3600);

/// See the module's page.
pub(super) struct Port {
    sockets: Vec<Socket>,
    routes: Mutex<Routes<Arc<Slot>>>,
    timers: Mutex<Timers<Arc<Slot>>>,
    /// The first timer is earlier than it was, or a backlog began.
    changed: Notify,
    tabs: AtomicUsize,
    pub(super) epoch: Instant,
}

/// One peer's place.
pub(super) struct Slot(Mutex<Link>);

/// What the reading task uses again and again.
#[derive(Default)]
struct Desk {
    room: Room,
    /// A batch, and those that got some of it.
    batch: Vec<(Arc<Slot>, SocketAddr, SocketAddr, BytesMut)>,
    touched: Vec<Arc<Slot>>,
    messages: Vec<(Sink, Bytes)>,
    /// The batch's number.
    turn: u64,
}

impl Slot {
    pub(super) fn new(link: Link) -> Arc<Self> {
        Arc::new(Self(Mutex::new(link)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Link> {
        // A link's own panics are caught before they reach the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Port {
    /// Opens a socket at each address, all at this port (0: any), on the runtime we run on. An address that is not there is left
    /// out.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub(super) fn bind(addrs: &[IpAddr], port: u16) -> io::Result<Arc<Self>> {
        let (mut sockets, mut failed) = (Vec::new(), None);
        for ip in addrs {
            match Socket::bind(SocketAddr::new(*ip, port)) {
                Ok(socket) => sockets.push(socket),
                Err(error) => failed = Some(error),
            }
        }
        if let (true, Some(error)) = (sockets.is_empty(), failed) {
            return Err(error);
        }
        Ok(Arc::new(Self {
            sockets,
            routes: Mutex::new(Routes::default()),
            timers: Mutex::default(),
            changed: Notify::new(),
            tabs: AtomicUsize::new(0),
            epoch: Instant::now(),
        }))
    }

    /// The addresses of its sockets.
    pub(super) fn locals(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(Socket::local)
    }

    /// One tab more.
    pub(super) fn enter(&self) {
        let tabs = self.tabs.fetch_add(1, Ordering::Relaxed) + 1;
        if tabs > 1 && tabs.is_power_of_two() {
            // The next so many are in.
            self.sockets.iter().for_each(|socket| socket.make_room(2 * tabs));
        }
    }

    /// One less.
    pub(super) fn leave(&self) {
        self.tabs.fetch_sub(1, Ordering::Relaxed);
    }

    /// Checks that name `name` are this peer's.
    pub(super) fn name(&self, slot: &Arc<Slot>, link: &mut Link, name: &str) {
        lock(&self.routes).name(&mut link.known, name, slot);
    }

    /// Nothing is this peer's any more.
    pub(super) fn forget(&self, link: &mut Link) {
        lock(&self.routes).forget(&mut link.known);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.routes).is_empty()
    }

    /// Sends what the link has to send. After every use of a link, as is [`Port::schedule`].
    pub(super) fn flush(&self, slot: &Arc<Slot>, link: &mut Link, now: Instant) {
        // Most have one datagram to send, or none.
        let mut datagrams: Vec<TaggedBytesMut> = Vec::new();
        while let Some(datagram) = link.transmit(now) {
            let way = (datagram.transport.local_addr, datagram.transport.peer_addr);
            if let Some(check) = stun::asks(&datagram.message) {
                lock(&self.routes).asks(&mut link.known, &way, check, slot);
            } else if stun::is_success(&datagram.message) {
                lock(&self.routes).proved(&mut link.known, way, slot);
            }
            if let Some(first) = datagrams.first()
                && (first.transport.local_addr, first.transport.peer_addr) != way
            {
                self.send(&datagrams);
                datagrams.clear();
            }
            datagrams.push(datagram);
        }
        self.send(&datagrams);
    }

    fn send(&self, datagrams: &[TaggedBytesMut]) {
        let Some(from) = datagrams.first().map(|first| first.transport.local_addr) else { return };
        if let Some(socket) = self.sockets.iter().find(|socket| socket.owns(from))
            && socket.send(datagrams)
        {
            self.changed.notify_one();
        }
    }

    /// Sees that a link gets the clock in time.
    pub(super) fn schedule(&self, slot: &Arc<Slot>, link: &mut Link, now: Instant) {
        let Some(at) = link.wants(now) else { return };
        if link.armed.is_none_or(|armed| at < armed) {
            link.armed = Some(at);
            if lock(&self.timers).add(at, Arc::clone(slot)) {
                self.changed.notify_one();
            }
        }
    }

    /// The reading task. Never ends by itself.
    pub(super) async fn run(self: Arc<Self>) {
        let mut desk = Desk::default();
        let sleep = sleep_until((Instant::now() + LONG).into());
        tokio::pin!(sleep);
        loop {
            if self.turn(&mut desk) {
                // More may be there; others want the thread, too.
                tokio::task::yield_now().await;
                continue;
            }
            self.wait(sleep.as_mut()).await;
        }
    }

    /// Until something can be read or sent, or a timer's time comes.
    async fn wait(&self, mut sleep: std::pin::Pin<&mut Sleep>) {
        let changed = self.changed.notified();
        tokio::pin!(changed);
        poll_fn(|cx| {
            if changed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let next = lock(&self.timers).next().unwrap_or_else(|| Instant::now() + LONG);
            if sleep.deadline() != next.into() {
                sleep.as_mut().reset(next.into());
            }
            if sleep.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut ready = Poll::Pending;
            for socket in &self.sockets {
                if socket.poll_readable(cx).is_ready() || socket.poll_backlog(cx).is_ready() {
                    ready = Poll::Ready(());
                }
            }
            ready
        })
        .await;
    }

    /// One batch of each socket and the timers that are due; whether there may be more.
    fn turn(&self, desk: &mut Desk) -> bool {
        let mut more = false;
        for socket in &self.sockets {
            socket.send_backlog();
            let routes = lock(&self.routes);
            let Desk { room, batch, .. } = desk;
            more |= socket.receive(room, |local, from, datagram| {
                if let Some(slot) = routes.of(&(local, from), datagram) {
                    batch.push((Arc::clone(slot), local, from, datagram.into()));
                }
            });
            drop(routes);
        }
        let now = Instant::now();
        desk.turn += 1;
        for (slot, local, from, datagram) in desk.batch.drain(..) {
            let mut link = slot.lock();
            if stun::is_success(&datagram) && !link.is_over() {
                lock(&self.routes).proved(&mut link.known, (local, from), &slot);
            }
            link.datagram(now, local, from, datagram);
            if std::mem::replace(&mut link.touched, desk.turn) != desk.turn {
                drop(link);
                desk.touched.push(slot);
            }
        }
        loop {
            let Some(due) = lock(&self.timers).take(now) else { break };
            let mut link = due.peer.lock();
            // Else it was armed for an earlier time since.
            if link.armed != Some(due.at) {
                continue;
            }
            link.armed = None;
            if link.wants(now).is_some_and(|at| at > now) {
                self.schedule(&due.peer, &mut link, now);
                continue;
            }
            link.tick(now);
            if std::mem::replace(&mut link.touched, desk.turn) != desk.turn {
                drop(link);
                desk.touched.push(due.peer);
            }
        }
        for slot in desk.touched.drain(..) {
            let mut link = slot.lock();
            link.drain(&mut desk.messages);
            self.flush(&slot, &mut link, now);
            if link.may_want_sooner(now) {
                self.schedule(&slot, &mut link, now);
            }
            drop(link);
            // What a tab's owner does wrong must not end the others' either.
            let messages = desk.messages.drain(..);
            let handed = || messages.for_each(|(sink, message)| sink(message));
            if catch_unwind(AssertUnwindSafe(handed)).is_err() {
                slot.lock().end();
            }
        }
        more
    }
}
