//! What developers and operators see of handlers: the live tail, metrics, traces and logs; and what they never see.

use futures_util::StreamExt as _;
use reqwest::header::AUTHORIZATION;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::time::Duration;
use tabmesh_tests::collector::{Collector, attribute};
use tabmesh_tests::gateway::{Gateway, client};
use tabmesh_tests::upstream::Upstream;
use tabmesh_tests::{Setup, eventually, mesh, within};
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

#[tokio::test]
async fn a_reader_that_does_not_read_loses_events_and_is_told_how_many() {
    let gateway = mesh().await;
    let source = "export default { async fetch() { for (let i = 0; i < 8; i++) { console.log('x'.repeat(8000)); await scheduler.wait(1); } return new Response('ok'); } };";
    gateway.deploy("floods", source).await;
    let response = client().get(gateway.url("/_mesh/v1/handlers/floods/tail")).send().await.unwrap();
    let mut sent = 0;
    eventually("events to be lost", || {
        sent += 20;
        let gateway = &gateway;
        async move {
            futures_util::future::join_all((0..20).map(|_| gateway.text("/floods/"))).await;
            (gateway.metric("tabmesh_tail_dropped_total").await > 0.0).then_some(())
        }
    })
    .await;
    // Then it reads, and all that was lost is counted by what comes.
    let (mut stream, mut text, mut got, mut lost) = (response.bytes_stream(), String::new(), 0, 0);
    while got + lost < sent {
        // What is lost is told with what comes behind.
        let Ok(piece) = tokio::time::timeout(Duration::from_millis(500), stream.next()).await else {
            gateway.text("/floods/").await;
            sent += 1;
            continue;
        };
        text.push_str(&String::from_utf8_lossy(&piece.unwrap().unwrap()));
        while let Some((block, rest)) = text.split_once("\n\n") {
            if let Some(data) = block.strip_prefix("data: ") {
                let event: Value = serde_json::from_str(data).unwrap();
                got += 1;
                lost += event["dropped"].as_u64().unwrap();
            }
            text = rest.to_owned();
        }
    }
    assert!(lost > 0 && got + lost == sent, "{got} came, {lost} were lost of {sent}");
}

async fn metrics(gateway: &Gateway) -> String {
    gateway.text("/_mesh/metrics").await
}

