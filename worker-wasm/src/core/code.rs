//! Which bundles the shell holds, which are on their way, and which to forget. The bundles themselves are never kept here:
//! only their hashes and sizes.

use super::limits::{FETCH_LIMIT, MAX_BUNDLE_CHARS, MAX_BUNDLES};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use tabmesh_protocol::Now;

#[derive(Clone, Copy, Debug)]
struct Held {
    chars: usize,
    /// Larger: used later.
    used: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Code {
    held: HashMap<String, Held>,
    /// On their way, and by when they must be there.
    fetching: HashMap<String, Now>,
    chars: usize,
    uses: u64,
}

impl Code {
    /// Whether the bundle is held; counts as a use.
    pub(super) fn is_held(&mut self, hash: &str) -> bool {
        self.uses += 1;
        let Some(held) = self.held.get_mut(hash) else { return false };
        held.used = self.uses;
        true
    }

    /// Notes that the bundle is wanted; true if it must be fetched now.
    pub(super) fn want(&mut self, now: Now, hash: &str) -> bool {
        if self.held.contains_key(hash) || self.fetching.contains_key(hash) {
            return false;
        }
        self.fetching.insert(hash.to_owned(), now + FETCH_LIMIT);
        true
    }

    /// A gateway sent the bundle unasked. True if it is to be kept: it is not held, and is what its name says. That is
    /// looked at because any gateway of the pool may send it, while bundles are fetched from the page's own alone.
    pub(super) fn pushed(&mut self, now: Now, hash: &str, bundle: &[u8]) -> bool {
        if self.held.contains_key(hash) || hex::encode(Sha256::digest(bundle)) != hash {
            return false;
        }
        self.fetching.entry(hash.to_owned()).or_insert(now + FETCH_LIMIT);
        true
    }

    /// The bundle came. Gives those to forget for it, none if it is held already; `None` if nobody waits for it any
    /// more: forget it.
    pub(super) fn arrived(&mut self, hash: &str, chars: usize) -> Option<Vec<String>> {
        if self.held.contains_key(hash) {
            return Some(Vec::new());
        }
        self.fetching.remove(hash)?;
        self.uses += 1;
        self.chars += chars;
        self.held.insert(hash.to_owned(), Held { chars, used: self.uses });
        let mut dropped = Vec::new();
        while self.held.len() > MAX_BUNDLES || self.chars > MAX_BUNDLE_CHARS {
            let others = self.held.iter().filter(|(other, _)| *other != hash);
            let Some(oldest) = others.min_by_key(|(_, held)| held.used).map(|(hash, _)| hash.clone()) else {
                break;
            };
            self.chars -= self.held.remove(&oldest).map_or(0, |held| held.chars);
            dropped.push(oldest);
        }
        Some(dropped)
    }

    /// The bundle did not come; true if it was waited for.
    pub(super) fn failed(&mut self, hash: &str) -> bool {
        self.fetching.remove(hash).is_some()
    }

    pub(super) fn poll_timeout(&self) -> Option<Now> {
        self.fetching.values().min().copied()
    }

    /// Fetches whose time is up.
    pub(super) fn overdue(&self, now: Now) -> Vec<String> {
        let late = self.fetching.iter().filter(|(_, until)| **until <= now);
        late.map(|(hash, _)| hash.clone()).collect()
    }

    #[cfg(test)]
    pub(super) fn fetching(&self) -> usize {
        self.fetching.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(code: &mut Code, hash: &str, chars: usize) -> Vec<String> {
        assert!(code.want(Now::ZERO, hash));
        code.arrived(hash, chars).unwrap()
    }

    #[test]
    fn the_longest_unused_goes_first_and_the_newest_stays() {
        let mut code = Code::default();
        for index in 0..MAX_BUNDLES {
            assert!(hold(&mut code, &index.to_string(), 10).is_empty());
        }
        assert!(code.is_held("0"));
        assert_eq!(hold(&mut code, "new", 10), ["1"]);
        let dropped = hold(&mut code, "huge", MAX_BUNDLE_CHARS + 1);
        assert_eq!(dropped.len(), MAX_BUNDLES);
        assert!(code.is_held("huge") && !code.is_held("new"));
    }

    #[test]
    fn what_is_pushed_is_taken_once_and_by_its_true_name() {
        let mut code = Code::default();
        let hash = hex::encode(Sha256::digest(b"{}"));
        assert!(!code.pushed(Now::ZERO, &hash, b"{} "));
        assert_eq!(code.fetching(), 0);
        assert!(code.pushed(Now::ZERO, &hash, b"{}"));
        assert!(!code.want(Now::ZERO, &hash), "it is about to be there");
        assert_eq!(code.arrived(&hash, 2), Some(vec![]));
        assert!(!code.pushed(Now::ZERO, &hash, b"{}"));
        // Another copy that was on its way is no news.
        assert_eq!(code.arrived(&hash, 2), Some(vec![]));
        assert_eq!((code.chars, code.fetching()), (2, 0));
    }

    #[test]
    fn one_fetch_for_all_and_none_remembered_when_it_fails() {
        let mut code = Code::default();
        assert!(code.want(Now::ZERO, "a"));
        assert!(!code.want(Now::ZERO, "a"));
        assert_eq!(code.overdue(FETCH_LIMIT), ["a"]);
        assert!(code.failed("a") && !code.failed("a"));
        assert!(code.arrived("a", 1).is_none());
        assert!(code.want(Now::ZERO, "a"));
    }
}
