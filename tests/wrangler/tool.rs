//! wrangler, as a person has it: on a copy of a project, with an address and a token in the environment.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Once;
use tabmesh_tests::gateway::{client, workspace};
use tabmesh_tests::{Gateway, Setup};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The tenant that is the account.
pub const ACCOUNT: &str = "acme";

/// What its token may do: all that wrangler does, and nothing for other tenants.
const ACTIONS: [&str; 6] = ["read", "deploy", "secrets", "kv", "sql", "tail"];

/// Variables of the person who runs the test that would send wrangler elsewhere.
const FOREIGN: [&str; 8] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "XDG_CONFIG_HOME",
    "CLOUDFLARE_API_KEY",
    "CLOUDFLARE_EMAIL",
    "WRANGLER_OUTPUT_FILE_PATH",
];

/// A gateway, a token, and a copy of a project.
pub struct Wrangler {
    gateway: Gateway,
    token: String,
    folder: TempDir,
    home: TempDir,
}

/// What a command came to.
pub struct Ran {
    what: String,
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn new(args: &[&str], output: &Output) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        Self { what: args.join(" "), code: output.status.code(), out, err }
    }

    /// What a command wrote that succeeded.
    pub fn ok(self) -> String {
        let Self { what, code, out, err } = self;
        assert_eq!(code, Some(0), "wrangler {what}\n{out}\n{err}");
        out
    }

    /// The same, as JSON.
    pub fn json(self) -> Value {
        let what = self.what.clone();
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("wrangler {what}: {error}\n{out}"))
    }

    /// What a command told that failed.
    pub fn refused(self) -> String {
        let Self { what, code, out, err } = self;
        assert_eq!(code, Some(1), "wrangler {what}\n{out}\n{err}");
        err
    }
}

impl Wrangler {
    /// A gateway with a tab, and a copy of the project of this name.
    pub async fn new(project: &str) -> Self {
        install();
        let gateway = Setup::new().tabs(1).args(&["--auth", "on"]).start().await;
        let root = std::fs::read_to_string(gateway.home().join("data/admin-token")).unwrap();
        let api = |method: Method, path: &str| {
            client().request(method, gateway.url(&format!("/_mesh/v1/{path}"))).bearer_auth(root.trim())
        };
        answer(api(Method::PUT, &format!("tenants/{ACCOUNT}"))).await;
        let wanted = serde_json::json!({ "name": "wrangler", "tenant": ACCOUNT, "actions": ACTIONS });
        let made = answer(api(Method::POST, "tokens").json(&wanted)).await;
        let token = made["token"].as_str().unwrap().to_owned();
        // Beside node_modules, where its packages are found.
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(home()).unwrap();
        copy(&home().join(project), folder.path());
        Self { gateway, token, folder, home: tempfile::tempdir().unwrap() }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("node");
        command.arg(home().join("node_modules/wrangler/bin/wrangler.js")).args(args);
        FOREIGN.iter().for_each(|name| {
            command.env_remove(name);
        });
        command
            .current_dir(self.folder.path())
            .env("CLOUDFLARE_API_BASE_URL", self.gateway.url("/_mesh/client/v4"))
            .env("CLOUDFLARE_API_TOKEN", &self.token)
            .env("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
            .env("WRANGLER_SEND_METRICS", "false")
            .env("HOME", self.home.path())
            .env("NO_COLOR", "1")
            .env("CI", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    pub async fn run(&self, args: &[&str]) -> Ran {
        Ran::new(args, &self.command(args).output().await.unwrap())
    }

    /// A command that reads `text`.
    pub async fn feed(&self, args: &[&str], text: &str) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).await.unwrap();
        Ran::new(args, &child.wait_with_output().await.unwrap())
    }

    /// Changes a file of the project.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Writes a file of the project.
    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }

    /// Reads a file of the project.
    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    /// A request to a script of the account.
    pub fn ask(&self, method: Method, script: &str, path: &str) -> RequestBuilder {
        client().request(method, self.gateway.host_url(&format!("{script}.{ACCOUNT}"), path))
    }

    /// GETs a path of a script; its text.
    pub async fn get(&self, script: &str, path: &str) -> String {
        let response = self.ask(Method::GET, script, path).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        text
    }

    /// GETs what our own API has of the account.
    pub async fn own(&self, path: &str) -> Value {
        let url = self.gateway.url(&format!("/_mesh/v1/tenants/{ACCOUNT}/{path}"));
        answer(client().get(url).bearer_auth(&self.token)).await
    }

    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }
}

async fn answer(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap()
}

fn home() -> PathBuf {
    workspace().join("tests/wrangler")
}

/// Installs wrangler, once, where it is not there.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let changed = |file: &str| home().join(file).metadata().and_then(|meta| meta.modified()).ok();
        if changed("node_modules/.package-lock.json") < changed("package-lock.json") {
            let mut npm = std::process::Command::new("npm");
            let done = npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(home()).status();
            assert!(done.expect("npm can be run").success(), "npm ci in tests/wrangler");
        }
    });
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
