use super::namespaces::NotMade;
use super::*;

fn open() -> (tempfile::TempDir, Kv, Namespace) {
    let directory = tempfile::tempdir().unwrap();
    let kv = Kv::open(directory.path()).unwrap();
    (directory, kv, Namespace { tenant: "t".into(), id: "n".into() })
}

fn put(kv: &Kv, namespace: &Namespace, key: &str, entry: Entry, now: i64) {
    kv.put_all(namespace, &[(key.to_owned(), entry)], now).unwrap();
}

fn entry(value: &str, expires: Option<i64>) -> Entry {
    Entry { value: value.into(), metadata: None, expires }
}

#[test]
fn an_entry_lives_in_its_namespace_until_it_expires() {
    let (directory, kv, ours) = open();
    put(&kv, &ours, "k", entry("1", None), 0);
    put(&kv, &ours, "k", entry("2", Some(100)), 0);
    assert_eq!(kv.get(&ours, "k", 99).unwrap(), Some(entry("2", Some(100))));
    assert_eq!(kv.get(&ours, "k", 100).unwrap(), None);
    for other in
        [Namespace { tenant: "u".into(), ..ours.clone() }, Namespace { id: "m".into(), ..ours.clone() }]
    {
        assert_eq!(kv.get(&other, "k", 0).unwrap(), None);
    }
    drop(kv);
    let kv = Kv::open(directory.path()).unwrap();
    assert!(kv.get(&ours, "k", 0).unwrap().is_some());
    put(&kv, &ours, "other", entry("", None), 100);
    assert!(kv.get(&ours, "k", 0).unwrap().is_none(), "swept by a later write");
    kv.delete_all(&ours, &["other".into()]).unwrap();
    assert!(kv.get(&ours, "other", 0).unwrap().is_none());
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
    kv.put_all(&ours, &entries, 0).unwrap();
    let keys = || vec!["a".to_owned(), "x".to_owned(), "b".to_owned()];
    let found = kv.get_all(&ours, keys(), 3, 0).unwrap().unwrap();
    let values: Vec<_> = found.into_iter().map(|(_, entry)| entry.map(|entry| entry.value)).collect();
    assert_eq!(values, [Some(b"3".to_vec()), None, Some(b"22".to_vec())]);
    assert_eq!(kv.get_all(&ours, keys(), 2, 0).unwrap(), None);
    kv.delete_all(&ours, &keys()).unwrap();
    assert_eq!(kv.list(&ours, "", None, 10, 0).unwrap(), (vec![], false));
}

#[test]
fn namespaces_are_those_with_a_title_and_those_with_entries() {
    let (_directory, kv, ours) = open();
    let named = |id: &str, title: &str| Named { id: id.into(), title: title.into() };
    assert_eq!(kv.make_namespace(&Namespace { id: "m".into(), ..ours.clone() }, "zoo", 2).unwrap(), Ok(()));
    for id in ["n", "b", "n/x"] {
        let namespace = Namespace { id: id.into(), ..ours.clone() };
        put(&kv, &namespace, "k1", entry("", None), 0);
        put(&kv, &namespace, "k2", entry("", None), 0);
    }
    put(&kv, &Namespace { tenant: "u".into(), id: "theirs".into() }, "k", entry("", None), 0);
    let all = [named("b", "b"), named("m", "zoo"), named("n", "n"), named("n/x", "n/x")];
    assert_eq!(kv.namespaces("t").unwrap(), all);
    let again = Namespace { id: "other".into(), ..ours.clone() };
    assert_eq!(kv.make_namespace(&again, "zoo", 2).unwrap(), Err(NotMade::TitleTaken));
    assert_eq!(kv.make_namespace(&again, "2", 2).unwrap(), Ok(()));
    assert_eq!(
        kv.make_namespace(&Namespace { id: "third".into(), ..ours.clone() }, "3", 2).unwrap(),
        Err(NotMade::TooMany)
    );

    let rename = |id: &str, title: &str| {
        kv.rename_namespace(&Namespace { id: id.into(), ..ours.clone() }, title, 2).unwrap()
    };
    assert_eq!(
        [rename("m", "ape"), rename("m", "zoo"), rename("gone", "x")],
        [Ok(true), Ok(true), Ok(false)]
    );
    assert_eq!(rename("other", "zoo"), Err(NotMade::TitleTaken));
    assert_eq!(rename("b", "first"), Err(NotMade::TooMany), "it has no title yet");

    // More entries than go at once.
    let many: Vec<_> = (0..600).map(|n| (n.to_string(), entry("", None))).collect();
    kv.put_all(&ours, &many, 0).unwrap();
    assert!(kv.delete_namespace(&ours).unwrap());
    assert!(!kv.delete_namespace(&ours).unwrap());
    assert!(kv.delete_namespace(&again).unwrap(), "it had a title and no entries");
    assert_eq!(kv.namespaces("t").unwrap(), [named("b", "b"), named("m", "zoo"), named("n/x", "n/x")]);
}
