//! The file: what is in it after damage, migrations and restarts.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn namespace() -> Namespace {
    Namespace { tenant: "t".into(), id: "n".into() }
}

fn entry(value: &[u8]) -> Entry {
    Entry { value: value.to_owned(), metadata: None, expires: None }
}

fn raw(directory: &Path) -> Connection {
    Connection::open(directory.join(FILE_NAME)).unwrap()
}

#[test]
fn what_is_damaged_is_never_given_and_can_be_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let kv = SqliteKv::open(directory.path()).unwrap();
    let entries = ["a", "b", "c", "d", "e"].map(|key| (key.to_owned(), entry(key.repeat(5000).as_bytes())));
    kv.put_all(&namespace(), &entries, None, 0).unwrap();
    SqliteKv::check(&directory.path().join(FILE_NAME)).unwrap();
    raw(directory.path())
        .execute_batch(
            "UPDATE entries SET value = CAST(replace(CAST(value AS TEXT), 'aaaa', 'aaab') AS BLOB) WHERE key = 'a';
             UPDATE entries SET metadata = 'b' WHERE key = 'b';
             UPDATE entries SET expires = 99 WHERE key = 'c';
             UPDATE entries SET key = 'x' WHERE key = 'd';",
        )
        .unwrap();
    for key in ["a", "b", "c", "x"] {
        let fault = kv.get(&namespace(), key, usize::MAX, 0).unwrap_err();
        assert!(matches!(&fault, KvFault::Damaged { key: which, .. } if which == key), "{key}: {fault}");
        let text = fault.to_string();
        assert!(text.contains(r#""n""#) && text.contains(key) && !text.contains("aaaa"), "{text}");
    }
    assert!(matches!(SqliteKv::check(&directory.path().join(FILE_NAME)), Err(KvFault::Damaged { .. })));
    assert_eq!(kv.get(&namespace(), "e", usize::MAX, 0).unwrap(), Sought::Found(entries[4].1.clone()));
    kv.put_all(&namespace(), &entries[..1], None, 0).unwrap();
    assert_eq!(kv.get(&namespace(), "a", usize::MAX, 0).unwrap(), Sought::Found(entries[0].1.clone()));
    kv.delete_all(&namespace(), &["b", "c", "x"].map(str::to_owned)).unwrap();
    SqliteKv::check(&directory.path().join(FILE_NAME)).unwrap();
}

#[test]
fn a_byte_that_changes_in_the_file_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let kv = SqliteKv::open(directory.path()).unwrap();
    kv.put_all(&namespace(), &[("k".into(), entry(&[b'v'; 100_000]))], None, 0).unwrap();
    // All into the file itself, which has no checksums of SQLite's.
    drop(kv);
    let path = directory.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.windows(1000).position(|window| window.iter().all(|byte| *byte == b'v')).unwrap();
    bytes[middle + 500] = b'w';
    std::fs::write(&path, bytes).unwrap();
    let kv = SqliteKv::open(directory.path()).unwrap();
    assert!(matches!(kv.get(&namespace(), "k", usize::MAX, 0), Err(KvFault::Damaged { .. })));
}

