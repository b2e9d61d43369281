//! Whole databases in and out as SQL text: files of statements, and what writes a database down so that the same statements
//! make it again. Like all else here it is bounded by time and size, and an import is done in whole or not at all.

use super::super::{Answer, Export, Imported, MAX_EXPORT, SqlError};
use super::database::Database;
use super::ledger::Account;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, fallible_iterator::FallibleIterator as _};
use std::time::Instant;

impl Database {
    pub(super) fn import(&mut self, sql: &str, account: &Account<'_>) -> Result<Imported, SqlError> {
        let started = Instant::now();
        let changed = self.connection.total_changes();
        let mut done = self.whole("BEGIN IMMEDIATE", account, |database| {
            let mut done = Imported::default();
            database.each(sql, |statement| {
                let mut rows = statement.query([])?;
                while rows.next()?.is_some() {
                    done.rows += 1;
                }
                done.statements += 1;
                Ok(())
            })?;
            Ok(done)
        })?;
        done.all = Answer {
            duration: started.elapsed().as_secs_f64() * 1000.0,
            changes: self.connection.total_changes().saturating_sub(changed),
            last_row_id: self.connection.last_insert_rowid(),
            size_after: self.size(),
            ..Answer::default()
        };
        Ok(done)
    }

    /// Each statement of a script.
    pub(super) fn each(
        &self,
        sql: &str,
        mut work: impl FnMut(&mut rusqlite::Statement<'_>) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        // SQLite measures all that is left of a script, not the statement that it takes from it.
        let whole = i32::try_from(sql.len().saturating_add(1)).unwrap_or(i32::MAX);
        let usual = self.connection.limit(Limit::SQLITE_LIMIT_SQL_LENGTH)?;
        self.connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, usual.max(whole))?;
        let mut batch = Batch::new(&self.connection, sql);
        let done = (|| {
            while let Some(mut statement) = batch.next()? {
                work(&mut statement)?;
            }
            Ok(())
        })();
        self.connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, usual)?;
        done
    }

    pub(super) fn export(&mut self, what: &Export, account: &Account<'_>) -> Result<String, SqlError> {
        // A transaction: one moment, even if another process writes.
        self.whole("BEGIN", account, |database| database.written_down(what))
    }

    fn written_down(&self, what: &Export) -> Result<String, SqlError> {
        let mut out = Text(String::from("PRAGMA defer_foreign_keys=TRUE;\n"));
        let mut objects = self.connection.prepare(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'trigger' THEN 2 ELSE 3 END, rowid",
        )?;
        let mut rows = objects.query([])?;
        let (mut tables, mut rest) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let object: (String, String, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let (kind, name, table, sql) = object;
            if !what.tables.is_empty() && !what.tables.contains(&table) {
                continue;
            }
            if kind != "table" {
                rest.push(sql);
            } else if sql.trim_start().to_ascii_uppercase().starts_with("CREATE VIRTUAL TABLE") {
                return Err(SqlError::Statement(format!(
                    "databases with virtual tables cannot be exported: `{name}` is one; name others with --table"
                )));
            } else {
                tables.push((name, sql));
            }
        }
        if let Some(missing) =
            what.tables.iter().find(|wanted| tables.iter().all(|(name, _)| name != *wanted))
        {
            return Err(SqlError::Statement(format!("no such table: {missing}")));
        }
        for (name, sql) in &tables {
            if !what.no_schema {
                out.push(&format!("{sql};\n"))?;
            }
            if !what.no_data {
                self.write_rows(name, &mut out)?;
            }
        }
        if !what.no_data {
            self.write_sequences(&tables, &mut out)?;
        }
        if !what.no_schema {
            rest.iter().try_for_each(|sql| out.push(&format!("{sql};\n")))?;
        }
        Ok(out.0)
    }

    /// An INSERT for each row of a table, without the columns that SQLite makes itself.
    fn write_rows(&self, table: &str, out: &mut Text) -> Result<(), SqlError> {
        let mut columns =
            self.connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
        let names = columns.query_map([table], |row| row.get::<_, String>(0))?;
        let names: Vec<String> = names.map(|name| name.map(|name| named(&name))).collect::<Result<_, _>>()?;
        let (table, names) = (named(table), names.join(","));
        let mut select = self.connection.prepare(&format!("SELECT {names} FROM {table}"))?;
        let count = select.column_count();
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            out.push(&format!("INSERT INTO {table} ({names}) VALUES("))?;
            for at in 0..count {
                let comma = if at == 0 { "" } else { "," };
                out.push(&format!("{comma}{}", written(row.get_ref(at)?)))?;
            }
            out.push(");\n")?;
        }
        Ok(())
    }

    /// Where tables with AUTOINCREMENT go on.
    fn write_sequences(&self, tables: &[(String, String)], out: &mut Text) -> Result<(), SqlError> {
        let is_there = "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'";
        if self.connection.query_row(is_there, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(());
        }
        let mut select = self.connection.prepare("SELECT name, seq FROM sqlite_sequence")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            if tables.iter().any(|(table, _)| *table == name) {
                let (name, seq) = (written(row.get_ref(0)?), written(row.get_ref(1)?));
                out.push(&format!("DELETE FROM sqlite_sequence WHERE name = {name};\n"))?;
                out.push(&format!("INSERT INTO sqlite_sequence (name, seq) VALUES({name},{seq});\n"))?;
            }
        }
        Ok(())
    }
}

/// A text that does not grow for ever.
struct Text(String);

