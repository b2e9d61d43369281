//! What a call of a handler is, in the words of traces: without anything that a secret could be in. Pure.

use crate::telemetry::record::What;
use crate::telemetry::redact;
use axum::body::Body;
use http::Request;
use tabmesh_protocol::bundle::Binding;
use tabmesh_protocol::{Target, calls};

/// Of a call to this name, for a version with these bindings.
pub(super) fn what(name: &str, env: &[Binding], target: &Target, request: &Request<Body>) -> What {
    let method = request.method().as_str();
    let operation = || match request.uri().path() {
        "/keys" => "list".to_owned(),
        "/value" | "/values" => method.to_ascii_lowercase(),
        path => path.trim_start_matches('/').to_owned(),
    };
    let url = || redact::url(&request.uri().to_string());
    let (kind, method, url) = match name {
        calls::OWN_KV => ("kv", operation(), format!(":{}", target.handler)),
        calls::OWN_SQL => ("sql", operation(), format!(":{}", target.handler)),
        calls::CACHE => ("cache", method.to_owned(), url()),
        calls::FETCH | calls::FETCH_MANUAL | calls::FETCH_ERROR => ("fetch", method.to_owned(), url()),
        _ => match env.iter().find(|binding| binding.name() == name) {
            Some(Binding::KvNamespace { namespace_id, .. }) => ("kv", operation(), namespace_id.clone()),
            Some(Binding::D1 { id, .. }) => ("sql", operation(), id.clone()),
            Some(Binding::Service { service, .. }) => ("service", method.to_owned(), service.clone()),
            Some(Binding::Assets { .. }) => ("assets", method.to_owned(), url()),
            _ => ("unknown", method.to_owned(), String::new()),
        },
    };
    What { kind, method, url }
}
