//! Keeps web pages from changing anything.
//!
//! A gateway on a developer's machine listens where every page that the developer's browser shows can send requests.
//! Handlers' own pages are among them, by path even on this very origin, and a rebound DNS name makes any page look like
//! one. Until there are tokens, no page may change handlers: browsers say that a page asks, tools like curl do not.

use axum::extract::Request;
use http::uri::Authority;
use http::{HeaderMap, header};

use crate::problem::{Problem, ProblemType};

/// Refuses a request that a page made a browser send.
pub(crate) fn check(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let by_page = headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() != b"none");
    if by_page || headers.contains_key(header::ORIGIN) {
        return Err(Problem::new(ProblemType::Forbidden)
            .detail("Web pages may not change handlers. Use a command-line client such as curl."));
    }
    Ok(())
}

/// The host a request is for: HTTP/2 puts it into the URI.
pub(crate) fn authority(uri: &http::Uri, headers: &HeaderMap) -> Option<Authority> {
    match uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => headers.get(header::HOST)?.to_str().ok()?.parse().ok(),
    }
}
