//! A server somewhere else, which handlers fetch from.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;

/// A server on loopback. It ends with the test's runtime.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    hits: Arc<AtomicUsize>,
}

impl Upstream {
    /// Starts it. `/redirect` leads to `/echo`, `/redirect-keep` does too but keeps method and body, `/loop` leads to itself,
    /// `/large` has 8 MiB, `/gzip` is compressed, `/slow` never answers; everything else tells what was asked, as JSON.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let hits = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&hits);
        let count = move |request: Request| {
            counter.fetch_add(1, Ordering::Relaxed);
            answer(request)
        };
        let router = Router::new().fallback(any(count));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, hits }
    }

    /// A URL on it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests that came.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }
}

/// `{"hello":"gzip"}`, compressed.
const GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 171, 86, 202, 72, 205, 201, 201, 87, 178, 82, 74, 175, 202, 44, 80,
    170, 5, 0, 246, 79, 5, 111, 16, 0, 0, 0,
];

async fn answer(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let to = |status: u16, location: &'static str| {
        (http::StatusCode::from_u16(status).unwrap_or_default(), [("location", location)]).into_response()
    };
    match parts.uri.path() {
        "/redirect" => return to(302, "/echo?redirected"),
        "/redirect-keep" => return to(307, "echo"),
        "/loop" => return to(301, "/loop"),
        "/large" => return Body::from(vec![7; 8 << 20]).into_response(),
        "/gzip" => {
            let headers = [("content-encoding", "gzip"), ("content-type", "application/json")];
            return (headers, GZIP).into_response();
        }
        "/slow" => std::future::pending::<()>().await,
        _ => {}
    }
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap_or_else(|_| Bytes::new());
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let text = if body.len() < 4096 { String::from_utf8_lossy(&body).into_owned() } else { String::new() };
    let told = json!({
        "method": parts.method.as_str(), "url": parts.uri.to_string(), "headers": headers, "length": body.len(), "body": text,
    });
    (AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2")]), Json(told)).into_response()
}
