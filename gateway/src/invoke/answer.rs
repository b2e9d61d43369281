//! The tab's answer as an HTTP response that streams, within the handler's limit.

use super::body::Upload;
use super::head::strip_hop_by_hop;
use super::{Active, too_large_response};
use crate::breach::{self, Labels, Limit};
use crate::mesh::call::{Call, Failure};
use crate::mesh::pool::Lease;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::stacks;
use crate::telemetry::Outcome;
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tabmesh_protocol::{ResetCode, ResponseHead, Target};

/// What lives until the end of the response's body, wherever that is.
pub struct Held {
    /// The place on the tab.
    pub _lease: Lease,
    /// What is left of the request's body.
    pub _upload: Option<Upload>,
    /// The request counts as active, and is watched.
    pub active: Active,
    /// Whose it is, for the log.
    pub labels: Labels,
    /// For breaches.
    pub metrics: Arc<Metrics>,
    /// Bytes that the body may have.
    pub limit: u64,
}

/// Makes the response.
///
/// # Errors
/// `response-too-large` when that is known already; the exchange is cancelled.
pub fn response(
    method: &Method,
    head: ResponseHead,
    fin: bool,
    mut call: Call,
    mut held: Held,
) -> Result<Response<Body>, Problem> {
    held.active.watch.answered(head.status.as_u16());
    held.active.watch.settle(Outcome::Ok);
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
            tokio::spawn(finish(call, held));
        }
        return Ok(response);
    }
    if fin {
        return Ok(response);
    }
    // One number per response; a handler that names several or none gets what is true.
    let declared = response.headers_mut().remove(header::CONTENT_LENGTH);
    let declared: Option<u64> = declared.and_then(|value| value.to_str().ok()?.parse().ok());
    let first = call.first_piece();
    let here = match &first {
        Some(Ok(piece)) => piece.len() as u64,
        _ => 0,
    };
    if declared.unwrap_or(0).max(here) > held.limit {
        call.cancel(ResetCode::ResponseTooLarge);
        return Err(held.active.failed(too_large_response(held.limit)));
    }
    *response.body_mut() = match first {
        Some(Ok(whole)) if call.is_done() && declared.is_none_or(|length| length == here) => {
            held.active.watch.sight().stats.sent(whole.len());
            Body::from(whole)
        }
        first => {
            // Unless it comes to its end. A WebSocket has none of its own.
            if head.status != StatusCode::SWITCHING_PROTOCOLS {
                held.active.watch.settle(Outcome::ResponseStreamDisconnected);
            }
            Body::new(AnswerBody { call, first, left: declared, allowed: held.limit, held })
        }
    };
    Ok(response)
}

/// Waits for the end of an exchange whose body nobody wants. Nor may it be endless.
async fn finish(mut call: Call, held: Held) {
    let mut allowed = held.limit;
    while let Some(Ok(data)) = std::future::poll_fn(|cx| call.poll_piece(cx)).await {
        let Some(left) = allowed.checked_sub(data.len() as u64) else {
            call.cancel(ResetCode::ResponseTooLarge);
            return breach::report(&held.metrics, &held.labels, Limit::ResponseBytes);
        };
        allowed = left;
    }
}

/// A body that streams from a tab. Dropping it (the caller went away) cancels the exchange there.
struct AnswerBody {
    /// Before `held`: the stream ends before its place is free.
    call: Call,
    /// A piece that came with the head.
    first: Option<Result<Bytes, Failure>>,
    /// Bytes still due by the handler's own Content-Length.
    left: Option<u64>,
    /// Bytes that may still come.
    allowed: u64,
    held: Held,
}

/// Why a response breaks off.
#[derive(Debug, thiserror::Error)]
enum BodyError {
    #[error("{0}")]
    Failed(Failure),
    #[error("the handler's body does not have the length that it declared")]
    Length,
    #[error("the handler's body is over its limit")]
    TooLarge,
}

impl AnswerBody {
    /// Holds the body to its declared length (a caller must notice a short body, and an extra byte would be read as
    /// the next response) and to its limit.
    fn measured(&mut self, data: Bytes) -> Result<Bytes, BodyError> {
        let bytes = data.len() as u64;
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes).ok_or(BodyError::Length)?;
        }
        self.allowed = self.allowed.checked_sub(bytes).ok_or(BodyError::TooLarge)?;
        Ok(data)
    }

    /// The caller only sees that the connection breaks: the reason stands in the log.
    fn broke_off(&mut self, error: &BodyError) {
        // The handler's words are a field that the log escapes, so that they cannot forge a line.
        let text: String = match error {
            BodyError::Failed(Failure::Reset { reason, .. }) if !reason.is_empty() => reason.clone(),
            error => error.to_string(),
        };
        let record = self.held.active.watch.sight().record.clone();
        stacks::log(&self.held.labels, &text, move |labels, text| {
            let Target { tenant, handler, .. } = &*labels.target;
            let (version, request_id) = (labels.version(), &*labels.request_id);
            let trace_id = record.as_ref().and_then(|record| record.trace()).map(tracing::field::display);
            tracing::error!(
                target: "tabmesh::handler",
                tenant,
                handler,
                version,
                request_id,
                trace_id,
                text,
                "response broke off"
            );
            if let Some(record) = record {
                record.exception(text);
            }
        });
        let limit = match error {
            BodyError::Failed(failure) => failure.limit(),
            BodyError::TooLarge => Some(Limit::ResponseBytes),
            BodyError::Length => None,
        };
        if let Some(limit) = limit {
            breach::report(&self.held.metrics, &self.held.labels, limit);
        }
        self.held.active.watch.settle(match error {
            BodyError::Failed(failure) => Outcome::of_failure(failure),
            BodyError::TooLarge | BodyError::Length => Outcome::Exception,
        });
        // The tab is to stop now, whenever this body is dropped.
        self.call.cancel(match error {
            BodyError::TooLarge => ResetCode::ResponseTooLarge,
            _ => ResetCode::Cancelled,
        });
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
        let result = match next {
            Some(Ok(data)) => self.measured(data).map(Frame::data),
            Some(Err(failure)) => Err(BodyError::Failed(failure)),
            None if self.left.is_some_and(|left| left > 0) => Err(BodyError::Length),
            None => {
                self.held.active.watch.settle(Outcome::Ok);
                return Poll::Ready(None);
            }
        };
        match &result {
            Err(error) => self.broke_off(error),
            Ok(frame) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.held.active.watch.sight().stats.sent(bytes);
                // Nobody may ask for what comes behind the last piece.
                if self.is_end_stream() {
                    self.held.active.watch.settle(Outcome::Ok);
                }
            }
        }
        Poll::Ready(Some(result))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.call.is_done() && self.left.is_none_or(|left| left == 0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
