//! The domain that gives each tenant's sandbox an origin of its own: `<tenant>.<domain>`.
//!
//! Pure text. What is served there is nothing but the isolate's static files, whatever the path.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Longest domain, in bytes: a name has 253 at most, and a tenant's label and its dot must fit before it.
const MAX_DOMAIN: usize = 253 - 51;

/// A domain, perhaps with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxDomain {
    /// Lower case, no dot at the end.
    host: String,
    /// Where it differs from the worker page's.
    port: Option<u16>,
}

impl SandboxDomain {
    /// Whether a request for `authority` (host, perhaps with a port) is for this domain or a name below it.
    ///
    /// Deeper names count, too: no handler may ever answer under this domain.
    #[must_use]
    pub fn covers(&self, authority: &str) -> bool {
        let host = host_of(authority);
        let Some(at) = host.len().checked_sub(self.host.len()) else { return false };
        let (Some(before), Some(domain)) = (host.get(..at), host.get(at..)) else { return false };
        domain.eq_ignore_ascii_case(&self.host) && (before.is_empty() || before.ends_with('.'))
    }

    /// The origins of all tenants, as sources of a content security policy. `page_port` is what stands for the port of
    /// the page that asks, with its colon, or nothing.
    #[must_use]
    pub fn sources(&self, page_port: &str) -> String {
        let port = self.port.map_or_else(|| page_port.to_owned(), |port| format!(":{port}"));
        format!("http://*.{0}{port} https://*.{0}{port}", self.host)
    }

    /// Checks that this domain and the handlers' `domain` can live side by side.
    ///
    /// # Errors
    /// Why not, as a sentence: the gateway or its handlers would then answer on sandbox origins, or not at all.
    pub fn check_beside(&self, domain: &str) -> Result<(), String> {
        if self.covers(domain) {
            return Err(format!(
                "--sandbox-domain {self} is --domain {domain} or above it; sandboxes need a domain apart from handlers"
            ));
        }
        Ok(())
    }
}

/// The host of an authority: without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

impl FromStr for SandboxDomain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || format!("`{text}` is not a domain name, like sandbox.example or sandbox.example:8443");
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => {
                (host, Some(port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(hint)?))
            }
            None => (text, None),
        };
        let host = host.to_ascii_lowercase();
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let fits = host.len() <= MAX_DOMAIN && host.split('.').all(label);
        // A last label of digits makes browsers read an address.
        let is_name = host.parse::<IpAddr>().is_err()
            && !host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if fits && is_name { Ok(Self { host, port }) } else { Err(hint()) }
    }
}

/// As given: `sandbox.example` or `sandbox.example:8443`.
impl fmt::Display for SandboxDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> SandboxDomain {
        text.parse().unwrap()
    }

    #[test]
    fn domains_are_checked() {
        for good in ["sandbox.example", "Sandbox.LOCALHOST", "a-b.example:8443", "localhost", "x1"] {
            assert_eq!(domain(good).to_string(), good.to_ascii_lowercase());
        }
        let long = format!("{}.example", "a.".repeat(110));
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a.example",
            "a-.example",
            "127.0.0.1",
            "1",
            "[::1]",
            "::1",
            "a b",
            "a;b",
            "*.a",
            "a:0",
            "a:99999",
            "a:",
            "a:1:2",
            "http://a",
            "a/b",
            "ä.example",
            &long,
        ] {
            assert!(bad.parse::<SandboxDomain>().is_err(), "{bad}");
        }
    }

    #[test]
    fn everything_below_the_domain_is_covered() {
        let sandbox = domain("sandbox.example");
        for host in ["t.sandbox.example", "T.Sandbox.Example:8787", "a.b.sandbox.example", "sandbox.example"]
        {
            assert!(sandbox.covers(host), "{host}");
        }
        for host in
            ["example", "xsandbox.example", "sandbox.example.evil", "sandbox.example:x", "", "[::1]:1", "é"]
        {
            assert!(!sandbox.covers(host), "{host}");
        }
    }

    #[test]
    fn the_policy_names_every_tenant_at_the_right_port() {
        assert_eq!(domain("s.example").sources(":1"), "http://*.s.example:1 https://*.s.example:1");
        assert_eq!(domain("s.example").sources(""), "http://*.s.example https://*.s.example");
        assert_eq!(domain("s.example:9").sources(":1"), "http://*.s.example:9 https://*.s.example:9");
    }

    #[test]
    fn it_may_lie_below_the_handlers_domain_but_not_above() {
        for (sandbox, handlers, apart) in [
            ("sandbox.localhost", "localhost", true),
            ("sandbox.example", "mesh.example", true),
            ("mesh.example", "mesh.example", false),
            ("example", "mesh.example", false),
        ] {
            assert_eq!(domain(sandbox).check_beside(handlers).is_ok(), apart, "{sandbox} {handlers}");
        }
    }
}
