//! Every handler of `examples/`, deployed as it stands there.

use crate::support::next_piece;
use serde_json::{Value, json};
use tabmesh_tests::examples::{bundled, source};
use tabmesh_tests::gateway::client;
use tabmesh_tests::{mesh, png};

#[tokio::test]
async fn echo_sends_back_what_it_got() {
    let gateway = mesh().await;
    gateway.deploy("echo", source("echo")).await;
    let request = client().post(gateway.url("/echo/p?q=1")).header("x-one", "1").body("the body");
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["method"], "POST");
    assert_eq!(answer["url"], gateway.url("/p?q=1"));
    assert_eq!(answer["body"], "the body");
    assert!(answer["headers"].as_array().unwrap().contains(&json!(["x-one", "1"])), "{answer}");
    let raw = client().post(gateway.url("/echo/?raw")).body("raw bytes").send().await.unwrap();
    assert_eq!(raw.text().await.unwrap(), "raw bytes");
}

#[tokio::test]
async fn event_sum_takes_json_and_gives_json() {
    let gateway = mesh().await;
    gateway.deploy("event-sum", source("event-sum")).await;
    let post = |body: &'static str| client().post(gateway.url("/event-sum/")).body(body).send();
    let answer = post(r#"{"numbers":[1,2,3.5]}"#).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "sum": 6.5, "count": 3 }));

    let invalid = post("{").await.unwrap();
    assert_eq!(invalid.status(), 400);
    assert_eq!(invalid.headers()["content-type"], "application/problem+json");
    let wrong = gateway.get("/event-sum/").await;
    assert_eq!(wrong.status(), 405);
    assert_eq!(wrong.headers()["allow"], "POST");
}

#[tokio::test]
async fn pages_are_polished_while_they_stream() {
    let gateway = mesh().await;
    gateway.deploy("polish", source("polish")).await;
    let (more, pieces) = tokio::sync::mpsc::channel(1);
    let body = reqwest::Body::wrap_stream(futures_util::stream::unfold(pieces, |mut pieces| async {
        pieces.recv().await.map(|piece: &'static str| (Ok::<_, std::convert::Infallible>(piece), pieces))
    }));
    more.send("<h1>Caf\u{e9} &amp; Bar</h1><!-- secret --><a target=_blank href=/x>x</a>").await.unwrap();
    let request = client().post(gateway.url("/polish/")).header("content-type", "text/html").body(body);
    let mut response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/html");
    let mut text = String::new();
    while !text.contains(">x</a>") {
        // The page is not over yet: what came of its beginning is not held back for the rest.
        text.push_str(std::str::from_utf8(&next_piece(&mut response).await.unwrap()).unwrap());
    }
    more.send("<img src=a.png>").await.unwrap();
    drop(more);
    while let Some(piece) = next_piece(&mut response).await {
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert_eq!(
        text,
        "<h1>Caf\u{e9} &amp; Bar<a id=\"caf\u{e9}-amp-bar\"></a></h1><a target=_blank href=/x rel=\"noopener\">x</a>\
         <img src=a.png loading=\"lazy\">"
    );
}

#[tokio::test]
async fn the_sse_clock_ticks_event_by_event() {
    let gateway = mesh().await;
    gateway.deploy("sse-clock", source("sse-clock")).await;
    let mut response = gateway.get("/sse-clock/?every=30&count=4").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    let mut pieces = 0;
    while let Some(piece) = next_piece(&mut response).await {
        text.push_str(std::str::from_utf8(&piece).unwrap());
        pieces += 1;
        // What has arrived ends with a whole event: nothing holds half of one back.
        assert!(text.ends_with("\n\n"), "{text:?}");
    }
    assert!(pieces > 1, "all at once: {text}");
    let ids: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_caller_who_leaves_the_clock_stops_it() {
    let gateway = mesh().await;
    gateway.deploy("sse-left", source("sse-clock")).await;
    let mut response = gateway.get("/sse-left/?every=10").await;
    next_piece(&mut response).await.unwrap();
    drop(response);
    gateway.log().wait(gateway.mark(), &["sse-left", "the caller left after"]).await;
}

#[tokio::test]
async fn thumbnails_are_made_of_real_pictures() {
    let gateway = mesh().await;
    gateway.deploy("thumbnail", source("thumbnail")).await;
    let picture = png::gradient(400, 300);
    let post = |query: &str, body: Vec<u8>| {
        client().post(gateway.url(&format!("/thumbnail/{query}"))).body(body).send()
    };

    let made = post("?width=80", picture.clone()).await.unwrap();
    assert_eq!(made.status(), 200);
    assert_eq!(made.headers()["content-type"], "image/png");
    assert_eq!(png::size(&made.bytes().await.unwrap()), Some((80, 60)));

    let made = post("?width=50&format=webp", picture).await.unwrap();
    assert_eq!(made.headers()["content-type"], "image/webp");
    let made = made.bytes().await.unwrap();
    assert_eq!((&made[..4], &made[8..12]), (&b"RIFF"[..], &b"WEBP"[..]));

    assert_eq!(post("", b"no picture".to_vec()).await.unwrap().status(), 415);
    assert_eq!(gateway.get("/thumbnail/").await.status(), 405);
}

#[tokio::test]
async fn several_modules() {
    let gateway = mesh().await;
    let folder = tabmesh_tests::gateway::workspace().join("examples/multi");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let names = ["main.js", "lib/router.js", "lib/pattern.js", "lib/quotes.json"];
    let contents = names.map(read);
    let files: Vec<(&str, &str)> = names.into_iter().zip(contents.iter().map(String::as_str)).collect();
    gateway.deploy_files("multi", &files, json!({})).await;
    let quote: Value = gateway.get("/multi/quote/1").await.json().await.unwrap();
    assert_eq!(quote["by"], "Edsger Dijkstra");
    assert_eq!(gateway.get("/multi/quote/99").await.status(), 404);
}

#[tokio::test]
async fn markdown_is_rendered_by_an_npm_library() {
    let gateway = mesh().await;
    gateway.deploy("markdown", bundled("markdown")).await;
    let text = "# Tïtle\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n";
    let response = client().post(gateway.url("/markdown/")).body(text).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let html = response.text().await.unwrap();
    for part in ["<h1>Tïtle</h1>", "<td>1</td>", "type=\"checkbox\""] {
        assert!(html.contains(part), "{html}");
    }
}

#[tokio::test]
async fn an_unmodified_hono_app_runs() {
    let gateway = mesh().await;
    gateway.deploy("notes", bundled("hono-app")).await;
    // On its own host, as an app that owns its paths.
    let url = |path: &str| gateway.host_url("notes", path);
    let client = client();

    let home = client.get(url("/")).send().await.unwrap();
    assert!(home.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let note = client.get(url("/api/notes/1")).header("origin", "http://else.example").send().await.unwrap();
    assert_eq!(note.headers()["access-control-allow-origin"], "*");
    let tag = note.headers()["etag"].clone();
    assert_eq!(note.json::<Value>().await.unwrap(), json!({ "id": "1", "text": "Buy milk" }));
    let same = client.get(url("/api/notes/1")).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(same.status(), 304);

    let made = client.post(url("/api/notes")).json(&json!({ "text": "Write tests" })).send().await.unwrap();
    assert_eq!(made.status(), 201);
    assert!(made.headers()["location"].to_str().unwrap().starts_with("/api/notes/"));
    let bad = client.post(url("/api/notes")).body("nonsense").send().await.unwrap();
    assert_eq!(bad.status(), 400);
    assert_eq!(bad.json::<Value>().await.unwrap()["error"], "text is needed");

    let form = client.post(url("/api/form")).header("content-type", "application/x-www-form-urlencoded");
    let form: Value = form.body("a=1&b=two+words").send().await.unwrap().json().await.unwrap();
    assert_eq!(form, json!({ "a": "1", "b": "two words" }));

    let visit = client.get(url("/visits")).header("cookie", "visits=41; other=x").send().await.unwrap();
    let cookies: Vec<_> =
        visit.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    assert!(cookies[0].starts_with("visits=42;") && cookies[0].contains("HttpOnly"), "{cookies:?}");
    assert_eq!(visit.text().await.unwrap(), "visit 42\n");

    assert_eq!(
        client.get(url("/stream")).send().await.unwrap().text().await.unwrap(),
        "line 1\nline 2\nline 3\n"
    );
    let old = client.get(url("/old")).send().await.unwrap();
    assert_eq!((old.status().as_u16(), &old.headers()["location"]), (301, &"/".parse().unwrap()));
    let broken = client.get(url("/broken")).send().await.unwrap();
    assert_eq!(broken.status(), 500);
    assert_eq!(broken.json::<Value>().await.unwrap()["error"], "internal error");
    gateway.log().wait(gateway.mark(), &["notes", "this route is broken"]).await;
    let missing: Value = client.get(url("/nowhere")).send().await.unwrap().json().await.unwrap();
    assert_eq!(missing["path"], "/nowhere");
}
