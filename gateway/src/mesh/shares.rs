//! Memory that requests of many tenants share, fairly: a tenant holds at most as much as it leaves free. So one that holds all that it can
//! leaves as much to the others as it has, two leave a third, and a tenant that comes anew always finds something.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// What is shared, in bytes.
#[derive(Debug)]
pub struct Shares {
    total: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    /// Bytes that each tenant holds; none is 0.
    held: HashMap<Arc<str>, usize>,
    /// In the order in which they came.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    tenant: Arc<str>,
    bytes: usize,
    granted: oneshot::Sender<Share>,
}

/// A part of it, free again when this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    tenant: Arc<str>,
    bytes: usize,
}

impl Shares {
    /// Of so many bytes.
    #[must_use]
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total, state: Mutex::default() })
    }

    /// The largest part that is granted at once: while one other tenant holds all that it can, it is there.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.total / 4
    }

    /// Waits for room for so many bytes, or for [`Shares::largest`] if that is less. A tenant's requests get theirs in the order in which
    /// they came; other tenants' do not wait for them.
    pub async fn take(self: &Arc<Self>, tenant: &Arc<str>, bytes: usize) -> Share {
        let bytes = bytes.min(self.largest());
        let waiting = {
            let mut state = self.state();
            // Those that gave up: nobody else may come by to notice.
            state.waiting.retain(|waiting| !waiting.granted.is_closed());
            let is_first = state.waiting.iter().all(|waiting| waiting.tenant != *tenant);
            if is_first && state.fits(self.total, tenant, bytes) {
                return self.grant(&mut state, tenant, bytes);
            }
            let (granted, waiting) = oneshot::channel();
            state.waiting.push_back(Waiting { tenant: Arc::clone(tenant), bytes, granted });
            waiting
        };
        match waiting.await {
            Ok(share) => share,
            // Whoever waits stands in the line, and the line lives as long as `self`.
            Err(_) => Share { shares: Arc::clone(self), tenant: Arc::clone(tenant), bytes: 0 },
        }
    }

    /// The same for those who cannot wait.
    #[must_use]
    pub fn try_take(self: &Arc<Self>, tenant: &Arc<str>, bytes: usize) -> Option<Share> {
        let bytes = bytes.min(self.largest());
        let mut state = self.state();
        state.fits(self.total, tenant, bytes).then(|| self.grant(&mut state, tenant, bytes))
    }

    fn grant(self: &Arc<Self>, state: &mut State, tenant: &Arc<str>, bytes: usize) -> Share {
        state.used += bytes;
        *state.held.entry(Arc::clone(tenant)).or_default() += bytes;
        Share { shares: Arc::clone(self), tenant: Arc::clone(tenant), bytes }
    }

    /// Takes bytes back, and gives them to those who wait.
    fn free(self: &Arc<Self>, tenant: &Arc<str>, bytes: usize) {
        let mut unwanted = vec![];
        let mut state = self.state();
        state.used -= bytes;
        if let Some(held) = state.held.get_mut(tenant) {
            *held -= bytes;
            if *held == 0 {
                state.held.remove(tenant);
            }
        }
        let (mut left, mut behind) = (VecDeque::new(), HashSet::new());
        for waiting in std::mem::take(&mut state.waiting) {
            if waiting.granted.is_closed() {
                continue;
            }
            if behind.contains(&waiting.tenant) || !state.fits(self.total, &waiting.tenant, waiting.bytes) {
                behind.insert(Arc::clone(&waiting.tenant));
                left.push_back(waiting);
                continue;
            }
            let share = self.grant(&mut state, &waiting.tenant, waiting.bytes);
            unwanted.extend(waiting.granted.send(share).err());
        }
        state.waiting = left;
        drop(state);
        // Given to somebody who went away meanwhile: freed without the lock, which this takes again.
        drop(unwanted);
    }

    /// A panic under it leaves sums that are whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fits(&self, total: usize, tenant: &Arc<str>, bytes: usize) -> bool {
        let held = self.held.get(tenant).copied().unwrap_or(0);
        held + bytes <= total.saturating_sub(self.used + bytes)
    }
}

impl Share {
    /// Gives back what is more than so many bytes.
    pub fn shrink(&mut self, bytes: usize) {
        let more = self.bytes.saturating_sub(bytes);
        if more > 0 {
            self.bytes -= more;
            self.shares.free(&self.tenant, more);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    fn tenant(name: &str) -> Arc<str> {
        name.into()
    }

    #[tokio::test]
    async fn who_takes_all_leaves_as_much() {
        let shares = Shares::new(400);
        let (hog, other) = (tenant("hog"), tenant("other"));
        let held: Vec<_> = (0..20).map_while(|_| shares.try_take(&hog, 10)).collect();
        assert_eq!((held.len(), shares.largest()), (20, 100));
        assert!(shares.try_take(&hog, 1).is_none());
        let large = shares.try_take(&other, 1000).unwrap();
        assert_eq!(large.bytes, 100);
        drop((held, large));
        assert!(shares.state().held.is_empty() && shares.state().used == 0);
    }

    #[tokio::test]
    async fn a_tenants_requests_come_in_their_order_and_nobody_elses_wait_for_them() {
        let shares = Shares::new(400);
        let (hog, other) = (tenant("hog"), tenant("other"));
        let mut first = shares.take(&hog, 100).await;
        let second = shares.take(&hog, 100).await;
        let mut large = Box::pin(shares.take(&hog, 60));
        let mut small = Box::pin(shares.take(&hog, 1));
        assert!((&mut large).now_or_never().is_none() && (&mut small).now_or_never().is_none());
        assert!(shares.take(&other, 60).now_or_never().is_some());
        first.shrink(80);
        assert!((&mut small).now_or_never().is_none(), "the large one was first");
        drop(second);
        let large = (&mut large).now_or_never().unwrap();
        assert_eq!((large.bytes, (&mut small).now_or_never().is_some()), (60, true));
        // Who goes away is not in the way.
        let more: Vec<_> = std::iter::from_fn(|| shares.try_take(&hog, 10)).collect();
        let mut gone = Box::pin(shares.take(&hog, 100));
        let mut stays = Box::pin(shares.take(&hog, 10));
        assert!((&mut gone).now_or_never().is_none() && (&mut stays).now_or_never().is_none());
        drop(gone);
        let mut last = Box::pin(shares.take(&hog, 10));
        assert!((&mut last).now_or_never().is_none());
        assert_eq!(shares.state().waiting.len(), 2, "nobody keeps a place who went away");
        drop(more);
        assert!((&mut stays).now_or_never().is_some());
    }

    proptest! {
        #[test]
        fn there_is_always_something_left_and_nothing_gets_lost(steps in proptest::collection::vec((0..5_usize, 0..200_usize, any::<bool>()), 0..100)) {
            let shares = Shares::new(400);
            let mut held = vec![];
            for (who, bytes, takes) in steps {
                if takes {
                    held.extend(shares.try_take(&tenant(&who.to_string()), bytes));
                } else if !held.is_empty() {
                    drop(held.swap_remove(bytes % held.len()));
                }
                let state = shares.state();
                let free = 400 - state.used;
                prop_assert_eq!(state.used, held.iter().map(|share| share.bytes).sum::<usize>());
                prop_assert!(free > 0);
                prop_assert_eq!(state.used, state.held.values().sum::<usize>());
            }
            drop(held);
            prop_assert_eq!(shares.state().used, 0);
        }
    }
}
