//! Real files.

use super::super::{Datum, Query};
use super::*;
use serde_json::{Value, json};

fn databases() -> (tempfile::TempDir, SqliteDatabases, DatabaseId) {
    let directory = tempfile::tempdir().unwrap();
    let databases = SqliteDatabases::open(directory.path()).unwrap();
    (directory, databases, DatabaseId { tenant: "t".into(), id: "../x".into() })
}

fn query(sql: &str, params: &Value) -> Query {
    serde_json::from_value(json!({ "sql": sql, "params": params })).unwrap()
}

#[allow(clippy::needless_pass_by_value)]
async fn one(
    databases: &SqliteDatabases,
    id: &DatabaseId,
    sql: &str,
    params: Value,
) -> Result<Answer, String> {
    let work = Work::Batch(vec![query(sql, &params)]);
    let answers = databases.run(id.clone(), work, None).await;
    answers.map(|mut answers| answers.remove(0)).map_err(|error| error.to_string())
}

#[tokio::test]
async fn every_kind_of_value_comes_back() {
    let (_directory, databases, id) = databases();
    one(&databases, &id, "CREATE TABLE t (a, b, c, d, e)", json!([])).await.unwrap();
    let row = json!([null, 7, 1.5, "ü", [1, 255]]);
    let put = one(&databases, &id, "INSERT INTO t VALUES (?, ?, ?, ?, ?)", row.clone()).await.unwrap();
    assert_eq!((put.changes, put.last_row_id), (1, 1));
    assert!(put.size_after > 0);
    let got = one(&databases, &id, "SELECT * FROM t WHERE b = ?1", json!([7])).await.unwrap();
    assert_eq!(got.columns, ["a", "b", "c", "d", "e"]);
    assert_eq!(json!(got.rows), json!([row]));
    let other = DatabaseId { tenant: "u".into(), ..id };
    assert!(
        one(&databases, &other, "SELECT * FROM t", json!([])).await.unwrap_err().contains("no such table: t")
    );
}

#[tokio::test]
async fn a_batch_and_a_script_are_all_or_nothing() {
    let (_directory, databases, id) = databases();
    let script = Work::Script("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1); -- end\n".into());
    assert_eq!(databases.run(id.clone(), script, None).await.unwrap().len(), 2);
    let insert = |value: i64| query("INSERT INTO t VALUES (?)", &json!([value]));
    let failed = databases.run(id.clone(), Work::Batch(vec![insert(2), insert(1)]), None).await.unwrap_err();
    assert_eq!(failed.to_string(), "UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT");
    let failed =
        databases.run(id.clone(), Work::Script("INSERT INTO t VALUES (3); nonsense;".into()), None).await;
    assert!(failed.is_err());
    assert_eq!(one(&databases, &id, "SELECT a FROM t", json!([])).await.unwrap().rows, [[Datum::Integer(1)]]);
    databases.run(id.clone(), Work::Batch(vec![insert(2), insert(3)]), None).await.unwrap();
    assert_eq!(one(&databases, &id, "SELECT a FROM t", json!([])).await.unwrap().rows.len(), 3);
}

#[tokio::test]
async fn nothing_outside_of_the_database_can_be_reached() {
    let (directory, databases, id) = databases();
    let file = directory.path().join("other.db");
    for sql in [
        &format!("ATTACH '{}' AS o", file.display()),
        "ATTACH ':memory:' AS o",
        &format!("VACUUM INTO '{}'", file.display()),
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = 1",
        "PRAGMA max_page_count = 1000000000",
        "PRAGMA synchronous = OFF",
        "SELECT load_extension('x')",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT a",
        "CREATE VIRTUAL TABLE d USING dbstat",
    ] {
        let result = one(&databases, &id, sql, json!([])).await;
        assert!(result.is_err(), "{sql}: {result:?}");
    }
    assert!(!file.exists());
    for sql in ["PRAGMA table_list", "SELECT * FROM json_each('[1]')", "CREATE VIRTUAL TABLE f USING fts5(a)"]
    {
        one(&databases, &id, sql, json!([])).await.unwrap();
    }
}

