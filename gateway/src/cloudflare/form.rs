//! Small forms: names and contents of their parts.

use super::answer::Refusal;
use crate::api::stores;
use axum::extract::{FromRequest as _, Multipart, Request};
use bytes::Bytes;
use http::header;

/// Whether a request has a form.
pub(super) fn is_form(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// The parts of a form of at most `limit` bytes that no web page sent.
pub(super) async fn read(request: Request, limit: usize) -> Result<Vec<(String, Bytes)>, Refusal> {
    let head = {
        let mut head = Request::new(());
        *head.headers_mut() = request.headers().clone();
        head
    };
    let body = stores::read(request, limit).await?;
    let broken = |_| Refusal::metadata("The form cannot be read: it is not valid multipart/form-data.");
    let mut form = Multipart::from_request(head.map(|()| body.into()), &())
        .await
        .map_err(|_| Refusal::metadata("The form's Content-Type has no valid boundary."))?;
    let mut parts = vec![];
    while let Some(part) = form.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        parts.push((name, part.bytes().await.map_err(broken)?));
    }
    Ok(parts)
}
