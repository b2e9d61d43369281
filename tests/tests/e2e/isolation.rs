//! A handler reaches nothing but its request. A smoke test; what it tries would succeed in an ordinary Worker.

use serde_json::Value;
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Gateway, mesh};
use tokio::net::TcpListener;

const PROBE: &str = r"
    const attempt = async (work) => {
      try { return `reached: ${await work()}`; } catch (error) { return `refused: ${error.name}`; }
    };
    const opened = (Kind, url) => new Promise((resolve, reject) => {
      const socket = new Kind(url);
      socket.onopen = () => resolve('open');
      socket.onmessage = () => resolve('message');
      socket.onerror = () => reject(new Error('failed'));
    });
    export default {
      async fetch(request) {
        const { port, own } = await request.json();
        const url = `http://127.0.0.1:${port}/`;
        const results = {
          fetch: await attempt(() => fetch(url, { mode: 'no-cors' })),
          fetchOwn: await attempt(() => fetch(own)),
          xhr: await attempt(() => { const x = new XMLHttpRequest(); x.open('GET', url, false); x.send(); }),
          webSocket: await attempt(() => opened(WebSocket, `ws://127.0.0.1:${port}/`)),
          ownWebSocket: await attempt(() => opened(WebSocket, own.replace('http', 'ws') + '_mesh/signal')),
          eventSource: await attempt(() => opened(EventSource, url)),
          importScripts: await attempt(() => importScripts(url)),
          evalImport: await attempt(() => (0, eval)(`import('${url}')`)),
          functionImport: await attempt(() => new Function('url', 'return import(url)')(url)),
          worker: await attempt(() => new Worker(URL.createObjectURL(new Blob([`importScripts('${url}')`])))),
          indexedDB: await attempt(() => { if (!indexedDB) throw new Error('none'); }),
          caches: await attempt(async () => (await caches.open('x')).add(url)),
          broadcast: await attempt(() => new BroadcastChannel('x')),
          rtc: await attempt(() => new RTCPeerConnection()),
          storage: await attempt(() => navigator.storage.getDirectory()),
          parentMessage: await attempt(() => postMessage({ op: 'lost', isolate: 1, reason: 'x' })),
          beacon: await attempt(() => navigator.sendBeacon(url, 'x')),
        };
        return Response.json(results);
      },
    };
";

#[tokio::test]
async fn handlers_reach_no_network_and_no_storage() {
    let gateway = mesh().await;
    reaches_nothing(&gateway).await;
}

/// Deploys the probe and checks that whatever it tries is refused.
pub async fn reaches_nothing(gateway: &Gateway) {
    gateway.deploy("probe", PROBE).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let body = serde_json::json!({ "port": port, "own": gateway.url("/") });
    let call = client().post(gateway.url("/probe/")).json(&body).send();
    let answered = tokio::select! {
        connection = listener.accept() => panic!("the handler reached the network: {connection:?}"),
        answered = call => answered.unwrap(),
    };
    assert_eq!(answered.status(), 200);
    let results: Value = answered.json().await.unwrap();
    for (what, result) in results.as_object().unwrap() {
        assert!(result.as_str().unwrap().starts_with("refused"), "{what}: {result}");
    }
    // What was queued while the answer was on its way.
    let late = tokio::time::timeout(std::time::Duration::from_millis(1), listener.accept()).await;
    assert!(late.is_err(), "the handler reached the network: {late:?}");
}

