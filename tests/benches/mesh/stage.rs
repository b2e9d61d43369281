//! Who is measured, started when first needed and kept until the end: an idle gateway, tab or server costs nothing that
//! shows. Nothing here measures.

use crate::mesh::Mesh;
use crate::peers::proxy::Proxy;
use crate::peers::raw::Raw;
use crate::peers::workerd::Workerd;
use crate::peers::{Found, first_line};
use anyhow::{Context, Result};
use clap::ValueEnum as _;
use std::path::PathBuf;
use std::time::Duration;
use tabmesh::config::IceTransport;
use tabmesh_tests::examples;
use tokio::sync::OnceCell;

/// The handler that says hello, on every stand that has handlers.
pub const HELLO: &str = "hello";

/// How long and how often things are measured.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// A glance, to see that everything works: its figures say little.
    pub quick: bool,
    /// Growth to the end: ten thousand handlers and streams.
    pub growth: bool,
}

impl Pace {
    /// So many milliseconds of load.
    pub fn time(self, ms: u64) -> Duration {
        Duration::from_millis(if self.quick { ms / 5 } else { ms })
    }

    /// So many repetitions.
    pub fn count(self, count: usize) -> usize {
        if self.quick { count.div_ceil(4) } else { count }
    }

    /// So many bytes.
    pub fn bytes(self, bytes: u32) -> u32 {
        if self.quick { bytes / 8 } else { bytes }
    }
}

/// See the module's page.
pub struct Stage {
    /// How thoroughly.
    pub pace: Pace,
    /// Where files beside the report go.
    pub out: PathBuf,
    transport: IceTransport,
    found: Found,
    one: OnceCell<Mesh>,
    two: OnceCell<Mesh>,
    small: OnceCell<Mesh>,
    raw: OnceCell<Raw>,
    proxy: OnceCell<Proxy>,
    workerd: OnceCell<Result<Workerd, String>>,
}

impl Stage {
    /// An empty one.
    pub fn new(pace: Pace, out: PathBuf, transport: IceTransport, found: Found) -> Self {
        Self {
            pace,
            out,
            transport,
            found,
            one: OnceCell::new(),
            two: OnceCell::new(),
            small: OnceCell::new(),
            raw: OnceCell::new(),
            proxy: OnceCell::new(),
            workerd: OnceCell::new(),
        }
    }

    /// A gateway of the caller's own.
    pub async fn mesh(&self, tabs: usize, args: &[&str]) -> Result<Mesh> {
        let [flag, transport] = self.transport()?;
        Mesh::start(tabs, &[&[&*flag, &*transport], args].concat()).await
    }

    fn transport(&self) -> Result<[String; 2]> {
        let value = self.transport.to_possible_value().context("a transport without a name")?;
        Ok(["--ice-transport".to_owned(), value.get_name().to_owned()])
    }

    /// A gateway with one tab, run by another program.
    pub async fn under(&self, launcher: &[String]) -> Result<Mesh> {
        let [flag, transport] = self.transport()?;
        Self::say_hello(Mesh::start_under(launcher, 1, &[&flag, &transport]).await?).await
    }

    async fn with_hello(&self, tabs: usize, args: &[&str]) -> Result<Mesh> {
        Self::say_hello(self.mesh(tabs, args).await?).await
    }

    async fn say_hello(mesh: Mesh) -> Result<Mesh> {
        mesh.deploy(HELLO, &examples::source(HELLO)).await?;
        mesh.prove(HELLO, "/x", "Hello from").await?;
        Ok(mesh)
    }

    /// A gateway with one tab.
    pub async fn one(&self) -> Result<&Mesh> {
        self.one.get_or_try_init(|| self.with_hello(1, &[])).await
    }

    /// A gateway with two tabs.
    pub async fn two(&self) -> Result<&Mesh> {
        self.two.get_or_try_init(|| self.with_hello(2, &[])).await
    }

    /// A gateway with one tab that keeps four isolates only, so that cold starts can be had at will.
    pub async fn small(&self) -> Result<&Mesh> {
        self.small.get_or_try_init(|| self.with_hello(1, &["--tab-isolates", "4"])).await
    }

    /// A raw data channel.
    pub async fn raw(&self) -> Result<&Raw> {
        self.raw.get_or_try_init(|| Raw::start(self.transport)).await
    }

    /// A page behind a WebSocket.
    pub async fn proxy(&self) -> Result<&Proxy> {
        self.proxy.get_or_try_init(|| Proxy::start(examples::source(HELLO))).await
    }

    /// workerd, or why there is none.
    pub async fn workerd(&self) -> Result<&Workerd, &str> {
        let start = || async {
            let program = self.program("workerd")?;
            Workerd::start(&program, &examples::source(HELLO), 1).await.map_err(|error| format!("{error:#}"))
        };
        self.workerd.get_or_init(start).await.as_ref().map_err(String::as_str)
    }

    /// A program that was found or fetched, or why there is none.
    pub fn program(&self, peer: &str) -> Result<PathBuf, String> {
        let program = self.found.program(peer)?;
        let version = first_line(&program, &["--version"]);
        version.map(|_| program.clone()).ok_or_else(|| format!("{} does not start", program.display()))
    }

    /// Ends everything.
    pub async fn close(self) {
        if let Some(raw) = self.raw.into_inner() {
            raw.close().await;
        }
        if let Some(proxy) = self.proxy.into_inner() {
            proxy.close().await;
        }
    }
}