impl Text {
    fn push(&mut self, text: &str) -> Result<(), SqlError> {
        if self.0.len() + text.len() > MAX_EXPORT {
            return Err(SqlError::ExportTooLarge);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// A name as SQL has it.
fn named(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value as SQL has it.
fn written(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(value) => value.to_string(),
        // Beyond all numbers is infinity; a NaN is stored as NULL.
        ValueRef::Real(value) if value.is_infinite() => {
            if value > 0.0 {
                "9e999".to_owned()
            } else {
                "-9e999".to_owned()
            }
        }
        ValueRef::Real(value) => format!("{value:?}"),
        ValueRef::Blob(bytes) => format!("X'{}'", hex::encode(bytes)),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => format!("'{}'", text.replace('\'', "''")),
            // A NUL would end the statement, and what is no UTF-8 must stay as it is.
            _ => format!("CAST(X'{}' AS TEXT)", hex::encode(bytes)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{DatabaseId, Datum, Query, SqlStore as _, SqliteDatabases, Work};
    use std::fmt::Write as _;

    fn id(name: &str) -> DatabaseId {
        DatabaseId { tenant: "t".into(), id: name.into() }
    }

    const SHOP: &str = "
        CREATE TABLE makers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
        CREATE TABLE \"odd \"\"name\" (a, b REAL, twice AS (b * 2) STORED, maker REFERENCES makers (id));
        CREATE INDEX by_b ON \"odd \"\"name\" (b);
        CREATE VIEW all_of AS SELECT * FROM makers;
        CREATE TRIGGER tells AFTER DELETE ON makers BEGIN INSERT INTO makers (name) VALUES ('never; told'); END;
        INSERT INTO makers (name) VALUES ('it''s; one'), ('zwei ü');
        DELETE FROM sqlite_sequence; INSERT INTO sqlite_sequence VALUES ('makers', 41);
        INSERT INTO \"odd \"\"name\" (a, b, maker) VALUES (X'00ff', 1.5, 1), (NULL, -9e999, 2), ('a' || char(0) || 'b', 0.1, 1), (9223372036854775807, 1e300, 2);
    ";

    #[tokio::test]
    async fn what_is_written_down_makes_the_same_again() {
        let directory = tempfile::tempdir().unwrap();
        let databases = SqliteDatabases::open(directory.path()).unwrap();
        let done = databases.import(id("a"), SHOP.to_owned(), None).await.unwrap();
        assert_eq!((done.statements, done.rows), (9, 0));
        let first = databases.export(id("a"), Export::default()).await.unwrap();
        databases.import(id("b"), first.clone(), None).await.unwrap();
        assert_eq!(databases.export(id("b"), Export::default()).await.unwrap(), first);
        let ask = |sql: &str| databases.run(id("b"), Work::Script(sql.to_owned()), None);
        let rows = ask("INSERT INTO makers (name) VALUES ('three') RETURNING id; SELECT hex(a), typeof(a), twice FROM \"odd \"\"name\" WHERE b = 0.1").await.unwrap();
        assert_eq!(rows[0].rows, [[Datum::Integer(42)]]);
        assert_eq!(rows[1].rows[0][..2], [Datum::Text("610062".into()), Datum::Text("text".into())]);

        let part = Export { tables: vec!["makers".into()], no_schema: true, no_data: false };
        let part = databases.export(id("a"), part).await.unwrap();
        assert!(part.contains("zwei ü") && !part.contains("CREATE") && !part.contains("odd"), "{part}");
        let none = Export { no_data: true, ..Export::default() };
        let none = databases.export(id("a"), none).await.unwrap();
        assert!(none.contains("CREATE TRIGGER tells") && !none.contains("zwei"), "{none}");
        let wrong = Export { tables: vec!["gone".into()], ..Export::default() };
        assert!(
            databases.export(id("a"), wrong).await.unwrap_err().to_string().contains("no such table: gone")
        );
    }

    #[tokio::test]
    async fn long_files_are_done_in_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let databases = SqliteDatabases::open(directory.path()).unwrap();
        let mut file = "CREATE TABLE t (n, text);\n".to_owned();
        for n in 0..5_000 {
            writeln!(file, "INSERT INTO t VALUES ({n}, 'some text that makes it longer');").unwrap();
        }
        let long = "x".repeat(500_000);
        writeln!(file, "INSERT INTO t VALUES (-1, '{long}'); SELECT n FROM t WHERE n < 3;").unwrap();
        let torn = format!("{file} INSERT INTO nowhere VALUES (1);");
        let refused = databases.import(id("a"), torn, None).await.unwrap_err().to_string();
        assert!(refused.contains("nowhere"), "{refused}");
        let done = databases.import(id("a"), file, None).await.unwrap();
        assert_eq!((done.statements, done.rows, done.all.changes), (5_003, 4, 5_001));
        let script = "SELECT 'thirty bytes of text, or so';".repeat(5_000);
        assert_eq!(databases.run(id("a"), Work::Script(script), None).await.unwrap().len(), 5_000);
        // One statement is no longer than it was, alone or among others.
        let among = Work::Script(format!("SELECT 1; SELECT '{long}';"));
        assert!(databases.run(id("a"), among, None).await.unwrap_err().to_string().contains("TOOBIG"));
        let refused = databases.run(
            id("a"),
            Work::Batch(vec![Query { sql: format!("SELECT '{long}'"), params: vec![] }]),
            None,
        );
        assert!(refused.await.is_err());
        for forbidden in ["BEGIN; COMMIT;", "ATTACH 'x' AS y;", "PRAGMA journal_mode = DELETE;"] {
            assert!(databases.import(id("a"), forbidden.to_owned(), None).await.is_err(), "{forbidden}");
        }
    }
}
