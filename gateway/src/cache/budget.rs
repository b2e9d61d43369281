//! Memory of stored bodies, as long as anything holds them: also one that was evicted and still goes out to a slow reader, and one
//! that is on its way in.

use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes there may be.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Semaphore>);

struct Held {
    data: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Budget {
    /// So many bytes.
    pub fn new(bytes: u64) -> Self {
        let permits = usize::try_from(bytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(permits)))
    }

    /// The same bytes, counted until nobody has them any more; `None` when there are too many already.
    pub fn hold(&self, data: Bytes) -> Option<Bytes> {
        let permits = u32::try_from(data.len()).ok()?;
        let permit = Arc::clone(&self.0).try_acquire_many_owned(permits).ok()?;
        Some(Bytes::from_owner(Held { data, _permit: permit }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_while_anybody_has_them() {
        let budget = Budget::new(10);
        let held = budget.hold("1234567".into()).unwrap();
        let part = held.slice(2..3);
        drop(held);
        assert!(budget.hold("1234".into()).is_none());
        assert_eq!(part, "3");
        drop(part);
        assert!(budget.hold("0123456789".into()).is_some());
    }
}
