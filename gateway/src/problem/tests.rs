//! Problems as documents.

use super::*;

#[test]
fn slugs_are_unique_and_plain() {
    let mut slugs: Vec<_> = ProblemType::ALL.iter().map(|kind| kind.slug()).collect();
    assert!(slugs.iter().all(|slug| slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    slugs.sort_unstable();
    slugs.dedup();
    assert_eq!(slugs.len(), ProblemType::ALL.len());
    assert!(
        ProblemType::ALL
            .iter()
            .all(|kind| kind.status().is_client_error() || kind.status().is_server_error())
    );
}

#[tokio::test]
async fn a_response_carries_everything() {
    let problem = Problem::new(ProblemType::NoTab)
        .detail("Open the worker page.")
        .request_id("r1")
        .member("status", 200)
        .member_if("line", None::<u32>)
        .retry_after(2);
    let response = problem.into_response();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["retry-after"], "2");
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap(),
        serde_json::json!({
            "type": "urn:tabmesh:problem:no-tab", "title": "No tab is connected", "status": 503,
            "detail": "Open the worker page.", "requestId": "r1",
        })
    );
}
