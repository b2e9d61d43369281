//! How a refusal looks where it is read: as a problem document, or as clients of Cloudflare's API expect errors.

use crate::problem::Problem;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

/// Paths of Cloudflare's API.
const CLOUDFLARE: &str = "/_mesh/client/";

/// Cloudflare's numbers for what a token does not open.
const AUTHENTICATION_ERROR: u32 = 10_000;

/// The answer on the route `path`.
pub(super) fn refusal(path: &str, problem: Problem) -> Response {
    if !path.starts_with(CLOUDFLARE) {
        return problem.into_response();
    }
    let status = problem.status();
    let code = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => AUTHENTICATION_ERROR,
        status => u32::from(status.as_u16()),
    };
    let message = problem.detail_text().unwrap_or(problem.kind().title()).to_owned();
    let body = json!({ "success": false, "errors": [{ "code": code, "message": message }], "messages": [], "result": null });
    let mut headers = std::mem::take(problem.into_response().headers_mut());
    headers.remove(header::CONTENT_TYPE);
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().extend(headers);
    response
}
