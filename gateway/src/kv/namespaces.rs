//! Which namespaces there are: those that were made with a title, and those that hold entries because a handler named them.

use super::{Kv, Namespace, lock};
use rusqlite::{OptionalExtension as _, TransactionBehavior, params};

/// Entries that a deletion removes at once: other writers go in between.
const AT_ONCE: usize = 256;

/// A namespace in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Id within the tenant.
    pub id: String,
    /// What people call it; the id where nobody gave it a title.
    pub title: String,
}

/// Why no namespace was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotMade {
    /// Another of the tenant has this title.
    TitleTaken,
    /// The tenant has as many as it may.
    TooMany,
}

impl Kv {
    /// A tenant's namespaces, sorted by id.
    ///
    /// # Errors
    /// Database errors.
    pub fn namespaces(&self, tenant: &str) -> rusqlite::Result<Vec<Named>> {
        let reader = lock(&self.reader);
        // From one namespace's first entry to the next one's: a step each, however many entries they hold.
        let mut statement = reader.prepare_cached(
            "WITH RECURSIVE used (id) AS (
                 SELECT min(namespace) FROM entries WHERE tenant = ?1
                 UNION ALL
                 SELECT (SELECT min(namespace) FROM entries WHERE tenant = ?1 AND namespace > used.id)
                 FROM used WHERE used.id IS NOT NULL
             )
             SELECT id, title FROM namespaces WHERE tenant = ?1
             UNION ALL
             SELECT id, id FROM used WHERE id NOT NULL
                 AND id NOT IN (SELECT id FROM namespaces WHERE tenant = ?1)
             ORDER BY 1",
        )?;
        let rows = statement.query_map([tenant], |row| Ok(Named { id: row.get(0)?, title: row.get(1)? }))?;
        rows.collect()
    }

    /// Makes a namespace with a title; the tenant may have `max` of such.
    ///
    /// # Errors
    /// Database errors.
    pub(super) fn make_namespace(
        &self,
        namespace: &Namespace,
        title: &str,
        max: usize,
    ) -> rusqlite::Result<Result<(), NotMade>> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let taken: Option<i64> = transaction
            .query_row(
                "SELECT 1 FROM namespaces WHERE tenant = ?1 AND title = ?2",
                [&*namespace.tenant, title],
                |row| row.get(0),
            )
            .optional()?;
        if taken.is_some() {
            return Ok(Err(NotMade::TitleTaken));
        }
        let count: i64 = transaction.query_row(
            "SELECT count(*) FROM namespaces WHERE tenant = ?1",
            [&namespace.tenant],
            |row| row.get(0),
        )?;
        if usize::try_from(count).unwrap_or(usize::MAX) >= max {
            return Ok(Err(NotMade::TooMany));
        }
        transaction.execute(
            "INSERT INTO namespaces (tenant, id, title) VALUES (?1, ?2, ?3)",
            params![namespace.tenant, namespace.id, title],
        )?;
        transaction.commit().map(Ok)
    }

    /// Gives a namespace another title, or its first one where handlers use it without; `false` if there is none. The tenant may
    /// have `max` with a title.
    ///
    /// # Errors
    /// Database errors.
    pub(super) fn rename_namespace(
        &self,
        namespace: &Namespace,
        title: &str,
        max: usize,
    ) -> rusqlite::Result<Result<bool, NotMade>> {
        let Namespace { tenant, id } = namespace;
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (is_taken, has_title, count): (bool, bool, i64) = transaction.query_row(
            "SELECT coalesce(max(title = ?3 AND id <> ?2), 0), coalesce(max(id = ?2), 0), count(*)
             FROM namespaces WHERE tenant = ?1",
            [tenant, id, title],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        if is_taken {
            return Ok(Err(NotMade::TitleTaken));
        }
        let is_used = transaction
            .query_row(
                "SELECT 1 FROM entries WHERE tenant = ?1 AND namespace = ?2 LIMIT 1",
                [tenant, id],
                |_| Ok(()),
            )
            .optional()?
            .is_some();
        if !has_title && !is_used {
            return Ok(Ok(false));
        }
        if !has_title && usize::try_from(count).unwrap_or(usize::MAX) >= max {
            return Ok(Err(NotMade::TooMany));
        }
        transaction.execute(
            "INSERT INTO namespaces (tenant, id, title) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant, id) DO UPDATE SET title = excluded.title",
            [tenant, id, title],
        )?;
        transaction.commit()?;
        Ok(Ok(true))
    }

    /// Removes a namespace and all its entries; `false` if there was neither. A part at a time: what a handler writes
    /// meanwhile may stay.
    ///
    /// # Errors
    /// Database errors; then a part of it may be gone.
    pub fn delete_namespace(&self, namespace: &Namespace) -> rusqlite::Result<bool> {
        let mut existed = lock(&self.writer).execute(
            "DELETE FROM namespaces WHERE tenant = ?1 AND id = ?2",
            params![namespace.tenant, namespace.id],
        )? > 0;
        loop {
            let gone = lock(&self.writer)
                .prepare_cached(
                    "DELETE FROM entries WHERE rowid IN
                         (SELECT rowid FROM entries WHERE tenant = ?1 AND namespace = ?2 LIMIT ?3)",
                )?
                .execute(params![
                    namespace.tenant,
                    namespace.id,
                    i64::try_from(AT_ONCE).unwrap_or(i64::MAX)
                ])?;
            existed |= gone > 0;
            if gone < AT_ONCE {
                return Ok(existed);
            }
        }
    }
}
