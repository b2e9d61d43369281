//! Small JSON bodies.

use crate::problem::{Problem, ProblemType};
use axum::extract::Request;
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;

/// Largest one, in bytes.
const MAX_REQUEST: usize = 64 << 10;

/// Reads it; no bytes at all are `null`.
pub(super) async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let invalid = |detail: String| Problem::new(ProblemType::InvalidRequest).detail(detail);
    let body = Limited::new(request.into_body(), MAX_REQUEST).collect().await;
    let body = body
        .map_err(|_| invalid(format!("The body cannot be read, or has more than {MAX_REQUEST} bytes.")))?
        .to_bytes();
    let text: &[u8] = if body.is_empty() { b"null" } else { &body };
    serde_json::from_slice(text)
        .map_err(|error| invalid(format!("The body is not as it should be: {error}.")))
}
