//! Limits as the gateway enforces them, whatever the tab does.

use super::mesh::{Does, Mesh, text};
use crate::breach::Limit;
use axum::body::Body;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use std::sync::atomic::Ordering;
use tabmesh_protocol::{Limits, ResetCode};

async fn refused(response: Response<Body>, status: u16, slug: &str) -> String {
    assert_eq!(response.status().as_u16(), status);
    let body = text(response).await;
    assert!(body.contains(&format!("urn:tabmesh:problem:{slug}\"")), "{body}");
    body
}

fn chunked(bytes: usize) -> Body {
    let body = vec![0; bytes];
    let pieces: Vec<_> = body.chunks(10_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    Body::from_stream(futures_util::stream::iter(pieces))
}

#[tokio::test]
async fn request_bodies_are_limited_announced_or_not() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Echo]).await;
    let over = mesh.call(Method::POST, chunked((2 << 20) + 1)).await;
    assert!(refused(over, 413, "payload-too-large").await.contains("gateway's limit of 2097152"));
    let limits = Limits { request_bytes: 100_000, ..Limits::default() };
    let post = |body: Body| mesh.call_limited(Method::POST, body, limits);
    let over = post(chunked(100_001)).await;
    assert!(refused(over, 413, "payload-too-large").await.contains("`request_bytes` of 100000 bytes"));
    refused(post(vec![0; 100_001].into()).await, 413, "payload-too-large").await;
    assert_eq!(mesh.breaches(Limit::RequestBytes), 3);
    assert_eq!(text(post(chunked(100_000)).await).await.len(), 100_000);
    let none = Limits { request_bytes: 0, ..limits };
    assert_eq!(mesh.call_limited(Method::GET, Body::empty(), none).await.status(), StatusCode::OK);
    refused(mesh.call_limited(Method::PUT, "x", none).await, 413, "payload-too-large").await;
    mesh.quiet().await;
}

#[tokio::test]
async fn a_response_that_declares_too_much_is_a_502_before_any_byte() {
    let limits = Limits::default();
    // Declared, or seen in the piece that came with the head.
    for does in [Does::Declares(1001), Does::Pours(1 << 20)] {
        let mesh = Mesh::new();
        mesh.join(&[does]).await;
        mesh.join(&[Does::Echo]).await;
        let limits =
            Limits { response_bytes: if does == Does::Declares(1001) { 1000 } else { 999 }, ..limits };
        let response = mesh.call_limited(Method::GET, "", limits).await;
        let told = refused(response, 502, "response-too-large").await;
        assert!(told.contains(&format!("{} bytes", limits.response_bytes)), "{told}");
        while mesh.resets.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((mesh.served(), mesh.breaches(Limit::ResponseBytes)), (1, 1), "another tab was tried");
        mesh.quiet().await;
    }
}

#[tokio::test]
async fn a_response_may_have_exactly_its_limit_and_is_cut_beyond_it() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Pours(200_000), Does::Pours(200_001)]).await;
    let limits = Limits { response_bytes: 200_000, ..Limits::default() };
    let exact = mesh.call_limited(Method::GET, "", limits).await;
    assert_eq!(text(exact).await.len(), 200_000);
    let over = mesh.call_limited(Method::GET, "", limits).await;
    assert_eq!(over.status(), StatusCode::OK);
    assert_eq!(mesh.metrics.active.get(), 1, "active until the body's end");
    assert!(over.into_body().collect().await.is_err());
    assert_eq!(mesh.breaches(Limit::ResponseBytes), 1);
    mesh.quiet().await;
}

#[tokio::test]
async fn a_body_that_nobody_wants_is_limited_too() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Pours(5_000_000)]).await;
    let limits = Limits { response_bytes: 10_000, ..Limits::default() };
    assert_eq!(mesh.call_limited(Method::HEAD, "", limits).await.status(), StatusCode::OK);
    mesh.quiet().await;
    assert_eq!(mesh.breaches(Limit::ResponseBytes), 1);
    // What HEAD says of GET's body is no breach.
    let mesh = Mesh::new();
    mesh.join(&[Does::Declares(1 << 40)]).await;
    let head = mesh.call(Method::HEAD, "").await;
    assert_eq!((head.status(), mesh.breaches(Limit::ResponseBytes)), (StatusCode::OK, 0));
}

#[tokio::test]
async fn breaches_that_a_tab_reports_are_told_with_the_limit_and_never_repeated() {
    let limits = Limits { wall_ms: 4321, cpu_ms: 1234, memory_mb: 77, ..Limits::default() };
    for (code, status, slug, value, limit) in [
        (ResetCode::Timeout, 504, "handler-timeout", "4321 ms", Limit::Wall),
        (ResetCode::CpuLimit, 503, "cpu-limit", "1234 ms", Limit::Cpu),
        (ResetCode::MemoryLimit, 503, "memory-limit", "77 MiB", Limit::Memory),
        (ResetCode::ResponseTooLarge, 502, "response-too-large", "1073741824 bytes", Limit::ResponseBytes),
    ] {
        let mesh = Mesh::new();
        mesh.join(&[Does::Reset(code)]).await;
        mesh.join(&[Does::Echo]).await;
        let told = refused(mesh.call_limited(Method::GET, "", limits).await, status, slug).await;
        assert!(told.contains(value) && !told.contains("secret"), "{told}");
        assert_eq!((mesh.served(), mesh.breaches(limit)), (1, 1), "{code:?}");
    }
}

#[tokio::test]
async fn no_handler_gets_more_than_the_gateways_caps() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Reset(ResetCode::CpuLimit)]).await;
    let limits = Limits { cpu_ms: u32::MAX, ..Limits::default() };
    let told = refused(mesh.call_limited(Method::GET, "", limits).await, 503, "cpu-limit").await;
    assert!(told.contains("30000 ms"), "{told}");
}

#[tokio::test]
async fn console_text_is_limited_by_request() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Talks(100)]).await;
    let limits = Limits { log_bytes: 10_000, ..Limits::default() };
    for round in 1..=2 {
        assert_eq!(mesh.call_limited(Method::GET, "", limits).await.status(), StatusCode::OK);
        assert_eq!(mesh.breaches(Limit::LogBytes), round);
    }
    assert_eq!(mesh.call(Method::GET, "").await.status(), StatusCode::OK);
    assert_eq!(mesh.breaches(Limit::LogBytes), 2);
}
