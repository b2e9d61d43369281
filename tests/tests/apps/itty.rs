//! itty-router: routes, middleware, CORS, errors.

use crate::app::{App, json, text};
use serde_json::json;

#[tokio::test]
async fn itty_router_answers_as_its_documentation_says() {
    let app = App::deploy("itty").await;
    let hello = app.get("/hello/Ada").await;
    assert_eq!((hello.status(), text(&hello)), (200, "Hello, Ada!".to_owned()));
    assert_eq!(text(&app.get("/hello/Ada%20L?mark=?").await), "Hello, Ada%20L?");
    // What a route returns becomes JSON.
    let list = app.get("/todos").await;
    assert_eq!(json(&list), json!([{ "id": 1, "text": "Pet the puppy" }]));
    assert!(list.field("content-type").unwrap().starts_with("application/json"));
    assert_eq!(app.json("/async").await, json!({ "later": true }));
    let greedy = app.get("/greedy/a/b/c").await;
    assert_eq!((greedy.status(), json(&greedy)), (203, json!({ "rest": "a/b/c" })));
    assert_eq!(text(&app.get("/page.html").await), "<h1>html</h1>");
    assert_eq!(text(&app.get("/page").await), "<h1>none</h1>");
    let made = app.post("/todos", json!({ "text": "feed it" })).await;
    assert_eq!((made.status(), json(&made)), (201, json!({ "text": "feed it" })));
    assert_eq!(app.ask("DELETE", "/todos/1").send().await.status(), 204);
}

#[tokio::test]
async fn itty_routers_errors_are_json_with_their_status() {
    let app = App::deploy("itty").await;
    for (path, status, body) in [
        ("/nowhere", 404, json!({ "status": 404, "error": "Nothing lives here." })),
        ("/me", 401, json!({ "status": 401, "error": "Who are you?" })),
        ("/thrown", 418, json!({ "status": 418, "error": "short and stout", "hint": "tea" })),
        ("/crash", 500, json!({ "status": 500, "error": "the handle broke" })),
    ] {
        let answer = app.get(path).await;
        assert_eq!((answer.status(), json(&answer)), (status, body), "{path}");
    }
    assert_eq!(app.post("/todos", json!({})).await.status(), 400);
    let user = app.ask("GET", "/me").header("x-user", "ada").send().await;
    assert_eq!(json(&user), json!("ada"));
}

#[tokio::test]
async fn itty_routers_cors_answers_preflights_and_marks_answers() {
    let app = App::deploy("itty").await;
    let origin = "https://app.example";
    let preflight = app.ask("OPTIONS", "/shared/todos").header("origin", origin);
    let preflight = preflight.header("access-control-request-method", "POST").send().await;
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.field("access-control-allow-origin"), Some(origin));
    assert_eq!(preflight.field("access-control-max-age"), Some("600"));
    let answer = app.ask("GET", "/shared/todos").header("origin", origin).send().await;
    assert_eq!(answer.field("access-control-allow-origin"), Some(origin));
    assert_eq!(answer.field("access-control-allow-credentials"), Some("true"));
}
