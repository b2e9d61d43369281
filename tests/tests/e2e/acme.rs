//! Certificates from an ACME authority: got, kept, renewed, and done without where they cannot be had.

use reqwest::{Client, StatusCode};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt as _;
use tabmesh_tests::ca::tls_flags;
use tabmesh_tests::child::Child;
use tabmesh_tests::gateway::{Gateway, binary, environment};
use tabmesh_tests::pebble::Rules;
use tabmesh_tests::{Pebble, PrivateCa, Setup, eventually};

/// Options for certificates of these names from `pebble`.
fn acme(pebble: &Pebble, names: &str) -> Vec<String> {
    let flags =
        ["--domain", "mesh.test", "--acme", names, "--acme-email", "ops@mesh.test", "--acme-directory"];
    let mut flags: Vec<String> = flags.map(str::to_owned).into();
    flags.extend([pebble.directory(), "--acme-ca".into(), pebble.ca_file()]);
    flags
}

fn setup(flags: &[String]) -> Setup {
    Setup::new().args(&flags.iter().map(String::as_str).collect::<Vec<_>>())
}

fn url(gateway: &Gateway, host: &str, path: &str) -> String {
    format!("https://{host}:{}{path}", gateway.address().port())
}

/// Waits until this caller, who does not trust everybody, is answered.
async fn answered(caller: &Client, url: &str) {
    eventually(&format!("{url} is answered"), || async {
        let answer = caller.get(url).send().await.ok()?;
        (answer.status() == StatusCode::OK).then_some(())
    })
    .await;
}

/// When the certificate of a name ends, as the metrics say it.
async fn expiry(gateway: &Gateway, caller: &Client, host: &str, name: &str) -> u64 {
    let text = caller.get(url(gateway, host, "/_mesh/metrics")).send().await.unwrap().text().await.unwrap();
    let start = format!("tabmesh_certificate_expiry_timestamp_seconds{{name=\"{name}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok());
    value.unwrap_or_else(|| panic!("no expiry of {name} in {text}"))
}

#[tokio::test]
async fn a_certificate_comes_when_the_authority_does_and_is_kept() {
    let Some(mut pebble) = Pebble::new() else { return };
    // An authority that is down: what else there is serves.
    let (own, folder) = (PrivateCa::new(), tempfile::tempdir().unwrap());
    own.certify(folder.path(), &["localhost"]);
    let mut flags = acme(&pebble, "mesh.test,hello.mesh.test");
    flags.extend(tls_flags(folder.path()));
    let mut gateway = setup(&flags).tabs(1).start().await;
    gateway
        .log()
        .wait(0, &["no certificate from the authority", "hello.mesh.test", &pebble.directory()])
        .await;
    answered(&own.client(), &url(&gateway, "localhost", "/_mesh/healthz")).await;
    assert_eq!(expiry(&gateway, &own.client(), "localhost", "mesh.test").await, 0);

    // It comes: for callers who trust it and nobody else.
    pebble.start(Rules::at(gateway.address().port())).await;
    let caller = pebble.client().await;
    answered(&caller, &url(&gateway, "mesh.test", "/_mesh/healthz")).await;
    answered(&caller, &url(&gateway, "mesh.test", "/_mesh/readyz")).await;
    let put = caller.put(url(&gateway, "mesh.test", "/_mesh/v1/handlers/hello"));
    let source = "export default { fetch: (request) => new Response(request.url) }";
    assert_eq!(put.body(source).send().await.unwrap().status(), StatusCode::CREATED);
    let hello = url(&gateway, "hello.mesh.test", "/");
    answered(&caller, &hello).await;
    assert_eq!(caller.get(&hello).send().await.unwrap().text().await.unwrap(), hello);
    gateway.log().wait_nth(0, &["new certificate", "ends="], 2).await;
    assert!(expiry(&gateway, &caller, "mesh.test", "mesh.test").await > 0);
    assert_eq!((pebble.orders(), pebble.accounts()), (2, 1));
    for file in std::fs::read_dir(gateway.home().join("data/acme")).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }

    // A new start shows what was kept.
    gateway.child().signal(Signal::TERM);
    gateway.child().exited().await;
    let gateway = gateway.restart().await;
    gateway.log().wait_nth(0, &["the certificate that was kept is shown"], 2).await;
    answered(&caller, &hello).await;
    answered(&caller, &url(&gateway, "mesh.test", "/_mesh/healthz")).await;
    assert_eq!(pebble.orders(), 2, "nothing was ordered anew");
}