#[tokio::test]
async fn modules_from_elsewhere_are_refused_at_deploy_or_at_start() {
    let gateway = mesh().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sources = [
        format!(
            "import 'http://127.0.0.1:{port}/x.js'; export default {{ fetch: () => new Response('ran') }};"
        ),
        format!(
            "const u = 'http://127.0.0.1:{port}/x.js'; await import(u); export default {{ fetch: () => new Response('ran') }};"
        ),
        format!(
            "await import(`http://127.0.0.1:{port}/x.js`); export default {{ fetch: () => new Response('ran') }};"
        ),
    ];
    for source in sources {
        let trying = async {
            let put =
                client().put(gateway.handler_url("importer")).body(source.clone()).send().await.unwrap();
            if put.status() == 422 {
                return;
            }
            assert!(put.status().is_success(), "{}", put.status());
            assert_eq!(gateway.get("/importer/").await.status(), 500, "{source}");
        };
        tokio::select! {
            connection = listener.accept() => panic!("{source} reached the network: {connection:?}"),
            () = trying => {}
        }
    }
}

/// The value of an attribute in the worker page's HTML.
fn attribute(html: &str, name: &str) -> String {
    html.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_sandbox_origin_serves_isolate_files_and_nothing_else() {
    let gateway = mesh().await;
    gateway.deploy("on-main", "export default { fetch: () => new Response('main') };").await;
    let page = gateway.text("/_mesh/worker").await;
    let hash = attribute(&page, "data-isolate");
    let sandbox = |path: &str| client().get(gateway.host_url("sandbox-default", path)).send();

    let frame = sandbox(&format!("/_mesh/isolate/{hash}/frame.html")).await.unwrap();
    assert_eq!(frame.status(), 200);
    for (name, may_eval) in [("frame.html", false), ("isolate.js", true)] {
        let file = sandbox(&format!("/_mesh/isolate/{hash}/{name}")).await.unwrap();
        assert_eq!(file.status(), 200, "{name}");
        let policy = file.headers()["content-security-policy"].to_str().unwrap().to_owned();
        for part in ["default-src 'none'", "connect-src 'none'", "frame-ancestors"] {
            assert!(policy.contains(part), "{name}: {policy}");
        }
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(policy.contains("'unsafe-eval'"), may_eval, "{policy}");
        assert!(file.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    }
    let script = attribute(&page, "src").split("/_mesh/").nth(1).map(|rest| format!("/_mesh/{rest}"));
    for path in [
        "/",
        "/on-main/",
        "/_mesh/worker",
        "/_mesh/v1/handlers",
        "/_mesh/signal",
        "/_mesh/healthz",
        "/_mesh/metrics",
        "/_mesh/isolate/",
        "/_mesh/isolate/0/frame.html",
        "/_mesh/isolate/../worker",
        script.as_deref().unwrap_or("/x"),
    ] {
        assert_eq!(sandbox(path).await.unwrap().status(), 404, "{path}");
    }
    let put = client()
        .put(gateway.host_url("sandbox-default", "/_mesh/v1/handlers/x"))
        .body("x")
        .send()
        .await
        .unwrap();
    assert!(put.status() == 404 || put.status() == 405, "{}", put.status());
    // And the other way round.
    assert_eq!(gateway.get(&format!("/_mesh/isolate/{hash}/frame.html")).await.status(), 404);
}

#[tokio::test]
async fn the_worker_page_has_its_policy() {
    let gateway = mesh().await;
    let page = gateway.get("/_mesh/worker").await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    for part in ["default-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert!(page.headers()["cache-control"].to_str().unwrap().contains("no-cache"));
    let html = page.text().await.unwrap();
    let script = attribute(&html, "src");
    let asset = gateway.get(&script).await;
    assert!(asset.headers()["cache-control"].to_str().unwrap().contains("immutable"), "{script}");
    assert!(asset.headers()["content-type"].to_str().unwrap().contains("javascript"));
}

#[tokio::test]
async fn web_pages_of_other_origins_cannot_deploy() {
    let gateway = mesh().await;
    for origin in ["http://evil.example", "http://on-main.localhost:1", "null"] {
        let put =
            client().put(gateway.handler_url("csrf")).header("origin", origin).body("export default {}");
        assert_eq!(put.send().await.unwrap().status(), 403, "{origin}");
    }
    assert_eq!(gateway.get("/csrf/").await.status(), 404);
}