#[tokio::test]
async fn what_never_ends_is_ended_and_what_is_too_large_refused() {
    let (_directory, databases, id) = databases();
    let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    assert!(one(&databases, &id, endless, json!([])).await.unwrap_err().contains("ran for too long"));
    let much =
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT hex(zeroblob(500000)) FROM c";
    assert!(one(&databases, &id, much, json!([])).await.unwrap_err().contains("fewer rows"));
    assert!(
        one(&databases, &id, "SELECT zeroblob(3000000)", json!([]))
            .await
            .unwrap_err()
            .contains("SQLITE_TOOBIG")
    );
    assert!(
        one(&databases, &id, "SELECT 1; SELECT 2", json!([]))
            .await
            .unwrap_err()
            .contains("only one statement")
    );
    assert!(one(&databases, &id, "SELECT ?", json!([])).await.unwrap_err().contains("parameter bindings"));
    assert!(
        serde_json::from_value::<Query>(json!({ "sql": "", "params": [{}] }))
            .unwrap_err()
            .to_string()
            .contains("Type 'object'")
    );
    assert_eq!(one(&databases, &id, "SELECT 1", json!([])).await.unwrap().rows, [[Datum::Integer(1)]]);
}

#[tokio::test]
async fn more_databases_than_may_be_open_take_turns() {
    let (_directory, databases, _) = databases();
    for number in 0..MAX_OPEN + 3 {
        let id = DatabaseId { tenant: "t".into(), id: number.to_string() };
        databases
            .run(id, Work::Script(format!("CREATE TABLE t (a); INSERT INTO t VALUES ({number})")), None)
            .await
            .unwrap();
    }
    let first = DatabaseId { tenant: "t".into(), id: "0".into() };
    assert_eq!(
        one(&databases, &first, "SELECT a FROM t", json!([])).await.unwrap().rows,
        [[Datum::Integer(0)]]
    );
    assert!(databases.open.lock().unwrap().len() <= MAX_OPEN);
}

#[tokio::test]
async fn databases_are_made_found_and_deleted() {
    let (directory, databases, used) = databases();
    one(&databases, &used, "CREATE TABLE t (a)", json!([])).await.unwrap();
    let made = databases.make("t", "orders".into()).await.unwrap();
    assert_eq!((made.name.as_str(), made.id.len()), ("orders", 36));
    assert!(matches!(databases.make("t", "orders".into()).await, Err(SqlError::NameTaken)));
    assert!(matches!(databases.make("t", "a\nb".into()).await, Err(SqlError::InvalidName)));
    databases.make("u", "orders".into()).await.unwrap();
    let id = DatabaseId { tenant: "t".into(), id: made.id.clone() };
    assert_eq!(databases.find(&id).await.unwrap(), (made, 0));
    one(&databases, &id, "CREATE TABLE t (a)", json!([])).await.unwrap();
    let list = databases.list("t").await.unwrap();
    let names: Vec<&str> = list.iter().map(|(named, _)| named.name.as_str()).collect();
    assert_eq!(names, ["../x", "orders"]);
    assert!(list.iter().all(|(_, size)| *size > 0));

    databases.delete(used.clone()).await.unwrap();
    assert!(matches!(databases.delete(used.clone()).await, Err(SqlError::NotFound)));
    assert!(matches!(databases.find(&used).await, Err(SqlError::NotFound)));
    let left = std::fs::read_dir(directory.path().join("sql/t")).unwrap();
    let left: Vec<_> =
        left.map(|file| file.unwrap().path()).filter(|path| path.extension().unwrap() == "db").collect();
    assert_eq!(left, [path(&databases.directory, &id)]);
    let gone = one(&databases, &used, "SELECT * FROM t", json!([])).await.unwrap_err();
    assert!(gone.contains("no such table"), "{gone}");
}

