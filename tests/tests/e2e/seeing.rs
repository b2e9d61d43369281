//! What developers and operators see of handlers: the live tail.

use futures_util::StreamExt as _;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use tabmesh_tests::gateway::{Gateway, client};
use tabmesh_tests::{mesh, within};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

/// Who reads a live tail over server-sent events.
struct Reader(mpsc::UnboundedReceiver<Value>);

impl Reader {
    /// Listens at this path.
    async fn open(gateway: &Gateway, path: &str) -> Self {
        let response =
            client().get(gateway.url(path)).header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        let mut stream = response.bytes_stream();
        // Its first comment says that it listens.
        let mut text = String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(text.starts_with(":"), "{text}");
        let (events, queue) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(piece)) = stream.next().await {
                text.push_str(&String::from_utf8_lossy(&piece));
                while let Some((block, rest)) = text.split_once("\n\n") {
                    if let Some(data) = block.strip_prefix("data: ") {
                        let _ = events.send(serde_json::from_str(data).unwrap());
                    }
                    text = rest.to_owned();
                }
            }
        });
        Self(queue)
    }

    async fn next(&mut self) -> Value {
        within("an event", self.0.recv()).await.unwrap()
    }
}

fn lines(event: &Value) -> Vec<(&str, &str)> {
    let logs = event["logs"].as_array().unwrap();
    logs.iter().map(|line| (line["level"].as_str().unwrap(), line["message"][0].as_str().unwrap())).collect()
}

const TALKS: &str = r"
    export default {
      async fetch(request, env, ctx) {
        const { pathname } = new URL(request.url);
        console.log('log', { a: 1 });
        console.warn('warn');
        if (pathname === '/throw') throw new TypeError('it broke');
        if (pathname === '/spin') { const end = Date.now() + 300; while (Date.now() < end); }
        ctx.waitUntil(scheduler.wait(50).then(() => console.error('afterwards')));
        return new Response('ok', { status: 201 });
      },
    };
";

#[tokio::test]
async fn a_tail_tells_requests_whole_with_what_comes_after_their_answer() {
    let gateway = mesh().await;
    let deployed = gateway.deploy("tailed", TALKS).await;
    let mut reader = Reader::open(&gateway, "/_mesh/v1/handlers/tailed/tail").await;
    let answer = client()
        .get(gateway.url("/tailed/a?token=hidden-1&x=1"))
        .header(AUTHORIZATION, "Bearer hidden-2")
        .header("cookie", "hidden-3")
        .header("x-plain", "shown")
        .send()
        .await
        .unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let event = reader.next().await;
    assert_eq!(event["requestId"], id, "{event}");
    assert_eq!(event["outcome"], "ok");
    assert_eq!((&event["scriptName"], &event["tenant"]), (&json!("tailed"), &json!("default")));
    assert_eq!(event["scriptVersion"]["id"], deployed["version"]);
    assert_eq!(lines(&event), [("log", "log { a: 1 }"), ("warn", "warn"), ("error", "afterwards")]);
    let request = &event["event"]["request"];
    assert_eq!(request["method"], "GET");
    assert!(request["url"].as_str().unwrap().ends_with("/a?token=REDACTED&x=1"), "{event}");
    assert_eq!(request["headers"]["x-plain"], "shown");
    assert_eq!(event["event"]["response"]["status"], 201);
    assert!(event["tab"].is_u64() && event["dropped"] == 0 && event["truncated"] == false, "{event}");
    assert!(!event.to_string().contains("hidden-"), "{event}");
    // A loop of 300 ms took about as much CPU time; a request that does little took little.
    assert!(event["cpuTime"].as_u64().unwrap() < 150, "{event}");
    gateway.get("/tailed/spin").await;
    let event = reader.next().await;
    let (cpu, wall) = (event["cpuTime"].as_u64().unwrap(), event["wallTime"].as_u64().unwrap());
    assert!((100..=wall).contains(&cpu) && wall >= 300, "{event}");
}

#[tokio::test]
async fn a_tail_shows_where_typescript_threw_and_filters_choose() {
    let gateway = mesh().await;
    let source = "interface Point {\n  x: number;\n}\n\nfunction inner(point: Point): never {\n  throw new RangeError(`x is ${point.x}`);\n}\n\nexport default {\n  fetch(request: Request): Response {\n    console.log('before');\n    if (request.url.endsWith('/throw')) inner({ x: 7 });\n    return new Response('fine');\n  },\n};\n";
    gateway.deploy_files("typed", &[("main.ts", source)], json!({ "main_module": "main.ts" })).await;
    let mut errors = Reader::open(&gateway, "/_mesh/v1/handlers/typed/tail?outcome=error").await;
    let mut posts = Reader::open(&gateway, "/_mesh/v1/handlers/typed/tail?method=POST&status=2xx").await;
    let mut found = Reader::open(&gateway, "/_mesh/v1/handlers/typed/tail?search=needle").await;
    gateway.text("/typed/fine").await;
    assert_eq!(gateway.get("/typed/throw").await.status(), 500);
    gateway.text("/typed/needle").await;
    client().post(gateway.url("/typed/posted")).send().await.unwrap();
    let event = errors.next().await;
    assert_eq!(
        (&event["outcome"], &event["event"]["response"]["status"]),
        (&json!("exception"), &json!(500))
    );
    let exception = &event["exceptions"][0];
    assert_eq!((&exception["name"], &exception["message"]), (&json!("RangeError"), &json!("x is 7")));
    let stack = exception["stack"].as_str().unwrap();
    assert!(stack.contains("main.ts:6:9") && stack.contains("main.ts:12:"), "{stack}");
    let url = |event: Value| event["event"]["request"]["url"].as_str().unwrap().to_owned();
    assert!(url(posts.next().await).ends_with("/posted"));
    assert!(url(found.next().await).ends_with("/needle"));
    let refused = gateway.get("/_mesh/v1/handlers/typed/tail?status=7xx").await;
    assert_eq!(refused.status(), 400);
}

#[tokio::test]
async fn a_websocket_tells_the_same_and_a_tenants_tail_hears_all_of_its_handlers() {
    let gateway = mesh().await;
    gateway.make_tenant("seen").await;
    gateway.deploy_for("seen", "talks", TALKS).await;
    gateway.deploy_for("seen", "quiet", "export default { fetch: () => new Response('q') };").await;
    gateway.deploy("elsewhere", TALKS).await;
    let url = format!("ws://{}/_mesh/v1/tenants/seen/tail", gateway.address());
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    gateway.get("/elsewhere/").await;
    for handler in ["talks", "quiet"] {
        let url = format!("http://{handler}.seen.localhost:{}/", gateway.address().port());
        client().get(url).send().await.unwrap();
    }
    let mut names = vec![];
    while names.len() < 2 {
        let message = within("an event", socket.next()).await.unwrap().unwrap();
        if let Message::Text(text) = message {
            let event: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(event["tenant"], "seen");
            names.push(event["scriptName"].as_str().unwrap().to_owned());
        }
    }
    names.sort();
    assert_eq!(names, ["quiet", "talks"]);
    // Web pages may not listen.
    let upgrade = client()
        .get(gateway.url("/_mesh/v1/tail"))
        .header("origin", "http://evil.localhost")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(upgrade.send().await.unwrap().status(), 403);
}
