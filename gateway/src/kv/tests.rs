//! What a store owes, asked of the trait: whatever stands behind it has to pass.

use super::*;

type Shared = std::sync::Arc<dyn KvStore>;

fn open() -> (tempfile::TempDir, Shared, Namespace) {
    let directory = tempfile::tempdir().unwrap();
    let kv = reopen(&directory);
    (directory, kv, Namespace { tenant: "t".into(), id: "n".into() })
}

fn reopen(directory: &tempfile::TempDir) -> Shared {
    std::sync::Arc::new(SqliteKv::open(directory.path()).unwrap())
}

fn put(kv: &Shared, namespace: &Namespace, key: &str, entry: Entry, now: i64) {
    kv.put_all(namespace, &[(key.to_owned(), entry)], None, now).unwrap();
}

fn get(kv: &Shared, namespace: &Namespace, key: &str, now: i64) -> Option<Entry> {
    match kv.get(namespace, key, usize::MAX, now).unwrap() {
        Sought::Found(entry) => Some(entry),
        Sought::Missing => None,
        Sought::Larger(size) => panic!("{size} bytes are too many"),
    }
}

fn entry(value: &str, expires: Option<i64>) -> Entry {
    Entry { value: value.into(), metadata: None, expires }
}

#[test]
fn an_entry_lives_in_its_namespace_until_it_expires() {
    let (directory, kv, ours) = open();
    put(&kv, &ours, "k", entry("1", None), 0);
    put(&kv, &ours, "k", entry("2", Some(100)), 0);
    assert_eq!(get(&kv, &ours, "k", 99), Some(entry("2", Some(100))));
    assert_eq!(get(&kv, &ours, "k", 100), None);
    for other in
        [Namespace { tenant: "u".into(), ..ours.clone() }, Namespace { id: "m".into(), ..ours.clone() }]
    {
        assert_eq!(get(&kv, &other, "k", 0), None);
    }
    drop(kv);
    let kv = reopen(&directory);
    assert!(get(&kv, &ours, "k", 0).is_some());
    put(&kv, &ours, "other", entry("", None), 100);
    assert!(get(&kv, &ours, "k", 0).is_none(), "swept by a later write");
    kv.delete_all(&ours, &["other".into()]).unwrap();
    assert!(get(&kv, &ours, "other", 0).is_none());
}

#[test]
fn lists_are_sorted_and_cut() {
    let (_directory, kv, ours) = open();
    for key in ["b", "a1", "a2", "a3", "ä", "a%"] {
        put(&kv, &ours, key, entry("", None), 0);
    }
    put(&kv, &ours, "a0", entry("", Some(5)), 0);
    let names =
        |(keys, more): (Vec<Key>, bool)| (keys.into_iter().map(|key| key.name).collect::<Vec<_>>(), more);
    let list = |prefix, after, limit| names(kv.list(&ours, prefix, after, limit, 10).unwrap());
    assert_eq!(
        list("", None, 10),
        (vec!["a%".into(), "a1".into(), "a2".into(), "a3".into(), "b".into(), "ä".into()], false)
    );
    assert_eq!(list("a", None, 2), (vec!["a%".into(), "a1".into()], true));
    assert_eq!(list("a", Some("a1"), 2), (vec!["a2".into(), "a3".into()], false));
    assert_eq!(list("z", None, 2), (vec![], false));
}

#[test]
fn several_are_written_all_or_none_and_read_up_to_a_size() {
    let (_directory, kv, ours) = open();
    let entries =
        [("a", "1"), ("b", "22"), ("a", "3")].map(|(key, value)| (key.to_owned(), entry(value, None)));
    kv.put_all(&ours, &entries, None, 0).unwrap();
    assert_eq!(get(&kv, &ours, "a", 0), Some(entry("3", None)));
    assert_eq!(kv.get(&ours, "b", 2, 0).unwrap(), Sought::Found(entry("22", None)));
    assert_eq!(kv.get(&ours, "b", 1, 0).unwrap(), Sought::Larger(2));
    assert_eq!(kv.get(&ours, "x", 0, 0).unwrap(), Sought::Missing);
    kv.delete_all(&ours, &["a", "x", "b"].map(str::to_owned)).unwrap();
    assert_eq!(kv.list(&ours, "", None, 10, 0).unwrap(), (vec![], false));
}

