//! Handlers that fetch.

use serde_json::{Value, json};
use tabmesh_tests::gateway::client;
use tabmesh_tests::upstream::Upstream;
use tabmesh_tests::{Gateway, Setup, eventually};

/// Does what the query says and tells what came of it.
const FETCHER: &str = r"
    export default {
      async fetch(request) {
        const asked = new URL(request.url);
        const url = asked.searchParams.get('url');
        const init = JSON.parse(asked.searchParams.get('init') ?? '{}');
        if (asked.pathname.endsWith('/pass')) return fetch(url);
        if (asked.pathname.endsWith('/made')) { const made = await fetch(url, init); return new Response(made.body, made); }
        if (asked.pathname.endsWith('/upload')) return fetch(url, { method: 'PUT', body: request.body });
        if (asked.pathname.endsWith('/abort')) {
          const controller = new AbortController();
          setTimeout(() => controller.abort(), 100);
          init.signal = controller.signal;
        }
        try {
          const { status, url: final, redirected, headers } = await Promise.resolve(0).then(() => fetch(url, init))
            .then(async (it) => { it.body_ = await it.text(); return it; })
            .then((it) => { globalThis.last = it.body_; return it; });
          return Response.json({
            status, url: final, redirected, cookies: headers.getSetCookie(), names: [...headers.keys()], body: globalThis.last,
          });
        } catch (error) {
          return Response.json({ name: error.name, message: error.message });
        }
      },
    };
";

async fn start(upstream: &Upstream) -> Gateway {
    let gateway = Setup::new().tabs(1).args(&["--egress-allow", &upstream.address.to_string()]).start().await;
    gateway.deploy("f", FETCHER).await;
    gateway
}

async fn ask(gateway: &Gateway, path: &str, url: &str, init: Value) -> Value {
    let query = [("url", url.to_owned()), ("init", init.to_string())];
    let request = client().get(gateway.url(path)).query(&query);
    request.send().await.unwrap().json().await.unwrap()
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap_or_else(|| panic!("{answer}"))).unwrap()
}

#[tokio::test]
async fn a_handler_fetches_with_method_headers_and_body_and_sees_every_field() {
    let upstream = Upstream::start().await;
    let gateway = start(&upstream).await;
    let init = json!({ "method": "PATCH", "body": "hello", "headers": { "x-mine": "1", "cookie": "c=1", "host": "evil" } });
    let answer = ask(&gateway, "/f/", &upstream.url("/a?b=c"), init).await;
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(answer["url"], upstream.url("/a?b=c"));
    assert!(!answer["names"].to_string().contains("tabmesh"), "{answer}");
    let told = body(&answer);
    assert_eq!(
        (&told["method"], &told["url"], &told["body"]),
        (&json!("PATCH"), &json!("/a?b=c"), &json!("hello"))
    );
    let headers = told["headers"].as_array().unwrap();
    for field in
        [["x-mine", "1"], ["cookie", "c=1"], ["host", &upstream.address.to_string()], ["content-length", "5"]]
    {
        assert!(headers.contains(&json!(field)), "{field:?} in {headers:?}");
    }
}

#[tokio::test]
async fn redirects_are_followed_given_or_refused_as_asked() {
    let upstream = Upstream::start().await;
    let gateway = start(&upstream).await;
    let followed =
        ask(&gateway, "/f/", &upstream.url("/redirect"), json!({ "method": "POST", "body": "x" })).await;
    assert_eq!(
        (&followed["redirected"], &followed["url"]),
        (&json!(true), &json!(upstream.url("/echo?redirected")))
    );
    assert_eq!((&body(&followed)["method"], &body(&followed)["body"]), (&json!("GET"), &json!("")));
    let kept =
        ask(&gateway, "/f/", &upstream.url("/redirect-keep"), json!({ "method": "POST", "body": "x" })).await;
    assert_eq!((&body(&kept)["method"], &body(&kept)["body"]), (&json!("POST"), &json!("x")));
    let manual = ask(&gateway, "/f/", &upstream.url("/redirect"), json!({ "redirect": "manual" })).await;
    assert_eq!(manual["status"], 302);
    let endless = ask(&gateway, "/f/", &upstream.url("/loop"), json!({})).await;
    assert!(endless["message"].as_str().unwrap().contains("Too many redirects"), "{endless}");
}

