//! What a request says of itself.

use http::uri::Authority;
use http::{HeaderMap, header};

/// The host a request is for: HTTP/2 puts it into the URI.
pub(crate) fn authority(uri: &http::Uri, headers: &HeaderMap) -> Option<Authority> {
    match uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => headers.get(header::HOST)?.to_str().ok()?.parse().ok(),
    }
}