#[tokio::test]
async fn a_name_that_cannot_be_had_keeps_no_other_from_its_certificate() {
    let Some(mut pebble) = Pebble::new() else { return };
    let gateway = setup(&acme(&pebble, "astray.test,blocked.test,mesh.test")).start().await;
    let rules = Rules::at(gateway.address().port());
    pebble.start(Rules { blocked: &["blocked.test"], astray: &["astray.test"], ..rules }).await;
    gateway.log().wait(0, &["no certificate from the authority", "blocked.test", "rejectedIdentifier"]).await;
    gateway.log().wait(0, &["no certificate from the authority", "astray.test", "the authority says"]).await;
    let caller = pebble.client().await;
    answered(&caller, &url(&gateway, "mesh.test", "/_mesh/healthz")).await;
    for name in ["blocked.test", "astray.test"] {
        assert!(caller.get(url(&gateway, name, "/")).send().await.is_err(), "{name}");
        assert_eq!(expiry(&gateway, &caller, "mesh.test", name).await, 0);
    }

    // What was wrong is mended: nobody need touch the gateway.
    pebble.start(rules).await;
    gateway.log().wait(0, &["new certificate", "blocked.test"]).await;
    gateway.log().wait(0, &["new certificate", "astray.test"]).await;
    let caller = pebble.client().await;
    for name in ["blocked.test", "astray.test"] {
        assert_eq!(caller.get(url(&gateway, name, "/")).send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_certificate_is_renewed_before_it_ends() {
    let Some(mut pebble) = Pebble::new() else { return };
    let gateway = setup(&acme(&pebble, "mesh.test")).start().await;
    pebble.start(Rules { validity_s: 20, ..Rules::at(gateway.address().port()) }).await;
    let caller = pebble.client().await;
    answered(&caller, &url(&gateway, "mesh.test", "/_mesh/healthz")).await;
    let first = expiry(&gateway, &caller, "mesh.test", "mesh.test").await;
    gateway.log().wait_nth(0, &["new certificate"], 2).await;
    assert!(expiry(&gateway, &caller, "mesh.test", "mesh.test").await > first);
    // One who comes now sees the new one alone.
    answered(&pebble.client().await, &url(&gateway, "mesh.test", "/_mesh/healthz")).await;
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_its_root_is_named() {
    let Some(mut pebble) = Pebble::new() else { return };
    pebble.start(Rules::at(1)).await;
    let args = ["--acme", "mesh.test", "--acme-directory", &pebble.directory()];
    let gateway = Setup::new().args(&args).start().await;
    gateway.log().wait(0, &["no certificate from the authority", "UnknownIssuer", "--acme-ca"]).await;
    assert_eq!(pebble.accounts(), 0);
}

#[tokio::test]
async fn options_that_cannot_work_are_refused_with_a_reason() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).display().to_string();
    std::fs::write(home.path().join("empty.pem"), "").unwrap();
    for (args, code, said) in [
        (&["--acme", "*.mesh.test"][..], 2, "no wildcards"),
        (&["--acme", "127.0.0.1"], 2, "an address is no name"),
        (&["--acme", "mesh.test", "--acme-directory", "http://ca.test/"], 2, "https://"),
        (&["--acme", "mesh.test", "--acme-ca", &path("none.pem")], 1, "none.pem: No such file"),
        (&["--acme", "mesh.test", "--acme-ca", &path("empty.pem")], 1, "no certificates in PEM"),
        (&["--redirect-port", "443"], 2, "--redirect-listen"),
    ] {
        let mut all =
            ["serve", "--listen", "127.0.0.1:0", "--data", &path("data")].map(str::to_owned).to_vec();
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let mut child = Child::start(&binary("tabmesh"), &all, &environment(home.path()));
        assert_eq!(child.exited().await, code, "{args:?}");
        child.err.wait(0, &[said]).await;
    }
}