#[tokio::test]
async fn each_handler_is_counted_until_it_is_deleted() {
    let gateway = mesh().await;
    let source = "export default { async fetch(request) { const text = await request.text(); if (text === 'throw') throw new Error('x'); const end = Date.now() + Number(text); while (Date.now() < end); return new Response('12345', { status: 404 }); } };";
    gateway.deploy("counted-a", source).await;
    gateway.deploy("counted-b", source).await;
    for (handler, body) in [("a", "120"), ("a", "throw"), ("b", "0")] {
        client().post(gateway.url(&format!("/counted-{handler}/"))).body(body).send().await.unwrap();
    }
    let labels = |handler: &str| format!("tenant=\"default\",handler=\"counted-{handler}\"");
    let requests =
        |handler: &str, rest: &str| format!("tabmesh_handler_requests_total{{{},{rest}}}", labels(handler));
    for (name, count) in [
        (requests("a", "outcome=\"ok\",status=\"4xx\""), 1.0),
        (requests("a", "outcome=\"exception\",status=\"5xx\""), 1.0),
        (requests("b", "outcome=\"ok\",status=\"4xx\""), 1.0),
        (format!("tabmesh_handler_request_bytes_total{{{}}}", labels("a")), 8.0),
        (format!("tabmesh_handler_response_bytes_total{{{}}}", labels("a")), 5.0),
        (format!("tabmesh_handler_wall_seconds_count{{{}}}", labels("a")), 2.0),
    ] {
        assert_eq!(gateway.metric(&name).await, count, "{name}");
    }
    let cpu = format!("tabmesh_handler_cpu_seconds_total{{{}}}", labels("a"));
    let cpu = eventually("CPU time", || async {
        let cpu = gateway.metric(&cpu).await;
        (cpu > 0.0).then_some(cpu)
    })
    .await;
    assert!((0.04..2.0).contains(&cpu), "{cpu}");
    let text = metrics(&gateway).await;
    for name in [
        "tabmesh_lane_requests_total{lane=\"own-udp\"}",
        "tabmesh_tab_requests{tab=\"1\",lane=\"own-udp\"}",
        "tabmesh_tail_readers ",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    client().delete(gateway.handler_url("counted-a")).send().await.unwrap();
    let text = metrics(&gateway).await;
    assert!(!text.contains("counted-a") && text.contains("counted-b"), "{text}");
}

#[tokio::test]
async fn the_status_tells_of_tabs_and_requests() {
    let gateway = mesh().await;
    gateway.deploy("counts", "export default { fetch: () => new Response('x') };").await;
    gateway.text("/counts/").await;
    let status: Value = gateway.get("/_mesh/v1/status").await.json().await.unwrap();
    let tabs = status["tabs"].as_array().unwrap();
    assert_eq!(tabs.len(), 2, "{status}");
    assert!(tabs.iter().all(|tab| tab["pool"] == "default" && tab["since"].is_string()), "{status}");
    assert!(tabs.iter().any(|tab| tab["requests"].as_u64() > Some(0)), "{status}");
    assert!(status["requests"]["outcomes"]["ok"].as_u64() > Some(0), "{status}");
    assert!(status["handlers"].as_u64() > Some(0) && status["uptime_s"].is_u64(), "{status}");
}

#[tokio::test]
async fn request_ids_are_ours_unless_the_handler_has_its_own() {
    let gateway = mesh().await;
    let source = "export default { fetch: (request) => new Response(request.headers.get('x-request-id'), { headers: new URL(request.url).pathname === '/own' ? { 'x-request-id': 'mine' } : { 'cache-control': 'max-age=60' } }) };";
    gateway.deploy("ids", source).await;
    let ask = async |path: &str| {
        let response = client().get(gateway.url(path)).header("x-request-id", "theirs").send().await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        (id, response.text().await.unwrap())
    };
    assert_eq!(ask("/ids/own").await, ("mine".to_owned(), "theirs".to_owned()));
    let (first, seen) = ask("/ids/").await;
    assert!(first.len() == 32 && seen == "theirs", "{first} {seen}");
    // An answer from the cache has an id of its own request.
    let (second, _) = ask("/ids/").await;
    assert!(second.len() == 32 && second != first);
}

#[tokio::test]
async fn a_trace_goes_from_the_caller_to_what_the_handler_calls() {
    let (collector, upstream) = (Collector::start().await, Upstream::start().await);
    let address = upstream.address.to_string();
    let url = collector.url();
    let args = ["--otlp-endpoint", &url, "--otlp-header", "x-key=k1", "--egress-allow", &address];
    let gateway = Setup::new().tabs(1).args(&args).start().await;
    let front = format!(
        "export default {{ async fetch(request, env) {{
            const end = Date.now() + 60; while (Date.now() < end);
            await fetch('http://{address}/echo?token=hidden-1');
            await env.KV.put('a', '1');
            const below = await (await env.BACK.fetch('http://back/below')).text();
            return Response.json({{ mine: request.headers.get('traceparent'), state: request.headers.get('tracestate'), below }});
        }} }};"
    );
    gateway
        .deploy(
            "back",
            "export default { fetch: (request) => new Response(request.headers.get('traceparent')) };",
        )
        .await;
    let metadata = json!({ "main_module": "main.js", "bindings": [
        { "type": "kv_namespace", "name": "KV", "namespace_id": "numbers" },
        { "type": "service", "name": "BACK", "service": "back" },
    ] });
    gateway.deploy_files("front", &[("main.js", &front)], metadata).await;
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let answer = client()
        .get(gateway.url("/front/a?token=hidden-2"))
        .header("traceparent", caller)
        .header("tracestate", "a=b")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    let spans = eventually("the spans", || async {
        let spans = collector.spans();
        (spans.len() >= 9).then_some(spans)
    })
    .await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(spans.iter().all(|span| hex(&span.trace_id) == trace), "{spans:#?}");
    let named = |name: &str| {
        let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {spans:#?}");
        found[0]
    };
    let child = |child: &str, parent: &str| {
        let (child, parent) = (named(child), named(parent));
        assert_eq!(hex(&child.parent_span_id), hex(&parent.span_id), "{} in {}", child.name, parent.name);
        assert!(child.start_time_unix_nano >= parent.start_time_unix_nano);
        assert!(child.end_time_unix_nano >= child.start_time_unix_nano);
    };
    let request = named("GET front");
    assert_eq!(hex(&request.parent_span_id), "b7ad6b7169203331");
    let tab = |parent: &str| {
        let parent = &named(parent).span_id;
        let tab = spans.iter().find(|span| span.name == "tab" && span.parent_span_id == *parent).unwrap();
        assert_eq!(attribute(tab, "tabmesh.lane").unwrap(), "own-udp");
        tab.span_id.clone()
    };
    let handler = named("handler front");
    assert_eq!(handler.parent_span_id, tab("GET front"));
    assert_eq!(answer["mine"], format!("00-{trace}-{}-01", hex(&handler.span_id)));
    assert_eq!(answer["state"], "a=b");
    for called in ["GET", "kv put numbers", "service back"] {
        child(called, "handler front");
    }
    child("GET back", "service back");
    assert_eq!(named("handler back").parent_span_id, tab("GET back"));
    assert_eq!(answer["below"], format!("00-{trace}-{}-01", hex(&named("handler back").span_id)));
    assert!(request.end_time_unix_nano - request.start_time_unix_nano >= 60_000_000);
    let cpu: f64 = attribute(handler, "tabmesh.cpu_time").unwrap().parse().unwrap();
    assert!(cpu > 0.02, "{cpu}");
    for (span, key, value) in [
        (request, "http.request.method", "GET"),
        (request, "http.response.status_code", "200"),
        (request, "faas.invoked_name", "front"),
        (request, "url.query", "token=REDACTED"),
        (named("GET"), "server.address", "127.0.0.1"),
        (named("kv put numbers"), "db.operation.name", "put"),
    ] {
        assert_eq!(attribute(span, key).as_deref(), Some(value), "{key} of {}", span.name);
    }
    assert!(collector.all_had("x-key", "k1"));
    assert!(collector.services().iter().all(|name| name == "tabmesh"));
    let bytes = String::from_utf8_lossy(&collector.bytes()).into_owned();
    assert!(!bytes.contains("hidden-"), "{bytes}");
}