#[tokio::test]
async fn bodies_stream_both_ways_and_encodings_are_undone() {
    let upstream = Upstream::start().await;
    let gateway = start(&upstream).await;
    let query = [("url", upstream.url("/large"))];
    let large =
        client().get(gateway.url("/f/pass")).query(&query).send().await.unwrap().bytes().await.unwrap();
    assert!(large.len() == 8 << 20 && large.iter().all(|byte| *byte == 7));
    let query = [("url", upstream.url("/up"))];
    let upload =
        client().put(gateway.url("/f/upload")).query(&query).body(vec![1; 5 << 20]).send().await.unwrap();
    assert_eq!(upload.json::<Value>().await.unwrap()["length"], 5 << 20);
    let plain = ask(&gateway, "/f/", &upstream.url("/gzip"), json!({})).await;
    assert_eq!(body(&plain), json!({ "hello": "gzip" }));
    assert!(!plain["names"].to_string().contains("content-encoding"));
    let query = [("url", upstream.url("/gzip"))];
    let made = client().get(gateway.url("/f/made")).query(&query).send().await.unwrap();
    assert!(!made.headers().contains_key("content-encoding"));
    assert_eq!(made.text().await.unwrap(), r#"{"hello":"gzip"}"#);
    let query = [("url", upstream.url("/gzip")), ("init", r#"{"method":"HEAD"}"#.to_owned())];
    let head = client().get(gateway.url("/f/made")).query(&query).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""));
}

#[tokio::test]
async fn private_addresses_are_refused_by_whatever_name() {
    let upstream = Upstream::start().await;
    let gateway = start(&upstream).await;
    let own = gateway.url("/_mesh/v1/handlers");
    let port = upstream.address.port();
    for url in [
        &*own,
        "http://localhost:1/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0/",
    ] {
        let answer = ask(&gateway, "/f/", url, json!({})).await;
        assert!(
            answer["message"].as_str().is_some_and(|text| text.contains("not on the public internet")),
            "{url}: {answer}"
        );
    }
    for url in ["ftp://example.com/", "data:text/plain,x", "file:///etc/passwd"] {
        let answer = ask(&gateway, "/f/", url, json!({})).await;
        assert!(
            answer["message"].as_str().is_some_and(|text| text.contains("cannot load")),
            "{url}: {answer}"
        );
    }
    assert_eq!(upstream.hits(), 0);
    // A name that leads to what is allowed is as good as the address.
    let named = ask(&gateway, "/f/", &format!("http://localhost:{port}/x"), json!({})).await;
    assert_eq!(named["status"], 200, "{named}");
}

#[tokio::test]
async fn a_handlers_own_list_and_count_of_subrequests_hold() {
    let upstream = Upstream::start().await;
    let gateway = start(&upstream).await;
    let source = FETCHER;
    let metadata = json!({ "main_module": "main.js", "egress": ["*.example.com"] });
    gateway.deploy_files("listed", &[("main.js", source)], metadata).await;
    let refused = ask(&gateway, "/listed/", &upstream.url("/"), json!({})).await;
    assert!(refused["message"].as_str().unwrap().contains("not on this handler's list"), "{refused}");
    let greedy = format!(
        "export default {{ async fetch() {{ let n = 0; try {{ for (;;) {{ await (await fetch('{}')).text(); n++; }} }}
           catch (error) {{ return new Response(n + ' ' + error.message); }} }} }};",
        upstream.url("/")
    );
    let metadata = json!({ "main_module": "main.js", "limits": { "subrequests": 3 } });
    gateway.deploy_files("greedy", &[("main.js", &greedy)], metadata).await;
    assert_eq!(gateway.text("/greedy/").await, "3 Too many subrequests.");
    assert_eq!(upstream.hits(), 3);
}

