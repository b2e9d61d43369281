//! Bundles in memory, the least recently used given up first.

use std::collections::HashMap;

use bytes::Bytes;

/// A map bounded by the bytes it holds. Evicting looks at every entry: bundles are few.
#[derive(Debug)]
pub(super) struct CodeCache {
    entries: HashMap<String, (Bytes, u64)>,
    bytes: usize,
    capacity: usize,
    /// Counts uses; the higher, the later.
    clock: u64,
}

impl CodeCache {
    pub(super) fn new(capacity: usize) -> Self {
        CodeCache { entries: HashMap::new(), bytes: 0, capacity, clock: 0 }
    }

    pub(super) fn get(&mut self, hash: &str) -> Option<Bytes> {
        self.clock += 1;
        let (bytes, used) = self.entries.get_mut(hash)?;
        *used = self.clock;
        Some(bytes.clone())
    }

    /// Keeps a bundle, unless it alone is too large.
    pub(super) fn insert(&mut self, hash: String, bytes: Bytes) {
        if bytes.len() > self.capacity {
            return;
        }
        self.clock += 1;
        self.bytes += bytes.len();
        if let Some((old, _)) = self.entries.insert(hash, (bytes, self.clock)) {
            self.bytes -= old.len();
        }
        while self.bytes > self.capacity {
            let oldest = self.entries.iter().min_by_key(|(_, (_, used))| *used).map(|(hash, _)| hash.clone());
            match oldest.and_then(|hash| self.entries.remove(&hash)) {
                Some((old, _)) => self.bytes -= old.len(),
                None => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_no_more_than_its_capacity() {
        let mut cache = CodeCache::new(10);
        cache.insert("a".into(), Bytes::from_static(b"12345"));
        cache.insert("b".into(), Bytes::from_static(b"12345"));
        cache.insert("b".into(), Bytes::from_static(b"12345"));
        assert!(cache.get("a").is_some());
        cache.insert("c".into(), Bytes::from_static(b"1"));
        assert!(cache.get("b").is_none());
        assert!(cache.get("a").is_some() && cache.get("c").is_some());
        cache.insert("d".into(), Bytes::from_static(b"12345678901"));
        assert!(cache.get("d").is_none());
        assert_eq!(cache.bytes, 6);
    }
}
