//! The static files of a version, by path; made at deploy.

use super::resolve::{HtmlHandling, NotFoundHandling};
use super::rules::{Rules, parse};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Most files of a deployment.
pub const MAX_FILES: usize = 2000;

/// Most bytes of files of a deployment.
pub const MAX_BYTES: usize = 32 << 20;

/// Longest path, in bytes.
const MAX_PATH: usize = 512;

/// Files and how they are found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Path, from `/` on, to the SHA-256 of the file.
    pub files: BTreeMap<String, String>,
    /// See [`Config`].
    pub config: Config,
    /// Of the files `_headers` and `_redirects`, which are no files of the site.
    #[serde(default, skip_serializing_if = "Rules::is_empty")]
    pub rules: Rules,
}

/// Cloudflare's `assets.config`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// URLs of HTML files.
    pub html_handling: HtmlHandling,
    /// Paths without a file.
    pub not_found_handling: NotFoundHandling,
    /// The handler is asked first, also where there is a file.
    pub run_worker_first: First,
}

/// For which paths the handler is asked first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum First {
    /// All or none.
    Always(bool),
    /// Those that a pattern matches (`*` stands for anything), but for those that one with `!` before it matches.
    Some(Vec<String>),
}

impl Default for First {
    fn default() -> Self {
        Self::Always(false)
    }
}

impl First {
    /// Whether the handler goes first.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        match self {
            Self::Always(always) => *always,
            Self::Some(patterns) => {
                let any = |not: bool| {
                    patterns
                        .iter()
                        .filter_map(|pattern| match pattern.strip_prefix('!') {
                            Some(pattern) => not.then_some(pattern),
                            None => (!not).then_some(pattern),
                        })
                        .any(|pattern| matches(pattern, path))
                };
                any(false) && !any(true)
            }
        }
    }
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = rest.split('*').collect();
    let Some((last, middle)) = parts.split_last() else { return true };
    for part in middle {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.len() >= last.len() && left.ends_with(last)
}

/// The static files of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// What is where.
    pub manifest: Manifest,
    /// Each file once, by its SHA-256.
    pub files: BTreeMap<String, Bytes>,
}

impl Site {
    /// Adds a file; of `_headers` and `_redirects` what they say.
    ///
    /// # Errors
    /// A sentence: too many, too large, a path that is none, a line that cannot be understood.
    pub fn add(&mut self, path: &str, bytes: Bytes) -> Result<(), String> {
        let rules = &mut self.manifest.rules;
        match path {
            "/_headers" => {
                rules.headers = parse::headers(text(path, &bytes)?)?;
                return Ok(());
            }
            "/_redirects" => {
                rules.redirects = parse::redirects(text(path, &bytes)?)?;
                return Ok(());
            }
            _ => {}
        }
        let wrong = path.len() > MAX_PATH
            || !path.starts_with('/')
            || path.ends_with('/')
            || path.contains(char::is_control)
            || path.contains(['\\', '?', '#'])
            || path.split('/').skip(1).any(|part| part.is_empty() || part == "." || part == "..");
        if wrong {
            return Err(format!("`{}` cannot be the path of a static file", path.escape_debug()));
        }
        if self.manifest.files.len() >= MAX_FILES {
            return Err(format!("a deployment has at most {MAX_FILES} static files"));
        }
        let held: usize = self.files.values().map(Bytes::len).sum();
        if held + bytes.len() > MAX_BYTES {
            return Err(format!("a deployment's static files have at most {MAX_BYTES} bytes"));
        }
        let hash = hex::encode(Sha256::digest(&bytes));
        if self.manifest.files.insert(path.to_owned(), hash.clone()).is_some() {
            return Err(format!("two static files have the path `{path}`"));
        }
        self.files.insert(hash, bytes);
        Ok(())
    }
}

fn text<'a>(path: &str, bytes: &'a Bytes) -> Result<&'a str, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| format!("the file `{path}` is not valid UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_checked_and_files_kept_once() {
        let mut site = Site::default();
        site.add("/a", Bytes::from_static(b"x")).unwrap();
        site.add("/b/c.txt", Bytes::from_static(b"x")).unwrap();
        assert_eq!((site.manifest.files.len(), site.files.len()), (2, 1));
        for wrong in ["", "a", "/", "/a/../b", "//a", "/a/", "/a?b", "/a\n", "/a"] {
            assert!(site.add(wrong, Bytes::new()).is_err(), "{wrong}");
        }
        assert!(site.add("/large", vec![0; MAX_BYTES].into()).is_err());
    }

    #[test]
    fn the_handler_goes_first_where_a_pattern_says_so() {
        let some = |patterns: &[&str]| First::Some(patterns.iter().map(|it| (*it).to_owned()).collect());
        assert!(some(&["/api/*"]).covers("/api/x") && !some(&["/api/*"]).covers("/x"));
        assert!(!some(&["/*", "!/static/*"]).covers("/static/x") && some(&["/*", "!/static/*"]).covers("/x"));
        assert!(some(&["/a*b*c"]).covers("/a1b2c") && !some(&["/a*b*c"]).covers("/a1c"));
        assert!(First::Always(true).covers("/") && !First::default().covers("/"));
    }
}
