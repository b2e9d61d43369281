//! The request head as the handler shall see it.

use super::about::About;
use crate::catalog::Handler;
use crate::config::HttpConfig;
use crate::loops;
use crate::problem::{Problem, ProblemType};
use crate::server::Arrival;
use crate::telemetry::trace::Cause;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use opentelemetry::trace::{SpanId, TraceId};
use std::sync::Arc;
use tabmesh_protocol::{Limits, RequestHead};

/// Fields that concern one connection only (RFC 9110, section 7.6.1); they end here, in both directions.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
/// Where Workers code looks for the caller's address.
const CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");
/// Where code looks for it that was written for other proxies.
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What else proxies say of the way here, and frameworks believe, such as which host to lead people back to. A caller's own word is none.
const FORWARDED: [HeaderName; 3] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
];

/// Fields that [`build`] may add.
const ADDED: usize = 7;

/// Who calls, and how the request got to the handler.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Address of the other end of the connection; `None` for a handler, whose fields stay as they are.
    ip: Option<HeaderValue>,
    /// `http`, or `https` where the caller came by TLS.
    scheme: &'static str,
    /// What the request says of the way here is a trusted proxy's word.
    is_proxied: bool,
    /// Host and port that the caller named; `None` where no field can say so.
    host: Option<HeaderValue>,
    /// As the handler sees it.
    url: String,
    /// Prefix that routing took off the path.
    prefix: Option<HeaderValue>,
    /// The request is one for a WebSocket.
    upgrading: bool,
    /// Of the connection, for `request.cf`.
    about: Option<About>,
    /// Of the request, in logs and in its answer. Never what a caller says.
    request_id: Arc<str>,
    /// For traces.
    cause: Cause,
}

impl Caller {
    /// A caller who came like this and named this host and port, and what the handler sees of the path, without `prefix`.
    pub fn new(arrival: &Arrival, authority: &str, path_and_query: &str, prefix: Option<&str>) -> Self {
        Self {
            ip: Some(arrival.ip.clone()),
            scheme: arrival.scheme(),
            is_proxied: arrival.is_proxied,
            host: HeaderValue::from_str(authority).ok(),
            url: [arrival.scheme(), "://", authority, path_and_query].concat(),
            prefix: prefix.and_then(|prefix| HeaderValue::from_str(prefix).ok()),
            upgrading: false,
            about: None,
            request_id: request_id(),
            cause: Cause::Caller,
        }
    }

    /// The same caller, of whose connection this is known.
    #[must_use]
    pub fn about(mut self, about: About) -> Self {
        self.about = Some(about);
        self
    }

    /// The URL as the handler sees it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Caller {
    /// A handler that asks another one for `url`, or the gateway itself, under an id that says where it came from.
    #[must_use]
    pub fn handler(url: String, request_id: Arc<str>) -> Self {
        Self {
            ip: None,
            scheme: "http",
            is_proxied: false,
            host: None,
            url,
            prefix: None,
            upgrading: false,
            about: None,
            request_id,
            cause: Cause::Gateway,
        }
    }

    /// The same, who asks because of a request of ours: in this span, if that is traced.
    #[must_use]
    pub fn caused_by(mut self, span: Option<(TraceId, SpanId)>) -> Self {
        self.cause = Cause::Request(span);
        self
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    /// The id of its request.
    #[must_use]
    pub fn request_id(&self) -> &Arc<str> {
        &self.request_id
    }

    /// The same caller, who asks for a WebSocket or not.
    pub(super) fn upgrading(mut self, upgrading: bool) -> Self {
        self.upgrading = upgrading;
        self
    }

    pub(super) fn is_upgrading(&self) -> bool {
        self.upgrading
    }
}

/// An id for a new request: 128 random bits in hex.
pub fn request_id() -> Arc<str> {
    let mut bytes = [0; 16];
    // Without randomness ids repeat, which harms log reading and nothing else.
    let _ = getrandom::fill(&mut bytes);
    let mut digits = [0; 32];
    // The lengths fit, and hex digits are text.
    let _ = hex::encode_to_slice(bytes, &mut digits);
    str::from_utf8(&digits).unwrap_or_default().into()
}

/// Removes the fields that do not travel on, those that `Connection` names included.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // Few requests and fewer answers have any: to compare names costs less than to look up each of ours.
    if !headers.keys().any(|name| HOP_BY_HOP.contains(name)) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Builds the head.
///
/// # Errors
/// 431 when the fields are over [`HttpConfig::MAX_HEADERS`]; 508 when the request goes round in circles ([`loops`]).
pub fn build(
    handler: &Handler,
    limits: Limits,
    caller: Caller,
    parts: Parts,
) -> Result<RequestHead, Problem> {
    let mut headers = parts.headers;
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > HttpConfig::MAX_HEADERS {
        let detail =
            format!("The header fields have {size} bytes; the limit is {}.", HttpConfig::MAX_HEADERS);
        return Err(Problem::new(ProblemType::HeadersTooLarge).detail(detail));
    }
    if loops::count(&headers) > loops::MAX {
        let detail = format!(
            "What caused this request went through Tabmesh more than {} times (CDN-Loop): `{}`, or what it calls, fetches the \
             address that it is asked at.",
            loops::MAX,
            handler.target.handler
        );
        return Err(Problem::new(ProblemType::LoopDetected).detail(detail));
    }
    strip_hop_by_hop(&mut headers);
    let Caller { ip, scheme, is_proxied, host, url, prefix, upgrading, about, request_id, cause: _ } = caller;
    if upgrading {
        // A handler agrees by what it sees.
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    headers.reserve(ADDED);
    if let Some(host) = host {
        // HTTP/2 has no Host field; handlers expect one.
        headers.insert(header::HOST, host);
    }
    if let Some(ip) = ip {
        // What proxies in front of us said, if they are trusted, is in it; what a caller claims is replaced.
        headers.insert(FORWARDED_FOR, ip.clone());
        headers.insert(REAL_IP, ip.clone());
        headers.insert(CONNECTING_IP, ip);
        if !is_proxied {
            FORWARDED.iter().for_each(|name| drop(headers.remove(name)));
        }
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
        match prefix {
            Some(prefix) => headers.insert(FORWARDED_PREFIX, prefix),
            None => headers.remove(FORWARDED_PREFIX),
        };
    }
    if let Some(about) = about {
        about.insert(&mut headers);
    }
    Ok(RequestHead {
        target: Arc::clone(&handler.target),
        request_id,
        limits,
        method: parts.method,
        url,
        headers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_fields_end_here_and_all_others_travel() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Private"),
            ("keep-alive", "timeout=5"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("cookie", "a=1"),
            ("accept-encoding", "gzip"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["cookie", "accept-encoding"]);
    }
}
