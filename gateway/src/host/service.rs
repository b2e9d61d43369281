//! Service bindings: one handler's request to another of the same tenant. It goes the way of every request, to whatever tab is
//! free.

use crate::breach::Labels;
use crate::catalog::{Catalog, key};
use crate::invoke::{Caller, Invoker, request_id};
use crate::loops;
use axum::body::Body;
use http::{Request, Response};
use opentelemetry::trace::{SpanId, TraceId};

/// Handlers that may stand behind one another for one request; as Workers.
const MAX_DEPTH: usize = 16;

/// The id of the request that all began with.
fn root(request_id: &str) -> &str {
    request_id.split_once('.').map_or(request_id, |(root, _)| root)
}

/// Answers a request to `service`. Its id is the caller's with a further part, so that logs show what belongs
/// together; `span` is this call's, where it is traced.
///
/// # Errors
/// A sentence for the calling handler.
pub async fn serve(
    catalog: &Catalog,
    invoker: &Invoker,
    from: &Labels,
    span: Option<(TraceId, SpanId)>,
    service: &str,
    mut request: Request<Body>,
) -> Result<Response<Body>, String> {
    // What belongs to one request of a caller's sees one version.
    let handler =
        catalog.choose(&from.target.tenant, service, || key::of(service, root(&from.request_id).as_bytes()));
    let handler =
        handler.ok_or_else(|| format!("there is no handler `{service}` behind this service binding"))?;
    if from.request_id.matches('.').count() >= MAX_DEPTH {
        return Err(format!(
            "Subrequest depth limit exceeded: this request went through more than {MAX_DEPTH} handlers."
        ));
    }
    let id = format!("{}.{}", from.request_id, request_id().get(..6).unwrap_or_default());
    let url = request.uri().to_string();
    // The way from handler to handler is none through the door, but what it leads to knows where it began.
    loops::mark(request.headers_mut(), from.passes);
    Ok(invoker.invoke_now(&handler, Caller::handler(url, id.into()).caused_by(span), request).await)
}
