//! How a handler's code gets to a tab.

use tabmesh_tests::{Gateway, Setup};

/// A handler that says who it is, with this many characters beside.
fn source(name: &str, size: usize) -> String {
    let padding = "x".repeat(size);
    format!("export default {{ fetch: () => new Response('{name}') }};\n// {padding}\n")
}

/// Bundles that were sent ahead of requests, and those that the tab fetched.
async fn travelled(gateway: &Gateway) -> (f64, f64) {
    (gateway.metric("tabmesh_code_pushes_total").await, gateway.metric("tabmesh_code_fetches_total").await)
}

#[tokio::test]
async fn small_code_travels_ahead_of_the_first_request_and_large_code_is_fetched() {
    let mut gateway = Setup::new().tabs(1).start().await;
    gateway.deploy("small", source("small", 10)).await;
    gateway.deploy("medium", source("medium", 50_000)).await;
    gateway.deploy("large", source("large", 80_000)).await;
    for _ in 0..3 {
        assert_eq!(gateway.text("/small/").await, "small");
    }
    assert_eq!(travelled(&gateway).await, (1.0, 0.0));
    assert_eq!(gateway.text("/medium/").await, "medium");
    assert_eq!(travelled(&gateway).await, (2.0, 0.0));
    assert_eq!(gateway.text("/large/").await, "large");
    assert_eq!(travelled(&gateway).await, (2.0, 1.0));
    // Also when the gateway has to read it first.
    gateway.kill().await;
    let gateway = gateway.restart().await;
    assert_eq!(gateway.text("/small/").await, "small");
    assert_eq!(travelled(&gateway).await, (1.0, 0.0));
}
