//! The tab's answer as an HTTP response that streams.

use super::body::Upload;
use super::head::strip_hop_by_hop;
use crate::mesh::call::{Call, Failure};
use crate::mesh::pool::Lease;
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tabmesh_protocol::ResponseHead;

/// Makes the response. The lease, the call and what is left of the upload live as long as its body.
pub fn response(
    method: &Method,
    head: ResponseHead,
    fin: bool,
    mut call: Call,
    lease: Lease,
    upload: Option<Upload>,
    labels: Labels,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    strip_hop_by_hop(response.headers_mut());
    let bodyless = *method == Method::HEAD
        || matches!(
            head.status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        );
    if bodyless {
        // The handler is not cancelled for it: it ends in its own time, only its bytes are not wanted.
        if !fin {
            tokio::spawn(finish(call, lease, upload));
        }
        return response;
    }
    if fin {
        return response;
    }
    // One number per response; a handler that names several or none gets what is true.
    let declared = response.headers_mut().remove(header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.parse().ok());
    *response.body_mut() = match call.first_piece() {
        Some(Ok(whole))
            if call.is_done() && declared.is_none_or(|length: u64| length == whole.len() as u64) =>
        {
            Body::from(whole)
        }
        first => {
            Body::new(AnswerBody { call, first, left: declared, labels, _lease: lease, _upload: upload })
        }
    };
    response
}

/// Waits for the end of an exchange whose body nobody wants.
async fn finish(mut call: Call, _lease: Lease, _upload: Option<Upload>) {
    while let Some(Ok(_)) = std::future::poll_fn(|cx| call.poll_piece(cx)).await {}
}

/// A body that streams from a tab. Dropping it (the caller went away) cancels the exchange there.
struct AnswerBody {
    call: Call,
    /// A piece that came with the head.
    first: Option<Result<Bytes, Failure>>,
    /// Bytes still due by the handler's own Content-Length.
    left: Option<u64>,
    labels: Labels,
    _lease: Lease,
    _upload: Option<Upload>,
}

/// Whose response it is, for the log.
pub struct Labels {
    /// Handler.
    pub handler: String,
    /// Request.
    pub request_id: String,
}

impl Labels {
    /// The caller only sees that the connection breaks: the reason stands in the log.
    fn broke_off(&self, error: &BodyError) {
        let Self { handler, request_id } = self;
        // The handler's words are a field that the log escapes, so that they cannot forge a line.
        let text = match error {
            BodyError::Failed(Failure::Reset { reason, .. }) if !reason.is_empty() => reason.clone(),
            error => error.to_string(),
        };
        tracing::error!(target: "tabmesh::handler", handler, request_id, text, "response broke off");
    }
}

/// Why a response breaks off.
#[derive(Debug, thiserror::Error)]
enum BodyError {
    #[error("{0}")]
    Failed(Failure),
    #[error("the handler's body does not have the length that it declared")]
    Length,
}

impl AnswerBody {
    /// Holds the body to its declared length: a caller must notice a short body, and an extra byte would be read as
    /// the next response.
    fn measured(&mut self, data: Bytes) -> Result<Bytes, BodyError> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(data.len() as u64).ok_or(BodyError::Length)?;
        }
        Ok(data)
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let next = match self.first.take() {
            Some(first) => Some(first),
            None => std::task::ready!(self.call.poll_piece(cx)),
        };
        Poll::Ready(
            match next {
                Some(Ok(data)) => Some(self.measured(data).map(Frame::data)),
                Some(Err(failure)) => Some(Err(BodyError::Failed(failure))),
                None if self.left.is_some_and(|left| left > 0) => Some(Err(BodyError::Length)),
                None => None,
            }
            .inspect(|result| {
                if let Err(error) = result {
                    self.labels.broke_off(error);
                }
            }),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.call.is_done() && self.left.is_none_or(|left| left == 0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
