//! Routes of a developer's own: patterns of host and path that lead to a handler, as Cloudflare Workers has them.
//!
//! Pure. A host that any pattern names belongs to handlers alone: nothing of the gateway's own answers there, so that a
//! handler's pages never share an origin with the API. The most specific pattern wins, the host's before the path's.

mod pattern;

pub use pattern::Pattern;

use http::Uri;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use tabmesh_protocol::Target;

/// Most routes of one handler.
pub const MAX_ROUTES: usize = 100;

/// A route as a deployment names it: a pattern, or what wrangler's files say.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a route is a pattern (`shop.example.com/*`) or {\"pattern\": ...}")]
pub enum Wanted {
    /// The pattern alone.
    Plain(String),
    /// With more.
    Full(Full),
}

impl Wanted {
    /// All of a host.
    #[must_use]
    pub fn domain(host: String) -> Self {
        Self::Full(Full {
            pattern: host,
            custom_domain: true,
            _zone_name: Default::default(),
            _zone_id: Default::default(),
        })
    }
}

/// See [`Wanted`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Full {
    pattern: String,
    /// The pattern is a host, all of whose paths are meant.
    #[serde(default)]
    custom_domain: bool,
    /// Taken and ignored: whoever runs the gateway's DNS says which zones there are.
    #[serde(rename = "zone_name", default)]
    _zone_name: serde::de::IgnoredAny,
    /// The same.
    #[serde(rename = "zone_id", default)]
    _zone_id: serde::de::IgnoredAny,
}

/// Reads a deployment's routes; `domain` is the gateway's own, under which handlers have their hosts anyway.
///
/// # Errors
/// A sentence that names the route.
pub fn read(wanted: Vec<Wanted>, domain: &str) -> Result<Vec<Pattern>, String> {
    if wanted.len() > MAX_ROUTES {
        return Err(format!("a handler has at most {MAX_ROUTES} routes"));
    }
    let mut patterns = Vec::new();
    for route in wanted {
        let (text, is_domain) = match route {
            Wanted::Plain(text) => (text, false),
            Wanted::Full(full) => (full.pattern, full.custom_domain),
        };
        let named = |reason: String| format!("the route `{}` {reason}", text.escape_debug());
        let pattern = if is_domain { Pattern::domain(&text) } else { text.parse() };
        let pattern: Pattern = pattern.map_err(|error| named(error.to_string()))?;
        if pattern.covers_domain(domain) {
            return Err(named(format!(
                "is within {domain}, whose hosts are the gateway's and the handlers' own"
            )));
        }
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    Ok(patterns)
}

/// Where a request of a host with routes goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// To this handler.
    Handler(Arc<Target>),
    /// Nowhere: the host has routes, and none for this path.
    Nothing,
}

/// All routes of all handlers.
#[derive(Debug, Default)]
pub struct Routes {
    /// By the pattern's host without its star, in lower case.
    hosts: HashMap<String, Vec<(Pattern, Arc<Target>)>>,
}

impl Routes {
    /// A pattern among `patterns` that another handler than `target` has, and who.
    #[must_use]
    pub fn conflict(&self, target: &Target, patterns: &[Pattern]) -> Option<(Pattern, Arc<Target>)> {
        let owner = |pattern: &Pattern| {
            let rules = self.hosts.get(pattern.host())?;
            rules.iter().find(|(taken, owner)| taken == pattern && !is_same(owner, target)).cloned()
        };
        patterns.iter().find_map(owner)
    }

    /// These, and no others, lead to `target` from now on, whatever its version.
    pub fn put(&mut self, target: &Arc<Target>, patterns: &[Pattern]) {
        self.remove(target);
        for pattern in patterns {
            let rules = self.hosts.entry(pattern.host().to_owned()).or_default();
            rules.push((pattern.clone(), Arc::clone(target)));
            // The first that matches is the most specific.
            rules.sort_by(|(a, _), (b, _)| b.rank().cmp(&a.rank()));
        }
    }

    /// None leads to the handler any more.
    pub fn remove(&mut self, target: &Target) {
        self.hosts.retain(|_, rules| {
            rules.retain(|(_, owner)| !is_same(owner, target));
            !rules.is_empty()
        });
    }

    /// Where a request for `uri` at `host` (without a port) goes; `None` for a host that no pattern names.
    #[must_use]
    pub fn find(&self, host: &str, uri: &Uri) -> Option<Found> {
        if self.hosts.is_empty() {
            return None;
        }
        let host = host.to_ascii_lowercase();
        // The host itself, then what is left behind each dot: ever less specific. At most 127 labels (RFC 1035).
        let suffixes =
            std::iter::successors(Some(host.as_str()), |name| name.split_once('.').map(|(_, rest)| rest));
        let mut is_named = false;
        for suffix in suffixes {
            let rules = self.hosts.get(suffix).map(Vec::as_slice).unwrap_or_default();
            for (pattern, target) in rules.iter().filter(|(pattern, _)| pattern.matches_host(&host)) {
                is_named = true;
                if pattern.matches_path(uri) {
                    return Some(Found::Handler(Arc::clone(target)));
                }
            }
        }
        is_named.then_some(Found::Nothing)
    }
}

