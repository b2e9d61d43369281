//! Limits in a deployment and in what is shown of it.

use super::*;

const FILE: (&str, &str) = ("name=\"a\"; filename=\"main.js\"", CODE);

async fn deploy(server: &Server, limits: &Value) -> Answer {
    let metadata = json!({ "limits": limits }).to_string();
    server.form(HELLO, &[("name=\"metadata\"", &metadata), FILE]).await
}

#[tokio::test]
async fn every_limit_is_taken_and_shown() {
    let server = Server::new(ApiLimits::default()).await;
    let limits = json!({
        "wall_ms": 1, "cpu_ms": 2, "memory_mb": 3, "request_bytes": 0, "response_bytes": 5_368_709_120u64,
        "concurrency": 6, "subrequests": 0, "log_bytes": 0,
    });
    assert_eq!(deploy(&server, &limits).await.body["limits"], limits);
    assert_eq!(server.send("GET", HELLO, &[], "").await.body["limits"], limits);
    // Not kept from one deployment to the next.
    assert_eq!(server.put(HELLO, CODE).await.body["limits"], json!(Limits::default()));
}

#[tokio::test]
async fn what_is_over_the_caps_is_refused_with_name_value_and_cap() {
    let caps = Limits { cpu_ms: 500, request_bytes: 1000, ..ApiLimits::default().caps };
    let server = Server::new(ApiLimits { caps, ..ApiLimits::default() }).await;
    for (name, value, cap) in
        [("cpu_ms", 501, "500"), ("request_bytes", 1001, "1000"), ("memory_mb", 1025, "1024")]
    {
        let answer = deploy(&server, &json!({ name: value })).await;
        assert_eq!((answer.status, kind(&answer)), (400, "invalid-request"));
        let detail = answer.body["detail"].as_str().unwrap();
        assert!([name, &value.to_string(), cap].iter().all(|part| detail.contains(part)), "{detail}");
    }
    assert_eq!(kind(&server.send("GET", HELLO, &[], "").await), "handler-not-found");
    // A default above the gateway's cap is no mistake of the developer's.
    let shown = server.put(HELLO, CODE).await.body["limits"].clone();
    assert_eq!(shown, json!(Limits { cpu_ms: 500, request_bytes: 1000, ..Limits::default() }));
}
