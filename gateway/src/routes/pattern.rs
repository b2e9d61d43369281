//! One route pattern: `host/path`, with a star in front of the host and one at the end of the path.

use http::Uri;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 1024;

/// Why a text is no pattern. Goes on from "the route `...`".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Longer than [`MAX_PATTERN`].
    #[error("is too long")]
    TooLong,
    /// No host that the domain name system could know.
    #[error("names no host: write it as shop.example.com/* or *.example.com/path*")]
    Host,
    /// An address, which everybody's requests have.
    #[error("names an address: a route needs a host's name")]
    Address,
    /// A star where none can be.
    #[error("has a star in its middle: one may begin the host, and one end the path")]
    Star,
    /// What callers' requests are not told apart by.
    #[error("has a query or fragment, which routes do not look at")]
    Query,
    /// A custom domain with a path.
    #[error("is a custom domain: it is a host alone, without star and path")]
    Domain,
}

/// See the module's page. Two patterns are equal if they mean the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    subdomains: Subdomains,
    /// In lower case.
    host: String,
    /// As callers write it; begins with `/`.
    path: String,
    /// The path goes on as it likes.
    is_open: bool,
}

/// Which hosts before the named one are meant, the most specific last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subdomains {
    /// `*example.com`: these and itself.
    Too,
    /// `*.example.com`: these only.
    Only,
    /// Itself only.
    None,
}

impl Pattern {
    /// All of a host.
    pub(super) fn domain(host: &str) -> Result<Self, PatternError> {
        if host.contains(['/', '*']) {
            return Err(PatternError::Domain);
        }
        format!("{host}/*").parse()
    }

    /// The host without its star, in lower case.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Whether it names the domain or a host in it.
    pub(super) fn covers_domain(&self, domain: &str) -> bool {
        let domain = domain.to_ascii_lowercase();
        self.host == domain || self.host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
    }

    /// Whether this one's hosts have all of `other`'s hosts among them. Paths do not matter.
    pub(crate) fn has_hosts_of(&self, other: &Pattern) -> bool {
        let inside = other.host.strip_suffix(&self.host).is_some_and(|rest| rest.ends_with('.'));
        match self.subdomains {
            Subdomains::Too => inside || other.host == self.host,
            Subdomains::Only => inside || (other.host == self.host && other.subdomains == Subdomains::Only),
            Subdomains::None => other.host == self.host && other.subdomains == Subdomains::None,
        }
    }

    /// Higher for what is more specific, among patterns with the same host.
    pub(super) fn rank(&self) -> impl Ord {
        (self.subdomains, !self.is_open, self.path.len())
    }

    /// `host` is in lower case and ends as this one's does, at a dot.
    pub(super) fn matches_host(&self, host: &str) -> bool {
        match self.subdomains {
            Subdomains::Too => true,
            Subdomains::Only => host.len() > self.host.len(),
            Subdomains::None => host.len() == self.host.len(),
        }
    }

    pub(super) fn matches_path(&self, uri: &Uri) -> bool {
        let path = match uri.path() {
            "" => "/",
            path => path,
        };
        if self.is_open { path.starts_with(&self.path) } else { path == self.path }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_PATTERN {
            return Err(PatternError::TooLong);
        }
        let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        let (host, path) = match text.find('/') {
            Some(at) => text.split_at(at),
            None => (text, "/"),
        };
        if path.contains(['?', '#']) {
            return Err(PatternError::Query);
        }
        let (subdomains, host) = match (host.strip_prefix("*."), host.strip_prefix('*')) {
            (Some(host), _) => (Subdomains::Only, host),
            (None, Some(host)) => (Subdomains::Too, host),
            (None, None) => (Subdomains::None, host),
        };
        let (path, is_open) = match path.strip_suffix('*') {
            Some(path) => (path, true),
            None => (path, false),
        };
        if host.contains('*') || path.contains('*') {
            return Err(PatternError::Star);
        }
        if host.parse::<IpAddr>().is_ok() || host.starts_with('[') {
            return Err(PatternError::Address);
        }
        if !is_host(host) || path.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(PatternError::Host);
        }
        Ok(Self { subdomains, host: host.to_ascii_lowercase(), path: path.to_owned(), is_open })
    }
}

/// Labels of letters, digits, hyphens and underscores (RFC 1035, section 2.3.4 for their lengths).
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = match self.subdomains {
            Subdomains::Too => "*",
            Subdomains::Only => "*.",
            Subdomains::None => "",
        };
        write!(out, "{star}{}{}{}", self.host, self.path, if self.is_open { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_pattern() {
        use PatternError::*;
        for (text, error) in [
            ("", Host),
            ("/x", Host),
            ("*", Host),
            ("*/*", Host),
            ("a b/", Host),
            ("a..b/", Host),
            ("ä.example/", Host),
            ("a.example:80/", Host),
            ("127.0.0.1/*", Address),
            ("[::1]/*", Address),
            ("a.*.example/", Star),
            ("a.example/*/b", Star),
            ("a.example/x**", Star),
            ("a.example/x?y=*", Query),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(error), "{text}");
        }
        assert_eq!(format!("a.example/{}", "x".repeat(2000)).parse::<Pattern>(), Err(TooLong));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "(https?://)?[a-z*.]{0,8}(/[a-z*?/]{0,6})?|\\PC{0,20}") {
            if let Ok(pattern) = text.parse::<Pattern>() {
                prop_assert_eq!(pattern.to_string().parse::<Pattern>(), Ok(pattern));
            }
        }
    }
}
