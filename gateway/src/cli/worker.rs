//! `tabmesh worker`: headless tabs on this machine for a gateway elsewhere. They start again when they crash.

use std::path::PathBuf;

use clap::Args;

use super::error::CliError;
use super::out::Out;
use super::settings::Token;
use super::sources::token;
use crate::headless::{self, HeadlessConfig, HeadlessError, TabConfig};
use crate::serve::shutdown_signal;

/// What `worker` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh worker --count 4 --gateway https://mesh.example.com --join-token-file /etc/tabmesh/join
  tabmesh worker --tab-cpu 50 --tab-memory 1024

docs/deploy has a systemd unit and a container file for it.")]
pub struct WorkerArgs {
    /// Tabs to keep open
    #[arg(long, default_value_t = 1, value_name = "N")]
    count: usize,

    /// The gateway
    #[arg(long, env = "TABMESH_GATEWAY", default_value = super::settings::DEFAULT_GATEWAY, value_name = "URL")]
    gateway: String,

    /// Pool to join
    #[arg(long, env = "TABMESH_POOL", default_value = "default")]
    pool: String,

    /// Browser to use (default: chromium or chrome on PATH)
    #[arg(long, env = "TABMESH_BROWSER", value_name = "PATH")]
    browser: Option<PathBuf>,

    /// Token with which tabs join the pool, if it takes one. Other users of this machine can read flags and the browser's command
    /// line
    #[arg(
        long,
        visible_alias = "join-token",
        env = "TABMESH_POOL_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pool_token: Option<String>,

    /// File with that token
    #[arg(long, env = "TABMESH_JOIN_TOKEN_FILE", value_name = "FILE", conflicts_with = "pool_token")]
    join_token_file: Option<PathBuf>,

    #[command(flatten)]
    tab: TabConfig,
}

/// `tabmesh worker`: until SIGINT or SIGTERM.
pub(super) async fn run(args: WorkerArgs, out: Out) -> Result<(), CliError> {
    let secret = match (args.pool_token, args.join_token_file) {
        (Some(secret), _) => Some(secret),
        (None, Some(file)) => Some(token(&Token::File(file))?),
        (None, None) => None,
    };
    let page = args.tab.page(&args.gateway, &args.pool, secret.as_deref());
    let page = page.map_err(|reason| CliError::usage(reason, "tabmesh worker --help"))?;
    let config = HeadlessConfig { browser: args.browser, ..HeadlessConfig::new(page, args.count) };
    if out.json {
        let pid = std::process::id();
        out.document(&serde_json::json!({ "event": "started", "tabs": args.count, "gateway": args.gateway, "pid": pid }))?;
    }
    let ended = headless::run(config, async {
        if let Err(error) = shutdown_signal().await {
            tracing::error!(%error, "cannot wait for signals");
        }
    });
    ended.await.map_err(|error: HeadlessError| CliError::Usage { message: error.to_string(), hint: None })
}
