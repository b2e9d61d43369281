//! Hono's JSX on the server: pages, streaming with Suspense, error boundaries.

use crate::app::{App, text};
use tabmesh_tests::gateway::client;
use tabmesh_tests::within;

#[tokio::test]
async fn pages_are_rendered_and_text_is_escaped() {
    let app = App::deploy("jsx").await;
    let page = app.get("/page").await;
    assert!(page.field("content-type").unwrap().starts_with("text/html"));
    let html = text(&page);
    for part in [
        "<title>A &amp; B</title>",
        "&lt;escaped&gt;",
        "<p class=\"dark\">themed</p>",
        "<div><b>raw</b></div>",
        "<li>1</li><li>2</li><li>3</li>",
        "font-size:2rem",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(text(&app.get("/template").await).ends_with("<h1>Hello &lt;you&gt;!</h1>"));
    assert!(text(&app.get("/rendered/here").await).contains("<p>you are at /rendered/here</p>"));
    assert!(text(&app.get("/boundary").await).contains("<p>out of service</p>"));
}

#[tokio::test]
async fn suspense_streams_the_page_before_its_slow_part() {
    let app = App::deploy("jsx").await;
    // Both sides say the same in the end.
    let whole = text(&app.get("/stream").await);
    assert!(whole.contains("loading...") && whole.contains("<p>the slow part</p>"), "{whole}");
    let mut response = client().get(app.url("/stream")).send().await.unwrap();
    let first = within("the first piece", response.chunk()).await.unwrap().unwrap();
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(first.contains("loading...") && !first.contains("the slow part"), "{first}");
    let mut rest = String::new();
    while let Some(piece) = within("the rest", response.chunk()).await.unwrap() {
        rest.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(rest.contains("<p>the slow part</p>"), "{rest}");
}
