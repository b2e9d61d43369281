//! What a gateway that asks for no tokens still asks.
//!
//! It listens on loopback, where every page that the developer's browser shows can send requests. Handlers' own pages are
//! among them, by path even on this very origin, and a rebound DNS name makes any page look like one. So no page may change
//! anything (browsers say that a page asks, tools like curl do not), and the API has loopback's names and the gateway's
//! own alone, which no rebound name is.

use crate::problem::{Problem, ProblemType};
use http::{HeaderMap, Uri, header};
use std::net::IpAddr;

/// Refuses what a page made a browser send.
pub(super) fn no_page(headers: &HeaderMap) -> Result<(), Problem> {
    let by_page = headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() != b"none");
    if by_page || headers.contains_key(header::ORIGIN) {
        return Err(Problem::new(ProblemType::Forbidden)
            .detail("Web pages may not change anything here. Use a command-line client such as curl."));
    }
    Ok(())
}

/// Refuses a request for a host that is neither this machine's own nor `domain`.
pub(super) fn known_host(uri: &Uri, headers: &HeaderMap, domain: &str) -> Result<(), Problem> {
    let authority = match uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok()),
    };
    if authority.is_some_and(|authority| is_known(authority.host(), domain)) {
        return Ok(());
    }
    Err(Problem::new(ProblemType::Forbidden).detail(
        "Without tokens the API answers for loopback's names and the gateway's domain alone. Start the gateway with --auth on, \
         or say its name with --domain.",
    ))
}

fn is_known(host: &str, domain: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost") || host == domain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for host in
            ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.1.2.3", "[::1]", "mesh.example"]
        {
            assert!(is_known(host, "mesh.example"), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "notlocalhost",
            "192.168.1.1",
            "x.mesh.example",
            "0.0.0.0",
            "",
        ] {
            assert!(!is_known(host, "mesh.example"), "{host}");
        }
    }
}
