//! A Chromium driven over WebDriver (W3C), for tests that must see or click a page, or end its process.

use crate::child::Child;
use crate::gateway::{client, environment};
use crate::{LIMIT, eventually, processes};
use base64::Engine as _;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// As DESIGN.md lists them, and no throttling: a window that nobody looks at must serve. With the pipe, the browser
/// ends when chromedriver does.
const FLAGS: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--remote-debugging-pipe",
    "--window-size=900,900",
];

/// Hides that a program drives the browser: `navigator.webdriver` is then as a person's is, false.
const LIKE_A_PERSONS: &str = "--disable-blink-features=AutomationControlled";

/// A browser with one window, and more if asked. Dropping it ends it.
pub struct Browser {
    /// Dropped first: the profile can go only when nobody writes to it.
    driver: Child,
    http: Client,
    session: String,
    _home: TempDir,
}

/// Starts chromedriver; its port. It takes one that is free for IPv6 and wants the same for IPv4, which another process may have taken:
/// then it exits, and is started again.
async fn drive(home: &Path) -> (Child, u16) {
    loop {
        let mut driver = Child::start(Path::new("chromedriver"), &["--port=0".into()], &environment(home));
        let line = driver.out.wait(0, &["port"]).await;
        let line = match line.contains("on port 0") {
            // Said before it looks for one.
            true => driver.out.wait_nth(0, &["port"], 2).await,
            false => line,
        };
        if line.contains("started successfully on port") {
            let port = line.trim_end_matches('.').rsplit(' ').next().unwrap().parse().unwrap();
            return (driver, port);
        }
        assert!(line.contains("port not available"), "{line}");
        driver.exited().await;
    }
}

impl Browser {
    /// Starts chromedriver and a browser.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a browser that pages take for one that a person uses.
    pub async fn start_like_a_persons() -> Self {
        Self::start_with(&[LIKE_A_PERSONS]).await
    }

    /// Starts a browser for which every name under `.test` is this machine, and every certificate good.
    pub async fn start_for_test_names() -> Self {
        Self::start_with(&["--host-resolver-rules=MAP *.test 127.0.0.1", "--ignore-certificate-errors"]).await
    }

    async fn start_with(more: &[&str]) -> Self {
        let home = tempfile::Builder::new().prefix("tabmesh-e2e-").tempdir().unwrap();
        std::fs::create_dir(home.path().join("tmp")).unwrap();
        let (driver, port) = drive(home.path()).await;
        let mut args: Vec<String> = FLAGS.map(str::to_owned).into();
        args.extend(more.iter().map(|flag| (*flag).to_owned()));
        args.push(format!("--user-data-dir={}", home.path().join("profile").display()));
        let http = client();
        let base = format!("http://127.0.0.1:{port}/session");
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": args },
        } } });
        let answer: Value = http.post(&base).json(&capabilities).send().await.unwrap().json().await.unwrap();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {answer}"));
        let session = format!("{base}/{id}");
        Self { driver, http, session, _home: home }
    }

    /// One WebDriver command, its value or its error.
    async fn try_command(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        let value = answer["value"].take();
        if value["error"].is_string() { Err(value) } else { Ok(value) }
    }

    async fn command(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        match self.try_command(method, path, body).await {
            Ok(value) => value,
            Err(error) => panic!("WebDriver {path}: {error}"),
        }
    }

    /// Opens a page in the current window.
    pub async fn open(&self, url: &str) {
        self.command(Method::POST, "/url", Some(json!({ "url": url }))).await;
    }

    /// Opens one more window and makes it the current one; gives its handle.
    pub async fn new_window(&self) -> String {
        let value = self.command(Method::POST, "/window/new", Some(json!({ "type": "window" }))).await;
        let handle = value["handle"].as_str().unwrap().to_owned();
        self.switch_to(&handle).await;
        handle
    }

    /// The current window's handle.
    pub async fn window(&self) -> String {
        self.command(Method::GET, "/window", None).await.as_str().unwrap().to_owned()
    }

    /// Makes a window the current one.
    pub async fn switch_to(&self, handle: &str) {
        self.command(Method::POST, "/window", Some(json!({ "handle": handle }))).await;
    }

    /// Closes the current window, as a person would.
    pub async fn close_window(&self) {
        self.command(Method::DELETE, "/window", None).await;
    }

    /// Runs a function body in the page and gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.command(Method::POST, "/execute/sync", Some(json!({ "script": script, "args": [] }))).await
    }

    /// Clicks the element that a CSS selector finds.
    pub async fn click(&self, selector: &str) {
        let find = json!({ "using": "css selector", "value": selector });
        let element = self.command(Method::POST, "/element", Some(find)).await;
        let id =
            element.as_object().and_then(|element| element.values().next()?.as_str()).unwrap().to_owned();
        self.command(Method::POST, &format!("/element/{id}/click"), Some(json!({}))).await;
    }

    /// The text of the element that a CSS selector finds.
    pub async fn text(&self, selector: &str) -> String {
        let text = self.run(&format!("return document.querySelector({selector:?})?.textContent ?? ''")).await;
        text.as_str().unwrap_or_default().trim().to_owned()
    }

    /// The worker page's state, as its `data-state` says.
    pub async fn state(&self) -> String {
        let state = self.run("return document.documentElement.dataset.state ?? ''").await;
        state.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the worker page is in one of these states; gives which.
    pub async fn wait_for_state(&self, states: &[&str]) -> String {
        eventually(&format!("the page's state is {states:?}"), || async {
            let state = self.state().await;
            states.contains(&state.as_str()).then_some(state)
        })
        .await
    }

    /// Writes a picture of the page.
    pub async fn screenshot(&self, file: &Path) {
        let value = self.command(Method::GET, "/screenshot", None).await;
        let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    /// SIGKILL to every renderer of this browser, and to nothing else.
    pub fn kill_renderers(&self) {
        let renderers = processes::renderers(self.driver.pid());
        assert!(!renderers.is_empty(), "the browser has no renderers");
        processes::kill_now(&renderers);
    }

    /// The process above all of this browser's.
    #[must_use]
    pub fn pid(&self) -> rustix::process::Pid {
        self.driver.pid()
    }

    /// Stops every process of this browser where it stands, as a laptop that is shut does.
    pub fn freeze(&self) {
        processes::stop_now(&processes::descendants(self.driver.pid()));
    }

    /// Ends the session, so that pages get their `pagehide`.
    pub async fn quit(self) {
        let quit = self.try_command(Method::DELETE, "", None);
        let _ = tokio::time::timeout(LIMIT, quit).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver exits at once when told to and leaves its browser behind, which needs a moment to notice.
        let browser = processes::descendants(self.driver.pid());
        processes::kill_now(&browser);
    }
}
