//! The live tail: what handlers' requests did, told as it happens to those who listen now. Nothing is kept for later.
//!
//! Who reads too slowly loses events and is told how many; nobody's memory grows, and no request waits. While nobody listens to a
//! handler, its requests look at one number ([`Tail::is_watched`]) and pay no more.

mod event;
mod filter;

pub use event::{Event, Exception, Line, Subject, Told};
pub(crate) use filter::lot;
pub use filter::{BadFilter, Filter};

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tabmesh_protocol::Target;
use tokio::sync::mpsc;

/// Events that wait for one reader.
pub const MAX_WAITING: usize = 256;

/// The same in bytes, about.
pub const MAX_WAITING_BYTES: usize = 4 << 20;

/// Readers of one tenant; as Workers.
pub const MAX_READERS: usize = 10;

/// Readers of all tenants: each costs requests that it watches a look.
pub const MAX_ALL_READERS: usize = 200;

/// Memory of events that are not told yet, over all requests: beyond it their texts are left out.
pub const MAX_UNTOLD: usize = 64 << 20;

/// Who listens. See the module's page.
#[derive(Debug, Default)]
pub struct Tail {
    /// The bits of those who listen ([`bits`]).
    watched: AtomicU64,
    readers: Mutex<Vec<Reader>>,
    next: AtomicU64,
    untold: AtomicUsize,
    /// Events that readers lost, ever.
    dropped: AtomicU64,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Reader {
    id: u64,
    tenant: String,
    handler: Option<String>,
    filter: Filter,
    queue: mpsc::Sender<Told>,
    /// Bytes in the queue.
    waiting: Arc<AtomicUsize>,
    /// Lost since the last event that it got.
    lost: u64,
}

impl Reader {
    fn hears(&self, target: &Target) -> bool {
        self.tenant == target.tenant && self.handler.as_ref().is_none_or(|name| *name == target.handler)
    }

    fn bit(&self) -> u64 {
        bit(&self.tenant, self.handler.as_deref())
    }
}

/// Too many listen already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many live tails are open: {MAX_READERS} a tenant, {MAX_ALL_READERS} in all")]
pub struct TooManyReaders;

/// The bit that stands for readers of a handler, or of a whole tenant. Others may share it.
fn bit(tenant: &str, handler: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (tenant, handler).hash(&mut hasher);
    1 << (hasher.finish() % 64)
}

/// The bits of all who may listen to a handler.
#[must_use]
pub fn bits(target: &Target) -> u64 {
    bit(&target.tenant, None) | bit(&target.tenant, Some(&target.handler))
}

impl Tail {
    /// Nobody listens yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Listens to a handler, or to all of a tenant, from now on. It need not be deployed.
    ///
    /// # Errors
    /// [`TooManyReaders`].
    pub fn subscribe(
        self: &Arc<Self>,
        tenant: &str,
        handler: Option<&str>,
        filter: Filter,
    ) -> Result<Subscription, TooManyReaders> {
        let (queue, events) = mpsc::channel(MAX_WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut readers = self.lock();
        let own = readers.iter().filter(|reader| reader.tenant == tenant).count();
        if own >= MAX_READERS || readers.len() >= MAX_ALL_READERS || self.closed.load(Ordering::Relaxed) {
            return Err(TooManyReaders);
        }
        readers.push(Reader {
            id,
            tenant: tenant.to_owned(),
            handler: handler.map(str::to_owned),
            filter,
            queue,
            waiting: Arc::clone(&waiting),
            lost: 0,
        });
        self.changed(&readers);
        drop(readers);
        Ok(Subscription { tail: Arc::clone(self), id, events, waiting })
    }

    /// Whether somebody may listen to a handler that has these [`bits`].
    #[must_use]
    pub fn is_watched(&self, bits: u64) -> bool {
        self.watched.load(Ordering::Relaxed) & bits != 0
    }

    /// Whether somebody listens to this handler.
    #[must_use]
    pub fn is_heard(&self, target: &Target) -> bool {
        self.lock().iter().any(|reader| reader.hears(target))
    }

    /// Those who listen.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.lock().len()
    }

    /// Events that readers lost because they read too slowly.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Tells an event to all who want it.
    pub fn publish(&self, event: Event) {
        let size = event.size();
        let event = Arc::new(event);
        let mut readers = self.lock();
        for reader in readers.iter_mut().filter(|it| it.hears(&event.target) && it.filter.takes(&event)) {
            let told = Told { event: Arc::clone(&event), dropped: reader.lost };
            let fits = reader.waiting.load(Ordering::Relaxed) + size <= MAX_WAITING_BYTES;
            // Counted first: it may be taken before we look again.
            reader.waiting.fetch_add(size, Ordering::Relaxed);
            if fits && reader.queue.try_send(told).is_ok() {
                reader.lost = 0;
            } else {
                reader.waiting.fetch_sub(size, Ordering::Relaxed);
                reader.lost += 1;
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Ends all who listen; nobody can any more. For the gateway's own end.
    pub fn close(&self) {
        let mut readers = self.lock();
        self.closed.store(true, Ordering::Relaxed);
        readers.clear();
        self.changed(&readers);
    }

    /// Takes room for text that is not told yet; false where there is no more.
    pub(crate) fn reserve(&self, bytes: usize) -> bool {
        let taken = self.untold.fetch_add(bytes, Ordering::Relaxed) + bytes <= MAX_UNTOLD;
        if !taken {
            self.release(bytes);
        }
        taken
    }

    /// Gives room back.
    pub(crate) fn release(&self, bytes: usize) {
        self.untold.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn changed(&self, readers: &[Reader]) {
        self.watched.store(readers.iter().fold(0, |bits, reader| bits | reader.bit()), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who listens. Dropping it ends that.
#[derive(Debug)]
pub struct Subscription {
    tail: Arc<Tail>,
    id: u64,
    events: mpsc::Receiver<Told>,
    waiting: Arc<AtomicUsize>,
}

impl Subscription {
    /// The next event. Waits for ever where none comes; may be dropped and called again.
    pub async fn next(&mut self) -> Option<Told> {
        let told = self.events.recv().await?;
        self.waiting.fetch_sub(told.event.size(), Ordering::Relaxed);
        Some(told)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut readers = self.tail.lock();
        readers.retain(|reader| reader.id != self.id);
        self.tail.changed(&readers);
    }
}

#[cfg(test)]
mod tests;
