//! A running gateway: started with its own data folder and port, called like anybody calls it.

use crate::child::{Child, Lines};
use crate::{LIMIT, eventually};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, ClientBuilder, Response, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// What gateways log in tests: everything of ours, little of the WebRTC stack.
const LOG: &str = "info,tabmesh=debug,tabmesh_signaling=debug,webrtc=error,rtc=error,rtc_ice=error,rtc_sctp=error,rtc_dtls=error";

/// Lines of log shown when a test fails.
const SHOWN: usize = 400;

/// What to start.
#[derive(Default)]
pub struct Setup {
    tabs: usize,
    args: Vec<String>,
    data: Option<PathBuf>,
    log: Option<String>,
}

impl Setup {
    /// A gateway without tabs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Headless tabs that the gateway opens itself.
    #[must_use]
    pub fn tabs(mut self, tabs: usize) -> Self {
        self.tabs = tabs;
        self
    }

    /// More arguments of `tabmesh serve`.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// A data directory that it shall find, of which it gets a copy.
    #[must_use]
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// What is logged, as RUST_LOG says it, instead of what tests usually want.
    #[must_use]
    pub fn log(mut self, filter: &str) -> Self {
        self.log = Some(filter.to_owned());
        self
    }

    /// Starts it and waits until its tabs serve.
    pub async fn start(self) -> Gateway {
        let home = tempfile::Builder::new().prefix("tabmesh-e2e-").tempdir().unwrap();
        std::fs::create_dir(home.path().join("tmp")).unwrap();
        if let Some(data) = &self.data {
            copy_folder(data, &home.path().join("data"));
        }
        Gateway::launch(self, home, "127.0.0.1:0").await
    }
}

/// A running gateway. Dropping it ends it and removes its data.
pub struct Gateway {
    setup: Setup,
    child: Child,
    address: SocketAddr,
    home: TempDir,
}

impl Gateway {
    async fn launch(setup: Setup, home: TempDir, listen: &str) -> Self {
        let child = serve(home.path(), listen, &setup);
        let gateway = Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), setup, child, home };
        gateway.started().await
    }

    async fn started(mut self) -> Self {
        self.child.out.wait(0, &["listening: "]).await;
        let line = self.child.out.matching(0, &["listening: http"]).remove(0);
        self.address = line.rsplit('/').next().unwrap().parse().unwrap();
        if self.setup.tabs > 0 {
            self.child.out.wait(0, &["ready: "]).await;
        }
        self
    }

    /// Starts it again on the same data and port, after it has exited.
    pub async fn restart(mut self) -> Self {
        assert!(self.child.exit_code().is_some(), "the gateway still runs");
        self.child = serve(self.home.path(), &self.address.to_string(), &self.setup);
        self.started().await
    }

    /// The same with other arguments.
    pub async fn restart_with(mut self, args: &[&str]) -> Self {
        self.setup.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.restart().await
    }

    /// What it printed.
    #[must_use]
    pub fn printed(&self) -> &Lines {
        &self.child.out
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Ends it as the kernel does when memory runs out.
    pub async fn kill(&mut self) {
        self.child.signal(Signal::KILL);
        self.child.exited().await;
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Lines {
        &self.child.err
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> rustix::process::Pid {
        self.child.pid()
    }

    /// The folder below which it keeps everything.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Address and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL on its main host; `path` begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A URL on a handler's own host.
    #[must_use]
    pub fn host_url(&self, handler: &str, path: &str) -> String {
        format!("http://{handler}.localhost:{}{path}", self.address.port())
    }

    /// Where the control API has this handler.
    #[must_use]
    pub fn handler_url(&self, name: &str) -> String {
        self.url(&format!("/_mesh/v1/handlers/{name}"))
    }

    /// Makes a tenant, if there is none of this name.
    pub async fn make_tenant(&self, tenant: &str) {
        let response = client().put(self.url(&format!("/_mesh/v1/tenants/{tenant}"))).send().await.unwrap();
        assert!(response.status().is_success(), "making tenant {tenant}: {}", response.status());
    }

    /// Deploys a single module for a tenant.
    pub async fn deploy_for(&self, tenant: &str, name: &str, source: impl Into<String>) -> Value {
        let url = self.url(&format!("/_mesh/v1/tenants/{tenant}/handlers/{name}"));
        let response = client().put(url).body(source.into()).send().await.unwrap();
        deployed(name, response).await
    }

    /// Deploys a single module.
    pub async fn deploy(&self, name: &str, source: impl Into<String>) -> Value {
        let response = client().put(self.handler_url(name)).body(source.into()).send().await.unwrap();
        deployed(name, response).await
    }

    /// Deploys files, with what the `metadata` field takes (`main`, `vars`, `limits`).
    pub async fn deploy_files(&self, name: &str, files: &[(&str, &str)], metadata: Value) -> Value {
        let mut form = Form::new()
            .part("metadata", Part::text(metadata.to_string()).mime_str("application/json").unwrap());
        for (file, content) in files {
            let part = Part::text((*content).to_owned()).file_name((*file).to_owned());
            form = form.part((*file).to_owned(), part);
        }
        let response = client().put(self.handler_url(name)).multipart(form).send().await.unwrap();
        deployed(name, response).await
    }

    /// Deploys a single module that may take this long for a request.
    pub async fn deploy_limited(&self, name: &str, source: &str, wall_ms: u64) {
        self.deploy_files(name, &[("main.js", source)], json!({ "limits": { "wall_ms": wall_ms } })).await;
    }

    /// GETs a path of a handler, on the main host.
    pub async fn get(&self, path: &str) -> Response {
        client().get(self.url(path)).send().await.unwrap()
    }

    /// GETs a path and gives the body of the 200 that must come.
    pub async fn text(&self, path: &str) -> String {
        let response = self.get(path).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "GET {path}: {text}");
        text
    }

    /// The value of a metric, given as it is written: name and labels. 0 where it does not exist yet.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.text("/_mesh/metrics").await;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0.0)
    }

    /// Waits until this many tabs take requests.
    pub async fn wait_for_tabs(&self, count: u64) {
        eventually(&format!("{count} tabs ready"), || async {
            let tabs =
                client().get(self.url("/_mesh/readyz")).send().await.ok()?.json::<Value>().await.ok()?;
            (tabs["tabs"]["ready"] == count).then_some(())
        })
        .await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show_log(self, 0);
        }
    }
}

