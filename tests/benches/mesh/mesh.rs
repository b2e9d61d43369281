//! The subject: a gateway with headless tabs, started as an operator would. Unlike the tests' gateway it logs what it
//! logs by default, since every line costs time.

use crate::http::{self, Connection};
use crate::load::Target;
use anyhow::{Context, Result, ensure};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tabmesh_tests::child::Child;
use tabmesh_tests::gateway::{binary, client, environment};
use tempfile::TempDir;

/// What a gateway logs unless told otherwise, written down because the harness says otherwise.
const LOG: &str = "info,webrtc=error,rtc=error,rtc_ice=error,rtc_sctp=error,rtc_dtls=error";
/// How often a fresh deployment is asked for the answer that it must give.
const TRIES: usize = 1000;

/// A running gateway whose tabs serve. Dropping it ends both.
pub struct Mesh {
    child: Child,
    address: SocketAddr,
    _home: TempDir,
}

impl Mesh {
    /// Starts it with so many headless tabs and waits until they serve.
    pub async fn start(headless: usize, args: &[&str]) -> Result<Self> {
        Self::start_under(&[], headless, args).await
    }

    /// The same under another program, given with its arguments.
    pub async fn start_under(launcher: &[String], headless: usize, args: &[&str]) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("tabmesh-e2e-").tempdir()?;
        std::fs::create_dir(home.path().join("tmp"))?;
        let data = home.path().join("data").display().to_string();
        let tabs = headless.to_string();
        let mut all = launcher.to_vec();
        all.push(binary("tabmesh").display().to_string());
        all.extend(["serve", "--listen", "127.0.0.1:0", "--data", &data, "--tabs", &tabs].map(str::to_owned));
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let program = PathBuf::from(all.remove(0));
        let mut variables = environment(home.path());
        variables.push(("RUST_LOG".to_owned(), LOG.to_owned()));
        variables.push(("TABMESH_E2E_HOME".to_owned(), home.path().display().to_string()));
        let child = Child::start(&program, &all, &variables);
        let line = child.out.wait(0, &["listening: http://"]).await;
        let address = line.rsplit('/').next().unwrap_or_default().parse().context("where does it listen?")?;
        if headless > 0 {
            child.out.wait(0, &["ready: "]).await;
        }
        Ok(Self { child, address, _home: home })
    }

    /// Address and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> rustix::process::Pid {
        self.child.pid()
    }

    /// A GET of a handler, by path.
    pub fn target(&self, handler: &str, path: &str) -> Target {
        Target::get(self.address, &format!("/{handler}{path}"))
    }

    /// Deploys a module.
    pub async fn deploy(&self, name: &str, source: &str) -> Result<()> {
        let head = self.put_head(name, source);
        let mut connection = Connection::open(self.address).await?;
        let (answer, body) = connection.upload(&head, source.as_bytes(), 1).await?;
        ensure!(matches!(answer.status, 200 | 201), "deploying {name}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }

    /// Encodes the head of a deployment; the source follows as body.
    pub fn put_head(&self, name: &str, source: &str) -> Vec<u8> {
        let path = format!("/_mesh/v1/handlers/{name}");
        http::with_body("PUT", &self.address.to_string(), &path, "text/javascript", source.len())
    }

    /// Deploys files, with what the `metadata` field takes, for a tenant (`None`: the default one).
    pub async fn deploy_files(
        &self,
        tenant: Option<&str>,
        name: &str,
        files: Vec<(&'static str, Vec<u8>)>,
        metadata: &Value,
    ) -> Result<()> {
        let metadata = Part::text(metadata.to_string()).mime_str("application/json")?;
        let mut form = Form::new().part("metadata", metadata);
        for (file, content) in files {
            form = form.part(file, Part::bytes(content).file_name(file));
        }
        let owner = tenant.map_or_else(String::new, |tenant| format!("tenants/{tenant}/"));
        let url = format!("http://{}/_mesh/v1/{owner}handlers/{name}", self.address);
        let answer = client().put(url).multipart(form).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "deploying {name}: {status} {}", answer.text().await?);
        Ok(())
    }

    /// Makes a tenant.
    pub async fn tenant(&self, name: &str) -> Result<()> {
        let url = format!("http://{}/_mesh/v1/tenants/{name}", self.address);
        let answer = client().put(url).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "making tenant {name}: {status} {}", answer.text().await?);
        Ok(())
    }

    /// Seconds of all round trips that its sessions measured so far, and their number.
    pub async fn pings(&self) -> Result<(f64, f64)> {
        let text =
            client().get(format!("http://{}/_mesh/metrics", self.address)).send().await?.text().await?;
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        let pair = value("tabmesh_ping_seconds_sum ").zip(value("tabmesh_ping_seconds_count "));
        pair.context("no figures of pings")
    }

    /// Waits until this many tabs take requests.
    pub async fn tabs(&self, count: usize) -> Result<()> {
        let url = format!("http://{}/_mesh/readyz", self.address);
        let client = client();
        let looking = async {
            loop {
                let state: Value = client.get(&url).send().await?.json().await?;
                if state["tabs"]["ready"] == count {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let looked = tokio::time::timeout(tabmesh_tests::LIMIT, looking).await;
        looked.with_context(|| format!("there are not {count} tabs"))?
    }

    /// Calls a handler until it answers with `text` in its body: proof that what is measured works.
    pub async fn prove(&self, handler: &str, path: &str, text: &str) -> Result<()> {
        let mut connection = Connection::open(self.address).await?;
        let target = self.target(handler, path);
        let mut last = String::new();
        for _ in 0..TRIES {
            let (answer, body) = connection.fetch(&target.request).await?;
            last = format!("{} {}", answer.status, String::from_utf8_lossy(&body));
            if answer.status == 200 && last.contains(text) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        anyhow::bail!("{handler} does not answer {text:?} but {last}")
    }
}
