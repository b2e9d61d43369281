//! Under what responses are found: whose, which URL, which variant. Nobody names another's: a zone's number is drawn here, and a
//! tenant's name comes from the catalog.

use http::{HeaderMap, HeaderName, Uri};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// Zones made so far, purges included.
static ZONES: AtomicU64 = AtomicU64::new(1);

/// What is known of a handler's answers.
const UNKNOWN: u8 = 0;
const NEVER: u8 = 1;
const SOMETIMES: u8 = 2;

/// What is cached of one deployment. A new one is empty, so a deployment purges.
#[derive(Debug)]
pub struct Zone {
    id: AtomicU64,
    purges: AtomicU64,
    habit: AtomicU8,
}

/// A zone as it was when a request began: what comes of the request is not stored once something was purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    id: u64,
    purges: u64,
}

impl Default for Zone {
    fn default() -> Self {
        Self { id: AtomicU64::new(next()), purges: AtomicU64::new(0), habit: AtomicU8::new(UNKNOWN) }
    }
}

impl PartialEq for Zone {
    /// What is cached of a handler makes it no other handler.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Zone {}

fn next() -> u64 {
    ZONES.fetch_add(1, Relaxed)
}

impl Zone {
    /// Now.
    pub fn moment(&self) -> Moment {
        Moment { id: self.id.load(Relaxed), purges: self.purges.load(Relaxed) }
    }

    /// Forgets everything. What was stored is out of reach and goes in its time.
    pub fn purge(&self) {
        self.id.store(next(), Relaxed);
    }

    /// Something was purged: what is on its way is not stored.
    pub(super) fn purged_one(&self) {
        self.purges.fetch_add(1, Relaxed);
    }

    /// Whether its answers were never fit to be stored so far; false before the first.
    pub fn never_stores(&self) -> bool {
        self.habit.load(Relaxed) == NEVER
    }

    /// Whether an answer of it was fit to be stored.
    pub fn stores(&self) -> bool {
        self.habit.load(Relaxed) == SOMETIMES
    }

    pub(super) fn learn(&self, stores: bool) {
        if stores {
            self.habit.store(SOMETIMES, Relaxed);
        } else {
            // Loses against an answer that is stored at the same time.
            let _ = self.habit.compare_exchange(UNKNOWN, NEVER, Relaxed, Relaxed);
        }
    }
}

/// Whose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Zone(u64),
    /// A tenant and the name of a cache of its own.
    Named(Arc<str>),
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    owner: Owner,
    url: String,
    variant: String,
}

impl Key {
    /// Of a URL as the handler sees it.
    pub fn new(moment: Moment, url: &str) -> Self {
        Self { owner: Owner::Zone(moment.id), url: with_lower_host(url), variant: String::new() }
    }

    /// Of a URL in a cache that code keeps: its tenant's default one, or one with a name.
    pub fn named(tenant: &str, name: Option<&str>, url: &Uri) -> Self {
        // No tenant's name has a slash in it.
        let owner = name.map_or_else(|| tenant.into(), |name| [tenant, "/", name].concat());
        Self { owner: Owner::Named(owner.into()), url: url.to_string(), variant: String::new() }
    }

    /// Of one variant among those that `variants` tells apart.
    pub fn variant(&self, variants: &Variants, asked: &HeaderMap) -> Self {
        let mut variant = variants.id.to_string();
        for name in &variants.names {
            // No value has a line feed in it.
            for value in asked.get_all(name) {
                variant.push('\n');
                variant.push_str(&String::from_utf8_lossy(value.as_bytes()));
            }
            variant.push_str("\n\n");
        }
        Self { variant, ..self.clone() }
    }

    /// Bytes that it takes.
    pub fn weight(&self) -> usize {
        self.url.len() + self.variant.len()
    }
}

/// What the variants of a response differ by.
#[derive(Debug)]
pub struct Variants {
    /// When these are forgotten, so are all that were found through them.
    id: u64,
    /// Fields of the request.
    pub names: Vec<HeaderName>,
}

impl Variants {
    /// Those that differ by these fields.
    pub fn new(names: Vec<HeaderName>) -> Self {
        Self { id: next(), names }
    }
}

/// Hosts have no case, paths do.
fn with_lower_host(url: &str) -> String {
    let mut url = url.to_owned();
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find(['/', '?']).map_or(url.len(), |at| host + at);
    url[..path].make_ascii_lowercase();
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_what_they_should() {
        let zone = Zone::default();
        let key = |url| Key::new(zone.moment(), url);
        assert_eq!(key("http://Hello.localhost:1/A?B"), key("http://hello.LOCALHOST:1/A?B"));
        assert_ne!(key("http://h/A"), key("http://h/a"));
        assert_ne!(key("http://h/"), Key::new(Zone::default().moment(), "http://h/"));
        let before = key("http://h/");
        zone.purge();
        assert_ne!(before, key("http://h/"));
        let uri = Uri::from_static("http://h/");
        let named = |tenant, name| Key::named(tenant, name, &uri);
        assert_ne!(named("a", None), named("b", None));
        assert_ne!(named("a", None), named("a", Some("")));
        assert_ne!(named("a", Some("x")), named("a", Some("y")));
    }

    #[test]
    fn variants_differ_by_the_named_fields_alone() {
        let key = Key::new(Zone::default().moment(), "http://h/");
        let asked = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            headers
        };
        let names = || vec![HeaderName::from_static("a"), HeaderName::from_static("b")];
        let variants = Variants::new(names());
        let of = |pairs| key.variant(&variants, &asked(pairs));
        assert_eq!(of(&[("a", "1"), ("x", "1")]), of(&[("x", "2"), ("a", "1")]));
        for other in [&[("a", "2")][..], &[("b", "1")], &[], &[("a", "1"), ("a", "1")]] {
            assert_ne!(of(&[("a", "1")]), of(other), "{other:?}");
        }
        assert_ne!(of(&[]), key.variant(&Variants::new(names()), &asked(&[])), "forgotten together");
    }
}
