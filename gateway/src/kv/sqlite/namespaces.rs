//! Which namespaces there are: those that were made with a title, and those that hold entries because a handler named them.

use super::super::{KvFault, Named, Namespace};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Entries that a deletion removes at once.
pub(super) const AT_ONCE: usize = 256;

pub(super) fn all(connection: &Connection, tenant: &str) -> Result<Vec<Named>, KvFault> {
    // From one namespace's first entry to the next one's: a step each, however many entries they hold.
    let mut statement = connection.prepare_cached(
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
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn make(
    connection: &Connection,
    namespace: &Namespace,
    title: &str,
    max: usize,
) -> Result<(), KvFault> {
    let taken: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM namespaces WHERE tenant = ?1 AND title = ?2",
            [&*namespace.tenant, title],
            |row| row.get(0),
        )
        .optional()?;
    if taken.is_some() {
        return Err(KvFault::TitleTaken);
    }
    let count: i64 = connection.query_row(
        "SELECT count(*) FROM namespaces WHERE tenant = ?1",
        [&namespace.tenant],
        |row| row.get(0),
    )?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= max {
        return Err(KvFault::TooManyNamespaces);
    }
    connection.execute(
        "INSERT INTO namespaces (tenant, id, title) VALUES (?1, ?2, ?3)",
        params![namespace.tenant, namespace.id, title],
    )?;
    Ok(())
}

/// Gives a title, also to one that has none; `false` if there is no such namespace.
pub(super) fn rename(
    connection: &Connection,
    namespace: &Namespace,
    title: &str,
    max: usize,
) -> Result<bool, KvFault> {
    let Namespace { tenant, id } = namespace;
    let (is_taken, has_title, count): (bool, bool, i64) = connection.query_row(
        "SELECT coalesce(max(title = ?3 AND id <> ?2), 0), coalesce(max(id = ?2), 0), count(*)
         FROM namespaces WHERE tenant = ?1",
        [tenant, id, title],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    if is_taken {
        return Err(KvFault::TitleTaken);
    }
    let used = "SELECT EXISTS (SELECT 1 FROM entries WHERE tenant = ?1 AND namespace = ?2)";
    if !has_title && !connection.query_row(used, [tenant, id], |row| row.get::<_, bool>(0))? {
        return Ok(false);
    }
    if !has_title && usize::try_from(count).unwrap_or(usize::MAX) >= max {
        return Err(KvFault::TooManyNamespaces);
    }
    connection.execute(
        "INSERT INTO namespaces (tenant, id, title) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, id) DO UPDATE SET title = excluded.title",
        [tenant, id, title],
    )?;
    Ok(true)
}

/// Takes a title away; `false` if there was none.
pub(super) fn forget(connection: &Connection, namespace: &Namespace) -> Result<bool, KvFault> {
    let gone = connection.execute(
        "DELETE FROM namespaces WHERE tenant = ?1 AND id = ?2",
        params![namespace.tenant, namespace.id],
    )?;
    Ok(gone > 0)
}

/// Removes up to [`AT_ONCE`] entries; how many.
pub(super) fn empty(connection: &Connection, namespace: &Namespace) -> Result<usize, KvFault> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM entries WHERE rowid IN
             (SELECT rowid FROM entries WHERE tenant = ?1 AND namespace = ?2 LIMIT ?3)",
    )?;
    Ok(delete.execute(params![namespace.tenant, namespace.id, i64::try_from(AT_ONCE).unwrap_or(i64::MAX)])?)
}
