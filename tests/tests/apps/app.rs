//! An app, deployed as a person would, and beside it the same files on workerd.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Once;
use tabmesh_tests::answer::Answer;
use tabmesh_tests::gateway::{Gateway, Shared, binary, client, workspace};
use tabmesh_tests::mesh;
use tabmesh_tests::workerd::{Oracle, Service};

/// Kinds of bindings that workerd has without help.
const PLAIN: [&str; 2] = ["plain_text", "json"];

/// A deployed app.
pub struct App {
    name: String,
    gateway: Shared,
    oracle: Option<Oracle>,
}

/// One question.
pub struct Ask<'a> {
    app: &'a App,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    is_compared: bool,
}

/// Where an app's project is.
pub fn folder(name: &str) -> PathBuf {
    workspace().join("tests/apps").join(name)
}

/// Installs the packages of all apps that share a lockfile, once.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let root = folder("");
        let changed = |file: &str| root.join(file).metadata().and_then(|meta| meta.modified()).ok();
        if changed("node_modules/.package-lock.json") < changed("package-lock.json") {
            npm(&root, &["ci", "--no-audit", "--no-fund"]);
        }
    });
}

/// Builds an app that a framework builds, with packages of its own.
pub fn build(name: &str) {
    let folder = folder(name);
    if !folder.join("node_modules").is_dir() {
        // Not `npm ci`: that refuses lockfiles that leave out packages of other platforms.
        npm(&folder, &["install", "--no-audit", "--no-fund"]);
    }
    npm(&folder, &["run", "build"]);
}

fn npm(folder: &Path, args: &[&str]) {
    let mut npm = Command::new("npm");
    npm.args(args).current_dir(folder).env("ASTRO_TELEMETRY_DISABLED", "1");
    let output = npm.output().unwrap_or_else(|error| panic!("cannot run npm: {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "npm {args:?} in {}: {text}", folder.display());
}

/// Runs `tabmesh deploy` on an app's folder.
pub async fn push(gateway: &Gateway, name: &str, args: &[&str]) -> Output {
    install();
    let mut command = tokio::process::Command::new(binary("tabmesh"));
    command.arg("deploy").arg(folder(name)).args(["--gateway", &gateway.url("")]).args(args);
    command.output().await.unwrap()
}

impl App {
    /// Deploys the app of this name, under the name that it gives itself.
    pub async fn deploy(name: &str) -> Self {
        let gateway = mesh().await;
        let out = tempfile::tempdir().unwrap();
        let args = ["--name", name, "--outdir", out.path().to_str().unwrap()];
        let output = push(&gateway, name, &args).await;
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tabmesh deploy tests/apps/{name}: {text}");
        let oracle = match service(name, out.path()) {
            Some(service) if Oracle::is_here() => Some(Oracle::start(&[service]).await),
            _ => None,
        };
        Self { name: name.to_owned(), gateway, oracle }
    }

    /// The gateway that it is on.
    pub fn gateway(&self) -> &Shared {
        &self.gateway
    }

    /// A URL on the app's own host.
    pub fn url(&self, path: &str) -> String {
        self.gateway.host_url(&self.name, path)
    }

    pub fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        let method = method.parse().unwrap();
        Ask { app: self, method, path: path.to_owned(), headers: vec![], body: None, is_compared: true }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).send().await
    }

    /// GETs JSON with status 200.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}: {}", text(&answer));
        json(&answer)
    }

    /// POSTs JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path).json(&body).send().await
    }
}

impl Ask<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Of Tabmesh alone: the answer has something in it that is never the same twice.
    pub fn alone(mut self) -> Self {
        self.is_compared = false;
        self
    }

    /// Asks, and compares with what workerd says.
    pub async fn send(self) -> Answer {
        let is_head = self.method == Method::HEAD;
        let ours = Answer::read(self.request(self.app.gateway.address()).send().await, is_head).await;
        if let Some(oracle) = self.app.oracle.as_ref().filter(|_| self.is_compared) {
            let theirs = self.request(oracle.address(&self.app.name)).send().await;
            let theirs = Answer::read(theirs, is_head).await;
            let differences = theirs.differences(&ours);
            let asked = format!("{} {} of {}", self.method, self.path, self.app.name);
            assert!(differences.is_empty(), "{asked} (left: workerd, right: tabmesh): {differences:#?}");
        }
        ours
    }

    /// The host is the same on both sides, so that URLs are.
    fn request(&self, address: SocketAddr) -> RequestBuilder {
        let url = format!("http://{address}{}", self.path);
        let host = format!("{}.localhost", self.app.name);
        let mut request = client().request(self.method.clone(), url).header("host", host);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match &self.body {
            Some(body) => request.body(body.clone()),
            None => request,
        }
    }
}

/// The body as text.
pub fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(answer.bytes()).into_owned()
}

/// The body as JSON.
pub fn json(answer: &Answer) -> Value {
    serde_json::from_slice(answer.bytes()).unwrap_or_else(|_| panic!("no JSON: {}", text(answer)))
}

/// What was deployed, for workerd; `None` if it would need more than that has.
fn service(name: &str, out: &Path) -> Option<Service> {
    let metadata: Value = serde_json::from_slice(&std::fs::read(out.join("metadata.json")).unwrap()).unwrap();
    let list = |key: &str| metadata[key].as_array().cloned().unwrap_or_default();
    let bindings = list("bindings");
    if bindings.iter().any(|binding| !PLAIN.contains(&binding["type"].as_str().unwrap())) {
        return None;
    }
    let value = |binding: &Value| match binding["type"].as_str() {
        Some("plain_text") => binding["text"].clone(),
        _ => binding["json"].clone(),
    };
    let main = metadata["main_module"].as_str().unwrap();
    if !main.ends_with(".js") {
        // Without packages the gateway compiles it, and workerd does not.
        return None;
    }
    let mut files = vec![(main.to_owned(), std::fs::read(out.join(main)).unwrap())];
    for entry in std::fs::read_dir(out).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_file() && file != main && file != "metadata.json" && !file.ends_with(".map") {
            files.push((file, std::fs::read(&path).unwrap()));
        }
    }
    Some(Service {
        name: name.to_owned(),
        files,
        flags: list("compatibility_flags")
            .iter()
            .filter_map(|flag| Some(flag.as_str()?.to_owned()))
            .collect(),
        vars: bindings.iter().map(|it| (it["name"].as_str().unwrap().to_owned(), value(it))).collect(),
    })
}