fn show_log(gateway: &Gateway, mark: usize) {
    let lines = gateway.log().since(mark);
    let shown = &lines[lines.len().saturating_sub(SHOWN)..];
    eprintln!("---- log of the gateway at {} ----\n{}\n----", gateway.address, shown.join("\n"));
}

/// A gateway that many tests use at once. Its log is shown when the test that holds this fails.
pub struct Shared {
    gateway: &'static Gateway,
    mark: usize,
}

impl Shared {
    /// Where this test's part of the log begins.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.mark
    }
}

impl Deref for Shared {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        self.gateway
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show_log(self.gateway, self.mark);
        }
    }
}

async fn shared(cell: &'static OnceCell<Gateway>, tabs: usize) -> Shared {
    let gateway = cell.get_or_init(|| Setup::new().tabs(tabs).start()).await;
    Shared { gateway, mark: gateway.log().count() }
}

/// The gateway with two tabs, for tests that break nothing and deploy under names of their own.
pub async fn mesh() -> Shared {
    static MESH: OnceCell<Gateway> = OnceCell::const_new();
    shared(&MESH, 2).await
}

/// The same with one tab: for handlers whose requests must meet in one isolate.
pub async fn solo() -> Shared {
    static SOLO: OnceCell<Gateway> = OnceCell::const_new();
    shared(&SOLO, 1).await
}

async fn deployed(name: &str, response: Response) -> Value {
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "deploying {name}: {status} {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Starts `tabmesh serve`; `TMPDIR` is set so that browsers keep their files in `home`, and to know them by.
fn serve(home: &Path, listen: &str, Setup { tabs, args, log, .. }: &Setup) -> Child {
    let mut all: Vec<String> = ["serve", "--listen", listen, "--data"].map(str::to_owned).into();
    all.push(home.join("data").display().to_string());
    all.extend(["--tabs".to_owned(), tabs.to_string()]);
    all.extend_from_slice(args);
    let mut variables = environment(home);
    // The last of a name counts.
    variables.extend(log.iter().map(|filter| ("RUST_LOG".to_owned(), filter.clone())));
    variables.push(("TABMESH_E2E_HOME".to_owned(), home.display().to_string()));
    Child::start(&binary("tabmesh"), &all, &variables)
}

/// Variables for our binaries: where to log what, and where temporary files go.
#[must_use]
pub fn environment(home: &Path) -> Vec<(String, String)> {
    let tmp = home.join("tmp").display().to_string();
    [("RUST_LOG", LOG), ("NO_COLOR", "1"), ("TMPDIR", &tmp)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// A binary of this workspace, built with the same profile as this test; `TABMESH_BIN` names another `tabmesh`.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    if let Some(named) = std::env::var_os("TABMESH_BIN").filter(|path| name == "tabmesh" && !path.is_empty())
    {
        return named.into();
    }
    let test = std::env::current_exe().unwrap();
    // target/<profile>/deps/<test>
    let path = test.parent().and_then(Path::parent).unwrap().join(name);
    assert!(path.is_file(), "{} is missing; `cargo xtask test` builds it", path.display());
    path
}

/// The workspace's folder.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every name is this machine: `*.localhost` does not resolve everywhere outside browsers.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async {
            let addrs: Addrs = Box::new(std::iter::once(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
            Ok(addrs)
        })
    }
}

/// How callers are made: no proxy, no redirects followed, no waiting for ever.
pub fn client_builder() -> ClientBuilder {
    // Once for the process; a second time it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .dns_resolver(Arc::new(Loopback))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(LIMIT * 2)
}

/// A caller with connections of its own: a test's runtime ends with the test, and its connections with it.
#[must_use]
pub fn client() -> Client {
    client_builder().build().unwrap()
}
