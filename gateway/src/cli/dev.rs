//! `tabmesh dev`: a gateway with tabs on this machine for one project, which is deployed anew whenever a file is saved.
//!
//! A client of its own gateway's API like any other, so that what works here works there. What cannot be deployed is shown,
//! and the version before goes on serving.

mod redeploy;
mod watch;

use std::path::{Path, PathBuf};

use clap::{Args, Parser as _};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

use self::redeploy::Loop;
use super::client::Client;
use super::deploy::{ProjectArgs, folder_of};
use super::error::CliError;
use super::out::Out;
use super::progress::Progress;
use crate::config::ServeConfig;
use crate::serve::{self, Told, shutdown_signal};

/// Where the store is kept with `--persist` alone, in the project's folder.
const PERSISTED: &str = ".tabmesh/dev";

/// What `dev` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh dev hello.js
  tabmesh dev --port 8787 --persist             the same address and data every time
  tabmesh dev -- --egress-allow 127.0.0.1:9000  flags behind -- are those of `tabmesh serve`")]
pub struct DevArgs {
    #[command(flatten)]
    project: ProjectArgs,

    /// Port to listen on, on this machine alone [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,

    /// Headless tabs
    #[arg(long, default_value_t = 1, value_name = "N")]
    tabs: usize,

    /// Keep handlers' data in this folder [default without a folder: .tabmesh/dev of the project; else nothing is kept]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    persist: Option<Option<PathBuf>>,

    /// Browser to use (default: chromium or chrome on PATH)
    #[arg(long, env = "TABMESH_BROWSER", value_name = "PATH")]
    browser: Option<PathBuf>,

    /// Flags of `tabmesh serve`
    #[arg(last = true, value_name = "FLAGS")]
    serve: Vec<String>,
}

/// The flags of `serve`, read once more.
#[derive(Debug, clap::Parser)]
#[command(name = "tabmesh dev --", no_binary_name = true)]
struct ServeFlags {
    #[command(flatten)]
    config: ServeConfig,
}

/// What the gateway tells, kept.
#[derive(Debug)]
enum News {
    Listening(String),
    Joined(usize),
    Ready,
}

/// `tabmesh dev`: until SIGINT or SIGTERM.
pub(super) async fn run(args: DevArgs, out: Out) -> Result<(), CliError> {
    if !args.project.path.exists() {
        return Err(CliError::usage(
            format!("there is no {}", args.project.path.display()),
            "name a folder or a file",
        ));
    }
    let folder = folder_of(&args.project.path).to_owned();
    let (data, _kept) = store(&args, &folder)?;
    let config = serve_config(&args, &data)?;
    let (news, mut heard) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let gateway = tokio::spawn(serve::run(
        config,
        async {
            // A sender that is gone means the same.
            let _ = stopped.await;
            Ok(())
        },
        move |told| {
            let _ = news.send(match told {
                Told::Listening { url, .. } => News::Listening(url.to_owned()),
                Told::Joined(ready, _) => News::Joined(ready),
                Told::Ready(_) => News::Ready,
            });
        },
    ));
    tokio::pin!(gateway);
    let worked = tokio::select! {
        ended = &mut gateway => return Err(over(ended)),
        worked = work(&args, &folder, &mut heard, out) => worked,
        signal = shutdown_signal() => signal.map_err(CliError::from),
    };
    // It may be over by itself.
    let _ = stop.send(());
    let _ = gateway.await;
    worked
}

/// Waits for the gateway, then deploys for ever.
async fn work(
    args: &DevArgs,
    folder: &Path,
    heard: &mut mpsc::UnboundedReceiver<News>,
    out: Out,
) -> Result<(), CliError> {
    let url = loop {
        match heard.recv().await {
            Some(News::Listening(url)) => break url,
            Some(_) => {}
            // It is over, and whoever waits for it says why.
            None => std::future::pending().await,
        }
    };
    let client = Client::of(&url, None)?;
    let progress = Progress::count("tabs", args.tabs as u64, out.json);
    let mut dev = Loop::new(args.project.clone(), folder, client, out)?;
    dev.deploy().await?;
    while let Some(news) = heard.recv().await {
        match news {
            News::Joined(ready) => progress.set(ready as u64),
            News::Ready => break,
            News::Listening(_) => {}
        }
    }
    drop(progress);
    dev.ready()?;
    dev.run().await
}

fn over(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> CliError {
    match ended {
        Ok(Err(error)) => CliError::Failed(error),
        Ok(Ok(())) => CliError::Failed(anyhow::anyhow!("the gateway ended")),
        Err(error) => CliError::Failed(error.into()),
    }
}

/// The folder of the store, and what removes it in the end.
fn store(args: &DevArgs, folder: &Path) -> Result<(PathBuf, Option<TempDir>), CliError> {
    match &args.persist {
        Some(named) => Ok((named.clone().unwrap_or_else(|| folder.join(PERSISTED)), None)),
        None => {
            let temporary = tempfile::Builder::new().prefix("tabmesh-dev-").tempdir();
            let temporary = temporary.map_err(|error| CliError::file(&std::env::temp_dir(), error))?;
            Ok((temporary.path().to_owned(), Some(temporary)))
        }
    }
}

fn serve_config(args: &DevArgs, data: &Path) -> Result<ServeConfig, CliError> {
    let mut flags: Vec<std::ffi::OsString> =
        vec!["--listen".into(), format!("127.0.0.1:{}", args.port).into()];
    // Whoever is on this machine can read the files that are served.
    flags.extend(["--auth".into(), "off".into()]);
    flags.extend(["--data".into(), data.into(), "--tabs".into(), args.tabs.to_string().into()]);
    if let Some(browser) = &args.browser {
        flags.extend(["--browser".into(), browser.into()]);
    }
    flags.extend(args.serve.iter().map(Into::into));
    let parsed = ServeFlags::try_parse_from(flags).map_err(|error| {
        let message = error.to_string();
        let message = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        CliError::usage(message, "what stands behind -- are flags of `tabmesh serve`")
    })?;
    Ok(parsed.config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Dev {
        #[command(flatten)]
        args: DevArgs,
    }

    fn parse(flags: &[&str]) -> DevArgs {
        Dev::try_parse_from(std::iter::once(&"dev").chain(flags)).unwrap().args
    }

    #[test]
    fn the_gateway_gets_its_flags() {
        let args = parse(&["a.js", "--port", "8787", "--", "--no-egress", "--colo", "HERE"]);
        let config = serve_config(&args, Path::new("/data")).unwrap();
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:8787");
        assert_eq!((config.tabs, config.data.as_path()), (1, Path::new("/data")));
        assert!(config.egress.no_egress);
        let wrong = parse(&["a.js", "--", "--nonsense"]);
        assert_eq!(serve_config(&wrong, Path::new("/data")).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn the_store_is_kept_where_it_is_asked_for() {
        let place = |flags: &[&str]| store(&parse(flags), Path::new("app")).unwrap().0;
        assert_eq!(place(&["app", "--persist"]), Path::new("app/.tabmesh/dev"));
        assert_eq!(place(&["app", "--persist=/x"]), Path::new("/x"));
        let temporary = place(&["app"]);
        assert!(!temporary.exists(), "it goes with the command");
    }
}
