//! The shared rendezvous server: a command line around [`tabmesh_signaling`]. Serves signalling and nothing else.
#![warn(missing_docs)]

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use axum::{routing::get, serve::ListenerExt as _};
use clap::Parser;
use tabmesh_protocol::signal::IceServer;
use tabmesh_signaling::{Hub, HubConfig, Origins, Policy, SIGNAL_PATH, router};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Open sockets get this long to read that the server goes away.
const DRAIN: Duration = Duration::from_secs(5);

/// Rendezvous of browser tabs and Tabmesh gateways: relays descriptions and candidates, sees no traffic.
#[derive(Debug, Parser)]
#[command(name = "tabmesh-signaling", version)]
struct Args {
    /// Address and port to listen on; port 0 takes any free one.
    #[arg(long, env = "TABMESH_SIGNAL_LISTEN", default_value = "127.0.0.1:8788", value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// Secret that opens the gateway role.
    #[arg(long, env = "TABMESH_GATEWAY_TOKEN", hide_env_values = true, value_name = "SECRET")]
    gateway_token: String,
    /// Secret that tabs must name; without it every tab may join.
    #[arg(long, env = "TABMESH_POOL_TOKEN", hide_env_values = true, value_name = "SECRET")]
    pool_token: Option<String>,
    /// Web page origin that may connect, such as https://mesh.example; may be repeated. Without it any page may.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// STUN server told to members, such as stun:stun.example:3478; may be repeated.
    #[arg(long, value_name = "URL")]
    stun: Vec<String>,
    /// TURN server told to members, such as turn:turn.example:3478; may be repeated.
    #[arg(long, value_name = "URL", requires_all = ["turn_username", "turn_credential"])]
    turn: Vec<String>,
    /// User name at the TURN servers. Every member gets to know it.
    #[arg(long, env = "TABMESH_TURN_USERNAME", value_name = "NAME")]
    turn_username: Option<String>,
    /// Password at the TURN servers. Every member gets to know it.
    #[arg(long, env = "TABMESH_TURN_CREDENTIAL", hide_env_values = true, value_name = "SECRET")]
    turn_credential: Option<String>,
}

impl Args {
    fn into_config(self) -> anyhow::Result<HubConfig> {
        anyhow::ensure!(!self.gateway_token.is_empty(), "the gateway token is empty");
        anyhow::ensure!(self.pool_token.as_deref() != Some(""), "the pool token is empty");
        let mut ice_servers = Vec::new();
        if !self.stun.is_empty() {
            ice_servers.push(IceServer { urls: self.stun, ..IceServer::default() });
        }
        if !self.turn.is_empty() {
            ice_servers.push(IceServer {
                urls: self.turn,
                username: self.turn_username,
                credential: self.turn_credential,
            });
        }
        let policy = Policy {
            pool_token: self.pool_token,
            gateway_token: Some(self.gateway_token),
            ice_servers,
            ..Policy::default()
        };
        let origins = if self.origins.is_empty() { Origins::Any } else { Origins::Listed(self.origins) };
        Ok(HubConfig { policy, origins, ..HubConfig::default() })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let args = Args::parse();
    let listen = args.listen;
    let hub = Hub::new(args.into_config()?);

    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY not set");
        }
    });
    let stop = stop_signal()?;
    println!("listening: ws://{address}{SIGNAL_PATH}");

    let app = router(hub.clone()).route("/_mesh/healthz", get(|| async { "ok\n" }));
    let closing = hub.clone();
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            stop.await;
            tracing::info!("going away");
            closing.shutdown();
        })
        .await
        .context("the server failed")?;
    if tokio::time::timeout(DRAIN, hub.drained()).await.is_err() {
        tracing::warn!("some sockets did not close in time");
    }
    Ok(())
}

/// Ends with the first Ctrl-C or SIGTERM.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?
    };
    Ok(async move {
        let interrupt = async {
            if let Err(error) = tokio::signal::ctrl_c().await {
                // Not a wish to stop: wait for SIGTERM instead.
                tracing::warn!(%error, "cannot listen for Ctrl-C");
                std::future::pending::<()>().await;
            }
        };
        #[cfg(unix)]
        tokio::select! {
            () = interrupt => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        interrupt.await;
    })
}
