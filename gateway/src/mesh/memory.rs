//! What calls may hold in the gateway's memory beside the windows of their streams: values on their way to or from a store. A tab that
//! does not read its answers waits for itself, and so does a tenant whose requests to the API are not read.

use super::shares::{Share, Shares};
use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// For one tab, in bytes: two of the largest values of a store.
const PER_TAB: usize = 64 << 20;

/// What is counted, in bytes.
const UNIT: usize = 1024;

/// Bytes that go to a stream at once.
const PIECE: usize = 64 << 10;

/// The memory of one tab's calls, or of one tenant's.
#[derive(Clone, Debug)]
pub struct Memory(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Tab(Arc<Semaphore>),
    Tenant(Arc<Shares>, Arc<str>),
}

/// A part of it, free again when this is dropped.
#[derive(Debug)]
pub struct Held(Part);

#[derive(Debug)]
enum Part {
    Tab(OwnedSemaphorePermit),
    Tenant(Share),
}

/// One tab's.
impl Default for Memory {
    fn default() -> Self {
        Self(Kind::Tab(Arc::new(Semaphore::new(PER_TAB / UNIT))))
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT).min(PER_TAB / UNIT)).unwrap_or(u32::MAX)
}

impl Memory {
    /// A tenant's part of what all tenants share.
    #[must_use]
    pub fn of_tenant(shares: &Arc<Shares>, tenant: &str) -> Self {
        Self(Kind::Tenant(Arc::clone(shares), tenant.into()))
    }

    /// Waits for room for so many bytes. More than one may have at once counts as that.
    ///
    /// # Errors
    /// Never, as long as nobody closes it.
    pub async fn take(&self, bytes: usize) -> Result<Held, String> {
        match &self.0 {
            Kind::Tab(all) => {
                let permit = Arc::clone(all).acquire_many_owned(units(bytes)).await;
                permit.map(|permit| Held(Part::Tab(permit))).map_err(|error| error.to_string())
            }
            Kind::Tenant(shares, tenant) => Ok(Held(Part::Tenant(shares.take(tenant, bytes).await))),
        }
    }

    /// The same for those who cannot wait: what is to be counted is there already.
    #[must_use]
    pub fn try_take(&self, bytes: usize) -> Option<Held> {
        match &self.0 {
            Kind::Tab(all) => {
                let permit = Arc::clone(all).try_acquire_many_owned(units(bytes)).ok();
                permit.map(|permit| Held(Part::Tab(permit)))
            }
            Kind::Tenant(shares, tenant) => {
                shares.try_take(tenant, bytes).map(|share| Held(Part::Tenant(share)))
            }
        }
    }
}

impl Held {
    /// No more than so many bytes of it: what was asked for before it was known how much comes.
    #[must_use]
    pub fn shrunk(mut self, bytes: usize) -> Self {
        match &mut self.0 {
            Part::Tab(permit) => {
                let more = permit.num_permits().saturating_sub(units(bytes) as usize);
                drop(permit.split(more));
            }
            Part::Tenant(share) => share.shrink(bytes),
        }
        self
    }

    /// A body whose bytes count until they were sent.
    pub fn body(self, bytes: Bytes) -> Body {
        Body::new(HeldBody { left: bytes, _held: self })
    }
}

struct HeldBody {
    left: Bytes,
    _held: Held,
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let size = self.left.len().min(PIECE);
        Poll::Ready((size > 0).then(|| Ok(Frame::data(self.left.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn what_is_not_read_makes_the_next_wait() {
        let memory = Memory::default();
        let body = memory.take(PER_TAB - UNIT).await.unwrap().body(vec![7; 3 * PIECE + 1].into());
        assert!(memory.try_take(UNIT).is_some());
        assert!(memory.try_take(UNIT + 1).is_none());
        let all = body.collect().await.unwrap().to_bytes();
        assert_eq!(all.len(), 3 * PIECE + 1);
        assert!(memory.try_take(10 * PER_TAB).is_some(), "what is more than all waits for all");
        let held = memory.try_take(PER_TAB).unwrap().shrunk(UNIT + 1);
        assert!(memory.try_take(PER_TAB - UNIT).is_none());
        assert!(memory.try_take(PER_TAB - 2 * UNIT).is_some());
        drop(held);
    }
}
