//! A site's `_headers` and `_redirects`, as Cloudflare documents them: what they say of a request. Pure; [`parse`] reads the files.
//!
//! Matching takes time in proportion to path and pattern, whatever they are: the rules are a tenant's, the threads everybody's.

pub mod parse;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// Rules of a version's static files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Of `_headers`, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderRule>,
    /// Of `_redirects`: those without patterns first, for they win.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirects: Vec<Redirect>,
}

/// Fields of the files whose URL a pattern matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderRule {
    /// A path, or `https://` with host and path.
    pub pattern: String,
    /// Names in small letters, and values, in which placeholders stand for what they matched.
    pub set: Vec<(String, String)>,
    /// Names of fields that are taken off.
    pub unset: Vec<String>,
}

/// Another place for paths that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// A path.
    pub pattern: String,
    /// A path or a URL.
    pub to: String,
    /// A status of redirects; 200: what is at `to` is the answer.
    pub status: u16,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// There, with this status.
    To(String, u16),
    /// To the file at that path.
    File(String),
}

impl Rules {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.redirects.is_empty()
    }

    /// What `_redirects` says of a path, as it was sent.
    #[must_use]
    pub fn redirect(&self, path: &str, query: Option<&str>) -> Option<Leads> {
        self.redirects.iter().find_map(|rule| {
            let found = captures(&rule.pattern, path, &['/'])?;
            let to = filled(&rule.to, &found);
            // What a placeholder brought shall not turn a path into another host.
            let to = if rule.to.starts_with('/') && !rule.to.starts_with("//") {
                format!("/{}", to.trim_start_matches('/'))
            } else {
                to
            };
            if rule.status == 200 {
                return Some(Leads::File(to));
            }
            // The query goes along where the rule has none of its own.
            let to = match (query, to.split_once('#')) {
                (Some(query), None) if !to.contains('?') => format!("{to}?{query}"),
                (Some(query), Some((to, fragment))) if !to.contains('?') => {
                    format!("{to}?{query}#{fragment}")
                }
                _ => to,
            };
            Some(Leads::To(to, rule.status))
        })
    }

    /// Puts the fields of `_headers` on the answer to a path of this host.
    pub fn apply(&self, host: &str, path: &str, headers: &mut HeaderMap) {
        let mut ours: Vec<&str> = vec![];
        for rule in &self.headers {
            let found = match rule.pattern.strip_prefix("https://") {
                None => captures(&rule.pattern, path, &['/']),
                Some(url) => {
                    let at = url.find('/').unwrap_or(url.len());
                    let of_host = captures(&url[..at], host, &['.']);
                    of_host.zip(captures(&url[at..], path, &['/'])).map(|(mut all, more)| {
                        all.extend(more);
                        all
                    })
                }
            };
            let Some(found) = found else { continue };
            for name in &rule.unset {
                headers.remove(name);
            }
            for (name, value) in &rule.set {
                let (Ok(field), Ok(value)) =
                    (HeaderName::try_from(name), HeaderValue::try_from(filled(value, &found)))
                else {
                    continue;
                };
                // A field that several rules set has the values of all; what was there before them makes way.
                let before = ours.contains(&&**name).then(|| headers.get(&field)).flatten();
                let joined = before.and_then(|before| {
                    HeaderValue::from_bytes(&[before.as_bytes(), b", ", value.as_bytes()].concat()).ok()
                });
                headers.insert(field, joined.unwrap_or(value));
                ours.push(name);
            }
        }
    }
}

/// A part of a pattern that is no text, where it begins and ends.
struct Special<'a> {
    /// Without the colon; empty for `*`.
    name: &'a str,
    start: usize,
    end: usize,
}

/// The first `*` or `:name`.
fn special(pattern: &str) -> Option<Special<'_>> {
    for (start, sign) in pattern.char_indices() {
        if sign == '*' {
            return Some(Special { name: "", start, end: start + 1 });
        }
        let rest = &pattern[start + sign.len_utf8()..];
        if sign == ':' && rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            return Some(Special { name: &rest[..length], start, end: start + 1 + length });
        }
    }
    None
}

