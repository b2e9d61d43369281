//! Tokens, modes, the pool's door, the audit log, hosts, rates and quotas, as whoever runs a gateway meets them.

use crate::support::expect_problem;
use futures_util::{FutureExt as _, StreamExt as _};
use reqwest::Response;
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt as _;
use tabmesh_protocol::signal::{Role, SIGNAL_PATH, ServerMessage, SignalErrorCode};
use tabmesh_signaling::{Join, client as signaling};
use tabmesh_tests::access::Caller;
use tabmesh_tests::child::Child;
use tabmesh_tests::gateway::{binary, client, environment};
use tabmesh_tests::{Gateway, Setup, eventually, within};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const HELLO: &str = "export default { fetch: () => new Response('hi') };";
const TOKENS: &str = "/_mesh/v1/tokens";
const HANDLERS: &str = "/_mesh/v1/handlers";
const ACME: &str = "/_mesh/v1/tenants/acme";

async fn with_tokens(args: &[&str]) -> (Gateway, Caller) {
    let gateway = Setup::new().args(&["--auth", "on"]).args(args).start().await;
    let operator = Caller::operator(&gateway);
    (gateway, operator)
}

fn field<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn without_tokens_the_gateway_says_so_and_stays_on_loopback() {
    let gateway = Setup::new().start().await;
    let out = gateway.printed();
    out.wait(0, &["NO TOKENS ARE ASKED FOR"]).await;
    // A rebound name is no name of the gateway's, whatever page it shows.
    for path in [HANDLERS, "/_mesh/metrics", "/_mesh/v1/audit"] {
        let rebound = client().get(gateway.url(path)).header("host", "evil.example:80").send().await.unwrap();
        expect_problem(rebound, 403, "forbidden").await;
        assert_eq!(gateway.get(path).await.status(), 200);
    }
    let page = client().put(gateway.handler_url("x")).header("origin", gateway.url("")).body(HELLO);
    expect_problem(page.send().await.unwrap(), 403, "forbidden").await;

    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data").display().to_string();
    let args = ["serve", "--listen", "0.0.0.0:0", "--data", &data].map(str::to_owned);
    let mut open = Child::start(&binary("tabmesh"), &args, &environment(home.path()));
    assert_eq!(open.exited().await, 1);
    let line = open.err.wait(0, &["listens on loopback alone"]).await;
    assert!(line.contains("--auth on"), "{line}");
}

#[tokio::test]
async fn the_operators_token_is_in_a_file_and_nowhere_else() {
    let (mut gateway, operator) = with_tokens(&[]).await;
    let file = gateway.home().join("data/admin-token");
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    gateway.printed().wait(0, &["admin token: ", "admin-token"]).await;
    assert_eq!(operator.send("GET", HANDLERS, "").await.status(), 200);
    let (_, made) = operator.make(json!({ "name": "ci", "actions": ["deploy"] })).await;
    assert_eq!(made.send("PUT", "/_mesh/v1/handlers/x", HELLO).await.status(), 201);
    for secret in [operator.token(), made.token()] {
        for line in gateway.log().since(0).into_iter().chain(gateway.printed().since(0)) {
            assert!(!line.contains(secret), "a token in the log: {line}");
        }
        for entry in std::fs::read_dir(gateway.home().join("data")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = if path.is_file() && path != file { std::fs::read(&path).unwrap() } else { vec![] };
            let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "a token in {}", path.display());
        }
    }
    // The same again after a crash, and both still open what they did.
    gateway.kill().await;
    let mut gateway = gateway.restart().await;
    assert!(gateway.printed().matching(0, &["admin token"]).is_empty());
    assert_eq!(operator.send("GET", HANDLERS, "").await.status(), 200);
    assert_eq!(made.send("DELETE", "/_mesh/v1/handlers/x", "").await.status(), 204);
    gateway.kill().await;
    let gateway = gateway.restart_with(&["--auth", "on", "--reset-admin-token"]).await;
    assert_eq!(operator.send("GET", HANDLERS, "").await.status(), 401);
    let operator = Caller::operator(&gateway);
    assert_eq!(operator.send("GET", HANDLERS, "").await.status(), 200);
}

