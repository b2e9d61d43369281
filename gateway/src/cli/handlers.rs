//! `tabmesh list`, `delete`, `routes`: the handlers of a tenant.

use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};

use super::ask;
use super::client::Client;
use super::deploy::{short, urls};
use super::error::CliError;
use super::out::{Out, size};
use super::sources::Connect;
use super::table::Align::{Left, Right};
use super::time::ago;

/// What `list` and `routes` are told.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    connect: Connect,
}

/// What `delete` is told.
#[derive(Clone, Debug, Args)]
pub struct DeleteArgs {
    /// The handler
    handler: String,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    connect: Connect,
}

/// `tabmesh list`.
pub(super) async fn list(args: ListArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    let view = client.get(&client.path(&["handlers"])?).await?;
    if out.json {
        return out.document(&view);
    }
    let now = SystemTime::now();
    let row = |handler: &Value| {
        vec![
            text(&handler["name"]),
            short(&handler["version"]),
            size(handler["size"].as_u64().unwrap_or(0)),
            ago(&handler["updated_at"], now),
            urls(client.base(), handler).into_iter().next().unwrap_or_default(),
        ]
    };
    let columns = [("name", Left), ("version", Left), ("size", Right), ("updated", Left), ("url", Left)];
    let rows = rows(&view["handlers"], row);
    out.table(&columns, &rows, "no handlers yet: tabmesh deploy FILE")
}

/// `tabmesh routes`.
pub(super) async fn routes(args: ListArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    let view = client.get(&client.path(&["routes"])?).await?;
    if out.json {
        return out.document(&view);
    }
    let rows = rows(&view["routes"], |route| vec![text(&route["pattern"]), text(&route["handler"])]);
    out.table(
        &[("pattern", Left), ("handler", Left)],
        &rows,
        "no routes: they come with `routes` of a wrangler file, or with `tabmesh triggers`",
    )
}

/// `tabmesh delete`.
pub(super) async fn delete(args: DeleteArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    if !args.yes {
        ask::confirm(&format!(
            "Delete the handler `{}` with all of its versions and secrets?",
            args.handler
        ))?;
    }
    client.delete(&client.handler(&args.handler, &[])?).await?;
    if out.json {
        return out.document(&json!({ "name": args.handler, "deleted": true }));
    }
    out.line(&format!("{}: deleted", args.handler))
}

/// A text or number of an answer; empty where there is none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// One row for each element of a list.
pub(super) fn rows(list: &Value, row: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    list.as_array().into_iter().flatten().map(row).collect()
}
