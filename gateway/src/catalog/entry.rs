//! What a handler's name stands for: its versions that requests get, and which of all there are. Pure.

use super::Handler;
use std::sync::Arc;

/// Points in all of a deployment: a hundredth of a percent each.
pub const POINTS: u16 = 10_000;

/// A deployed handler.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The version that most requests get, the newest of those.
    pub(super) handler: Arc<Handler>,
    /// All versions that requests get, where there are several, the newest first, each with the points up to its end. A version whose share
    /// grows keeps those who had it.
    pub(super) shares: Vec<(u16, Arc<Handler>)>,
    /// The first 32 bits of all versions' hashes: what is not here needs no look into the store.
    pub(super) known: Arc<[u32]>,
}

impl Entry {
    /// Of versions and their points, at least one.
    pub(super) fn new(mut shares: Vec<(u16, Arc<Handler>)>, known: Arc<[u32]>) -> Option<Self> {
        shares.sort_by_key(|(_, handler)| std::cmp::Reverse(handler.number));
        let handler = shares.iter().rev().max_by_key(|(points, _)| *points)?.1.clone();
        let mut end = 0u16;
        for (points, _) in &mut shares {
            end = end.saturating_add(*points);
            *points = end;
        }
        if shares.len() == 1 {
            shares.clear();
        }
        Some(Self { handler, shares, known })
    }

    /// The version for whoever has this key: the same each time.
    pub(super) fn pick(&self, key: impl FnOnce() -> u64) -> &Arc<Handler> {
        if self.shares.is_empty() {
            return &self.handler;
        }
        let point = u16::try_from(key() % u64::from(POINTS)).unwrap_or(0);
        self.shares.iter().find(|(end, _)| point < *end).map_or(&self.handler, |(_, handler)| handler)
    }

    /// What a version gets, in points.
    pub(super) fn share(&self, version: &str) -> Option<u16> {
        if self.shares.is_empty() {
            return (self.handler.target.version == version).then_some(POINTS);
        }
        let at = self.shares.iter().position(|(_, handler)| handler.target.version == version)?;
        let begin = at.checked_sub(1).map_or(0, |before| self.shares[before].0);
        Some(self.shares[at].0 - begin)
    }

    /// All versions that requests get.
    pub(super) fn deployed(&self) -> impl Iterator<Item = &Arc<Handler>> {
        let alone = self.shares.is_empty().then_some(&self.handler);
        alone.into_iter().chain(self.shares.iter().map(|(_, handler)| handler))
    }
}

/// The first 32 bits of a hash in hex, or of its beginning.
pub(super) fn prefix(hash: &str) -> Option<u32> {
    u32::from_str_radix(hash.get(..8)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::handler;
    use super::*;

    fn entry(shares: &[(u16, u32)]) -> Entry {
        let shares = shares.iter().map(|(points, number)| (*points, Arc::new(handler(*number)))).collect();
        Entry::new(shares, Arc::new([])).unwrap()
    }

    #[test]
    fn shares_are_kept_to_and_growing_ones_keep_whom_they_had() {
        let numbers = |entry: &Entry| (0..20_000).map(|key| entry.pick(|| key).number).collect::<Vec<_>>();
        let count = |all: &[u32], number| all.iter().filter(|it| **it == number).count();
        let some = numbers(&entry(&[(1_000, 2), (9_000, 1)]));
        assert_eq!((count(&some, 2), count(&some, 1)), (2_000, 18_000));
        let more = numbers(&entry(&[(5_000, 1), (5_000, 2)]));
        assert_eq!(count(&more, 2), 10_000);
        assert!(some.iter().zip(&more).all(|(before, after)| *before == 1 || *after == 2));
        let three = entry(&[(1, 1), (3_333, 2), (6_666, 3)]);
        assert_eq!(three.handler.number, 3);
        assert_eq!(three.deployed().count(), 3);
        let share = |number: u32| three.share(&handler(number).target.version);
        assert_eq!([share(1), share(2), share(3), share(4)], [Some(1), Some(3_333), Some(6_666), None]);
        let alone = entry(&[(10_000, 7)]);
        assert_eq!(alone.pick(|| unreachable!("nobody asks")).number, 7);
        assert_eq!(alone.deployed().count(), 1);
        assert_eq!(entry(&[(5_000, 4), (5_000, 5)]).handler.number, 5, "the newer of equals");
    }

    #[test]
    fn prefixes() {
        assert_eq!(prefix("0000000fabc"), Some(15));
        assert_eq!((prefix("abc"), prefix("xyzxyzxy")), (None, None));
    }
}
