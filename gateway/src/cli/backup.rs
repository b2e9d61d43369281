//! `tabmesh backup` and `tabmesh restore`: on the data directory itself, also while a gateway runs on it.

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::path::PathBuf;

use super::error::CliError;
use super::out::{Out, count};
use crate::backup::{self, Created};
use crate::config::StoreConfig;
use crate::serve::raise_open_files;

/// What `tabmesh backup` is told.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "All databases are copied as they are at one moment, and checked; the gateway goes on meanwhile.

Examples:
  tabmesh backup /backups/mesh.tar --data /var/lib/tabmesh"
)]
pub struct BackupArgs {
    /// File to write
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Directory of the store
    #[arg(long, env = "TABMESH_DATA", default_value = ".tabmesh", value_name = "DIR")]
    data: PathBuf,

    /// Put the key of the secrets into it: then whoever has the file has them, too
    #[arg(long)]
    with_secret_key: bool,
}

/// What `tabmesh restore` is told.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "All is checked before anything is changed. A gateway that runs on the directory reads it anew.

Examples:
  tabmesh restore /backups/mesh.tar --data /var/lib/tabmesh"
)]
pub struct RestoreArgs {
    /// File of a backup
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Directory of the store, of which nothing stays that is not in the backup
    #[arg(long, env = "TABMESH_DATA", default_value = ".tabmesh", value_name = "DIR")]
    data: PathBuf,

    #[command(flatten)]
    store: StoreConfig,
}

/// `tabmesh backup`
pub(super) async fn backup(args: BackupArgs, out: Out) -> Result<(), CliError> {
    let BackupArgs { file, data, with_secret_key } = args;
    let to = file.clone();
    // All databases are open at once, for a moment.
    raise_open_files();
    let made = tokio::task::spawn_blocking(move || backup::create(&data, &to, with_secret_key)).await;
    let Created { databases, one_moment } =
        made.map_err(anyhow::Error::from)?.map_err(anyhow::Error::from)?;
    if out.json {
        return out.document(&json!({
            "file": file, "databases": databases, "one_moment": one_moment, "secret_key": with_secret_key,
        }));
    }
    let when = if one_moment { "as of one moment" } else { "each as of a moment of its own" };
    out.line(&format!("{}: {}, {when}", file.display(), count(databases as u64, "database")))?;
    if with_secret_key {
        return out.line("with the key of the secrets: keep it like them");
    }
    out.line("without the key of the secrets: keep that elsewhere (secret.key in the data directory, unless you named another)")
}

/// `tabmesh restore`
pub(super) async fn restore(args: RestoreArgs, out: Out) -> Result<(), CliError> {
    let RestoreArgs { file, data, store } = args;
    let done = tokio::task::spawn_blocking(move || backup::restore(&data, &file, &store)).await;
    let restored = done.map_err(anyhow::Error::from)?.map_err(anyhow::Error::from)?;
    let told = restored.gateway.is_some_and(reload);
    if out.json {
        return out.document(&json!({
            "databases": restored.databases, "emptied": restored.emptied, "gateway": restored.gateway, "reloaded": told,
        }));
    }
    out.line(&format!(
        "{} put back, {} emptied",
        count(restored.databases as u64, "database"),
        restored.emptied
    ))?;
    match restored.gateway {
        None => Ok(()),
        Some(id) if told => out.line(&format!("the gateway (process {id}) reads them anew")),
        Some(id) => out.line(&format!("the gateway (process {id}) could not be told: restart it")),
    }
}

/// Asks a gateway to read its data anew.
fn reload(id: i32) -> bool {
    Pid::from_raw(id).is_some_and(|id| kill_process(id, Signal::HUP).is_ok())
}
