//! The access log: one line per request, when its answer begins. No query and no field but the request's id is in it, for they may
//! be secrets; paths are shown as the live tail shows them.

use crate::invoke::REQUEST_ID;
use crate::telemetry::redact;
use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, header};
use std::time::Instant;

/// What is known of a request before it is answered.
pub(super) struct Line {
    since: Instant,
    ip: HeaderValue,
    method: Method,
    host: Option<HeaderValue>,
    path: String,
}

impl Line {
    pub(super) fn new(ip: &HeaderValue, request: &Request<Body>) -> Self {
        Self {
            since: Instant::now(),
            ip: ip.clone(),
            method: request.method().clone(),
            host: match request.uri().authority() {
                Some(authority) => HeaderValue::from_str(authority.host()).ok(),
                None => request.headers().get(header::HOST).cloned(),
            },
            path: redact::url(request.uri().path()),
        }
    }

    /// At `info` where the operator asked for it, else at `debug`.
    pub(super) fn log(&self, response: &Response<Body>, is_wanted: bool) {
        let text =
            |value: Option<&HeaderValue>| value.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (host, ip) = (text(self.host.as_ref()), text(Some(&self.ip)));
        let request_id = text(response.headers().get(REQUEST_ID));
        let (method, path, status) = (self.method.as_str(), &*self.path, response.status().as_u16());
        let ms = self.since.elapsed().as_secs_f64() * 1000.0;
        macro_rules! line {
            ($log:ident) => {
                tracing::$log!(target: "tabmesh::access", request_id, ip, method, host, path, status, ms)
            };
        }
        if is_wanted { line!(info) } else { line!(debug) }
    }
}
