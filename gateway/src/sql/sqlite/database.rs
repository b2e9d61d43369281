//! One open database: its work, whole or not at all, within its guard.

use super::super::{Answer, Datum, MAX_RESULT, Param, Query, SqlError, Work};
use super::guard::{Guard, MAX_PAGES, MAX_SQL};
use super::ledger::Account;
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, Statement, params_from_iter};
use std::path::Path;
use std::time::{Duration, Instant};

/// Size of a page in bytes: SQLite's default, which nobody here can change.
pub(super) const PAGE: u64 = 4096;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(code, message) => {
                let text = match code.code {
                    rusqlite::ErrorCode::OperationInterrupted => "the statement ran for too long".to_owned(),
                    rusqlite::ErrorCode::AuthorizationForStatementDenied => "not authorized".to_owned(),
                    _ => message.unwrap_or_else(|| code.to_string()),
                };
                Self::Statement(format!("{text}: {}", name_of(code.code)))
            }
            rusqlite::Error::SqlInputError { msg, offset, .. } => {
                Self::Statement(format!("{msg} at offset {offset}: SQLITE_ERROR"))
            }
            rusqlite::Error::InvalidParameterCount(given, wanted) => Self::Statement(format!(
                "Wrong number of parameter bindings for SQL query: {given} given, {wanted} wanted"
            )),
            rusqlite::Error::MultipleStatement => {
                Self::Statement("A prepared SQL statement must contain only one statement".to_owned())
            }
            other => Self::Statement(other.to_string()),
        }
    }
}

fn name_of(code: rusqlite::ErrorCode) -> &'static str {
    use rusqlite::ErrorCode as Code;
    match code {
        Code::ConstraintViolation => "SQLITE_CONSTRAINT",
        Code::AuthorizationForStatementDenied => "SQLITE_AUTH",
        Code::TooBig => "SQLITE_TOOBIG",
        Code::DiskFull => "SQLITE_FULL",
        Code::TypeMismatch => "SQLITE_MISMATCH",
        Code::OperationInterrupted => "SQLITE_INTERRUPT",
        Code::DatabaseCorrupt => "SQLITE_CORRUPT",
        _ => "SQLITE_ERROR",
    }
}

/// One open database.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    guard: Guard,
    /// Pages that it may have, as SQLite was told last.
    max_pages: i64,
}

impl Database {
    pub(super) fn open(path: &Path) -> Result<Self, SqlError> {
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::error!(path = %path.display(), %error, "a database cannot be opened");
            SqlError::Unavailable
        };
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| unavailable(&error))?;
        let open = || -> rusqlite::Result<Self> {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            // A damaged page is found where it is read, not where it is written on.
            connection.pragma_update(None, "cell_size_check", "ON")?;
            let guard = Guard::install(&mut connection)?;
            Ok(Self { connection, guard, max_pages: MAX_PAGES })
        };
        open().map_err(|error| unavailable(&error))
    }

    /// Does work, whole or not at all, and keeps the account.
    pub(super) fn run(&mut self, work: Work, account: &Account<'_>) -> Result<Vec<Answer>, SqlError> {
        let is_one = matches!(&work, Work::Batch(queries) if queries.len() == 1);
        if !is_one || account.most.is_some() {
            // One statement may only read; then nobody is to wait for it.
            let begin = if is_one { "BEGIN" } else { "BEGIN IMMEDIATE" };
            return self.whole(begin, account, |database| database.perform(work));
        }
        self.guard.begin();
        self.keep_within(None)?;
        let done = self.perform(work);
        if let Ok([answer]) = done.as_deref() {
            account.note(answer.size_after);
        }
        done
    }

    /// Does something in a transaction, within the account.
    pub(super) fn whole<T>(
        &mut self,
        begin: &str,
        account: &Account<'_>,
        work: impl FnOnce(&Self) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        self.guard.begin();
        self.keep_within(account.room())?;
        self.transaction(begin)?;
        let done = work(self).and_then(|given| account.settle(self.size()).map(|()| given));
        // Some errors have rolled back already.
        let ended = self.transaction(if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
        if done.is_ok() && ended.is_err() {
            let _ = self.transaction("ROLLBACK");
            account.note(self.size());
            ended?;
        }
        done.map_err(|error| match error {
            SqlError::Statement(text) if self.max_pages < MAX_PAGES && text.ends_with(": SQLITE_FULL") => {
                SqlError::Full
            }
            other => other,
        })
    }

    /// Lets it grow to so many bytes and no further; it never has to shrink.
    fn keep_within(&mut self, room: Option<u64>) -> rusqlite::Result<()> {
        let pages = room.and_then(|bytes| i64::try_from(bytes / PAGE).ok());
        let pages = pages.map_or(MAX_PAGES, |pages| pages.clamp(1, MAX_PAGES));
        if pages != self.max_pages {
            self.guard.own(|| self.connection.pragma_update(None, "max_page_count", pages))?;
            self.max_pages = pages;
        }
        Ok(())
    }

    fn transaction(&self, sql: &str) -> rusqlite::Result<()> {
        self.guard.own(|| self.connection.execute_batch(sql))
    }

    fn perform(&self, work: Work) -> Result<Vec<Answer>, SqlError> {
        let mut room = MAX_RESULT;
        match work {
            Work::Batch(queries) => queries
                .into_iter()
                .map(|Query { sql, params }| {
                    let params = params.into_iter().map(|Param(cell)| cell).collect();
                    let mut statement = self.connection.prepare_cached(&sql)?;
                    self.answer(&mut statement, params, &mut room)
                })
                .collect(),
            Work::Script(sql) => {
                let mut answers = Vec::new();
                self.each(&sql, |statement| {
                    check_length(&sql, statement)?;
                    answers.push(self.answer(statement, vec![], &mut room)?);
                    Ok(())
                })?;
                Ok(answers)
            }
        }
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        let pages: i64 = self
            .guard
            .own(|| self.connection.pragma_query_value(None, "page_count", |row| row.get(0)))
            .unwrap_or(0);
        u64::try_from(pages).unwrap_or(0) * PAGE
    }

    fn answer(
        &self,
        statement: &mut Statement<'_>,
        params: Vec<Cell>,
        room: &mut usize,
    ) -> Result<Answer, SqlError> {
        let started = Instant::now();
        let before = self.connection.total_changes();
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = Vec::new();
        let mut cursor = statement.query(params_from_iter(params))?;
        while let Some(row) = cursor.next()? {
            let mut values = Vec::with_capacity(columns.len());
            for at in 0..columns.len() {
                let value = Datum::of(row.get_ref(at)?);
                *room = room.checked_sub(value.size()).ok_or(SqlError::TooLarge)?;
                values.push(value);
            }
            rows.push(values);
        }
        drop(cursor);
        Ok(Answer {
            columns,
            rows,
            duration: started.elapsed().as_secs_f64() * 1000.0,
            changes: self.connection.total_changes().saturating_sub(before),
            last_row_id: self.connection.last_insert_rowid(),
            size_after: self.size(),
        })
    }
}

/// Refuses a statement of a script that is too long to be one alone.
fn check_length(script: &str, statement: &Statement<'_>) -> Result<(), SqlError> {
    let most = usize::try_from(MAX_SQL).unwrap_or(usize::MAX);
    // Without parameters this is its text; most scripts are shorter than a statement may be.
    if script.len() > most && statement.expanded_sql().is_none_or(|sql| sql.len() > most) {
        return Err(SqlError::Statement("statement too long: SQLITE_TOOBIG".to_owned()));
    }
    Ok(())
}
