//! The commands towards a gateway whose certificate only a company's own root vouches for.

use crate::commands::{Ran, command, ran};
use rcgen::{CertificateParams, date_time_ymd};
use std::path::Path;
use tabmesh_tests::ca::tls_flags;
use tabmesh_tests::child::Child;
use tabmesh_tests::gateway::{Gateway, binary, environment};
use tabmesh_tests::{PrivateCa, Setup, eventually};
use tempfile::TempDir;

/// A gateway with the certificate that lies in `folder`.
async fn gateway(folder: &TempDir, tabs: usize) -> Gateway {
    let flags = tls_flags(folder.path());
    Setup::new().tabs(tabs).args(&flags.each_ref().map(String::as_str)).start().await
}

fn base(gateway: &Gateway, host: &str) -> String {
    format!("https://{host}:{}", gateway.address().port())
}

async fn run(home: &Path, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    ran(command(home).args(args).envs(variables.iter().copied()).output().await.unwrap())
}

#[tokio::test]
async fn a_root_of_ones_own_is_a_flag_a_variable_or_a_line_of_a_file() {
    let (ca, folder) = (PrivateCa::new(), tempfile::tempdir().unwrap());
    ca.certify(folder.path(), &["localhost", "tls-cli.localhost"]);
    let gateway = gateway(&folder, 1).await;
    let base = base(&gateway, "localhost");
    let root = folder.path().join("ca.pem").display().to_string();
    let home = tempfile::tempdir().unwrap();
    let source =
        "export default { fetch(request) { console.log('heard'); return new Response('by tls'); } };";
    std::fs::write(home.path().join("tls-cli.js"), source).unwrap();

    let refused = run(home.path(), &["list", "--gateway", &base, "--json"], &[]).await;
    let error = refused.error();
    assert_eq!(refused.code, 3);
    assert!(error["message"].as_str().unwrap().contains("UnknownIssuer"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--ca FILE"), "{error}");

    let deploy = ["deploy", "tls-cli.js", "--gateway", &base, "--ca", &root, "--json"];
    let deployed = run(home.path(), &deploy, &[]).await.json();
    assert_eq!(deployed["urls"]["host"], format!("https://tls-cli.localhost:{}/", gateway.address().port()));
    let tail = ["tail", "tls-cli", "--gateway", &base, "--ca", &root].map(str::to_owned);
    let tail = Child::start(&binary("tabmesh"), &tail, &environment(gateway.home()));
    tail.err.wait(0, &["listening"]).await;
    let url = deployed["urls"]["host"].as_str().unwrap();
    let answer = ca.client().get(url).send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, "by tls");
    tail.out.wait(0, &["GET https://tls-cli.localhost", "-> 200"]).await;
    tail.out.wait(0, &["(log) heard"]).await;

    // The same from the environment.
    let variables = [("TABMESH_GATEWAY", &*base), ("TABMESH_CA", &*root)];
    let listed = run(home.path(), &["list", "--json"], &variables).await.json();
    assert_eq!(listed["handlers"][0]["name"], "tls-cli");
    // From the project's file, where a path is relative to it; not for another gateway.
    std::fs::write(home.path().join("own.pem"), ca.pem()).unwrap();
    let settings = format!("gateway = \"{base}\"\nca = \"own.pem\"\n");
    std::fs::write(home.path().join("tabmesh.toml"), settings).unwrap();
    let listed = run(home.path(), &["list", "--json"], &[]).await.json();
    assert_eq!(listed["handlers"][0]["name"], "tls-cli");
    let other = base.replace("localhost", "other.localhost");
    let refused = run(home.path(), &["list", "--gateway", &other], &[]).await;
    assert!(refused.code == 3 && refused.err.contains("UnknownIssuer"), "{}", refused.err);
    let load = ["bench", url, "--ca", &root, "--duration", "300ms", "--connections", "2"];
    run(home.path(), &load, &[]).await.ok();
}

#[tokio::test]
async fn what_is_wrong_with_a_connection_is_said() {
    let (ca, folder) = (PrivateCa::new(), tempfile::tempdir().unwrap());
    ca.certify(folder.path(), &["localhost"]);
    let gateway = gateway(&folder, 0).await;
    let plain = Setup::new().start().await;
    let root = folder.path().join("ca.pem").display().to_string();
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("empty.pem"), "").unwrap();
    let said = async |address: &str, root: &str| {
        let ran = run(home.path(), &["list", "--gateway", address, "--ca", root], &[]).await;
        assert_ne!(ran.code, 0);
        ran.err
    };
    for (address, root, part) in [
        (base(&gateway, "other.localhost"), &*root, "name the gateway as its certificate does"),
        (gateway.url(""), &root, "use https://"),
        (plain.url("").replace("http:", "https:"), &root, "use http://"),
        (base(&gateway, "localhost"), "none.pem", "none.pem: No such file"),
        (base(&gateway, "localhost"), "empty.pem", "empty.pem holds no certificate"),
    ] {
        let said = said(&address, root).await;
        assert!(said.contains(part), "{address}: {said}");
    }
    let mut over = CertificateParams::new(["localhost".to_owned()]).unwrap();
    (over.not_before, over.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 2, 1));
    let mark = gateway.log().count();
    ca.certify_with(folder.path(), &over);
    rustix::process::kill_process(gateway.pid(), rustix::process::Signal::HUP).unwrap();
    eventually("the certificate that is over is shown", || async {
        said(&base(&gateway, "localhost"), &root).await.contains("a new certificate").then_some(())
    })
    .await;
    gateway.log().wait(mark, &["read anew"]).await;
}