#[tokio::test]
async fn without_a_collector_a_trace_context_passes_as_it_is() {
    let gateway = mesh().await;
    let source = "export default { fetch: (request) => Response.json([request.headers.get('traceparent'), request.headers.get('tracestate')]) };";
    gateway.deploy("passes", source).await;
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request =
        client().get(gateway.url("/passes/")).header("traceparent", caller).header("tracestate", "a=b");
    let seen: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(seen, json!([caller, "a=b"]));
    assert_eq!(gateway.text("/passes/").await, "[null,null]");
}

#[tokio::test]
async fn a_cron_run_and_a_call_of_another_handler_are_told_too() {
    let mut gateway = Setup::new().tabs(1).start().await;
    let cron = "export default { scheduled(controller) { console.log('ran', controller.cron); }, fetch: () => new Response('x') };";
    let metadata = json!({ "main_module": "main.js", "crons": ["0 * * * *"] });
    gateway.deploy_files("timed", &[("main.js", cron)], metadata).await;
    gateway.deploy("below", "export default { fetch: () => new Response('below') };").await;
    let above = "export default { fetch: (_, env) => env.BELOW.fetch('http://below/path') };";
    let metadata = json!({ "main_module": "main.js", "bindings": [{ "type": "service", "name": "BELOW", "service": "below" }] });
    gateway.deploy_files("above", &[("main.js", above)], metadata).await;
    let mut reader = Reader::open(&gateway, "/_mesh/v1/tail").await;
    assert_eq!(gateway.text("/above/").await, "below");
    let mut events = vec![reader.next().await, reader.next().await];
    events.sort_by_key(|event| event["scriptName"].as_str().unwrap().to_owned());
    let id = |event: &Value| event["requestId"].as_str().unwrap().to_owned();
    assert_eq!((&events[0]["scriptName"], &events[1]["scriptName"]), (&json!("above"), &json!("below")));
    assert!(id(&events[1]).starts_with(&format!("{}.", id(&events[0]))), "{events:?}");
    // An hour passes while nothing runs.
    gateway.kill().await;
    let store = rusqlite::Connection::open(gateway.home().join("data/tabmesh.db")).unwrap();
    let now = "(CAST(strftime('%s') AS INTEGER) - 2 * 3600) * 1000";
    store
        .execute(&format!("INSERT INTO cron_runs VALUES ('default', 'timed', '0 * * * *', {now})"), [])
        .unwrap();
    drop(store);
    let gateway = gateway.restart().await;
    // It may have run before we could listen: the log has it then.
    gateway.log().wait(0, &["tabmesh::handler", "ran 0 * * * *"]).await;
}

/// What nobody may see, wherever they look.
const HIDDEN: [&str; 6] = [
    "hidden-secret-value",
    "hidden-pool-token",
    "tmk_hidden-api-token",
    "hidden-query-token",
    "hidden-cookie",
    "hidden-basic",
];