#[tokio::test]
async fn an_abort_reaches_the_other_end_and_a_caller_that_leaves_does_too() {
    let upstream = Upstream::start().await;
    let gateway = start(&upstream).await;
    let aborted = ask(&gateway, "/f/abort", &upstream.url("/slow"), json!({})).await;
    assert_eq!(aborted["name"], "AbortError");
    let query = [("url", upstream.url("/slow"))];
    let caller =
        client().get(gateway.url("/f/pass")).query(&query).timeout(std::time::Duration::from_millis(300));
    assert!(caller.send().await.is_err());
    eventually("both requests came", || async { (upstream.hits() == 2).then_some(()) }).await;
    assert_eq!(ask(&gateway, "/f/", &upstream.url("/"), json!({})).await["status"], 200);
}

#[tokio::test]
async fn without_egress_nothing_is_fetched_and_the_error_says_so() {
    let gateway = Setup::new().tabs(1).args(&["--no-egress"]).start().await;
    gateway.deploy("f", FETCHER).await;
    let answer = ask(&gateway, "/f/", "https://example.com/", json!({})).await;
    assert!(answer["message"].as_str().unwrap().contains("switched off"), "{answer}");
}

#[tokio::test]
async fn a_handler_that_fetches_itself_is_stopped() {
    let gateway = Setup::new().tabs(1).args(&["--egress-allow", "127.0.0.1"]).start().await;
    // Passes nothing on of what came: the gateway alone knows that it goes round.
    let round = r"
        export default { async fetch() {
          const answer = await fetch('URL');
          return new Response(await answer.text(), { status: answer.status, headers: { 'x-deep': `${Number(answer.headers.get('x-deep')) + 1}` } });
        } };
    ";
    gateway.deploy("round", round.replace("URL", &gateway.url("/round/"))).await;
    let answer = gateway.get("/round/").await;
    assert_eq!(answer.status(), 508);
    // The first, and sixteen more.
    assert_eq!(answer.headers()["x-deep"], "17");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], "urn:tabmesh:problem:loop-detected");
    assert!(problem["detail"].as_str().unwrap().contains("`round`"), "{problem}");

    // Through a service binding it is the same loop, and what others say of themselves stays.
    let through = "export default { fetch: (request, { NEXT }) => NEXT.fetch(request) };";
    let next = format!(
        "export default {{ fetch: () => fetch('{}', {{ headers: {{ 'cdn-loop': 'other' }} }}) }};",
        gateway.url("/through/")
    );
    let binding = json!([{ "type": "service", "name": "NEXT", "service": "next" }]);
    gateway.deploy("next", next).await;
    gateway.deploy_files("through", &[("main.js", through)], json!({ "bindings": binding })).await;
    assert_eq!(gateway.get("/through/").await.status(), 508);
    let upstream = Upstream::start().await;
    gateway
        .deploy(
            "once",
            format!("export default {{ fetch: (request) => fetch('{}', request) }};", upstream.url("/")),
        )
        .await;
    let once: Value = client()
        .get(gateway.url("/once/"))
        .header("cdn-loop", "other; v=1, tabmesh")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let headers = once["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["cdn-loop", "other; v=1, tabmesh, tabmesh"])), "{once}");
}

#[tokio::test]
async fn what_cf_asks_to_keep_is_fetched_once() {
    let upstream = Upstream::start().await;
    let gateway = start(&upstream).await;
    for (path, init, hits) in [
        ("/gzip?a", json!({ "cf": { "cacheTtl": 60 } }), 1),
        ("/gzip?b", json!({ "cf": { "cacheEverything": true } }), 1),
        ("/gzip?c", json!({ "cf": { "cacheTtl": 0 } }), 2),
        ("/gzip?d", json!({}), 2),
        ("/gzip?e", json!({ "cf": { "cacheTtl": 60 }, "headers": { "authorization": "me" } }), 2),
        // It sets cookies.
        ("/told", json!({ "cf": { "cacheTtl": 60 } }), 2),
    ] {
        let before = upstream.hits();
        let first = ask(&gateway, "/f/", &upstream.url(path), init.clone()).await;
        let second = ask(&gateway, "/f/", &upstream.url(path), init).await;
        assert_eq!(upstream.hits() - before, hits, "{path}");
        assert_eq!((&second["url"], &second["body"]), (&first["url"], &first["body"]), "{path}");
        assert!(!second["names"].to_string().contains("tabmesh"), "{second}");
    }
}
