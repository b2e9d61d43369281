//! What tells an entry that was damaged on its way to or from the disk from the one that was written. Against accidents, not against
//! somebody who can write the disk: XXH3 costs about as much as copying the value.

use super::{Entry, Namespace};
use twox_hash::xxhash3_64::Hasher;

/// Of an entry and of where it belongs, so that one that turns up under another key is found, too. Part of the store's format.
pub(super) fn of(namespace: &Namespace, key: &str, entry: &Entry) -> i64 {
    let metadata = entry.metadata.as_deref().unwrap_or_default();
    let mut head =
        Vec::with_capacity(namespace.tenant.len() + namespace.id.len() + key.len() + metadata.len() + 42);
    for part in [&*namespace.tenant, &namespace.id, key, metadata] {
        // With their lengths, so that nothing can move from one to the next.
        head.extend((part.len() as u64).to_le_bytes());
        head.extend(part.as_bytes());
    }
    head.push(u8::from(entry.metadata.is_some()) | u8::from(entry.expires.is_some()) << 1);
    head.extend(entry.expires.unwrap_or_default().to_le_bytes());
    // The same 64 bits; SQLite's integers are signed.
    Hasher::oneshot_with_seed(Hasher::oneshot(&head), &entry.value).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(parts: [&str; 3], metadata: Option<&str>, expires: Option<i64>, value: &[u8]) -> i64 {
        let [tenant, id, key] = parts.map(str::to_owned);
        let entry = Entry { value: value.to_owned(), metadata: metadata.map(str::to_owned), expires };
        of(&Namespace { tenant, id }, &key, &entry)
    }

    #[test]
    fn every_part_counts_and_none_runs_into_the_next() {
        let sums = [
            sum(["t", "n", "k"], None, None, b"v"),
            sum(["u", "n", "k"], None, None, b"v"),
            sum(["tn", "", "k"], None, None, b"v"),
            sum(["t", "nk", ""], None, None, b"v"),
            sum(["t", "n", "k"], Some(""), None, b"v"),
            sum(["t", "n", "k"], None, Some(0), b"v"),
            sum(["t", "n", "k"], None, Some(1), b"v"),
            sum(["t", "n", "k"], None, None, b""),
            sum(["t", "n", "k"], None, None, &[0; 500]),
            sum(["t", "n", "k"], None, None, &[0; 501]),
        ];
        for (at, one) in sums.iter().enumerate() {
            assert!(!sums[at + 1..].contains(one), "{at}");
        }
    }

    #[test]
    fn it_is_part_of_the_format() {
        // Computed once; stores have it on their disks.
        assert_eq!(sum(["default", "n", "k"], Some("{}"), Some(7), b"value"), -2_698_324_121_268_952_283);
        assert_eq!(sum(["default", "n", "k"], None, None, &[7; 1000]), 1_885_602_939_844_137_036);
    }
}
