//! TLS, and proxies in front: how callers come in, and what handlers see of it.

use reqwest::{Certificate, Client, Version};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::path::Path;
use tabmesh_tests::gateway::{Gateway, client, client_builder};
use tabmesh_tests::{Setup, eventually};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SEEN: &str = "export default { fetch: (r) => Response.json({
    url: r.url, proto: r.headers.get('x-forwarded-proto'), ip: r.headers.get('cf-connecting-ip'),
    forwarded: r.headers.get('x-forwarded-for') }) }";

/// Writes a certificate for `names` and its key; a client that trusts it alone.
fn certify(folder: &Path, names: &[&str]) -> Client {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let trusted = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    client_builder().tls_certs_only([trusted]).build().unwrap()
}

fn setup(folder: &TempDir) -> Setup {
    let path = |file: &str| folder.path().join(file).display().to_string();
    Setup::new().args(&["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")])
}

fn https(gateway: &Gateway, host: &str, path: &str) -> String {
    format!("https://{host}:{}{path}", gateway.address().port())
}

async fn put(gateway: &Gateway, caller: &Client, name: &str, source: &'static str) {
    let url = https(gateway, "localhost", &format!("/_mesh/v1/handlers/{name}"));
    let response = caller.put(url).body(source).send().await.unwrap();
    assert_eq!(response.status(), 201);
}

#[tokio::test]
async fn callers_come_by_tls_and_certificates_are_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let first = certify(folder.path(), &["localhost", "seen.localhost"]);
    let gateway = setup(&folder).tabs(1).args(&["--redirect-listen", "127.0.0.1:0"]).start().await;
    put(&gateway, &first, "seen", SEEN).await;
    let answer = first.get(https(&gateway, "seen.localhost", "/x?y")).send().await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    let seen: Value = answer.json().await.unwrap();
    assert_eq!(
        (seen["url"].as_str(), seen["proto"].as_str()),
        (Some(&*https(&gateway, "seen.localhost", "/x?y")), Some("https"))
    );
    let view: Value = first
        .get(https(&gateway, "localhost", "/_mesh/v1/handlers/seen"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(view["urls"]["host"], https(&gateway, "seen.localhost", "/"));
    assert!(client().get(gateway.url("/")).send().await.is_err(), "no plain HTTP on this port");

    // A certificate that is no pair is not taken; one that is, is taken without a new start.
    let old = std::fs::read(folder.path().join("key.pem")).unwrap();
    let second = certify(folder.path(), &["localhost", "seen.localhost"]);
    let new = std::fs::read(folder.path().join("key.pem")).unwrap();
    std::fs::write(folder.path().join("key.pem"), old).unwrap();
    let mark = gateway.log().count();
    kill_process(gateway.pid(), Signal::HUP).unwrap();
    gateway.log().wait(mark, &["not the key of"]).await;
    assert!(second.get(https(&gateway, "seen.localhost", "/")).send().await.is_err());
    std::fs::write(folder.path().join("key.pem"), new).unwrap();
    kill_process(gateway.pid(), Signal::HUP).unwrap();
    eventually("the new certificate is shown", || async {
        second.get(https(&gateway, "seen.localhost", "/")).send().await.ok().map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_trusted_proxy_says_who_calls() {
    let gateway = Setup::new().tabs(1).args(&["--trusted-proxy", "127.0.0.0/8"]).start().await;
    gateway.deploy("seen", SEEN).await;
    let ask = async |fields: &[(&str, &str)]| -> Value {
        let mut request = client().get(gateway.url("/seen/"));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().json().await.unwrap()
    };
    let seen = ask(&[("x-forwarded-for", "203.0.113.9, 192.0.2.1"), ("x-forwarded-proto", "https")]).await;
    assert_eq!((seen["ip"].as_str(), seen["forwarded"].as_str()), (Some("192.0.2.1"), Some("192.0.2.1")));
    assert!(seen["url"].as_str().unwrap().starts_with("https://"), "{seen}");
    assert_eq!(ask(&[]).await["ip"], "127.0.0.1");

    let stranger = Setup::new().tabs(1).start().await;
    stranger.deploy("seen", SEEN).await;
    let request = client().get(stranger.url("/seen/")).header("x-forwarded-for", "192.0.2.1");
    let seen: Value =
        request.header("x-forwarded-proto", "https").send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (seen["ip"].as_str(), seen["proto"].as_str()),
        (Some("127.0.0.1"), Some("http")),
        "anybody can say that"
    );
}

#[tokio::test]
async fn the_proxy_protocol_introduces_connections() {
    let gateway = Setup::new()
        .args(&["--trusted-proxy", "127.0.0.1", "--proxy-protocol", "--access-log"])
        .start()
        .await;
    let ask = async |header: &[u8]| -> String {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.write_all(header).await.unwrap();
        stream
            .write_all(b"GET /nobody/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        // A connection that is refused may end with a reset.
        let _ = stream.read_to_string(&mut answer).await;
        answer
    };
    let mark = gateway.log().count();
    assert!(ask(b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n").await.starts_with("HTTP/1.1 404"));
    gateway.log().wait(mark, &["192.0.2.7"]).await;
    assert_eq!(ask(b"").await, "", "without a header nobody comes in");
}