#[tokio::test]
async fn tokens_are_shown_once_listed_without_their_text_and_revoked_at_once() {
    let (_gateway, operator) = with_tokens(&[]).await;
    operator.make_tenant("acme", Value::Null).await;
    let (status, made) = operator
        .json(
            "POST",
            TOKENS,
            &json!({ "name": "ci", "tenant": "acme", "actions": ["read", "tokens"], "expires_in_s": 3600 }),
        )
        .await;
    assert_eq!(status, 201);
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("tabmesh_pat_") && token.starts_with(made["prefix"].as_str().unwrap()));
    let list = operator.json("GET", TOKENS, &Value::Null).await.1;
    assert!(!list.to_string().contains(&token));
    let names: Vec<_> =
        list["tokens"].as_array().unwrap().iter().map(|token| token["name"].clone()).collect();
    assert_eq!(names, ["admin", "ci"]);
    assert!(list["tokens"][0]["last_used_at"].is_string() && list["tokens"][1]["last_used_at"].is_null());

    let (id, acme) =
        operator.make(json!({ "name": "x", "tenant": "acme", "actions": ["read", "tokens"] })).await;
    let own = acme.json("GET", TOKENS, &Value::Null).await.1;
    assert_eq!(own["tokens"].as_array().unwrap().len(), 2, "it sees its tenant's");
    // No wider than itself.
    for wider in [
        json!({ "name": "w", "actions": ["deploy"] }),
        json!({ "name": "w", "tenant": "acme", "actions": ["admin"] }),
        json!({ "name": "w", "tenant": "*", "actions": ["read"] }),
        json!({ "name": "w", "pool": "default" }),
    ] {
        let (status, problem) = acme.json("POST", TOKENS, &wider).await;
        assert!([403, 404].contains(&status), "{wider}: {problem}");
    }
    let (status, _) =
        acme.json("POST", TOKENS, &json!({ "name": "w", "tenant": "default", "actions": ["read"] })).await;
    assert_eq!(status, 404, "another tenant does not exist for it");
    let narrower = acme.json("POST", TOKENS, &json!({ "name": "n", "actions": ["read"] })).await.1;
    assert_eq!(narrower["tenant"], "acme");
    expect_problem(acme.send("DELETE", &format!("{TOKENS}/admin"), "").await, 404, "not-found").await;
    expect_problem(operator.send("DELETE", &format!("{TOKENS}/admin"), "").await, 403, "forbidden").await;
    for wrong in [
        json!({ "name": "", "actions": ["read"] }),
        json!({ "name": "x", "actions": [] }),
        json!({ "name": "x", "actions": ["fly"] }),
        json!({ "name": "x", "actions": ["read"], "pool": "default" }),
        json!({ "name": "x", "pool": "Not A Pool" }),
        json!({ "name": "x", "actions": ["read"], "expires_in_s": 0 }),
        json!({ "name": "x", "actions": ["read"], "expires_at": "tomorrow" }),
        json!({ "name": "x", "actions": ["read"], "expires_at": "2001-01-01T00:00:00Z" }),
        json!({ "name": "x", "actions": ["read"], "power": 9 }),
        Value::Null,
    ] {
        assert_eq!(operator.json("POST", TOKENS, &wrong).await.0, 400, "{wrong}");
    }
    assert_eq!(acme.send("GET", ACME, "").await.status(), 200);
    assert_eq!(acme.send("DELETE", &format!("{TOKENS}/{id}"), "").await.status(), 204, "itself");
    expect_problem(acme.send("GET", ACME, "").await, 401, "unauthorized").await;
}

#[tokio::test]
async fn tokens_of_a_tenant_are_bounded() {
    let (_gateway, operator) = with_tokens(&[]).await;
    let wanted = json!({ "name": "n", "actions": ["read"] });
    for _ in 0..200 {
        operator.make(wanted.clone()).await;
    }
    expect_problem(operator.send("POST", TOKENS, wanted.to_string()).await, 409, "too-many-tokens").await;
    operator.make_tenant("acme", Value::Null).await;
    operator.make_for("acme", &["read"]).await;
}