#[tokio::test]
async fn a_tenants_databases_have_no_more_than_they_may() {
    let (directory, databases, a) = databases();
    let b = DatabaseId { id: "b".into(), ..a.clone() };
    let insert = |bytes: u64| Work::Batch(vec![query("INSERT INTO t VALUES (zeroblob(?))", &json!([bytes]))]);
    for id in [&a, &b] {
        databases.run(id.clone(), Work::Script("CREATE TABLE t (a)".into()), None).await.unwrap();
    }
    databases.run(a.clone(), insert(500_000), None).await.unwrap();
    let used = databases.used("t").await.unwrap();
    assert!((500_000..550_000).contains(&used), "{used}");
    let most = Some(used + 100_000);
    let count = async |id: &DatabaseId, most| {
        let work = Work::Batch(vec![query("SELECT count(*) FROM t", &json!([]))]);
        databases.run(id.clone(), work, most).await.unwrap().remove(0).rows
    };
    for id in [&a, &b] {
        let before = count(id, most).await;
        for work in [
            insert(200_000),
            Work::Batch(vec![
                query("INSERT INTO t VALUES (1)", &json!([])),
                query("INSERT INTO t VALUES (zeroblob(200000))", &json!([])),
            ]),
            Work::Script("INSERT INTO t VALUES (1); INSERT INTO t VALUES (zeroblob(200000))".into()),
        ] {
            let refused = databases.run(id.clone(), work, most).await.unwrap_err();
            assert!(matches!(refused, SqlError::Full), "{refused}");
        }
        assert_eq!(count(id, most).await, before, "all or nothing");
    }
    assert_eq!(databases.used("t").await.unwrap(), used);
    databases.run(b.clone(), insert(80_000), most).await.unwrap();
    assert!(matches!(databases.run(a.clone(), insert(80_000), most).await, Err(SqlError::Full)));
    // Less is allowed by now: what is there can be read, changed and deleted, and its room used again.
    let less = Some(10_000);
    for sql in ["UPDATE t SET a = 7 WHERE a = 8", "DELETE FROM t", "INSERT INTO t VALUES (zeroblob(300000))"]
    {
        databases.run(a.clone(), Work::Script(sql.into()), less).await.unwrap();
    }
    // Others are not bounded by it, and neither is this one when nobody bounds it.
    databases
        .run(
            DatabaseId { tenant: "u".into(), id: "c".into() },
            Work::Script("CREATE TABLE t (a)".into()),
            Some(9000),
        )
        .await
        .unwrap();
    databases.run(a.clone(), insert(900_000), None).await.unwrap();
    let used = databases.used("t").await.unwrap();
    // Another process would count the same.
    assert_eq!(SqliteDatabases::open(directory.path()).unwrap().used("t").await.unwrap(), used);
    databases.reload();
    assert_eq!(databases.used("t").await.unwrap(), used);
    let sizes: u64 = databases.list("t").await.unwrap().iter().map(|(_, size)| size).sum();
    assert_eq!(sizes, used);
    databases.delete(a).await.unwrap();
    let left = databases.used("t").await.unwrap();
    assert!(left > 80_000 && left < 100_000, "{left}");
    databases.delete(b).await.unwrap();
    assert_eq!(databases.used("t").await.unwrap(), 0);
}

#[tokio::test]
async fn databases_that_grow_at_once_share_what_is_left() {
    let (_directory, databases, _) = databases();
    let databases = Arc::new(databases);
    let id = |number: usize| DatabaseId { tenant: "t".into(), id: number.to_string() };
    for number in 0..8 {
        databases.run(id(number), Work::Script("CREATE TABLE t (a)".into()), None).await.unwrap();
    }
    let most = databases.used("t").await.unwrap() + 250_000;
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let databases = Arc::clone(&databases);
            tokio::spawn(async move {
                let work = Work::Script("INSERT INTO t VALUES (zeroblob(100000))".into());
                databases.run(id(number), work, Some(most)).await.is_ok()
            })
        })
        .collect();
    let mut written = 0;
    for writer in writers {
        written += usize::from(writer.await.unwrap());
    }
    let used = databases.used("t").await.unwrap();
    assert!(written == 2 && used <= most, "{written} written, {used} of {most}");
}
