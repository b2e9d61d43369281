//! Supervision, with a small shell script in the browser's place; real browsers are driven by the `tests` package.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A folder with a fake browser that appends a line to `starts` and then runs `body`.
fn fake(body: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("browser");
    let starts = dir.path().join("starts");
    let script = format!("#!/bin/sh\necho \"$@\" >> {}\n{body}\n", starts.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::create_dir(dir.path().join("profiles")).unwrap();
    dir
}

fn config(dir: &Path, port: u16, count: usize) -> HeadlessConfig {
    let mut config = HeadlessConfig::new(format!("http://127.0.0.1:{port}/_mesh/worker"), count);
    config.browser = Some(dir.join("browser"));
    config.profiles = dir.join("profiles");
    config
}

/// Waits until the fake browser was started `count` times and returns its command lines.
async fn starts(dir: &Path, count: usize) -> Vec<String> {
    let waiting = async {
        loop {
            let text = std::fs::read_to_string(dir.join("starts")).unwrap_or_default();
            if text.lines().count() >= count {
                return text.lines().map(str::to_owned).collect();
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), waiting).await.expect("the browser was not started often enough")
}

#[tokio::test]
async fn tabs_end_with_the_pipe_and_leave_no_profile() {
    let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = gateway.local_addr().unwrap().port();
    // Like Chromium: live until descriptor 3 ends.
    let dir = fake("cat <&3 >/dev/null; echo closed >> \"$(dirname \"$0\")/closed\"");
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(run(config(dir.path(), port, 2), async {
        let _ = stopped.await;
    }));

    let lines = starts(dir.path(), 2).await;
    for line in &lines {
        assert!(line.ends_with(&format!("http://127.0.0.1:{port}/_mesh/worker")), "{line}");
        assert!(line.contains("--headless=new") && line.contains("--user-data-dir="), "{line}");
    }
    assert_ne!(lines[0], lines[1], "each tab has a profile of its own");
    assert_eq!(std::fs::read_dir(dir.path().join("profiles")).unwrap().count(), 2);

    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("closed")).unwrap().lines().count(), 2);
    assert_eq!(std::fs::read_dir(dir.path().join("profiles")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_browser_that_dies_or_whose_page_crashes_is_started_again() {
    let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = gateway.local_addr().unwrap().port();
    for body in ["exit 3", "printf '{\"method\":\"Target.targetCrashed\"}\\0' >&4; cat <&3 >/dev/null"] {
        let dir = fake(body);
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(run(config(dir.path(), port, 1), async {
            let _ = stopped.await;
        }));
        starts(dir.path(), 2).await;
        stop.send(()).unwrap();
        running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn no_browser_starts_before_the_gateway_listens() {
    let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = gateway.local_addr().unwrap().port();
    drop(gateway);
    let dir = fake("cat <&3 >/dev/null");
    let wait = sleep(Duration::from_millis(300));
    run(config(dir.path(), port, 1), wait).await.unwrap();
    assert!(!dir.path().join("starts").exists());
}

#[tokio::test]
async fn wrong_configurations_are_refused() {
    let stop = || std::future::pending::<()>();
    for (url, count) in [("http://127.0.0.1:1/", 0), ("http://127.0.0.1:1/", MAX_TABS + 1)] {
        assert!(matches!(run(HeadlessConfig::new(url, count), stop()).await, Err(HeadlessError::Count(_))));
    }
    for url in ["", "127.0.0.1:8787", "ftp://x/", "/_mesh/worker", "http://"] {
        assert!(
            matches!(run(HeadlessConfig::new(url, 1), stop()).await, Err(HeadlessError::Url(_))),
            "{url}"
        );
    }
    assert_eq!(authority("https://mesh.example/_mesh/worker").unwrap(), "mesh.example:443");
    assert_eq!(authority("http://[::1]:8787/").unwrap(), "[::1]:8787");
}
