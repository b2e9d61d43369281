//! `tabmesh serve`: what a gateway prints while it starts.

use serde_json::json;

use super::error::CliError;
use super::out::Out;
use super::progress::Progress;
use crate::config::ServeConfig;
use crate::serve::{self, Told, shutdown_signal};

/// `tabmesh serve`: until SIGINT or SIGTERM.
pub(super) async fn run(config: ServeConfig, out: Out) -> Result<(), CliError> {
    let mut progress = None;
    let ended = serve::run(config, shutdown_signal(), |told| {
        // A gateway whose output nobody reads serves all the same.
        let _ = match told {
            Told::Listening { tabs, .. } if tabs > 0 => {
                progress = Some(Progress::count("tabs", tabs as u64, out.json));
                say(out, told)
            }
            Told::Joined(ready, _) => {
                if let Some(progress) = &progress {
                    progress.set(ready as u64);
                }
                Ok(())
            }
            Told::Ready(_) => {
                progress = None;
                say(out, told)
            }
            Told::Listening { .. } => say(out, told),
        };
    });
    Ok(ended.await?)
}

fn say(out: Out, told: Told<'_>) -> Result<(), CliError> {
    match told {
        Told::Listening { url, asks, .. } if out.json => {
            out.document(&json!({ "event": "listening", "url": url, "auth": asks }))
        }
        Told::Ready(url) if out.json => out.document(&json!({ "event": "ready", "url": url })),
        Told::Listening { url, tabs, asks } => {
            out.line(&format!("listening: {url}"))?;
            if !asks {
                out.line(
                    "NO TOKENS ARE ASKED FOR: anybody on this machine may deploy and see everything (--auth on changes that)",
                )?;
            }
            if tabs > 0 {
                return Ok(());
            }
            out.line(&format!("no tab yet: open {url}/_mesh/worker in a browser"))
        }
        Told::Ready(url) => out.line(&format!(
            "ready: {url}\ntry:\n  curl -T examples/hello.js {url}/_mesh/v1/handlers/hello\n  curl {url}/hello/any/path?x=1"
        )),
        Told::Joined(..) => Ok(()),
    }
}
