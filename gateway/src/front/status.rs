//! Health, readiness, metrics and the home page.

use crate::mesh::pool::Pool;
use crate::metrics::Metrics;
use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use http::{Response, StatusCode, header};
use serde_json::json;
use std::sync::Arc;

/// Media type of the OpenMetrics text format.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `/_mesh/healthz`: the process answers. `/_mesh/readyz`: a tab can take a request now. `/_mesh/metrics`.
pub(super) fn router(pool: Arc<Pool>, metrics: Arc<Metrics>) -> Router {
    let metrics = get(move || {
        let metrics = Arc::clone(&metrics);
        async move { ([(header::CONTENT_TYPE, OPENMETRICS)], metrics.render()) }
    });
    Router::new()
        .route("/_mesh/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/_mesh/readyz", get(ready).with_state(pool))
        .route("/_mesh/metrics", metrics)
}

async fn ready(State(pool): State<Arc<Pool>>) -> impl IntoResponse {
    let (joined, ready) = pool.count();
    let status = if ready > 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready > 0, "tabs": { "joined": joined, "ready": ready } })))
}

/// What somebody sees who opens the gateway's address.
pub(super) fn home(scheme: &str, authority: &str) -> Response<Body> {
    format!(
        "Tabmesh gateway\n\n\
         Deploy a handler:  curl -T hello.js {scheme}://{authority}/_mesh/v1/handlers/hello\n\
         Call it:           curl {scheme}://{authority}/hello/\n\
         Give capacity:     open {scheme}://{authority}/_mesh/worker in a browser\n"
    )
    .into_response()
}
