//! Which web pages may open the signalling socket. A page that a handler serves, or any page of the web, could else
//! join a pool from the visitor's browser and answer callers. Clients that are not browsers send no `Origin`.

use axum::http::{HeaderMap, Uri, header, uri::Authority};

/// Pages that may connect, by the `Origin` header (RFC 6454).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Only pages of the host that the socket is on: right where the gateway mounts it.
    #[default]
    SameHost,
    /// Only these, as browsers write them: `https://mesh.example`.
    Listed(Vec<String>),
    /// Any page: for a shared server whose pools ask for a token.
    Any,
}

impl Origins {
    /// Whether a request with this head may go on. A request without `Origin` comes from no page and may.
    pub(crate) fn admits(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        match self {
            Self::Any => true,
            Self::Listed(list) => list.iter().any(|listed| listed.eq_ignore_ascii_case(origin)),
            Self::SameHost => {
                // HTTP/2 carries the host in the URI, HTTP/1.1 in the header.
                let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
                let host = uri.authority().map(Authority::as_str).or(host);
                let from = origin.split_once("://").map(|(_, authority)| authority);
                host.zip(from).is_some_and(|(host, from)| host.eq_ignore_ascii_case(from))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(origins: &Origins, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost:8787".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        origins.admits(&Uri::from_static("/_mesh/signal"), &headers)
    }

    #[test]
    fn same_host_keeps_other_pages_out() {
        let same = Origins::SameHost;
        assert!(admits(&same, None) && admits(&same, Some("http://localhost:8787")));
        for other in ["http://shop.localhost:8787", "http://localhost:1", "https://evil.example", "null", ""]
        {
            assert!(!admits(&same, Some(other)), "{other}");
        }
    }

    #[test]
    fn listed_and_any() {
        let listed = Origins::Listed(vec!["https://mesh.example".into()]);
        assert!(admits(&listed, Some("https://mesh.example")) && admits(&listed, None));
        assert!(!admits(&listed, Some("http://localhost:8787")));
        assert!(admits(&Origins::Any, Some("https://anything.example")));
    }
}
