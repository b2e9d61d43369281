//! Static files of handlers.

use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Gateway, mesh};

const HANDLER: &str = r"
    export default { async fetch(request, { ASSETS }) {
      const { pathname } = new URL(request.url);
      if (pathname.endsWith('/bound')) return ASSETS.fetch(new URL('/style.css', request.url));
      if (pathname.endsWith('/lost')) return ASSETS.fetch(new Request('http://x/nothing/here'));
      return new Response(`handler ${pathname}`);
    } };
";

async fn deploy(gateway: &Gateway, name: &str, config: Value, files: &[(&str, &str)]) -> reqwest::Response {
    let metadata = json!({
        "main_module": "main.js", "bindings": [{ "type": "assets", "name": "ASSETS" }], "assets": { "config": config },
    });
    let mut form = Form::new()
        .percent_encode_noop()
        .text("metadata", metadata.to_string())
        .part("main.js", Part::text(HANDLER).file_name("main.js"));
    for (path, text) in files {
        form = form.part(format!("asset:{path}"), Part::text((*text).to_owned()).file_name("x"));
    }
    client().put(gateway.handler_url(name)).multipart(form).send().await.unwrap()
}

const FILES: &[(&str, &str)] = &[
    ("/index.html", "<h1>home</h1>"),
    ("/about.html", "about"),
    ("/style.css", "a {}"),
    ("/ü b.txt", "named"),
];

#[tokio::test]
async fn files_come_before_the_handler_and_everything_else_is_its_own() {
    let gateway = mesh().await;
    let first: Value = deploy(&gateway, "site", json!({}), FILES).await.json().await.unwrap();
    let home = client().get(gateway.host_url("site", "/")).send().await.unwrap();
    assert_eq!(home.headers()["content-type"], "text/html; charset=utf-8");
    let tag = home.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(home.text().await.unwrap(), "<h1>home</h1>");
    let again =
        client().get(gateway.host_url("site", "/")).header("if-none-match", tag).send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.bytes().await.unwrap().len()), (304, 0));
    let whole = client().get(gateway.host_url("site", "/")).send().await.unwrap().bytes().await.unwrap();
    let part = client().get(gateway.host_url("site", "/")).header("range", "bytes=1-3").send().await.unwrap();
    assert_eq!(
        (part.status(), part.headers()["content-range"].to_str().unwrap()),
        (StatusCode::PARTIAL_CONTENT, &*format!("bytes 1-3/{}", whole.len()))
    );
    assert_eq!(part.bytes().await.unwrap(), whole.slice(1..4));
    let beyond =
        client().get(gateway.host_url("site", "/")).header("range", "bytes=9999999-").send().await.unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let head = client().head(gateway.host_url("site", "/")).send().await.unwrap();
    assert_eq!(head.headers()["content-length"].to_str().unwrap(), whole.len().to_string());
    assert_eq!(gateway.text("/site/about").await, "about");
    let moved = gateway.get("/site/about.html?q").await;
    assert_eq!(
        (moved.status().as_u16(), &moved.headers()["location"]),
        (307, &"/site/about?q".parse().unwrap())
    );
    assert_eq!(gateway.text("/site/%C3%BC%20b.txt").await, "named");
    assert_eq!(gateway.text("/site/api").await, "handler /api");
    let posted = client().post(gateway.url("/site/style.css")).send().await.unwrap();
    assert_eq!(posted.text().await.unwrap(), "handler /style.css");
    let bound = gateway.get("/site/bound").await;
    assert_eq!(bound.headers()["content-type"], "text/css; charset=utf-8");
    assert_eq!(bound.text().await.unwrap(), "a {}");
    assert_eq!(gateway.get("/site/lost").await.status(), 404);

    // Other files are another version, with the same code.
    let second: Value =
        deploy(&gateway, "site", json!({}), &[("/about.html", "changed")]).await.json().await.unwrap();
    assert_ne!(first["version"], second["version"]);
    assert_eq!(gateway.text("/site/about").await, "changed");
    assert_eq!(gateway.text("/site/style.css").await, "handler /style.css");
    gateway.deploy("site", HANDLER).await;
    assert_eq!(gateway.text("/site/about").await, "handler /about");
}

#[tokio::test]
async fn the_handler_goes_first_where_it_says_so_and_pages_get_the_app() {
    let gateway = mesh().await;
    let config = json!({ "run_worker_first": ["/api/*"], "not_found_handling": "single-page-application" });
    deploy(&gateway, "app", config, &[("/index.html", "app"), ("/api/x", "file")]).await;
    assert_eq!(gateway.text("/app/api/x").await, "handler /api/x");
    assert_eq!(gateway.text("/app/deep/link").await, "handler /deep/link");
    let page = client()
        .get(gateway.url("/app/deep/link"))
        .header("sec-fetch-mode", "navigate")
        .send()
        .await
        .unwrap();
    assert_eq!(page.text().await.unwrap(), "app");
    assert_eq!(gateway.text("/app/lost").await, "app");
}

#[tokio::test]
async fn what_cannot_be_a_file_is_refused() {
    let gateway = mesh().await;
    for path in ["/../etc/passwd", "no-slash", "/a//b"] {
        let refused = deploy(&gateway, "bad-site", json!({}), &[(path, "x")]).await;
        assert_eq!(refused.status(), 400, "{path}");
        assert!(refused.text().await.unwrap().contains("cannot be the path"), "{path}");
    }
    let refused = deploy(&gateway, "bad-site", json!({ "html_handling": "magic" }), FILES).await;
    assert_eq!(refused.status(), 400);
}

#[tokio::test]
async fn headers_and_redirects_files_are_followed_and_checked() {
    let gateway = mesh().await;
    let rules = [
        ("/index.html", "<h1>home</h1>"),
        ("/new/page.html", "page"),
        ("/static/a.css", "a {}"),
        (
            "/_headers",
            "/*\n  X-Frame-Options: DENY\n/static/*\n  Cache-Control: max-age=31536000\n  X-File: :splat\n",
        ),
        ("/_redirects", "/old/* /new/:splat 301\n/gone https://other.example/?from=site 308\n/app/* / 200\n"),
    ];
    let answer = deploy(&gateway, "ruled", json!({}), &rules).await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let css = gateway.get("/ruled/static/a.css").await;
    for (name, value) in
        [("cache-control", "max-age=31536000"), ("x-frame-options", "DENY"), ("x-file", "a.css")]
    {
        assert_eq!(css.headers()[name], value, "{name}");
    }
    let moved = gateway.get("/ruled/old/page?q=1").await;
    assert_eq!(
        (moved.status().as_u16(), &moved.headers()["location"]),
        (301, &"/ruled/new/page?q=1".parse().unwrap())
    );
    assert!(!moved.headers().contains_key("x-frame-options"));
    let posted = client().post(gateway.url("/ruled/gone")).send().await.unwrap();
    assert_eq!(
        (posted.status().as_u16(), &posted.headers()["location"]),
        (308, &"https://other.example/?from=site".parse().unwrap())
    );
    assert_eq!(gateway.text("/ruled/app/any/where").await, "<h1>home</h1>");
    // They are no files, and the handler's own answers are its own.
    assert_eq!(gateway.text("/ruled/_headers").await, "handler /_headers");
    assert!(!gateway.get("/ruled/api").await.headers().contains_key("x-frame-options"));

    let wrong = deploy(&gateway, "ruled-wrong", json!({}), &[("/_redirects", "# moved\n/a /b 404\n")]).await;
    assert_eq!(wrong.status(), 400);
    let problem: Value = wrong.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().starts_with("_redirects:2: `404`"), "{problem}");
}
