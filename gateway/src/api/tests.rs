//! The API as clients see it.

mod document;
mod limits;
mod stores;
mod tenants;
mod versions;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use std::task::Poll;
use tabmesh_protocol::Limits;
use tempfile::TempDir;
use tokio::sync::Notify;
use tower::ServiceExt as _;

use super::*;
use crate::access;
use crate::config::AccessConfig;
use crate::deploy::{self, SourceFile};
use crate::mesh::pool::Pool;
use crate::storage::Storage;
use crate::store::SecretKey;

const CODE: &str = "export default { fetch() { return new Response('hi') } }";
const HELLO: &str = "/_mesh/v1/handlers/hello";

struct Server {
    router: Router,
    _directory: TempDir,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

fn key() -> SecretKey {
    SecretKey::parse(&"07".repeat(32)).unwrap()
}

impl Server {
    async fn new(limits: ApiLimits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let catalog = Arc::new(Catalog::open(directory.path(), key()).await.unwrap());
        let metrics = Arc::new(Metrics::default());
        let cache = Arc::new(Cache::new(1 << 20, metrics.cache.clone()));
        let config = AccessConfig::default();
        let access = Access::open(directory.path(), key(), &limits.domain, &config).unwrap();
        let access = Arc::new(access);
        let kv = Arc::new(crate::kv::SqliteKv::open(directory.path()).unwrap());
        let databases = Arc::new(crate::sql::SqliteDatabases::open(directory.path()).unwrap());
        let damaged = metrics.damaged_entries.clone();
        let storage = Storage::new(kv, databases, Arc::clone(&catalog), Arc::clone(&access), damaged);
        let stores = Stores::new(Arc::clone(&catalog), Arc::clone(&storage));
        let status = Gateway {
            catalog: Arc::clone(&catalog),
            pool: Pool::new(0, Arc::clone(&metrics)),
            metrics: Arc::clone(&metrics),
            pool_name: "default".into(),
            since: std::time::Instant::now(),
        };
        let api = Api::new(catalog, metrics, cache, Arc::clone(&access), storage, limits);
        let router = access::protect(whole(api, stores, Tail::new(), status), access);
        Server { router, _directory: directory }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8787");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 24).await.unwrap();
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        if status >= 400 {
            assert_eq!(headers["content-type"], "application/problem+json");
            let problem: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(problem["status"], status);
        }
        Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
    }

    async fn put(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send("PUT", path, &[], body).await
    }

