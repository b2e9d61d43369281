//! Bundles by hash: what tabs fetch. Immutable, so cached for ever.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tabmesh_protocol::bundle::is_hash;

use super::{Name, Shared, store_problem};
use crate::problem::{Problem, ProblemType};

const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Code is for the worker page. A handler's page on a sibling origin has no business with other handlers' code: no
    // CORS header either.
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(super) async fn code(State(api): Shared, hash: Name, headers: HeaderMap) -> Result<Response, Problem> {
    let missing = || Problem::new(ProblemType::NotFound).detail("No code has this hash.");
    let Path(hash) = hash.map_err(|_| missing())?;
    if !is_hash(&hash) {
        return Err(missing());
    }
    let bytes = api.catalog.code(&hash).await.map_err(|error| store_problem(&error))?.ok_or_else(missing)?;
    api.metrics.code_fetches.inc();
    let tag = format!("\"{hash}\"");
    let etag = HeaderValue::try_from(&tag).expect("hex digits and quotes are valid in a header");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|tags| {
        tags.to_str().is_ok_and(|tags| {
            tags.split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"))
                .any(|given| given == tag || given == "*")
        })
    });
    let mut response = (HEADERS, bytes).into_response();
    response.headers_mut().insert(header::ETAG, etag);
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = axum::body::Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    Ok(response)
}