/// What the parts of a pattern stand for in `text`, of which a placeholder takes as little as it can, and no delimiter; `None`
/// where it does not match. Looks at each character once or twice, whatever they are.
fn captures<'a>(pattern: &'a str, text: &'a str, delimiters: &[char]) -> Option<Vec<(&'a str, &'a str)>> {
    let (mut pattern, mut at, mut delimiter) = (pattern, 0, None);
    let mut found = vec![];
    while let Some(Special { name, start, end }) = special(pattern) {
        text[at..].starts_with(&pattern[..start]).then_some(())?;
        at += start;
        pattern = &pattern[end..];
        if name.is_empty() {
            // What stands behind is text alone: [`parse`] sees to it.
            found.push(("splat", text[at..].strip_suffix(pattern)?));
            return Some(found);
        }
        let most = match delimiter.filter(|most| *most >= at) {
            Some(most) => most,
            None => text[at..].find(delimiters).map_or(text.len(), |length| at + length),
        };
        delimiter = Some(most);
        let next = &pattern[..special(pattern).map_or(pattern.len(), |special| special.start)];
        let taken = if next.is_empty() || next.starts_with(delimiters) {
            most
        } else {
            let mut places = text[at..most].match_indices(next).map(|(place, _)| at + place);
            places.find(|place| *place > at)?
        };
        if taken == at {
            return None;
        }
        found.push((name, &text[at..taken]));
        at = taken;
    }
    (*pattern == text[at..]).then_some(found)
}

/// Text with what was found in the place of its placeholders.
fn filled(text: &str, found: &[(&str, &str)]) -> String {
    let (mut text, mut out) = (text, String::new());
    while let Some(Special { name, start, end }) = special(text) {
        out.push_str(&text[..start]);
        match found.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => out.push_str(value),
            None => out.push_str(&text[start..end]),
        }
        text = &text[end..];
    }
    out.push_str(text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirected(rule: (&str, &str, u16), path: &str, query: Option<&str>) -> Option<Leads> {
        let redirect = Redirect { pattern: rule.0.into(), to: rule.1.into(), status: rule.2 };
        Rules { redirects: vec![redirect], ..Rules::default() }.redirect(path, query)
    }

    #[test]
    fn paths_lead_where_their_rule_says() {
        for (pattern, to, path, query, expected) in [
            ("/a", "/b", "/a", None, Some("/b")),
            ("/a", "/b", "/a/", None, None),
            ("/a", "/b", "/a", Some("x=1"), Some("/b?x=1")),
            ("/a", "/b?y", "/a", Some("x=1"), Some("/b?y")),
            ("/a", "/b#part", "/a", Some("x=1"), Some("/b?x=1#part")),
            ("/a", "https://other.example/x", "/a", None, Some("https://other.example/x")),
            (
                "/blog/*",
                "https://blog.example/:splat",
                "/blog/2026/x",
                None,
                Some("https://blog.example/2026/x"),
            ),
            ("/blog/*", "/:splat", "/blog//evil.example", None, Some("/evil.example")),
            ("/movies/:title", "/media/:title", "/movies/up", None, Some("/media/up")),
            ("/movies/:title", "/media/:title", "/movies/up/x", None, None),
            ("/movies/:title", "/media/:title", "/movies/", None, None),
            (
                "/:year-:month/:slug.html",
                "/p/:slug/:year/:month/:day",
                "/2026-11/x.html",
                None,
                Some("/p/x/2026/11/:day"),
            ),
            ("/*.php", "/:splat", "/a/b.php", None, Some("/a/b")),
        ] {
            let expected = expected.map(|to| Leads::To(to.to_owned(), 301));
            assert_eq!(redirected((pattern, to, 301), path, query), expected, "{pattern} {path}");
        }
        assert_eq!(
            redirected(("/a/*", "/b/:splat", 200), "/a/x", Some("q")),
            Some(Leads::File("/b/x".into()))
        );
    }

    #[test]
    fn fields_are_set_joined_and_taken_off() {
        let rule = |pattern: &str, set: &[(&str, &str)], unset: &[&str]| HeaderRule {
            pattern: pattern.into(),
            set: set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            unset: unset.iter().map(|name| (*name).to_owned()).collect(),
        };
        let rules = Rules {
            headers: vec![
                rule("/*", &[("x-robots-tag", "nosnippet"), ("cache-control", "no-cache")], &[]),
                rule(
                    "/static/*",
                    &[("x-robots-tag", "noindex"), ("x-path", "at :splat")],
                    &["x-frame-options"],
                ),
                rule("https://:name.site.example/*", &[("x-host", ":name")], &[]),
            ],
            ..Rules::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::from_static("public"));
        headers.insert("x-frame-options", HeaderValue::from_static("DENY"));
        rules.apply("one.site.example", "/static/a.css", &mut headers);
        let mut all: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        all.sort_unstable();
        assert_eq!(
            all,
            [
                ("cache-control", "no-cache"),
                ("x-host", "one"),
                ("x-path", "at a.css"),
                ("x-robots-tag", "nosnippet, noindex")
            ]
        );
        let mut headers = HeaderMap::new();
        rules.apply("two.one.site.example", "/a", &mut headers);
        assert!(!headers.contains_key("x-host") && !headers.contains_key("x-path"));
    }
}
