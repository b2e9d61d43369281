//! A todo list in D1: Kysely's migrations, Drizzle's queries.

use crate::app::{App, json};
use serde_json::{Value, json};

#[tokio::test]
async fn a_todo_app_keeps_its_list_in_d1() {
    let app = App::deploy("todo").await;
    let migrations = app.json("/migrations").await;
    assert_eq!(migrations, json!({ "applied": ["0001_init Success", "0002_tags Success"], "again": [] }));
    assert_eq!(app.json("/").await, json!({ "title": "To do", "limits": { "todos": 3 } }));
    for (id, text) in [(1, "milk"), (2, "bread"), (3, "it's \"quoted\" ü")] {
        let made = app.post("/todos", json!({ "text": text, "list": "shopping" })).await;
        let wanted = json!({
            "id": id, "text": text, "list": "shopping", "done": false, "doneAt": null, "tags": ["new"],
        });
        assert_eq!((made.status(), json(&made)), (201, wanted));
    }
    assert_eq!(app.post("/todos", json!({ "text": "more", "list": "shopping" })).await.status(), 409);

    let done = app.ask("PATCH", "/todos/2").send().await;
    assert_eq!(json(&done)["doneAt"], "1970-01-01T00:00:00.000Z");
    assert_eq!(app.ask("PATCH", "/todos/99").send().await.status(), 404);
    let open = app.json("/todos").await;
    let texts: Vec<&Value> = open.as_array().unwrap().iter().map(|todo| &todo["text"]).collect();
    assert_eq!(texts, ["it's \"quoted\" ü", "milk"]);
    assert_eq!(open[0]["inList"], json!({ "name": "shopping" }));
    assert_eq!(app.json("/todos?like=mi%25").await.as_array().unwrap().len(), 1);
    assert_eq!(app.json("/report").await, json!([{ "name": "shopping", "n": 3 }]));

    let batch = json(&app.ask("POST", "/batch").send().await);
    assert_eq!(batch["all"], json!([{ "name": "batched" }, { "name": "shopping" }]));
    let broken = json(&app.ask("POST", "/broken").send().await);
    assert!(broken["message"].as_str().unwrap().contains("FOREIGN KEY constraint failed"), "{broken}");
    assert_eq!(app.ask("DELETE", "/todos/1").send().await.status(), 204);
    assert_eq!(app.ask("DELETE", "/todos/1").send().await.status(), 404);

    // Deployed again it finds what is there.
    let app = App::deploy("todo").await;
    assert_eq!(app.json("/migrations").await["again"], json!([]));
    assert_eq!(app.json("/todos").await.as_array().unwrap().len(), 1);
}
