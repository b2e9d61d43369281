//! `tabmesh token` and `audit`: who may do what, and who did.

use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::error::CliError;
use super::handlers::{rows, text};
use super::out::Out;
use super::sources::Connect;
use super::table::Align::{Left, Right};
use super::time::ago;

/// Where tokens of no tenant are made.
const TOKENS_PATH: &str = "/_mesh/v1/tokens";

/// What `token` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh token create ci --actions read,deploy --expires 90d
  tabmesh token create tabs --pool default         lets worker tabs join
  tabmesh token list
  tabmesh token revoke 4f2a9c")]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,

    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Debug, Subcommand)]
enum TokenCommand {
    /// Make a token; it is shown once. With --tenant it is for that tenant alone
    Create {
        /// What it is for, in the list
        name: String,
        /// What it may do: read, deploy, secrets, kv, sql, tail, metrics, tokens, admin
        #[arg(long, value_delimiter = ',', value_name = "ACTIONS")]
        actions: Vec<String>,
        /// How long it is good for, such as 12h or 90d [default: until it is revoked]
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        expires: Option<Duration>,
        /// A token with which tabs join this pool, and nothing else
        #[arg(long, value_name = "POOL", conflicts_with = "actions")]
        pool: Option<String>,
    },
    /// Tokens that there are, without what they are
    #[command(visible_alias = "ls")]
    List,
    /// End a token
    Revoke {
        /// Its id, from the list
        id: String,
    },
}

/// What `audit` is told.
#[derive(Clone, Debug, Args)]
pub struct AuditArgs {
    /// Entries to show, newest first
    #[arg(long, default_value_t = 50, value_name = "ENTRIES")]
    limit: u32,

    #[command(flatten)]
    connect: Connect,
}

/// `tabmesh token ...`.
pub(super) async fn run(args: TokenArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    match args.command {
        TokenCommand::Create { name, actions, expires, pool } => {
            if actions.is_empty() && pool.is_none() {
                return Err(CliError::usage(
                    "the token may do nothing",
                    "say what it may do: --actions read,deploy",
                ));
            }
            let mut body = json!({ "name": name, "actions": actions });
            // Pools are all tenants'.
            let path = if pool.is_some() { TOKENS_PATH.to_owned() } else { client.path(&["tokens"])? };
            if let Some(pool) = pool {
                body["pool"] = pool.into();
            }
            if let Some(expires) = expires {
                body["expires_in_s"] = expires.as_secs().into();
            }
            let made = client.post(&path, &body).await?;
            if out.json {
                return out.document(&made);
            }
            // Alone on stdout, so that it can go into a file.
            eprintln!("token {} ({}), shown only now:", text(&made["id"]), text(&made["name"]));
            out.line(&text(&made["token"]))
        }
        TokenCommand::List => {
            let view = client.get(&client.path(&["tokens"])?).await?;
            if out.json {
                return out.document(&view);
            }
            let now = SystemTime::now();
            let row = |token: &Value| {
                let actions = token["actions"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
                let may = match token["pool"].as_str() {
                    Some(pool) => format!("join {pool}"),
                    None => actions.join(","),
                };
                let expires = if token["expires_at"].is_null() {
                    "never".into()
                } else {
                    ago(&token["expires_at"], now)
                };
                vec![
                    text(&token["id"]),
                    text(&token["name"]),
                    format!("{}…", text(&token["prefix"])),
                    text(&token["tenant"]),
                    may,
                    ago(&token["created_at"], now),
                    expires,
                    ago(&token["last_used_at"], now),
                ]
            };
            let columns = [
                ("id", Left),
                ("name", Left),
                ("token", Left),
                ("tenant", Left),
                ("may", Left),
                ("created", Left),
                ("expires", Left),
                ("last used", Left),
            ];
            out.table(&columns, &rows(&view["tokens"], row), "no tokens")
        }
        TokenCommand::Revoke { id } => {
            client.delete(&client.path(&["tokens", &id])?).await?;
            if out.json {
                return out.document(&json!({ "id": id, "revoked": true }));
            }
            out.line(&format!("token {id}: revoked"))
        }
    }
}

/// `tabmesh audit`.
pub(super) async fn audit(args: AuditArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    let view = client.get(&format!("/_mesh/v1/audit?limit={}", args.limit)).await?;
    if out.json {
        return out.document(&view);
    }
    let now = SystemTime::now();
    let row = |entry: &Value| {
        vec![
            ago(&entry["at"], now),
            text(&entry["who"]),
            text(&entry["action"]),
            text(&entry["status"]),
            text(&entry["method"]),
            text(&entry["path"]),
            text(&entry["address"]),
        ]
    };
    let columns = [
        ("at", Left),
        ("who", Left),
        ("action", Left),
        ("status", Right),
        ("method", Left),
        ("path", Left),
        ("from", Left),
    ];
    out.table(&columns, &rows(&view["entries"], row), "nothing yet")
}
