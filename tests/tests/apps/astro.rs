//! Astro, built for Workers by its own adapter.

use crate::app::{App, build, json, text};
use serde_json::json;

#[tokio::test]
#[ignore = "its packages have 315 MB: cargo xtask apps --ignored"]
async fn an_astro_site_is_rendered_on_the_server() {
    build("astro");
    let app = App::deploy("astro").await;
    let page = app.get("/?name=%3CAda%3E").await;
    let html = text(&page);
    assert_eq!((page.status(), page.field("x-made-by")), (200, Some("astro")), "{html}");
    assert!(page.field("content-type").unwrap().starts_with("text/html"));
    assert!(
        html.contains("Hello, &lt;Ada&gt;!</h1>") && html.contains("<li>1</li><li>2</li><li>3</li>"),
        "{html}"
    );
    let told = app.get("/api/thing").await;
    assert_eq!(json(&told), json!({ "name": "thing", "greeting": "hello from the wrangler file" }));
    assert!(told.field("set-cookie").unwrap().starts_with("seen=yes"));
    let made = app.post("/api/thing", json!([1])).await;
    assert_eq!((made.status(), json(&made)), (201, json!({ "got": [1] })));
    let lost = app.get("/lost").await;
    assert_eq!(lost.status(), 404);
    assert!(text(&lost).contains("<h1>Not here</h1>"));
    // What lies beside the pages, with the rules for it; the server's own code stays where it is.
    let robots = app.get("/robots.txt").await;
    assert_eq!(
        (text(&robots).trim_end(), robots.field("x-from")),
        ("User-agent: *", Some("the headers file"))
    );
    let moved = app.get("/old").await;
    assert_eq!((moved.status(), moved.field("location")), (301, Some("/")));
    assert_eq!(app.get("/_worker.js/index.js").await.status(), 404);
}
