//! The `tabmesh` command.

use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use tabmesh::config::ServeConfig;
use tabmesh::headless::{self, HeadlessConfig, TabConfig};
use tabmesh::push::{self, DeployConfig, PushError};
use tabmesh::serve;
use tracing_subscriber::EnvFilter;

/// What is logged unless RUST_LOG says otherwise. The WebRTC stack reports every lost packet of a dying tab.
const DEFAULT_LOG: &str = "info,webrtc=error,rtc=error,rtc_ice=error,rtc_sctp=error,rtc_dtls=error";

/// A request takes about a hundred small allocations, half of them in the WebRTC stack: with libc's allocator they are a
/// sixth of what it costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A serverless cloud of browser tabs.
#[derive(Parser)]
#[command(name = "tabmesh", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a gateway
    Serve(Box<ServeConfig>),
    /// Put a project or a module on a gateway
    Deploy(DeployConfig),
    /// Give capacity to a gateway with headless browser tabs on this machine
    Worker {
        /// Tabs to keep open
        #[arg(long, default_value_t = 1, value_name = "N")]
        count: usize,
        /// The gateway
        #[arg(long, env = "TABMESH_GATEWAY", default_value = "http://127.0.0.1:8787", value_name = "URL")]
        gateway: String,
        /// Pool to join
        #[arg(long, env = "TABMESH_POOL", default_value = "default")]
        pool: String,
        /// Browser to use (default: chromium or chrome on PATH)
        #[arg(long, env = "TABMESH_BROWSER", value_name = "PATH")]
        browser: Option<PathBuf>,
        /// Secret of the pool, if it has one
        #[arg(long, env = "TABMESH_POOL_TOKEN", value_name = "SECRET", hide_env_values = true)]
        pool_token: Option<String>,
        #[command(flatten)]
        tab: TabConfig,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Whatever speaks TLS in this process does it with ring. It can only be there already, and then it is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast::<PushError>() {
            Ok(error) => refuse(&error),
            Err(error) => {
                eprintln!("tabmesh: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Says why nothing was deployed.
fn refuse(error: &PushError) -> ExitCode {
    eprintln!("error: {error}");
    if let Some(frame) = error.frame() {
        eprint!("{frame}");
    }
    if let Some(hint) = error.hint() {
        eprintln!("hint: {hint}");
    }
    error.exit_code()
}

#[tokio::main]
async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(config) => serve::run(*config).await,
        Command::Deploy(config) => Ok(push::run(config).await?),
        Command::Worker { count, gateway, pool, browser, pool_token, tab } => {
            let page = tab.page(&gateway, &pool, pool_token.as_deref()).map_err(anyhow::Error::msg)?;
            let config = HeadlessConfig { browser, ..HeadlessConfig::new(page, count) };
            headless::run(config, async {
                if let Err(error) = serve::shutdown_signal().await {
                    tracing::error!(%error, "cannot wait for signals");
                }
            })
            .await?;
            Ok(())
        }
    }
}
