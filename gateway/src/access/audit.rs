//! The audit log: every change that somebody was let make through the API.
//!
//! What is promised: before a change begins, its entry is on the disk (with `synchronous=FULL`, so also after a power
//! cut); if the entry cannot be written, the change is refused. Before the caller gets the answer, its status is on
//! the disk, too. So every acknowledged change is in the log, and an entry without a status is one whose caller went
//! away or whose gateway ended before the answer: it may have been made or not.
//!
//! Never in it: bodies, queries, tokens, values of secrets.

use super::{SharedStore, blocking, lock, now_ms};
use crate::store::{AuditRow, StoreError};
use std::sync::Arc;

/// Entries kept of one tenant's changes, and of those of the whole gateway.
pub const MAX_ENTRIES: u32 = 5000;

/// How long entries are kept at most, in milliseconds: 400 days.
const KEPT_MS: u64 = 400 * 24 * 60 * 60 * 1000;

/// Longest path that is kept, in bytes.
const MAX_PATH: usize = 1024;

/// See the module's page.
#[derive(Clone, Debug)]
pub struct Audit {
    store: SharedStore,
}

impl Audit {
    pub(super) fn new(store: SharedStore) -> Self {
        Self { store }
    }

    /// Writes down what is about to be done; the number is for [`Audit::finish`].
    ///
    /// # Errors
    /// Database errors: then it must not be done.
    pub(super) async fn begin(&self, mut row: AuditRow) -> Result<u64, StoreError> {
        row.at_ms = now_ms();
        if row.path.len() > MAX_PATH {
            row.path.truncate(row.path.floor_char_boundary(MAX_PATH));
        }
        let store = Arc::clone(&self.store);
        blocking(move || lock(&store).begin_audit(&row, MAX_ENTRIES, row.at_ms.saturating_sub(KEPT_MS))).await
    }

    /// Writes down how it was answered.
    ///
    /// # Errors
    /// Database errors.
    pub(super) async fn finish(&self, id: u64, status: u16) -> Result<(), StoreError> {
        let store = Arc::clone(&self.store);
        blocking(move || lock(&store).finish_audit(id, status)).await
    }

    /// At most `limit` entries with numbers below `before`, the latest first.
    ///
    /// # Errors
    /// Database errors.
    pub async fn read(&self, before: u64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let store = Arc::clone(&self.store);
        blocking(move || lock(&store).audit(before, limit)).await
    }
}
