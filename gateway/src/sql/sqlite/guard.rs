//! What SQL of handlers may do: everything inside of its own database, nothing outside of it, and not for ever.

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longest time that one request keeps a database busy.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// Largest text, blob or row, in bytes; as D1.
const MAX_VALUE: i32 = 2_000_000;

/// Longest statement, in bytes; as D1.
pub(super) const MAX_SQL: i32 = 100_000;

/// Most parameters of a statement; as D1.
const MAX_PARAMS: i32 = 100;

/// Largest database, in pages of 4 KiB: 2 GiB.
pub(super) const MAX_PAGES: i64 = 512 << 10;

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// Pragmas that look at a database, or concern one transaction of it.
const PRAGMAS: &[&str] = &[
    "case_sensitive_like",
    "defer_foreign_keys",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "ignore_check_constraints",
    "index_info",
    "index_list",
    "index_xinfo",
    "optimize",
    "quick_check",
    "recursive_triggers",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// What the guard looks at while statements run.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    /// It is us who ask.
    own: Arc<AtomicBool>,
    /// When to stop, in milliseconds since `EPOCH`.
    deadline: Arc<AtomicU64>,
}

static EPOCH: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

fn millis() -> u64 {
    u64::try_from(EPOCH.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Guard {
    /// Guards a connection from now on.
    pub(super) fn install(connection: &mut Connection) -> Result<Self> {
        let guard = Self::default();
        // First what is ours to say.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "max_page_count", MAX_PAGES)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        for (limit, value) in [
            (Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE),
            (Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_SQL),
            (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, MAX_PARAMS),
            (Limit::SQLITE_LIMIT_ATTACHED, 0),
            (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
        ] {
            connection.set_limit(limit, value)?;
        }
        let at = Arc::clone(&guard.deadline);
        connection.progress_handler(STEPS, Some(move || millis() > at.load(Ordering::Relaxed)))?;
        let own = Arc::clone(&guard.own);
        connection
            .authorizer(Some(move |context: AuthContext<'_>| admit(&context, own.load(Ordering::Relaxed))))?;
        Ok(guard)
    }

    /// What follows must be done in time.
    pub(super) fn begin(&self) {
        let busy = u64::try_from(BUSY.as_millis()).unwrap_or(u64::MAX);
        self.deadline.store(millis().saturating_add(busy), Ordering::Relaxed);
    }

    /// Does what handlers may not.
    pub(super) fn own<T>(&self, work: impl FnOnce() -> T) -> T {
        self.own.store(true, Ordering::Relaxed);
        let done = work();
        self.own.store(false, Ordering::Relaxed);
        done
    }
}

fn admit(context: &AuthContext<'_>, own: bool) -> Authorization {
    let allowed = own
        || match context.action {
            AuthAction::Attach { .. }
            | AuthAction::Detach { .. }
            | AuthAction::Unknown { .. }
            | AuthAction::Transaction { .. }
            | AuthAction::Savepoint { .. } => false,
            AuthAction::Pragma { pragma_name, .. } => {
                PRAGMAS.contains(&pragma_name.to_ascii_lowercase().as_str())
            }
            AuthAction::Function { function_name } => {
                !["load_extension", "fts3_tokenizer"].contains(&function_name.to_ascii_lowercase().as_str())
            }
            AuthAction::CreateVtable { module_name, .. } | AuthAction::DropVtable { module_name, .. } => {
                ["fts5", "rtree"].contains(&module_name.to_ascii_lowercase().as_str())
            }
            _ => true,
        };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}
