//! What the invoker does when tabs answer, fail and go.

mod cached;
mod code;
mod limits;
mod mesh;

use super::*;
use crate::config::HttpConfig;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use mesh::{Does, Mesh, text};
use std::collections::HashMap;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_request_is_answered_and_its_lease_freed() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Echo]).await;
    for size in [0, 5, 100_000, 1_000_000] {
        let response = mesh.call(Method::POST, vec![b'x'; size]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(text(response).await.len(), size);
    }
    assert_eq!(mesh.metrics.active.get(), 0);
}

#[tokio::test]
async fn a_dead_tab_costs_an_idempotent_request_nothing() {
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let mesh = Mesh::new();
        mesh.join(&[Does::Dies]).await;
        mesh.join(&[Does::Echo]).await;
        let response = mesh.call(method, "body").await;
        assert_eq!(text(response).await, "body");
        assert_eq!(mesh.served(), 2);
    }
}

#[tokio::test]
async fn a_post_that_a_handler_may_have_seen_is_not_repeated() {
    for does in [Does::Dies, Does::Reset(ResetCode::IsolateLost)] {
        let mesh = Mesh::new();
        mesh.join(&[does]).await;
        mesh.join(&[Does::Echo]).await;
        assert_eq!(mesh.call(Method::POST, "body").await.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(mesh.served(), 1);
    }
}

#[tokio::test]
async fn a_post_that_no_handler_saw_is_repeated() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Reset(ResetCode::Refused)]).await;
    mesh.join(&[Does::Echo]).await;
    assert_eq!(text(mesh.call(Method::POST, "body").await).await, "body");
    assert_eq!(mesh.metrics.retries.get(), 1);
}

#[tokio::test]
async fn a_body_too_long_to_keep_is_not_repeated() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Dies]).await;
    mesh.join(&[Does::Echo]).await;
    let response = mesh.call(Method::PUT, vec![0; HttpConfig::REPLAY + 1]).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn tries_are_bounded() {
    let mesh = Mesh::new();
    for _ in 0..PoolConfig::ATTEMPTS + 2 {
        mesh.join(&[Does::Dies]).await;
    }
    assert_eq!(mesh.call(Method::GET, "").await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(mesh.served(), PoolConfig::ATTEMPTS as u64);
}

#[tokio::test]
async fn each_failure_has_its_answer_and_keeps_the_handlers_words() {
    for (code, status) in [
        (ResetCode::Exception, 500),
        (ResetCode::NoResponse, 500),
        (ResetCode::StartFailed, 500),
        (ResetCode::Timeout, 504),
        (ResetCode::BadResponse, 502),
    ] {
        let mesh = Mesh::new();
        mesh.join(&[Does::Reset(code)]).await;
        mesh.join(&[Does::Echo]).await;
        let response = mesh.call(Method::GET, "").await;
        assert_eq!(response.status().as_u16(), status, "{code:?}");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = text(response).await;
        assert!(body.contains(&id) && !body.contains("secret stack"), "{body}");
    }
}

#[tokio::test]
async fn without_a_tab_the_caller_is_told_to_come_back() {
    let mesh = Mesh::new();
    let response = mesh.call(Method::GET, "").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_full_tab_makes_callers_wait_and_a_full_line_turns_them_away() {
    let mesh = Arc::new(Mesh::new());
    mesh.join(&[Does::Hangs]).await;
    let limits = Limits { wall_ms: 500, ..Limits::default() };
    let calls: Vec<_> = (0..7)
        .map(|_| {
            let mesh = Arc::clone(&mesh);
            tokio::spawn(async move { mesh.call_limited(Method::GET, "", limits).await })
        })
        .collect();
    let mut problems = HashMap::new();
    for call in calls {
        let body = text(call.await.unwrap()).await;
        let slug = body.split("urn:tabmesh:problem:").nth(1).unwrap().split('"').next().unwrap().to_owned();
        *problems.entry(slug).or_insert(0) += 1;
    }
    // Four places on the tab, two in the line, one turned away at once.
    assert_eq!(problems["handler-timeout"], 4);
    assert_eq!(problems["queue-timeout"], 2);
    assert_eq!(problems["queue-full"], 1);
}

#[tokio::test]
async fn a_tab_that_comes_late_serves_who_waited() {
    let mesh = Arc::new(Mesh::new());
    let waiting = Arc::clone(&mesh);
    let call = tokio::spawn(async move { waiting.call(Method::GET, "").await });
    while mesh.metrics.queued.get() == 0 {
        tokio::task::yield_now().await;
    }
    mesh.join(&[Does::Echo]).await;
    assert_eq!(call.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_broken_answer_never_looks_whole() {
    for does in [Does::DiesAnswering, Does::Lies] {
        let mesh = Mesh::new();
        mesh.join(&[does]).await;
        mesh.join(&[Does::Echo]).await;
        let response = mesh.call(Method::GET, "").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.into_body().collect().await.is_err(), "{does:?}");
    }
}

#[tokio::test]
async fn a_caller_who_leaves_cancels_the_handler() {
    let mesh = Arc::new(Mesh::new());
    mesh.join(&[Does::Hangs]).await;
    let calling = Arc::clone(&mesh);
    let call = tokio::spawn(async move { calling.call(Method::GET, "").await });
    while mesh.served() == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    while mesh.resets.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    mesh.quiet().await;
}

#[tokio::test]
async fn a_frozen_tab_is_noticed_within_two_seconds() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Freezes]).await;
    let called = Instant::now();
    assert_eq!(mesh.call(Method::POST, "").await.status(), StatusCode::BAD_GATEWAY);
    assert!(called.elapsed() < Duration::from_secs(2), "{:?}", called.elapsed());
}

#[tokio::test]
async fn an_answer_whose_body_nobody_wants_frees_its_lease() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Trickles]).await;
    assert_eq!(mesh.call(Method::HEAD, "").await.status(), StatusCode::OK);
    mesh.quiet().await;
}

#[tokio::test]
async fn a_warm_tab_is_preferred_until_it_is_busy() {
    let mesh = Mesh::new();
    mesh.join(&[Does::Echo]).await;
    mesh.join(&[Does::Echo]).await;
    let target = |version: &str| {
        Arc::new(Target { tenant: "default".into(), handler: "hello".into(), version: version.into() })
    };
    let soon = || Instant::now() + Duration::from_millis(100);
    let first = mesh.pool.lease(&target("a"), &[], soon()).await.unwrap().tab().id;
    for _ in 0..3 {
        assert_eq!(mesh.pool.lease(&target("a"), &[], soon()).await.unwrap().tab().id, first);
    }
    let other = mesh.pool.lease(&target("a"), &[first], soon()).await.unwrap().tab().id;
    assert_ne!(other, first);
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(mesh.pool.lease(&target("a"), &[], soon()).await.unwrap());
    }
    let on_first = held.iter().filter(|lease| lease.tab().id == first).count();
    assert_eq!(on_first, 4, "both hold it now: they share evenly");
}
