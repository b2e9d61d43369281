//! TLS: how callers come in by it, and the certificates that they are shown.

use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::{CertificateParams, date_time_ymd};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, Version};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tabmesh_tests::ca::tls_flags;
use tabmesh_tests::gateway::{Gateway, client, client_builder};
use tabmesh_tests::{Browser, PrivateCa, Setup, eventually, within};
use tempfile::TempDir;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

const SEEN: &str = "export default { fetch: (r) => Response.json({
    url: r.url, proto: r.headers.get('x-forwarded-proto') }) }";

const SOCKET: &str = "export default { fetch() {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener('message', ({ data }) => server.send(`echo ${data}`));
    return new Response(null, { status: 101, webSocket: client });
} }";

fn setup(folder: &TempDir) -> Setup {
    let flags = tls_flags(folder.path());
    Setup::new().args(&flags.each_ref().map(String::as_str))
}

fn https(gateway: &Gateway, host: &str, path: &str) -> String {
    format!("https://{host}:{}{path}", gateway.address().port())
}

async fn put(gateway: &Gateway, caller: &Client, name: &str, source: &'static str) {
    let url = https(gateway, "localhost", &format!("/_mesh/v1/handlers/{name}"));
    let response = caller.put(url).body(source).send().await.unwrap();
    assert_eq!(response.status(), 201);
}

fn hang_up(gateway: &Gateway) {
    kill_process(gateway.pid(), Signal::HUP).unwrap();
}

#[tokio::test]
async fn callers_come_by_tls_and_certificates_are_read_anew() {
    let (first, folder) = (PrivateCa::new(), tempfile::tempdir().unwrap());
    first.certify(folder.path(), &["localhost", "seen.localhost"]);
    let gateway = setup(&folder).tabs(1).start().await;
    let caller = first.client();
    put(&gateway, &caller, "seen", SEEN).await;
    let answer = caller.get(https(&gateway, "seen.localhost", "/x?y")).send().await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    let seen: Value = answer.json().await.unwrap();
    assert_eq!(
        (seen["url"].as_str(), seen["proto"].as_str()),
        (Some(&*https(&gateway, "seen.localhost", "/x?y")), Some("https"))
    );
    let view = caller.get(https(&gateway, "localhost", "/_mesh/v1/handlers/seen")).send().await.unwrap();
    let view: Value = view.json().await.unwrap();
    assert_eq!(view["urls"]["host"], https(&gateway, "seen.localhost", "/"));
    let home = caller.get(https(&gateway, "localhost", "/")).send().await.unwrap().text().await.unwrap();
    assert!(home.contains("https://localhost") && !home.contains("http://"), "{home}");
    assert!(client().get(gateway.url("/")).send().await.is_err(), "no plain HTTP on this port");

    // A certificate that is no pair is not taken; one that is, is taken without a new start.
    let old = std::fs::read(folder.path().join("key.pem")).unwrap();
    let second = PrivateCa::new();
    second.certify(folder.path(), &["localhost", "seen.localhost"]);
    let new = std::fs::read(folder.path().join("key.pem")).unwrap();
    std::fs::write(folder.path().join("key.pem"), old).unwrap();
    let mark = gateway.log().count();
    hang_up(&gateway);
    gateway.log().wait(mark, &["not the key of"]).await;
    assert!(second.client().get(https(&gateway, "seen.localhost", "/")).send().await.is_err());
    std::fs::write(folder.path().join("key.pem"), new).unwrap();
    hang_up(&gateway);
    eventually("the new certificate is shown", || async {
        second.client().get(https(&gateway, "seen.localhost", "/")).send().await.ok().map(drop)
    })
    .await;
    // Who is there goes on.
    assert_eq!(caller.get(https(&gateway, "seen.localhost", "/")).send().await.unwrap().status(), 200);
}

/// What of an answer both versions of HTTP must agree on.
fn alike(fields: &HeaderMap) -> Vec<(&str, Option<&HeaderValue>)> {
    let names = ["content-range", "content-type", "etag", "accept-ranges", "cache-control"];
    names.map(|name| (name, fields.get(name))).into()
}