#[test]
fn a_store_without_checksums_gets_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut old = raw(directory.path());
    let transaction = old.transaction().unwrap();
    schema::first_for_tests(&transaction).unwrap();
    transaction
        .execute_batch(
            "INSERT INTO entries VALUES ('t', 'n', 'k', 100, '{}', x'0102'), ('t', 'n', 'ü', NULL, NULL, x''), ('u', 'm', 'k', NULL, NULL, x'03');
             INSERT INTO namespaces VALUES ('t', 'n', 'zoo');",
        )
        .unwrap();
    transaction.commit().unwrap();
    let path = directory.path().join(FILE_NAME);
    SqliteKv::check(&path).unwrap();
    for _ in 0..2 {
        let kv = SqliteKv::open(directory.path()).unwrap();
        let first = Entry { value: vec![1, 2], metadata: Some("{}".into()), expires: Some(100) };
        assert_eq!(kv.get(&namespace(), "k", 9, 0).unwrap(), Sought::Found(first));
        assert_eq!(kv.get(&namespace(), "ü", 9, 0).unwrap(), Sought::Found(entry(b"")));
        assert_eq!(kv.namespaces("t").unwrap()[0].title, "zoo");
        assert_eq!(
            (kv.used("t").unwrap(), kv.used("u").unwrap()),
            (64 + 1 + 1 + 2 + 2 + 64 + 1 + 2, 64 + 1 + 1 + 1)
        );
        SqliteKv::check(&path).unwrap();
    }
    raw(directory.path()).pragma_update(None, "user_version", 9).unwrap();
    assert!(matches!(SqliteKv::open(directory.path()), Err(KvFault::Newer { found: 9, known: 2 })));
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<(u8, u16, Option<i64>)>, Option<u64>),
    Delete(Vec<u8>),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let put = (0..12_u8, 0..3000_u16, proptest::option::of(0..40_i64));
    let step = prop_oneof![
        6 => (proptest::collection::vec(put, 0..5), proptest::option::of(0..9000_u64)).prop_map(|(entries, most)| Step::Put(entries, most)),
        2 => proptest::collection::vec(0..12_u8, 0..4).prop_map(Step::Delete),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 0..40)
}

/// What a model's entry counts.
fn bytes(model: &BTreeMap<String, Entry>) -> u64 {
    model
        .iter()
        .map(|(key, entry)| super::super::ENTRY_OVERHEAD + 1 + key.len() as u64 + entry.value.len() as u64)
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_map_would_and_counts_it(steps in steps()) {
        let directory = tempfile::tempdir().unwrap();
        let mut kv: Box<dyn KvStore> = Box::new(SqliteKv::open(directory.path()).unwrap());
        let mut model = BTreeMap::new();
        for (now, step) in (0..).zip(steps) {
            match step {
                Step::Put(entries, most) => {
                    let entries: Vec<_> = entries.into_iter().map(|(key, size, expires)| {
                        let value = vec![key; size.into()];
                        (format!("key {key}"), Entry { value, metadata: None, expires })
                    }).collect();
                    let before = kv.used("t").unwrap();
                    let done = kv.put_all(&namespace(), &entries, most, now);
                    let after = kv.used("t").unwrap();
                    match done {
                        Ok(()) => model.extend(entries),
                        Err(KvFault::Full) => {
                            let mut wanted = model.clone();
                            wanted.extend(entries);
                            wanted.retain(|_, entry: &mut Entry| entry.expires.is_none_or(|at| at > now));
                            prop_assert!(bytes(&wanted) > most.unwrap(), "it would have fit");
                        }
                        Err(fault) => return Err(TestCaseError::fail(fault.to_string())),
                    }
                    prop_assert!(most.is_none_or(|most| after <= most || after <= before));
                }
                Step::Delete(keys) => {
                    let keys: Vec<_> = keys.iter().map(|key| format!("key {key}")).collect();
                    kv.delete_all(&namespace(), &keys).unwrap();
                    keys.iter().for_each(|key| drop(model.remove(key)));
                }
                Step::Restart => {
                    drop(kv);
                    kv = Box::new(SqliteKv::open(directory.path()).unwrap());
                }
            }
            model.retain(|_, entry: &mut Entry| entry.expires.is_none_or(|at| at > now));
            let (keys, more) = kv.list(&namespace(), "", None, 100, now).unwrap();
            prop_assert!(!more && keys.iter().map(|key| &key.name).eq(model.keys()));
            for (key, entry) in &model {
                prop_assert_eq!(kv.get(&namespace(), key, usize::MAX, now).unwrap(), Sought::Found(entry.clone()));
            }
            prop_assert!(kv.used("t").unwrap() >= bytes(&model));
        }
        // Expired ones may still be counted until they are swept.
        kv.put_all(&namespace(), &[("key 0".into(), entry(b""))], None, 1000).unwrap();
        model.retain(|_, entry: &mut Entry| entry.expires.is_none());
        model.insert("key 0".into(), entry(b""));
        prop_assert_eq!(kv.used("t").unwrap(), bytes(&model));
        kv.delete_namespace(&namespace()).unwrap();
        prop_assert_eq!(kv.used("t").unwrap(), 0);
    }
}
