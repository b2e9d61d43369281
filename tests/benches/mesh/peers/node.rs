//! Node.js: the same handler files in server processes of their own.

use super::asset;
use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use tabmesh_tests::child::Child;

/// One Node process that answers with a handler.
pub struct Node {
    _child: Child,
    /// Where it answers HTTP.
    pub address: SocketAddr,
}

impl Node {
    /// Starts it with a handler of `assets/` and, if it takes one, a wasm module.
    pub async fn start(program: &Path, handler: &str, wasm: Option<&str>) -> Result<Self> {
        let mut args = vec![asset("node.mjs").display().to_string(), "0".to_owned()];
        args.extend(
            [Some(handler), wasm].into_iter().flatten().map(|file| asset(file).display().to_string()),
        );
        let child = Child::start(program, &args, &[]);
        let line = child.out.wait(0, &["listening: "]).await;
        let port =
            line.rsplit(' ').next().and_then(|port| port.parse().ok()).context("where does Node listen?")?;
        Ok(Self { _child: child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }
}