#[tokio::test]
async fn secrets_and_tokens_are_in_no_log_no_metric_no_trace_and_no_tail() {
    let (collector, upstream) = (Collector::start().await, Upstream::start().await);
    let (url, address) = (collector.url(), upstream.address.to_string());
    let args = [
        "--log-format",
        "json",
        "--access-log",
        "--otlp-endpoint",
        &url,
        "--egress-allow",
        &address,
        "--pool-token",
        "hidden-pool-token",
    ];
    let gateway = Setup::new().tabs(1).log("trace").args(&args).start().await;
    let source = format!(
        "export default {{ async fetch(request, env, ctx) {{
            const {{ pathname }} = new URL(request.url);
            console.log('the secret is', env.SECRET);
            ctx.waitUntil(scheduler.wait(5).then(() => {{ throw new Error(`later ${{env.SECRET}}`); }}));
            if (pathname === '/throw') throw new Error(`it was ${{env.SECRET}}`);
            if (pathname === '/bad') return 7;
            if (pathname === '/break') return new Response(new ReadableStream({{ start(c) {{ c.enqueue(new Uint8Array(9)); }}, pull(c) {{ c.error(new Error(`broke ${{env.SECRET}}`)); }} }}));
            if (pathname === '/refused') return fetch('http://10.0.0.1/?key=' + env.SECRET, {{ headers: {{ authorization: env.SECRET }} }});
            if (pathname === '/spin') for (;;);
            const answer = await fetch('http://{address}/echo?token=' + env.SECRET, {{ headers: {{ authorization: `Bearer ${{env.SECRET}}` }} }});
            return new Response(await answer.text());
        }} }};"
    );
    let metadata = json!({ "main_module": "main.js", "limits": { "cpu_ms": 100 } });
    gateway.deploy_files("keeper", &[("main.js", &source)], metadata).await;
    let secret = format!("{}/secrets/SECRET", gateway.handler_url("keeper"));
    let put = client()
        .put(secret)
        .body("hidden-secret-value")
        .bearer_auth("tmk_hidden-api-token")
        .send()
        .await
        .unwrap();
    assert!(put.status().is_success(), "{}", put.text().await.unwrap());
    let mut reader = Reader::open(&gateway, "/_mesh/v1/tail").await;
    let mut told = String::new();
    for path in ["/", "/throw", "/bad", "/break", "/refused", "/spin"] {
        let request = client()
            .get(gateway.url(&format!("/keeper{path}?token=hidden-query-token")))
            .bearer_auth("tmk_hidden-api-token")
            .header("cookie", "session=hidden-cookie")
            .send();
        // One breaks off.
        if let Ok(answer) = request.await {
            let _ = answer.text().await;
        }
        told.push_str(&reader.next().await.to_string());
    }
    let broken = Form::new().part("f", Part::text("export default {").file_name("main.js"));
    let deploys = [
        client().put(gateway.handler_url("broken")).multipart(broken).bearer_auth("tmk_hidden-api-token"),
        client()
            .put(gateway.handler_url("broken"))
            .query(&[("token", "hidden-query-token")])
            .body("syntax error ("),
        client()
            .get(gateway.url("/_mesh/v1/handlers?token=hidden-query-token"))
            .basic_auth("u", Some("hidden-basic")),
        client().get(gateway.url("/nothing?token=hidden-query-token")).bearer_auth("tmk_hidden-api-token"),
    ];
    for request in deploys {
        told.push_str(&request.send().await.unwrap().text().await.unwrap());
    }
    eventually("the spans", || async { (collector.spans().len() >= 18).then_some(()) }).await;
    told.push_str(&metrics(&gateway).await);
    told.push_str(&String::from_utf8_lossy(&collector.bytes()));
    let log = gateway.log().since(0).join("\n");
    let parsed = |line: &str| serde_json::from_str::<Value>(line).is_ok();
    let lines = log.lines().filter(|line| line.starts_with('{')).count();
    assert!(lines > 100 && log.lines().filter(|line| line.starts_with('{')).all(parsed), "{lines} lines");
    for wanted in ["\"trace_id\"", "\"version\"", "\"request_id\"", "tabmesh::access"] {
        assert!(log.contains(wanted), "{wanted}");
    }
    for hidden in HIDDEN {
        for (place, text) in [("what was told", &told), ("the log", &log)] {
            let line = text.lines().find(|line| line.contains(hidden));
            assert!(line.is_none(), "{hidden} in {place}: {line:?}");
        }
        // The store seals secrets, and knows tokens by their hashes.
        for file in walk(gateway.home().join("data")) {
            let bytes = std::fs::read(&file).unwrap();
            let found = bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes());
            assert!(!found, "{hidden} in {}", file.display());
        }
    }
}

fn walk(folder: std::path::PathBuf) -> Vec<std::path::PathBuf> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(path)) } else { files.push(path) }
    }
    files
}
