//! workerd, the open runtime of another serverless platform: V8 isolates in a server process.

use crate::load::Target;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};
use tabmesh_tests::child::Child;
use tabmesh_tests::{LIMIT, gateway::environment};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A running workerd with some workers of the same code, each behind a port of its own.
pub struct Workerd {
    _child: Child,
    _home: TempDir,
    /// One for each worker.
    pub targets: Vec<Target>,
}

impl Workerd {
    /// Starts it and waits until it listens. No request has reached a worker then.
    pub async fn start(program: &Path, source: &str, workers: usize) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("tabmesh-e2e-").tempdir()?;
        std::fs::create_dir(home.path().join("tmp"))?;
        // Let go all at once, so that they differ; taken again by workerd.
        let held = (0..workers).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let held = held.collect::<std::io::Result<Vec<_>>>()?;
        let ports: Vec<SocketAddr> =
            held.iter().map(TcpListener::local_addr).collect::<std::io::Result<_>>()?;
        drop(held);
        let config = home.path().join("config.capnp");
        std::fs::write(home.path().join("main.js"), source)?;
        std::fs::write(&config, configuration(&ports))?;
        let args = ["serve".to_owned(), config.display().to_string()];
        let mut variables = environment(home.path());
        variables.push(("TABMESH_E2E_HOME".to_owned(), home.path().display().to_string()));
        let mut child = Child::start(program, &args, &variables);
        let start = Instant::now();
        for address in &ports {
            while TcpStream::connect(address).await.is_err() {
                let ended = child.exit_code().map(|_| child.err.since(0).join("\n"));
                anyhow::ensure!(ended.is_none(), "workerd ended: {}", ended.unwrap_or_default());
                anyhow::ensure!(start.elapsed() < LIMIT, "workerd does not listen");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let targets = ports.into_iter().map(|address| Target::get(address, "/x")).collect();
        Ok(Self { _child: child, _home: home, targets })
    }

    /// The only worker, or the first.
    pub fn target(&self) -> Result<Target> {
        self.targets.first().cloned().context("workerd without workers")
    }
}

fn configuration(ports: &[SocketAddr]) -> String {
    let (mut services, mut sockets) = (String::new(), String::new());
    for (number, address) in ports.iter().enumerate() {
        // Writing into a String cannot fail.
        let _ = writeln!(services, "(name = \"w{number}\", worker = .hello),");
        let _ = writeln!(
            sockets,
            "(name = \"s{number}\", address = \"{address}\", http = (), service = \"w{number}\"),"
        );
    }
    format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\
         const config :Workerd.Config = (services = [{services}], sockets = [{sockets}]);\n\
         const hello :Workerd.Worker = (modules = [(name = \"main.js\", esModule = embed \"main.js\")], \
         compatibilityDate = \"2025-01-01\");\n"
    )
}
