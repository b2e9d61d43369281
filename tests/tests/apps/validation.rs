//! zod and @cfworker/json-schema: what is valid, and what is said of what is not.

use crate::app::{App, json};
use serde_json::json;

#[tokio::test]
async fn zod_parses_and_says_what_is_wrong_where() {
    let app = App::deploy("validation").await;
    let good = json!({ "username": "  Ada ", "role": { "kind": "member", "since": "2026-01-01" }, "born": "1815-12-10" });
    let answer = app.post("/zod", good).await;
    assert_eq!(
        (answer.status(), json(&answer)),
        (
            200,
            json!({ "username": "ada", "xp": 100, "born": "1815-12-10T00:00:00.000Z", "role": { "kind": "member", "since": "2026-01-01" } })
        )
    );
    let bad = json!({ "username": "a", "xp": 1.5, "email": "no", "role": { "kind": "boss" }, "extra": 1 });
    let answer = app.post("/zod", bad).await;
    assert_eq!(answer.status(), 422);
    let told = json(&answer);
    let codes: Vec<_> =
        told["issues"].as_array().unwrap().iter().map(|issue| issue["code"].clone()).collect();
    assert_eq!(
        codes,
        ["too_small", "invalid_type", "invalid_format", "invalid_union", "unrecognized_keys"],
        "{told}"
    );
    assert!(told["pretty"].as_str().unwrap().contains("→ at email"), "{told}");
    let refined =
        app.post("/zod", json!({ "username": "bob", "xp": 5000, "role": { "kind": "guest" } })).await;
    assert_eq!(json(&refined)["issues"][0]["message"], "guests stay below 1000");
    let schema = app.json("/schema").await;
    assert_eq!(
        (&schema["properties"]["id"]["format"], &schema["properties"]["n"]["maximum"]),
        (&json!("uuid"), &json!(9))
    );
}

#[tokio::test]
async fn cfworkers_json_schema_validates_draft_2020_12() {
    let app = App::deploy("validation").await;
    let good = json!({ "name": "hello", "email": "hello@example.com", "number": 5.5, "bool": true, "tags": ["first", "über"] });
    let answer = app.post("/json-schema", good).await;
    assert_eq!((answer.status(), json(&answer)), (200, json!({ "valid": true, "errors": [] })));
    let bad = json!({ "name": 5, "email": "no", "number": 1, "tags": ["second", "7"], "more": 1 });
    let answer = app.post("/json-schema", bad).await;
    let told = json(&answer);
    let keywords: Vec<_> =
        told["errors"].as_array().unwrap().iter().filter_map(|error| error["keyword"].as_str()).collect();
    for keyword in ["required", "type", "format", "minimum", "const", "pattern", "unevaluatedProperties"] {
        assert!(keywords.contains(&keyword), "{keyword} in {told}");
    }
}