#[tokio::test]
async fn both_versions_of_http_answer_alike() {
    let (ca, folder) = (PrivateCa::new(), tempfile::tempdir().unwrap());
    ca.certify(folder.path(), &["localhost", "site.localhost", "socket.localhost"]);
    let gateway = setup(&folder).tabs(1).start().await;
    let second = ca.client();
    let root = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
    let first = client_builder().tls_certs_only([root]).http1_only().build().unwrap();
    let metadata = json!({ "main_module": "main.js", "assets": { "config": {} } }).to_string();
    let part = |text: &'static str, name: &'static str| Part::text(text).file_name(name);
    let source =
        "export default { fetch: () => new Response('made', { headers: { 'content-length': '4' } }) }";
    let form = Form::new().percent_encode_noop().text("metadata", metadata);
    let form = form.part("main.js", part(source, "main.js")).part("asset:/a.txt", part("0123456789", "x"));
    let site = https(&gateway, "localhost", "/_mesh/v1/handlers/site");
    assert_eq!(second.put(site).multipart(form).send().await.unwrap().status(), 201);
    for (method, path, range, status, body) in [
        (Method::GET, "/a.txt", None, 200, "0123456789"),
        (Method::HEAD, "/a.txt", None, 200, ""),
        (Method::GET, "/a.txt", Some("bytes=2-4"), 206, "234"),
        (Method::GET, "/a.txt", Some("bytes=99-"), 416, ""),
        (Method::GET, "/made", None, 200, "made"),
        (Method::HEAD, "/made", None, 200, ""),
    ] {
        let mut answers = Vec::new();
        for (caller, version) in [(&first, Version::HTTP_11), (&second, Version::HTTP_2)] {
            let mut request = caller.request(method.clone(), https(&gateway, "site.localhost", path));
            if let Some(range) = range {
                request = request.header("range", range);
            }
            let answer = request.send().await.unwrap();
            assert_eq!((answer.version(), answer.status().as_u16()), (version, status), "{method} {path}");
            // Whether callers may never come without TLS again is its owner's to say.
            assert!(answer.headers().get("strict-transport-security").is_none());
            let fields = answer.headers().clone();
            let text = answer.text().await.unwrap();
            assert!(status == 416 || text == body, "{method} {path}: {text}");
            answers.push(fields);
        }
        assert_eq!(alike(&answers[0]), alike(&answers[1]), "{method} {path}");
        // HTTP/1.1 says of an empty body that it is, where the end of an HTTP/2 stream does.
        let length =
            |fields: &HeaderMap| fields.get("content-length").cloned().filter(|length| length != "0");
        assert_eq!(length(&answers[0]), length(&answers[1]), "{method} {path}");
    }
    let head = second.head(https(&gateway, "site.localhost", "/a.txt")).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], "10");

    put(&gateway, &second, "socket", SOCKET).await;
    let stream = ca.connect(gateway.address(), "socket.localhost", &["http/1.1"], b"").await.unwrap();
    let url = https(&gateway, "socket.localhost", "/").replace("https", "wss");
    let (mut socket, _) = client_async(url, stream).await.unwrap();
    socket.send(Message::text("hi")).await.unwrap();
    let heard = within("a message", socket.next()).await.unwrap().unwrap();
    assert_eq!(heard, Message::text("echo hi"));
}

#[tokio::test]
async fn a_contributors_tab_joins_by_tls_and_keeps_tenants_in_origins_with_tls() {
    let (ca, folder) = (PrivateCa::new(), tempfile::tempdir().unwrap());
    ca.certify(folder.path(), &["mesh.test", "localhost", "seen.mesh.test", "*.sandbox.test"]);
    let args = ["--domain", "mesh.test", "--sandbox-domain", "sandbox.test"];
    let gateway = setup(&folder).args(&args).start().await;
    let caller = ca.client();
    put(&gateway, &caller, "seen", SEEN).await;
    let browser = Browser::start_for_test_names().await;
    for (host, sandbox) in
        [("mesh.test", "https://default.sandbox.test:"), ("localhost", "https://sandbox-default.localhost:")]
    {
        browser.open(&https(&gateway, host, "/_mesh/worker?autostart=1")).await;
        browser.wait_for_state(&["ready"]).await;
        assert_eq!(browser.run("return isSecureContext").await, true);
        let answer = caller.get(https(&gateway, "seen.mesh.test", "/x")).send().await.unwrap();
        let seen: Value = answer.json().await.unwrap();
        assert_eq!(seen["url"], https(&gateway, "seen.mesh.test", "/x"), "{host}");
        let frames = browser.run("return [...document.querySelectorAll('iframe')].map((it) => it.src)").await;
        assert!(frames[0].as_str().unwrap().starts_with(sandbox), "{host}: {frames}");
    }
}

#[tokio::test]
async fn a_certificate_that_ends_is_told_in_time() {
    let (ca, folder) = (PrivateCa::new(), tempfile::tempdir().unwrap());
    let valid = |years: [i32; 2]| {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        [params.not_before, params.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
        ca.certify_with(folder.path(), &params);
    };
    valid([2020, 2090]);
    let gateway = setup(&folder).start().await;
    let ends = async || {
        let metrics = ca.client().get(https(&gateway, "localhost", "/_mesh/metrics")).send().await.ok()?;
        let metrics = metrics.text().await.ok()?;
        let start = "tabmesh_certificate_expiry_timestamp_seconds{name=\"localhost\"} ";
        metrics.lines().find_map(|line| line.strip_prefix(start)?.parse::<i64>().ok())
    };
    assert_eq!(ends().await, Some(date_time_ymd(2090, 1, 1).unix_timestamp()));
    for (years, part) in
        [([2020, 2021], "a certificate is over"), ([2089, 2090], "a certificate is not valid yet")]
    {
        let mark = gateway.log().count();
        assert!(gateway.log().matching(0, &[part]).is_empty());
        valid(years);
        hang_up(&gateway);
        gateway.log().wait(mark, &[part, "localhost"]).await;
    }
}

#[tokio::test]
async fn who_wants_a_proof_that_nobody_asked_for_gets_none() {
    let (ca, folder) = (PrivateCa::new(), tempfile::tempdir().unwrap());
    ca.certify(folder.path(), &["localhost"]);
    let gateway = setup(&folder).start().await;
    assert!(ca.connect(gateway.address(), "localhost", &["acme-tls/1"], b"").await.is_err());
    let answer = ca.client().get(https(&gateway, "localhost", "/_mesh/healthz")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}
