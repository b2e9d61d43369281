//! Hono with its own middleware.

use crate::app::{App, json, text};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tabmesh_tests::gateway::client;
use tabmesh_tests::within;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

async fn app() -> App {
    App::deploy("hono").await
}

#[tokio::test]
async fn cors_etags_and_security_headers_are_as_documented() {
    let app = app().await;
    let preflight = app.ask("OPTIONS", "/cors/data").header("origin", "https://b.example");
    let preflight = preflight.header("access-control-request-method", "PUT").send().await;
    assert_eq!(preflight.status(), 204);
    for (name, value) in [
        ("access-control-allow-origin", "https://b.example"),
        ("access-control-allow-methods", "GET,PUT"),
        ("access-control-max-age", "600"),
        ("access-control-allow-credentials", "true"),
    ] {
        assert_eq!(preflight.field(name), Some(value), "{name}");
    }
    let shared = app.ask("GET", "/cors/data").header("origin", "https://evil.example").send().await;
    assert_eq!(shared.field("access-control-allow-origin"), None);
    assert_eq!(shared.field("access-control-expose-headers"), Some("x-total"));

    for path in ["/etag/text", "/etag/stream"] {
        let first = app.get(path).await;
        let tag = first.field("etag").unwrap().to_owned();
        let again = app.ask("GET", path).header("if-none-match", &tag).send().await;
        assert_eq!(
            (again.status(), again.bytes().len(), again.field("etag")),
            (304, 0, Some(&*tag)),
            "{path}"
        );
        assert_eq!(app.ask("GET", path).header("if-none-match", "\"other\"").send().await.status(), 200);
    }

    let secure = app.get("/secure/page").await;
    for (name, value) in [
        ("content-security-policy", "default-src 'self'; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=15552000; includeSubDomains"),
        ("permissions-policy", "camera=()"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(secure.field(name), Some(value), "{name}");
    }
    assert_eq!(app.get("/powered").await.field("x-powered-by"), Some("Hono"));
}

#[tokio::test]
async fn who_may_come_in_and_who_may_not() {
    let app = app().await;
    let shut = app.get("/basic/page").await;
    assert_eq!((shut.status(), shut.field("www-authenticate")), (401, Some("Basic realm=\"Secure Area\"")));
    // hono:acoolproject
    let open =
        app.ask("GET", "/basic/page").header("authorization", "Basic aG9ubzphY29vbHByb2plY3Q=").send().await;
    assert_eq!(text(&open), "You are authorized");
    assert_eq!(app.get("/bearer/page").await.status(), 401);
    let wrong = app.ask("GET", "/bearer/page").header("authorization", "Bearer nope").send().await;
    assert_eq!(wrong.status(), 401);
    let bearer = app.ask("GET", "/bearer/page").header("authorization", "Bearer honoiscool").send().await;
    assert_eq!(text(&bearer), "You have a token");

    let token = text(&app.get("/token").await);
    let claims = app.ask("GET", "/jwt/page").header("authorization", &format!("Bearer {token}")).send().await;
    assert_eq!(json(&claims), json!({ "sub": "ada", "role": "admin" }));
    let forged = format!("Bearer {}x", token);
    let refused = app.ask("GET", "/jwt/page").header("authorization", &forged).send().await;
    assert_eq!(refused.status(), 401);
    assert!(refused.field("www-authenticate").unwrap().contains("invalid_token"));

    assert_eq!(app.get("/private/open").await.status(), 200);
    assert_eq!(app.get("/private/shut").await.status(), 401);
    // workerd alone does not say where a caller is.
    assert_eq!(app.ask("GET", "/local/page").alone().send().await.status(), 200);
    let form = "application/x-www-form-urlencoded";
    let cross =
        app.ask("POST", "/csrf").header("content-type", form).header("origin", "https://evil.example");
    assert_eq!(cross.body("a=1").send().await.status(), 403);
    let same = app.ask("POST", "/csrf").header("content-type", form).header("origin", "https://a.example");
    assert_eq!(same.body("a=1").send().await.status(), 200);
}

#[tokio::test]
async fn bodies_are_limited_validated_parsed_and_compressed() {
    let app = app().await;
    assert_eq!(text(&app.ask("POST", "/limit").body("x".repeat(1024)).send().await), "1024");
    let over = app.ask("POST", "/limit").body("x".repeat(1025)).send().await;
    assert_eq!((over.status(), text(&over)), (413, "overflow :(".to_owned()));
    let made = app.post("/posts", json!({ "title": "Hello", "tags": ["a"] })).await;
    assert_eq!((made.status(), json(&made)), (201, json!({ "title": "Hello", "tags": ["a"] })));
    let wrong = app.post("/posts", json!({ "title": "no", "tags": ["a", "b", "c"] })).await;
    assert_eq!((wrong.status(), &json(&wrong)["success"]), (400, &json!(false)));
    assert_eq!(app.json("/search?page=7").await, json!({ "page": 7 }));
    assert_eq!(app.get("/search?page=x").await.status(), 400);
    let form = "--b\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nn\u{e4}m\r\n--b\r\ncontent-disposition: \
                form-data; name=\"file\"; filename=\"a.txt\"\r\ncontent-type: text/plain\r\n\r\ninside\r\n--b--\r\n";
    let sent =
        app.ask("POST", "/upload").header("content-type", "multipart/form-data; boundary=b").body(form);
    assert_eq!(
        json(&sent.send().await),
        json!({ "note": "näm", "name": "a.txt", "type": "text/plain", "text": "inside" })
    );
    // On Workers it is compressed twice, and two libraries do that in different bytes.
    let large = app.ask("GET", "/compress/large").header("accept-encoding", "gzip").alone().send().await;
    assert_eq!(
        (large.field("content-encoding"), large.field("vary")),
        (Some("gzip"), Some("Accept-Encoding"))
    );
    assert!(large.bytes().len() < 400);
}

#[tokio::test]
async fn answers_are_cached_timed_and_numbered() {
    let app = app().await;
    // workerd alone has no cache.
    let count = async || app.ask("GET", "/cache/count").alone().send().await;
    let first = count().await;
    assert_eq!(first.field("cache-control"), Some("max-age=3600"));
    assert_eq!(text(&first), text(&count().await));

    let timed = app.ask("GET", "/timing").alone().send().await;
    let timing = timed.fields("server-timing").join(",");
    for part in ["region;desc=\"europe-west3\"", "custom;dur=23.8;desc=\"My custom Metric\"", "db;dur="] {
        assert!(timing.contains(part), "{part} in {timing}");
    }
    let numbered = client().get(app.url("/id")).send().await.unwrap();
    let id = numbered.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(numbered.json::<Value>().await.unwrap()["id"], id);
    let given = app.ask("GET", "/id").header("x-request-id", "mine-1").alone().send().await;
    assert_eq!(json(&given)["id"], "mine-1");
    assert_eq!(app.get("/slow").await.status(), 504);
    assert_eq!(text(&app.get("/pretty?pretty").await), "{\n  \"message\": \"Hono!\"\n}");
}

#[tokio::test]
async fn cookies_languages_paths_and_errors() {
    let app = app().await;
    let first = app.get("/cookie").await;
    assert_eq!(json(&first)["before"], json!(null));
    let set = first.field("set-cookie").unwrap();
    assert!(set.starts_with("visits=1.") && set.ends_with("; Path=/; Secure; SameSite=Strict"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    assert_eq!(json(&app.ask("GET", "/cookie").header("cookie", &cookie).send().await)["before"], "1");
    let forged = cookie.replace("visits=1", "visits=9");
    assert_eq!(
        json(&app.ask("GET", "/cookie").header("cookie", &forged).send().await)["before"],
        json!(false)
    );

    let japanese = app.ask("GET", "/language").header("accept-language", "ja,en;q=0.5").send().await;
    assert_eq!(text(&japanese), "ja");
    assert_eq!(text(&app.get("/context").await), "grace");
    let moved = app.get("/slash/").await;
    assert_eq!((moved.status(), moved.field("location")), (301, Some("http://hono.localhost/slash")));
    let overridden =
        app.ask("POST", "/override/thing").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(text(&overridden.body("_method=DELETE").send().await), "deleted");
    assert_eq!(app.json("/nested/42?q=a&q=b").await, json!({ "id": "42", "all": ["a", "b"] }));
    for (path, status, body) in [
        ("/nested/x", 404, "Custom 404 Message"),
        ("/teapot", 418, "short and stout"),
        ("/broken", 500, "Custom Error Message: this route is broken"),
    ] {
        let answer = app.get(path).await;
        assert_eq!((answer.status(), text(&answer)), (status, body.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn events_and_bytes_stream_and_sockets_open() {
    let app = app().await;
    let events = app.get("/sse").await;
    assert_eq!(events.field("content-type"), Some("text/event-stream"));
    let wanted: String =
        (0..3).map(|id| format!("event: tick\ndata: {{\"id\":{id}}}\nid: {id}\n\n")).collect();
    assert_eq!(text(&events), wanted);
    assert_eq!(text(&app.get("/bytes").await), "Hello");
    let url = format!("ws://{}/hono/ws", app.gateway().address());
    let (mut socket, _) = connect_async(url).await.unwrap();
    socket.send(Message::text("hi")).await.unwrap();
    let message = within("an answer", socket.next()).await.unwrap().unwrap();
    assert_eq!(message, Message::text("Hello from server: hi"));
}