    async fn form(&self, path: &str, parts: &[(&str, &str)]) -> Answer {
        let mut body = String::new();
        for (disposition, content) in parts {
            body += &format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n");
        }
        self.send("PUT", path, &[("content-type", "multipart/form-data; boundary=XX")], body + "--XX--\r\n")
            .await
    }
}

fn kind(answer: &Answer) -> &str {
    answer.body["type"].as_str().unwrap().strip_prefix("urn:tabmesh:problem:").unwrap()
}

#[tokio::test]
async fn a_purge_names_urls_or_everything() {
    let server = Server::new(ApiLimits::default()).await;
    const PURGE: &str = "/_mesh/v1/handlers/hello/purge";
    assert_eq!(
        kind(&server.send("POST", PURGE, &[], r#"{"purge_everything":true}"#).await),
        "handler-not-found"
    );
    server.put(HELLO, CODE).await;
    for (body, purged) in [
        (r#"{"purge_everything":true}"#, json!("everything")),
        (r#"{"files":["http://hello.localhost:8787","https://localhost:8787/hello?x"]}"#, json!(2)),
    ] {
        let answer = server.send("POST", PURGE, &[], body).await;
        assert_eq!((answer.status, &answer.body["purged"]), (200, &purged));
    }
    for body in [
        "",
        "{}",
        r#"{"files":[]}"#,
        r#"{"files":["/x"]}"#,
        r#"{"tags":["x"]}"#,
        r#"{"files":["http://x/"],"purge_everything":true}"#,
    ] {
        assert_eq!(kind(&server.send("POST", PURGE, &[], body).await), "invalid-request", "{body}");
    }
    let page = server.send("POST", PURGE, &[("origin", "http://x")], r#"{"purge_everything":true}"#).await;
    assert_eq!(kind(&page), "forbidden");
}

#[tokio::test]
async fn the_life_of_a_handler() {
    let server = Server::new(ApiLimits::default()).await;
    assert_eq!(kind(&server.send("GET", HELLO, &[], "").await), "handler-not-found");
    let created = server.put(HELLO, CODE).await;
    assert_eq!((created.status, &created.headers["location"]), (201, &HeaderValue::from_static(HELLO)));
    assert_eq!(created.headers["content-type"], "application/json");
    let version = created.body["version"].as_str().unwrap().to_owned();
    let files = vec![SourceFile { name: "main.js".into(), bytes: CODE.into() }];
    let bundle = serde_json::to_value(deploy::compile(files, None).unwrap()).unwrap();
    let mut expected = json!({
        "name": "hello", "tenant": "default", "version": version, "number": 1, "created": true,
        "modules": [{"name": "main.js", "type": "esm", "size": CODE.len()}],
        "size": bundle.to_string().len(), "limits": Limits::default(),
        "urls": {
            "host": "http://hello.localhost:8787/", "path": "/hello/",
            "preview": format!("http://{}-hello.localhost:8787/", &version[..8]),
        },
        "created_at": created.body["created_at"], "updated_at": created.body["updated_at"],
    });
    assert_eq!(created.body, expected);
    assert!(created.body["updated_at"].as_str().unwrap().ends_with('Z'));

    let again = server.put(HELLO, CODE).await;
    assert_eq!(
        (again.status, &again.body["version"], &again.body["created"]),
        (200, &json!(version), &json!(false))
    );
    let got = server.send("GET", HELLO, &[], "").await;
    expected.as_object_mut().unwrap().remove("created");
    expected["updated_at"] = again.body["updated_at"].clone();
    assert_eq!((got.status, got.body), (200, expected.clone()));
    assert_eq!(got.headers["cache-control"], "no-store");

    let code = server.send("GET", &format!("/_mesh/code/{version}"), &[], "").await;
    assert_eq!((code.status, code.body), (200, bundle));
    assert_eq!(code.headers["content-type"], "application/json");
    assert_eq!(code.headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(code.headers["etag"], format!("\"{version}\""));
    assert!(!code.headers.contains_key("access-control-allow-origin"));
    let tag = format!("W/\"x\", \"{version}\"");
    let known = server.send("GET", &format!("/_mesh/code/{version}"), &[("if-none-match", &tag)], "").await;
    assert_eq!((known.status, known.body), (304, Value::Null));

    let changed = server.put(HELLO, format!("{CODE}//")).await;
    assert!(changed.status == 200 && changed.body["version"] != version);
    server.put("/_mesh/v1/handlers/another", CODE).await;
    let list = server.send("GET", "/_mesh/v1/handlers", &[], "").await;
    let names: Vec<&Value> = list.body["handlers"].as_array().unwrap().iter().map(|h| &h["name"]).collect();
    assert_eq!(names, ["another", "hello"]);

    let deleted = server.send("DELETE", HELLO, &[], "").await;
    assert_eq!((deleted.status, deleted.body), (204, Value::Null));
    assert_eq!(kind(&server.send("DELETE", HELLO, &[], "").await), "handler-not-found");
    assert_eq!(server.send("GET", HELLO, &[], "").await.status, 404);
}

#[tokio::test]
async fn forms() {
    let server = Server::new(ApiLimits::default()).await;
    let answer = server
        .form(
            HELLO,
            &[
                ("name=\"metadata\"", r#"{"main_module": "src/app.mjs", "limits": {"wall_ms": 50}, "compatibility_date": "2026-01-01"}"#),
                ("name=\"a\"; filename=\"src/app.mjs\"", "import t from '../lib/t.txt'; export default () => t"),
                ("name=\"b\"; filename=\"lib/t.txt\"", "text"),
            ],
        )
        .await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.body["limits"], json!(Limits { wall_ms: 50, ..Limits::default() }));
    assert_eq!(answer.body["modules"][0], json!({"name": "lib/t.txt", "type": "text", "size": 4}));
    assert_eq!(answer.body["modules"][1]["name"], "src/app.mjs");

    let file = ("name=\"a\"; filename=\"only.js\"", CODE);
    assert_eq!(server.form(HELLO, &[file]).await.status, 200);
    assert_eq!(server.form(HELLO, &[("name=\"metadata\"", r#"{"main":"only.js"}"#), file]).await.status, 200);
    for (parts, problem, text) in [
        (&[("name=\"metadata\"", "{"), file][..], "invalid-request", "metadata"),
        (&[("name=\"metadata\"", r#"{"bindings": 7}"#), file], "invalid-request", "sequence"),
        (&[("name=\"metadata\"", r#"{"limits":{"wall_ms":0}}"#), file], "invalid-request", "wall_ms"),
        (&[("name=\"metadata\"", r#"{"limits":{"wall_ms":99999999}}"#), file], "invalid-request", "300000"),
        (&[("name=\"metadata\"", r#"{"limits":{"speed":1}}"#), file], "invalid-request", "`limits.speed`"),
        (&[("name=\"metadata\"", r#"{"limits":7}"#), file], "invalid-request", "map"),
        (&[("name=\"metadata\"", "{}"), ("name=\"metadata\"", "{}"), file], "invalid-request", "two"),
        (&[("name=\"metadata\"", r#"{"main":"x.js"}"#), file], "module-error", "x.js"),
        (&[("name=\"a.js\"", CODE)], "invalid-request", "filename"),
        (&[], "module-error", "no files"),
        (&[("name=\"a\"; filename=\"../a.js\"", CODE)], "module-error", "relative"),
        (&[file, file], "module-error", "two files"),
    ] {
        let answer = server.form(HELLO, parts).await;
        assert_eq!(kind(&answer), problem, "{parts:?}");
        assert!(answer.body["detail"].as_str().unwrap().contains(text), "{parts:?}: {}", answer.body);
    }
    let headers = [("content-type", "multipart/form-data; boundary=XX")];
    assert_eq!(kind(&server.send("PUT", HELLO, &headers, "--XX\r\nnonsense").await), "invalid-request");
    let headers = [("content-type", "multipart/form-data")];
    assert_eq!(kind(&server.send("PUT", HELLO, &headers, "").await), "invalid-request");
    let headers = [("content-type", "multipart/mixed; boundary=XX")];
    assert_eq!(kind(&server.send("PUT", HELLO, &headers, "").await), "unsupported-media-type");
}

#[tokio::test]
async fn bad_code_says_where() {
    let server = Server::new(ApiLimits::default()).await;
    let answer = server.put(HELLO, "export default {\n  a: ä b\n}").await;
    assert_eq!((answer.status, kind(&answer)), (422, "syntax-error"));
    let place = (&answer.body["file"], &answer.body["line"], &answer.body["column"]);
    assert_eq!(place, (&json!("main.js"), &json!(2), &json!(8)));
    assert!(answer.body["detail"].as_str().unwrap().starts_with("main.js:2:8: "));
    let answer = server.put(HELLO, format!("import 'hono'; {CODE}")).await;
    assert_eq!((answer.status, kind(&answer)), (422, "module-error"));
    assert_eq!(answer.body["specifier"], "hono");
    assert_eq!(answer.body["hint"].as_str().unwrap().split(',').next(), Some("bundle npm packages first"));
    let answer = server.put(HELLO, "").await;
    assert_eq!((answer.status, kind(&answer)), (422, "module-error"));
    let answer = server.put(HELLO, format!("x={}", "(".repeat(100_000))).await;
    assert_eq!((answer.status, kind(&answer)), (422, "syntax-error"));
    // What was there before a bad deployment stays.
    server.put(HELLO, CODE).await;
    server.put(HELLO, "nonsense here").await;
    assert_eq!(server.send("GET", HELLO, &[], "").await.status, 200);
}

#[tokio::test]
async fn bad_requests() {
    let limits =
        ApiLimits { compile: CompileLimits { source_bytes: 100, modules: 2 }, ..ApiLimits::default() };
    let server = Server::new(limits).await;
    for name in ["Hello", "-a", "sandbox-a", "_mesh", "www", "%ff", "a%2Fb", "%C3%A4"] {
        let answer = server.put(&format!("/_mesh/v1/handlers/{name}"), CODE).await;
        assert_eq!((answer.status, kind(&answer)), (400, "invalid-handler-name"), "{name}");
        assert_eq!(
            kind(&server.send("GET", &format!("/_mesh/v1/handlers/{name}"), &[], "").await),
            "handler-not-found"
        );
    }
    let large = "x".repeat(101);
    let answer = server.put(HELLO, large.clone()).await;
    assert_eq!((answer.status, kind(&answer)), (413, "payload-too-large"));
    assert_eq!(
        server
            .send("PUT", HELLO, &[("expect", "100-continue"), ("content-length", "101")], large)
            .await
            .status,
        413
    );
    let file = |name| (format!("name=\"a\"; filename=\"{name}\""), CODE);
    let files = [file("a.txt"), file("b.txt"), file("c.txt")];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, code)| (name.as_str(), *code)).collect();
    assert_eq!(server.form(HELLO, &files).await.status, 413);
    assert_eq!(server.form(HELLO, &files[..2]).await.status, 413);
    let answer = server.send("PUT", HELLO, &[("content-encoding", "gzip")], CODE).await;
    assert_eq!(kind(&answer), "unsupported-media-type");
    for (method, path, allow) in [
        ("POST", HELLO, "GET,HEAD,PUT,DELETE"),
        ("DELETE", HANDLERS_PATH, "GET,HEAD"),
        ("PUT", "/_mesh/code/x", "GET,HEAD"),
        ("OPTIONS", HELLO, "GET,HEAD,PUT,DELETE"),
    ] {
        let answer = server.send(method, path, &[], "").await;
        assert_eq!((answer.status, kind(&answer)), (405, "method-not-allowed"), "{method} {path}");
        assert_eq!(answer.headers["allow"], allow, "{method} {path}");
    }
    let zeros = "0".repeat(64);
    for hash in ["x", &zeros, &"A".repeat(64), "..%2f", "%ff"] {
        assert_eq!(
            kind(&server.send("GET", &format!("/_mesh/code/{hash}"), &[], "").await),
            "not-found",
            "{hash}"
        );
    }
}

#[tokio::test]
async fn pages_change_nothing() {
    let server = Server::new(ApiLimits::default()).await;
    for headers in [
        &[("origin", "http://hello.localhost:8787")][..],
        &[("origin", "http://127.0.0.1:8787"), ("sec-fetch-site", "same-origin")],
        &[("origin", "null")],
        &[("origin", "file://")],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        for method in ["PUT", "DELETE"] {
            let answer = server.send(method, HELLO, headers, CODE).await;
            assert_eq!((answer.status, kind(&answer)), (403, "forbidden"), "{headers:?}");
        }
    }
    for headers in [&[][..], &[("sec-fetch-site", "none")]] {
        assert!(server.send("PUT", HELLO, headers, CODE).await.status < 300, "{headers:?}");
    }
}

#[tokio::test]
async fn uploads_are_bounded_in_number_and_time() {
    let limits =
        ApiLimits { max_uploads: 1, upload_timeout: Duration::from_millis(100), ..ApiLimits::default() };
    let server = Server::new(limits).await;
    let read = Arc::new(Notify::new());
    let begun = Arc::clone(&read);
    let never = Body::from_stream(futures_util::stream::poll_fn(move |_| {
        begun.notify_one();
        Poll::<Option<Result<bytes::Bytes, std::io::Error>>>::Pending
    }));
    // Whose body is read holds the only place.
    let other = async {
        read.notified().await;
        server.put(HELLO, CODE).await
    };
    let (slow, other) = tokio::join!(server.put(HELLO, never), other);
    assert_eq!((slow.status, kind(&slow)), (408, "request-timeout"));
    assert_eq!((other.status, kind(&other)), (503, "too-many-uploads"));
    assert_eq!(other.headers["retry-after"], "1");
}
