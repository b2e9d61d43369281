//! Keeps web pages of other origins from changing anything.
//!
//! A gateway on a developer's machine listens where every page that the developer's browser shows can send requests,
//! and handlers' own pages are on sibling hosts of the same site. Browsers say where a request comes from; tools like
//! curl do not, and need not.

use axum::extract::Request;
use http::uri::Authority;
use http::{HeaderMap, header};

use crate::problem::{Problem, ProblemType};

/// Refuses a request that a page of another origin made a browser send.
pub(super) fn check(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let site = headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes);
    let foreign = match site {
        Some(b"same-origin" | b"none") | None => false,
        Some(_) => true,
    };
    if foreign || !headers.get_all(header::ORIGIN).iter().all(|origin| is_own(origin.as_bytes(), request)) {
        return Err(Problem::new(ProblemType::Forbidden)
            .detail("Only pages of this very host may change handlers from a browser."));
    }
    Ok(())
}

/// Whether an `Origin` names the host that the request is for. `null` and what cannot be read do not.
fn is_own(origin: &[u8], request: &Request) -> bool {
    let Ok(origin) = std::str::from_utf8(origin) else { return false };
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let (Ok(origin), Some(own)) = (host.parse::<Authority>(), authority(request.uri(), request.headers()))
    else {
        return false;
    };
    origin.host().eq_ignore_ascii_case(own.host())
        && origin.port_u16().unwrap_or(default) == own.port_u16().unwrap_or(default)
}

/// The host a request is for: HTTP/2 puts it into the URI.
pub(super) fn authority(uri: &http::Uri, headers: &HeaderMap) -> Option<Authority> {
    match uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => headers.get(header::HOST)?.to_str().ok()?.parse().ok(),
    }
}
