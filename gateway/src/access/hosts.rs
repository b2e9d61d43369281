//! Hosts that the operator grants a tenant, so that its developers may route them.

use crate::routes::Pattern;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// `*` for all hosts, or as in a route: `shop.example`, `*.example` (its subdomains), `*example` (these and itself).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(Option<Pattern>);

impl HostPattern {
    /// Whether a route of this pattern is within the grant.
    #[must_use]
    pub fn covers(&self, route: &Pattern) -> bool {
        self.0.as_ref().is_none_or(|granted| granted.has_hosts_of(route))
    }
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(None));
        }
        let wrong = || {
            let text: String = text.chars().take(100).collect();
            format!("`{}` is no host: say shop.example, *.example or *", text.escape_debug())
        };
        if text.contains('/') {
            return Err(wrong());
        }
        format!("{text}/*").parse().map(|pattern| Self(Some(pattern))).map_err(|_| wrong())
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(host: HostPattern) -> Self {
        host.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("*"),
            Some(pattern) => f.write_str(pattern.to_string().trim_end_matches("/*")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_covers_its_hosts_and_no_others() {
        for (granted, route, covered) in [
            ("acme.example", "acme.example/x*", true),
            ("ACME.example", "Acme.Example/", true),
            ("acme.example", "shop.acme.example/*", false),
            ("acme.example", "*.acme.example/*", false),
            ("acme.example", "*acme.example/*", false),
            ("*.acme.example", "shop.acme.example/*", true),
            ("*.acme.example", "a.b.acme.example/*", true),
            ("*.acme.example", "*.acme.example/*", true),
            ("*.acme.example", "*.eu.acme.example/*", true),
            ("*.acme.example", "*eu.acme.example/*", true),
            ("*.acme.example", "acme.example/*", false),
            ("*.acme.example", "*acme.example/*", false),
            ("*.acme.example", "*.example/*", false),
            ("*.acme.example", "evilacme.example/*", false),
            ("*acme.example", "acme.example/*", true),
            ("*acme.example", "*acme.example/*", true),
            ("*acme.example", "x.acme.example/*", true),
            ("*acme.example", "evilacme.example/*", false),
            ("*", "*.example/*", true),
        ] {
            let grant: HostPattern = granted.parse().unwrap();
            assert_eq!(grant.covers(&route.parse().unwrap()), covered, "{granted} {route}");
        }
    }

    #[test]
    fn grants_are_hosts() {
        for text in ["*", "a.example", "*.a.example", "*a.example"] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
        }
        for text in ["", "a.example/x", "127.0.0.1", "a*.example", "**", "a b", "*."] {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }
}