/// How a tab that shows this token is received.
async fn join(gateway: &Gateway, pool: &str, token: Option<&str>) -> Result<(), SignalErrorCode> {
    let join = Join { role: Role::Tab, pool: pool.into(), token: token.map(str::to_owned) };
    let url = format!("ws://{}{SIGNAL_PATH}", gateway.address());
    let mut link = signaling::connect(&url, join).await.unwrap();
    match within("an answer to a join", link.rx.recv()).await {
        Some(ServerMessage::Joined { .. }) => Ok(()),
        Some(ServerMessage::Error { code, .. }) => Err(code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tabs_join_with_a_join_token_of_their_pool() {
    let (gateway, operator) = with_tokens(&[]).await;
    let (id, token) = operator.make(json!({ "name": "tabs", "pool": "default" })).await;
    let (_, elsewhere) = operator.make(json!({ "name": "tabs", "pool": "blue" })).await;
    assert_eq!(join(&gateway, "default", Some(token.token())).await, Ok(()));
    assert_eq!(join(&gateway, "blue", Some(elsewhere.token())).await, Ok(()));
    let forbidden = Err(SignalErrorCode::Forbidden);
    assert_eq!(join(&gateway, "default", None).await, forbidden);
    for wrong in [elsewhere.token(), operator.token(), "x", ""] {
        assert_eq!(join(&gateway, "default", Some(wrong)).await, forbidden, "{wrong}");
    }
    assert_eq!(operator.send("DELETE", &format!("{TOKENS}/{id}"), "").await.status(), 204);
    assert_eq!(join(&gateway, "default", Some(token.token())).await, forbidden, "revoked");

    let (public, _) = with_tokens(&["--public-pool"]).await;
    assert_eq!(join(&public, "default", None).await, Ok(()));
    let (secret, operator) = with_tokens(&["--pool-token", "sesame"]).await;
    let (_, token) = operator.make(json!({ "name": "tabs", "pool": "default" })).await;
    for right in ["sesame", token.token()] {
        assert_eq!(join(&secret, "default", Some(right)).await, Ok(()));
    }
    assert_eq!(join(&secret, "default", None).await, forbidden);
}

/// A WebSocket with a token.
async fn socket(url: &str, token: &str) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

/// The code and the reason with which the gateway closes it.
async fn closed(mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> (u16, String) {
    loop {
        match within("the socket's end", socket.next()).await {
            Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn open_tails_end_with_their_token_and_say_why() {
    let (gateway, operator) = with_tokens(&[]).await;
    operator.make_tenant("acme", Value::Null).await;
    let handler = format!("{ACME}/handlers/hello");
    assert_eq!(operator.send("PUT", &handler, HELLO).await.status(), 201);
    let wanted = json!({ "name": "t", "tenant": "acme", "actions": ["tail"] });
    let ((id, token), (_, other)) = (operator.make(wanted.clone()).await, operator.make(wanted).await);
    let ws = |path: &str| format!("ws://{}{path}", gateway.address());
    let events = token.send("GET", &format!("{handler}/tail"), "").await;
    let mut of_other = other.send("GET", &format!("{ACME}/tail"), "").await;
    let sockets = socket(&ws(&format!("{ACME}/tail")), token.token()).await;
    let session = "/_mesh/client/v4/accounts/acme/workers/scripts/hello/tails";
    let (status, made) = token.json("POST", session, &json!({})).await;
    assert_eq!(status, 200, "{made}");
    let address = made["result"]["url"].as_str().unwrap();
    let wranglers = tokio_tungstenite::connect_async(address).await.unwrap().0;
    assert_eq!(operator.send("DELETE", &format!("{TOKENS}/{id}"), "").await.status(), 204);

    let text = within("the stream's end", events.text()).await.unwrap();
    let (_, last) = text.rsplit_once("event: end\ndata: ").unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["reason"], "token-revoked", "{last}");
    for socket in [sockets, wranglers] {
        let (code, reason) = closed(socket).await;
        assert_eq!((code, reason.contains("revoked")), (4401, true), "{reason}");
    }
    assert!(tokio_tungstenite::connect_async(address).await.is_err(), "the address opens nothing more");
    // Another token's goes on.
    assert_eq!(of_other.chunk().await.unwrap().unwrap(), ": listening\n\n");
    assert!(of_other.chunk().now_or_never().is_none());

    let short = json!({ "name": "s", "tenant": "acme", "actions": ["tail"], "expires_in_s": 2 });
    let (_, short) = operator.make(short).await;
    let events = short.send("GET", &format!("{ACME}/tail"), "").await;
    assert_eq!(events.status(), 200);
    let text = within("the stream's end", events.text()).await.unwrap();
    assert!(text.contains("event: end") && text.contains("token-expired"), "{text}");
}

#[tokio::test]
async fn tabs_leave_when_their_join_token_is_revoked_and_finish_what_they_have() {
    let (gateway, operator) = with_tokens(&["--queue-deadline", "200"]).await;
    let source = "export default { fetch: () => new Response(new ReadableStream({ async start(out) { const text = new TextEncoder(); out.enqueue(text.encode('begun ')); await scheduler.wait(1500); out.enqueue(text.encode('done')); out.close(); } })) };";
    assert_eq!(operator.send("PUT", "/_mesh/v1/handlers/slow", source).await.status(), 201);
    let (id, token) = operator.make(json!({ "name": "tabs", "pool": "default" })).await;
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("tmp")).unwrap();
    let secret = home.path().join("join");
    std::fs::write(&secret, token.token()).unwrap();
    let args = ["worker", "--gateway", &gateway.url(""), "--join-token-file", secret.to_str().unwrap()];
    let _worker = Child::start(&binary("tabmesh"), &args.map(str::to_owned), &environment(home.path()));
    gateway.wait_for_tabs(1).await;
    let mut answer = gateway.get("/slow/").await;
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "begun ");
    assert_eq!(operator.send("DELETE", &format!("{TOKENS}/{id}"), "").await.status(), 204);
    eventually("the tab to be out of the pool", || async {
        let status = operator.json("GET", "/_mesh/v1/status", &Value::Null).await.1;
        (status["tabs_joined"] == 0).then_some(())
    })
    .await;
    // It gets nothing new, and what it has comes whole.
    expect_problem(gateway.get("/slow/").await, 503, "no-tab").await;
    assert_eq!(within("the answer's end", answer.text()).await.unwrap(), "done");
    gateway.log().wait(0, &["tab left", "revoked"]).await;
}

#[tokio::test]
async fn the_gateways_own_tabs_have_a_token_of_their_own() {
    let gateway = Setup::new().tabs(1).args(&["--auth", "on"]).start().await;
    let operator = Caller::operator(&gateway);
    assert_eq!(operator.send("PUT", "/_mesh/v1/handlers/hello", HELLO).await.status(), 201);
    assert_eq!(gateway.text("/hello/").await, "hi", "callers need none");
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_by_name_alone() {
    let preflight = |gateway: &Gateway, origin: &'static str| {
        client()
            .request(reqwest::Method::OPTIONS, gateway.url(HANDLERS))
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
            .send()
    };
    let is_cors = |response: &Response| {
        response.headers().keys().any(|name| name.as_str().starts_with("access-control-"))
    };
    let (gateway, operator) = with_tokens(&[]).await;
    let refused = preflight(&gateway, "https://console.example").await.unwrap();
    assert!(refused.status().is_client_error() && !is_cors(&refused));
    let get = |gateway: &Gateway, origin: &'static str, operator: &Caller| {
        client().get(gateway.url(HANDLERS)).bearer_auth(operator.token()).header("origin", origin).send()
    };
    assert!(!is_cors(&get(&gateway, "https://console.example", &operator).await.unwrap()));

    let (gateway, operator) =
        with_tokens(&["--api-cors", "https://console.example", "--api-cors", "http://b.example:1"]).await;
    for origin in ["https://console.example", "http://b.example:1"] {
        let allowed = preflight(&gateway, origin).await.unwrap();
        assert_eq!(
            (allowed.status().as_u16(), field(&allowed, "access-control-allow-origin")),
            (204, origin)
        );
        assert!(field(&allowed, "access-control-allow-headers").contains("authorization"));
        assert!(!allowed.headers().contains_key("access-control-allow-credentials"));
        let answer = get(&gateway, origin, &operator).await.unwrap();
        assert_eq!((answer.status().as_u16(), field(&answer, "access-control-allow-origin")), (200, origin));
        assert_eq!(field(&answer, "vary"), "origin");
    }
    for origin in ["https://evil.example", "http://console.example", "https://console.example.evil", "null"] {
        let refused = preflight(&gateway, origin).await.unwrap();
        assert!(refused.status().is_client_error() && !is_cors(&refused), "{origin}");
        assert!(!is_cors(&get(&gateway, origin, &operator).await.unwrap()), "{origin}");
    }
}

#[tokio::test]
async fn changes_are_in_the_audit_log_and_survive_a_kill() {
    let (mut gateway, operator) = with_tokens(&[]).await;
    operator.make_tenant("acme", Value::Null).await;
    let acme = operator.make_for("acme", &["deploy", "secrets"]).await;
    let hello = format!("{ACME}/handlers/hello");
    assert_eq!(acme.send("PUT", &format!("{hello}?token=abc"), HELLO).await.status(), 201);
    assert_eq!(acme.send("PUT", &format!("{hello}/secrets/KEY"), "hunter2").await.status(), 204);
    assert_eq!(acme.send("PUT", &hello, "not code (").await.status(), 422);
    assert_eq!(acme.send("PUT", "/_mesh/v1/handlers/hello", HELLO).await.status(), 404);
    assert_eq!(Caller::nobody(&gateway).send("DELETE", &hello, "").await.status(), 401);
    gateway.kill().await;
    let _gateway = gateway.restart().await;
    let log = operator.json("GET", "/_mesh/v1/audit", &Value::Null).await.1;
    let entries = log["entries"].as_array().unwrap();
    let short: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["action"].as_str().unwrap(),
                entry["method"].as_str().unwrap(),
                entry["status"].as_u64().unwrap(),
            )
        })
        .collect();
    // The latest first; what was not let in is no change.
    assert_eq!(
        short,
        [
            ("deploy", "PUT", 422),
            ("secrets", "PUT", 204),
            ("deploy", "PUT", 201),
            ("tokens", "POST", 201),
            ("admin", "PUT", 201)
        ]
    );
    let deployed = &entries[2];
    assert_eq!((&deployed["path"], &deployed["tenant"]), (&json!(hello), &json!("acme")));
    assert_eq!((&deployed["name"], &deployed["address"]), (&json!("test"), &json!("127.0.0.1")));
    let text = log.to_string();
    assert!(!text.contains("hunter2") && !text.contains("token=abc") && !text.contains(acme.token()));
    let first = operator.json("GET", "/_mesh/v1/audit?limit=1", &Value::Null).await.1;
    assert_eq!(first["entries"], json!([entries[0]]));
    let older =
        operator.json("GET", &format!("/_mesh/v1/audit?before={}", deployed["id"]), &Value::Null).await.1;
    assert_eq!(older["entries"].as_array().unwrap().len(), 2);
    for query in ["limit=0", "limit=1001", "limit=x", "since=1"] {
        assert_eq!(
            operator.send("GET", &format!("/_mesh/v1/audit?{query}"), "").await.status(),
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_tenant_routes_only_hosts_that_it_was_granted() {
    let (_gateway, operator) = with_tokens(&[]).await;
    operator.make_tenant("acme", json!({ "hosts": ["*.acme.example"] })).await;
    let acme = operator.make_for("acme", &["deploy", "read"]).await;
    let hello = format!("{ACME}/handlers/hello");
    assert_eq!(acme.send("PUT", &hello, HELLO).await.status(), 201);
    let triggers = format!("{hello}/triggers");
    let put = async |caller: &Caller, routes: Value| {
        caller.json("PUT", &triggers, &json!({ "routes": routes })).await
    };
    assert_eq!(put(&acme, json!(["shop.acme.example/*"])).await.0, 200);
    for stolen in ["bank.example/*", "acme.example/*", "*.example/*"] {
        let (status, problem) = put(&acme, json!(["shop.acme.example/*", stolen])).await;
        assert_eq!(
            (status, problem["type"].as_str().unwrap()),
            (403, "urn:tabmesh:problem:host-not-granted"),
            "{stolen}"
        );
    }
    assert_eq!(put(&operator, json!(["bank.example/*"])).await.0, 200, "the operator may all");
    operator.make_tenant("acme", json!({ "hosts": [] })).await;
    assert_eq!(put(&acme, json!(["shop.acme.example/*"])).await.0, 403, "taken back");
    assert_eq!(operator.json("PUT", ACME, &json!({ "hosts": ["a/b"] })).await.0, 400);
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_again() {
    let gateway = Setup::new().args(&["--caller-rate", "5", "--change-rate", "3"]).start().await;
    let mut limited = None;
    for _ in 0..200 {
        let response = gateway.get("/ghost/").await;
        if response.status() == 429 {
            limited = Some(response);
            break;
        }
        assert_eq!(response.status(), 404);
    }
    let limited = limited.expect("200 requests at once are more than 5 in a second");
    assert_eq!(field(&limited, "retry-after"), "1");
    assert_eq!(field(&limited, "ratelimit-policy"), "\"caller\";q=5;w=1");
    assert!(field(&limited, "ratelimit").starts_with("\"caller\";r=0;t="));
    expect_problem(limited, 429, "rate-limited").await;
    assert_eq!(gateway.get("/_mesh/healthz").await.status(), 200, "what is public is not counted");

    let gateway = Setup::new().args(&["--change-rate", "3"]).start().await;
    let put = |name: &str| client().put(gateway.url(&format!("/_mesh/v1/tenants/{name}"))).send();
    let first = put("one").await.unwrap();
    assert_eq!(field(&first, "ratelimit-policy"), "\"changes\";q=3;w=60, \"changes\";q=3;w=60");
    assert!(field(&first, "ratelimit").starts_with("\"changes\";r=2;t=20"), "{}", field(&first, "ratelimit"));
    assert_eq!(
        (put("one").await.unwrap().status().as_u16(), put("one").await.unwrap().status().as_u16()),
        (200, 200)
    );
    expect_problem(put("one").await.unwrap(), 429, "rate-limited").await;
    assert_eq!(gateway.get(HANDLERS).await.status(), 200, "looking is no change");
}

#[tokio::test]
async fn a_tenant_has_its_quota() {
    let (gateway, operator) = with_tokens(&["--queue-deadline", "300"]).await;
    let quota = json!({ "handlers": 2, "stored_bytes": 20_000, "requests_per_second": 5 });
    operator.make_tenant("acme", json!({ "quota": quota })).await;
    assert_eq!(operator.json("GET", ACME, &Value::Null).await.1["quota"], quota);
    let acme = operator.make_for("acme", &["deploy"]).await;
    let put =
        async |name: &str, code: String| acme.send("PUT", &format!("{ACME}/handlers/{name}"), code).await;
    for name in ["one", "two", "one"] {
        assert!(put(name, HELLO.into()).await.status().is_success());
    }
    expect_problem(put("three", HELLO.into()).await, 409, "quota-exceeded").await;
    let large = format!("{HELLO}//{}", "x".repeat(30_000));
    expect_problem(put("one", large.clone()).await, 409, "quota-exceeded").await;
    assert_eq!(
        operator.send("PUT", "/_mesh/v1/handlers/free", large).await.status(),
        201,
        "others have none"
    );
    let calls = (0..40).map(|_| client().get(gateway.host_url("one.acme", "/")).send());
    let statuses: Vec<_> = futures_util::future::join_all(calls)
        .await
        .into_iter()
        .map(|r| r.unwrap().status().as_u16())
        .collect();
    assert!(statuses.contains(&429) && statuses.contains(&503), "{statuses:?}");
}
