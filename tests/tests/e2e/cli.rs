//! The commands, as a person starts them.

use crate::support::HOLD;
use tabmesh_tests::child::Child;
use tabmesh_tests::gateway::{binary, environment};
use tabmesh_tests::{Setup, eventually};

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_taken_port_is_explained() {
    let taken = Setup::new().start().await;
    let home = tempfile::tempdir().unwrap();
    let args = words(&format!("serve --listen {} --data {}", taken.address(), home.path().display()));
    let mut child = Child::start(&binary("tabmesh"), &args, &environment(home.path()));
    assert_eq!(child.exited().await, 1);
    let line = child.err.wait(0, &["error: cannot listen on"]).await;
    assert!(line.contains(&taken.address().to_string()) && line.contains("another gateway"), "{line}");
    assert_eq!(taken.get("/_mesh/healthz").await.status(), 200);
}

#[tokio::test]
async fn wrong_arguments_are_explained() {
    for (args, part) in [
        ("serve --listen nonsense", "--listen"),
        ("serve --ice-ports 9-1", "9-1"),
        ("serve --listen 127.0.0.1:0 --stun http://x", "stun:"),
        ("serve --listen 127.0.0.1:0 --data /dev/null/x", "/dev/null/x"),
        ("serve --listen 127.0.0.1:0 --tabs 1 --browser /no/such/browser --data", "browser"),
        ("serve --tab-cpu 2", "--tab-cpu"),
        ("serve --tab-memory much", "--tab-memory"),
        ("worker --tenants Acme", "--tenants"),
        ("worker --pool a&b", "pool"),
        ("bake", "bake"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let mut args = words(args);
        if args.last().is_some_and(|last| last == "--data") {
            args.push(home.path().join("data").display().to_string());
        }
        let mut child = Child::start(&binary("tabmesh"), &args, &environment(home.path()));
        assert_ne!(child.exited().await, 0, "{args:?}");
        child.err.wait(0, &[part]).await;
        assert!(child.err.matching(0, &["panicked"]).is_empty(), "{:?}", child.err.since(0));
    }
}

#[tokio::test]
async fn the_worker_command_gives_tabs() {
    let gateway = Setup::new().start().await;
    gateway.deploy("hold", HOLD).await;
    std::fs::create_dir(gateway.home().join("workers")).unwrap();
    let home = gateway.home().join("workers");
    std::fs::create_dir(home.join("tmp")).unwrap();
    let args = words(&format!("worker --count 2 --gateway {}", gateway.url("")));
    let mut worker = Child::start(&binary("tabmesh"), &args, &environment(&home));
    gateway.wait_for_tabs(2).await;
    assert_eq!(gateway.text("/hold/").await, "free");
    worker.signal(rustix::process::Signal::TERM);
    assert_eq!(worker.exited().await, 0);
    gateway.wait_for_tabs(0).await;
    let home = home.display().to_string();
    eventually("no process of the worker is left", || async {
        let left = tabmesh_tests::processes::that_mention(&home);
        println!("left: {left:#?}");
        left.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn crashed_tabs_of_a_worker_come_back() {
    let gateway = Setup::new().start().await;
    gateway.deploy("again", "export default { fetch: () => new Response('again') };").await;
    let home = gateway.home().join("worker");
    std::fs::create_dir_all(home.join("tmp")).unwrap();
    let args = words(&format!("worker --count 1 --gateway {}", gateway.url("")));
    let mut worker = Child::start(&binary("tabmesh"), &args, &environment(&home));
    gateway.wait_for_tabs(1).await;
    // Its page's process, and then all of the browser.
    for (kind, sentence) in
        [("--type=renderer", "the tab crashed; opening"), ("", "the browser exited; starting")]
    {
        let mark = worker.err.count();
        let pids = match kind {
            "" => tabmesh_tests::processes::descendants(worker.pid()),
            _ => tabmesh_tests::processes::renderers(worker.pid()),
        };
        assert!(!pids.is_empty(), "{kind}");
        tabmesh_tests::processes::kill_now(&pids);
        worker.err.wait(mark, &[sentence]).await;
        // What the browser said last may stand in between, with lines of its own.
        worker.err.wait(mark, &["tab=1", "wait_ms="]).await;
        eventually("the gateway has the new tab", || async {
            let answer = tabmesh_tests::gateway::client().get(gateway.url("/again/")).send().await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
    }
    worker.signal(rustix::process::Signal::TERM);
    assert_eq!(worker.exited().await, 0);
}

#[tokio::test]
async fn tabs_meet_a_gateway_at_a_shared_signaling_server() {
    let args = words("--listen 127.0.0.1:0 --gateway-token secret");
    let home = tempfile::tempdir().unwrap();
    let signaling = Child::start(&binary("tabmesh-signaling"), &args, &environment(home.path()));
    let line = signaling.out.wait(0, &["listening: ws://"]).await;
    let url = line.trim_start_matches("listening: ").to_owned();
    let gateway = Setup::new().tabs(1).args(&["--signal", &url, "--gateway-token", "secret"]).start().await;
    gateway.deploy("met", "export default { fetch: () => new Response('met elsewhere') };").await;
    assert_eq!(gateway.text("/met/").await, "met elsewhere");
    // The server is needed for meeting only.
    drop(signaling);
    gateway.log().wait(0, &["signaling server lost"]).await;
    assert_eq!(gateway.text("/met/").await, "met elsewhere");
}
