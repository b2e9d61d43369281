//! Proxies in front: what they say of callers, who else may say that, and the port that sends callers to TLS.

use serde_json::Value;
use tabmesh_tests::ca::tls_flags;
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Gateway, PrivateCa, Setup, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SEEN: &str = "export default { fetch: (r) => Response.json({
    url: r.url, proto: r.headers.get('x-forwarded-proto'), ip: r.headers.get('cf-connecting-ip'),
    real: r.headers.get('x-real-ip'), forwarded: r.headers.get('x-forwarded-for'),
    host: r.headers.get('x-forwarded-host'), port: r.headers.get('x-forwarded-port'),
    standard: r.headers.get('forwarded') }) }";

/// What a proxy says, or somebody who is none.
const SAID: &[(&str, &str)] = &[
    ("x-forwarded-for", "203.0.113.9, 192.0.2.1"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.test"),
    ("x-forwarded-port", "444"),
    ("x-real-ip", "203.0.113.9"),
    ("forwarded", "for=192.0.2.1;host=shop.test"),
];

async fn ask(gateway: &Gateway, fields: &[(&str, &str)]) -> Value {
    let mut request = client().get(gateway.url("/seen/"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_trusted_proxy_says_who_calls_and_nobody_else() {
    let gateway = Setup::new().tabs(1).args(&["--trusted-proxy", "127.0.0.0/8"]).start().await;
    gateway.deploy("seen", SEEN).await;
    let seen = ask(&gateway, SAID).await;
    for name in ["ip", "real", "forwarded"] {
        assert_eq!(seen[name], "192.0.2.1", "{name}");
    }
    assert!(seen["url"].as_str().unwrap().starts_with("https://"), "{seen}");
    assert_eq!((&seen["host"], &seen["port"]), (&"shop.test".into(), &"444".into()));
    assert_eq!(seen["standard"], "for=192.0.2.1;host=shop.test");
    assert_eq!(ask(&gateway, &[]).await["ip"], "127.0.0.1");

    let gateway = Setup::new().tabs(1).start().await;
    gateway.deploy("seen", SEEN).await;
    let seen = ask(&gateway, SAID).await;
    for name in ["ip", "real", "forwarded"] {
        assert_eq!(seen[name], "127.0.0.1", "{name}: anybody can say that");
    }
    assert_eq!(seen["proto"], "http");
    for name in ["host", "port", "standard"] {
        assert_eq!(seen[name], Value::Null, "{name}");
    }
}

/// Version 2 of the PROXY protocol, for a caller at 192.0.2.8.
const SECOND: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x08\x7f\0\0\x01\x13\x88\x01\xbb";

const GET: &[u8] = b"GET /nobody/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn the_proxy_protocol_introduces_connections() {
    let gateway = Setup::new()
        .args(&["--trusted-proxy", "127.0.0.1", "--proxy-protocol", "--access-log"])
        .start()
        .await;
    let ask = async |header: &[u8]| -> String {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(&[header, GET].concat()).await.unwrap();
        let mut answer = String::new();
        // A connection that is refused may end with a reset.
        let _ = stream.read_to_string(&mut answer).await;
        answer
    };
    let mark = gateway.log().count();
    assert!(ask(b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n").await.starts_with("HTTP/1.1 404"));
    gateway.log().wait(mark, &["192.0.2.7"]).await;
    assert!(ask(SECOND).await.starts_with("HTTP/1.1 404"));
    gateway.log().wait(mark, &["192.0.2.8"]).await;
    assert_eq!(ask(b"").await, "", "without a header nobody comes in");
}

/// Where callers without TLS go.
async fn plain(gateway: &Gateway) -> std::net::SocketAddr {
    let line = gateway.log().wait(0, &["callers without TLS are sent"]).await;
    let address = line.split("plain=").nth(1).unwrap().split(' ').next().unwrap();
    address.parse().unwrap()
}

#[tokio::test]
async fn the_proxy_protocol_comes_before_tls_and_on_the_redirects_port_too() {
    let (ca, folder) = (PrivateCa::new(), tempfile::tempdir().unwrap());
    ca.certify(folder.path(), &["localhost"]);
    let flags = tls_flags(folder.path());
    let proxies = ["--trusted-proxy", "127.0.0.1", "--proxy-protocol", "--access-log", "--redirect-listen"];
    let setup = Setup::new().args(&flags.each_ref().map(String::as_str)).args(&proxies);
    let gateway = setup.args(&["127.0.0.1:0", "--redirect-port", "443"]).start().await;
    let mut stream = ca.connect(gateway.address(), "localhost", &[], SECOND).await.unwrap();
    stream.write_all(GET).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    gateway.log().wait(0, &["192.0.2.8", "/nobody/"]).await;
    assert!(ca.connect(gateway.address(), "localhost", &[], b"").await.is_err());

    let plain = plain(&gateway).await;
    let answer = raw::exchange(plain, &[SECOND, GET].concat()).await;
    assert_eq!(
        (answer.status, answer.fields("location")),
        (308, vec![b"https://localhost/nobody/".to_vec()])
    );
}

#[tokio::test]
async fn callers_without_tls_are_sent_to_the_port_with_it() {
    let (ca, folder) = (PrivateCa::new(), tempfile::tempdir().unwrap());
    ca.certify(folder.path(), &["localhost"]);
    let flags = tls_flags(folder.path());
    let setup = Setup::new().args(&flags.each_ref().map(String::as_str));
    let gateway = setup.args(&["--redirect-listen", "127.0.0.1:0"]).start().await;
    let plain = plain(&gateway).await;
    let base = format!("https://localhost:{}", gateway.address().port());
    for method in ["GET", "HEAD", "POST"] {
        let request = format!("{method} /a/b?c=d HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", plain.port());
        let answer = raw::exchange(plain, request.as_bytes()).await;
        let to = vec![format!("{base}/a/b?c=d").into_bytes()];
        assert_eq!((answer.status, answer.fields("location")), (308, to), "{method}");
        // Where callers go from here on is not for this port to say.
        assert!(answer.fields("strict-transport-security").is_empty());
    }
    let answer = raw::exchange(plain, b"GET http://localhost/x HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(answer.fields("location"), [format!("{base}/x").into_bytes()]);
    for nameless in [&b"GET / HTTP/1.0\r\n\r\n"[..], b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"] {
        assert_eq!(raw::exchange(plain, nameless).await.status, 400);
    }
}
