//! chanfana: endpoints with schemas, and the OpenAPI document that is made of them.

use crate::app::{App, folder, json, text};
use serde_json::json;
use std::process::Command;

#[tokio::test]
async fn the_openapi_document_is_a_valid_one() {
    let app = App::deploy("openapi").await;
    let document = app.json("/openapi.json").await;
    assert_eq!(document["info"]["title"], "Tasks");
    let create =
        &document["paths"]["/api/tasks"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(create["properties"]["slug"]["pattern"], "^[a-z-]+$");
    assert!(document["paths"]["/api/tasks/{slug}"]["get"]["responses"]["404"].is_object(), "{document}");
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("openapi.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let validator =
        folder("").join("node_modules/@seriousme/openapi-schema-validator/bin/validate-api-cli.js");
    let output = Command::new("node").arg(validator).arg(&file).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("\"valid\": true"), "{told}");
    let docs = app.get("/docs").await;
    assert!(
        text(&docs).contains("swagger-ui") && docs.field("content-type").unwrap().starts_with("text/html")
    );
}

#[tokio::test]
async fn chanfana_takes_what_fits_the_schema_and_explains_what_does_not() {
    let app = App::deploy("openapi").await;
    let list = app.json("/api/tasks?page=2").await;
    assert_eq!((&list["page"], &list["tasks"][0]["slug"]), (&json!(2), &json!("lorem")));
    let task = json!({ "name": "Write", "slug": "write", "due": "2026-12-01" });
    let made = app.post("/api/tasks", task).await;
    assert_eq!(
        (made.status(), json(&made)),
        (201, json!({ "name": "Write", "slug": "write", "completed": false, "due": "2026-12-01" }))
    );
    let wrong = app.post("/api/tasks", json!({ "name": "", "slug": "No!", "due": "tomorrow" })).await;
    assert_eq!(wrong.status(), 400);
    let wrong = json(&wrong);
    assert_eq!(wrong["success"], false);
    let paths: Vec<_> =
        wrong["errors"].as_array().unwrap().iter().map(|error| error["path"][1].clone()).collect();
    assert_eq!(paths, ["name", "slug", "due"], "{wrong}");
    assert_eq!(app.get("/api/tasks?page=-1").await.status(), 400);
    assert_eq!(app.get("/api/tasks/lorem").await.status(), 200);
    let none = app.get("/api/tasks/none").await;
    assert_eq!((none.status(), &json(&none)["errors"][0]["message"]), (404, &json!("Not Found")));
}
