//! `tabmesh status` and `tabmesh tenant`: the gateway as its operator sees it.

use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::error::CliError;
use super::handlers::{rows, text};
use super::out::{Out, count};
use super::sources::Connect;
use super::table::Align::{Left, Right};
use super::time::{ago, long};

/// What `status` is told.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    connect: Connect,
}

/// What `tenant` is told.
#[derive(Clone, Debug, Args)]
pub struct TenantArgs {
    #[command(subcommand)]
    command: TenantCommand,

    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Debug, Subcommand)]
enum TenantCommand {
    /// Tenants and how many handlers each has
    #[command(visible_alias = "ls")]
    List,
    /// Make a tenant
    Create {
        /// Its name: a-z, 0-9 and -
        name: String,
    },
}

/// `tabmesh status`.
pub(super) async fn status(args: StatusArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    let view = client.get("/_mesh/v1/status").await?;
    if out.json {
        return out.document(&view);
    }
    let up = Duration::from_secs(view["uptime_s"].as_f64().unwrap_or(0.0).max(0.0) as u64);
    out.line(&format!("{}: tabmesh {}, up for {}", client.base(), text(&view["version"]), long(up)))?;
    let mut counts: Vec<String> = [("tenants", "tenant"), ("handlers", "handler")]
        .into_iter()
        .filter_map(|(key, thing)| Some(count(view[key].as_u64()?, thing)))
        .collect();
    let requests = view["requests"].as_object().into_iter().flatten();
    counts.extend(
        requests.filter_map(|(name, number)| Some(format!("{} {name}", count(number.as_u64()?, "request")))),
    );
    if !counts.is_empty() {
        out.line(&counts.join(", "))?;
    }
    let now = SystemTime::now();
    let row = |tab: &Value| {
        vec![
            text(&tab["id"]),
            text(&tab["pool"]),
            text(&tab["requests"]),
            text(&tab["isolates"]),
            tab["rtt_ms"].as_f64().map(|ms| format!("{ms:.1} ms")).unwrap_or_default(),
            ago(&tab["since"], now),
        ]
    };
    let columns = [
        ("tab", Left),
        ("pool", Left),
        ("requests", Right),
        ("isolates", Right),
        ("rtt", Right),
        ("joined", Left),
    ];
    let none = format!("no tab: open {}/_mesh/worker in a browser, or run `tabmesh worker`", client.base());
    out.table(&columns, &rows(&view["tabs"], row), &none)
}

/// `tabmesh tenant ...`.
pub(super) async fn tenant(args: TenantArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    match args.command {
        TenantCommand::List => {
            let view = client.get("/_mesh/v1/tenants").await?;
            if out.json {
                return out.document(&view);
            }
            let row = |tenant: &Value| vec![text(&tenant["name"]), text(&tenant["handlers"])];
            out.table(&[("tenant", Left), ("handlers", Right)], &rows(&view["tenants"], row), "no tenants")
        }
        TenantCommand::Create { name } => {
            let path = format!("/_mesh/v1/tenants/{}", super::client::segment(&name)?);
            let view = client.json(client.request(Method::PUT, &path)).await?;
            if out.json {
                return out.document(&view);
            }
            let made = if view["created"] == json!(true) { "made" } else { "was there already" };
            out.line(&format!("tenant {name}: {made}"))
        }
    }
}