#[test]
fn a_tenant_has_no_more_than_it_may() {
    let (_directory, kv, ours) = open();
    let one = ENTRY_OVERHEAD + 1 + 1;
    let entries = |keys: &[&str], size: usize| -> Vec<_> {
        keys.iter().map(|key| ((*key).to_owned(), entry(&"x".repeat(size), Some(100)))).collect()
    };
    let put = |entries: &[_], most, now| kv.put_all(&ours, entries, Some(most), now);
    assert_eq!(kv.used("t").unwrap(), 0);
    put(&entries(&["a", "b"], 10), 2 * (one + 10), 0).unwrap();
    assert_eq!(kv.used("t").unwrap(), 2 * (one + 10));
    // Nothing of what does not fit is there, and nothing of what was is lost.
    assert!(matches!(put(&entries(&["a", "c"], 10), 2 * (one + 10), 0), Err(KvFault::Full)));
    assert!(matches!(put(&entries(&["a"], 11), 2 * (one + 10), 0), Err(KvFault::Full)));
    assert_eq!(get(&kv, &ours, "c", 0), None);
    assert_eq!(get(&kv, &ours, "a", 0), Some(entry(&"x".repeat(10), Some(100))));
    // What does not grow may stay as large as it is, whatever is allowed by now.
    put(&entries(&["a"], 9), 5, 0).unwrap();
    put(&entries(&["b"], 10), 5, 0).unwrap();
    assert_eq!(kv.used("t").unwrap(), 2 * one + 19);
    let others = Namespace { tenant: "u".into(), ..ours.clone() };
    kv.put_all(&others, &entries(&["a"], 10), Some(one + 10), 0).unwrap();
    // More than are swept with a write: what expired is in nobody's way.
    let many: Vec<_> = (0..2000).map(|n| (n.to_string(), entry("", Some(100)))).collect();
    kv.put_all(&ours, &many, None, 0).unwrap();
    let lasting = [("c".to_owned(), entry(&"x".repeat(10_000), None))];
    put(&lasting, one + 10_000, 100).unwrap();
    assert_eq!(kv.used("t").unwrap(), one + 10_000);
    kv.delete_all(&ours, &["c".into()]).unwrap();
    assert_eq!(kv.used("t").unwrap(), 0);
}

#[test]
fn namespaces_are_those_with_a_title_and_those_with_entries() {
    let (_directory, kv, ours) = open();
    let named = |id: &str, title: &str| Named { id: id.into(), title: title.into() };
    kv.make_namespace(&Namespace { id: "m".into(), ..ours.clone() }, "zoo", 2).unwrap();
    for id in ["n", "b", "n/x"] {
        let namespace = Namespace { id: id.into(), ..ours.clone() };
        put(&kv, &namespace, "k1", entry("", None), 0);
        put(&kv, &namespace, "k2", entry("", None), 0);
    }
    put(&kv, &Namespace { tenant: "u".into(), id: "theirs".into() }, "k", entry("", None), 0);
    let all = [named("b", "b"), named("m", "zoo"), named("n", "n"), named("n/x", "n/x")];
    assert_eq!(kv.namespaces("t").unwrap(), all);
    let again = Namespace { id: "other".into(), ..ours.clone() };
    assert!(matches!(kv.make_namespace(&again, "zoo", 2), Err(KvFault::TitleTaken)));
    kv.make_namespace(&again, "2", 2).unwrap();
    let third = Namespace { id: "third".into(), ..ours.clone() };
    assert!(matches!(kv.make_namespace(&third, "3", 2), Err(KvFault::TooManyNamespaces)));

    let rename =
        |id: &str, title: &str| kv.rename_namespace(&Namespace { id: id.into(), ..ours.clone() }, title, 2);
    assert_eq!(["ape", "zoo"].map(|title| rename("m", title).unwrap()), [true, true]);
    assert!(!rename("gone", "x").unwrap());
    assert!(matches!(rename("other", "zoo"), Err(KvFault::TitleTaken)));
    assert!(matches!(rename("b", "first"), Err(KvFault::TooManyNamespaces)), "it has no title yet");

    // More entries than go at once.
    let many: Vec<_> = (0..600).map(|n| (n.to_string(), entry("", None))).collect();
    kv.put_all(&ours, &many, None, 0).unwrap();
    assert!(kv.delete_namespace(&ours).unwrap());
    assert!(!kv.delete_namespace(&ours).unwrap());
    assert!(kv.delete_namespace(&again).unwrap(), "it had a title and no entries");
    assert_eq!(kv.namespaces("t").unwrap(), [named("b", "b"), named("m", "zoo"), named("n/x", "n/x")]);
}