fn is_same(a: &Target, b: &Target) -> bool {
    a.tenant == b.tenant && a.handler == b.handler
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str) -> Arc<Target> {
        Arc::new(Target { tenant: "default".into(), handler: name.into(), version: "0".repeat(64) })
    }

    fn table(routes: &[(&str, &str)]) -> Routes {
        let mut table = Routes::default();
        let mut by_name = HashMap::<&str, Vec<Pattern>>::new();
        for (name, pattern) in routes {
            by_name.entry(name).or_default().push(pattern.parse().unwrap());
        }
        for (name, patterns) in by_name {
            table.put(&target(name), &patterns);
        }
        table
    }

    fn found(table: &Routes, host: &str, path: &str) -> Option<String> {
        match table.find(host, &path.parse().unwrap())? {
            Found::Handler(target) => Some(target.handler.clone()),
            Found::Nothing => Some(String::new()),
        }
    }

    #[test]
    fn the_most_specific_pattern_wins() {
        let table = table(&[
            ("all", "*.example.com/*"),
            ("shop", "shop.example.com/*"),
            ("api", "shop.example.com/api/*"),
            ("exact", "shop.example.com/api/v1"),
            ("deep", "*.eu.example.com/*"),
            ("both", "*example.org/*"),
        ]);
        for (host, path, handler) in [
            ("shop.example.com", "/", "shop"),
            ("Shop.Example.COM", "/api/x?y", "api"),
            ("shop.example.com", "/api/v1", "exact"),
            ("shop.example.com", "/api/v1?q", "exact"),
            ("shop.example.com", "/api/v12", "api"),
            ("shop.example.com", "/apix", "shop"),
            ("www.example.com", "/", "all"),
            ("a.eu.example.com", "/", "deep"),
            ("a.b.example.com", "/", "all"),
            ("example.org", "/x", "both"),
            ("a.example.org", "/x", "both"),
        ] {
            assert_eq!(found(&table, host, path).as_deref(), Some(handler), "{host}{path}");
        }
        for host in
            ["example.com", "notexample.com", "example.com.evil.example", "127.0.0.1", "notexample.org"]
        {
            assert_eq!(found(&table, host, "/"), None, "{host}");
        }
    }

    #[test]
    fn a_named_host_is_no_main_host_for_other_paths() {
        let table = table(&[("api", "example.com/api/*")]);
        assert_eq!(found(&table, "example.com", "/_mesh/v1/handlers").as_deref(), Some(""));
        assert_eq!(found(&table, "other.example.com", "/_mesh/v1/handlers"), None);
    }

    #[test]
    fn patterns_have_one_owner() {
        let mut table = table(&[("a", "example.com/*"), ("a", "example.org/*")]);
        let taken = ["EXAMPLE.com/*".parse().unwrap()];
        let (pattern, owner) = table.conflict(&target("b"), &taken).unwrap();
        assert_eq!((pattern.to_string().as_str(), owner.handler.as_str()), ("example.com/*", "a"));
        assert_eq!(table.conflict(&target("a"), &taken), None);
        assert_eq!(table.conflict(&target("b"), &["example.com/x".parse().unwrap()]), None);
        table.put(&target("a"), &["example.org/*".parse().unwrap()]);
        assert_eq!(table.conflict(&target("b"), &taken), None);
        assert_eq!(found(&table, "example.com", "/"), None);
        table.remove(&target("a"));
        assert!(table.hosts.is_empty());
    }

    #[test]
    fn deployments_say_what_they_want() {
        let wanted = r#"["a.example/x*", {"pattern": "b.example", "custom_domain": true, "zone_name": "b.example"}, "A.example/x*"]"#;
        let patterns = read(serde_json::from_str(wanted).unwrap(), "localhost").unwrap();
        let texts: Vec<_> = patterns.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["a.example/x*", "b.example/*"]);
        for (wanted, wrong) in [
            (r#"["x.localhost/*"]"#, "within localhost"),
            (r#"["localhost/*"]"#, "within localhost"),
            (r#"[{"pattern": "a.example/x", "custom_domain": true}]"#, "host alone"),
            (r#"["a*b.example/"]"#, "star"),
        ] {
            let error = read(serde_json::from_str(wanted).unwrap(), "localhost").unwrap_err();
            assert!(error.contains(wrong), "{wanted}: {error}");
        }
        assert!(serde_json::from_str::<Vec<Wanted>>(r#"[{"pattern": "a.example", "zone": 1}]"#).is_err());
    }
}
