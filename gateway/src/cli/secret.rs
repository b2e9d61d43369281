//! `tabmesh secret`: values that handlers use and nobody reads back. A value comes from stdin or is typed unseen, never from
//! the command line, which other users of the machine can read.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::error::CliError;
use super::handlers::text;
use super::out::Out;
use super::sources::Connect;
use super::table::Align::Left;
use super::{ask, handlers};
use crate::catalog::MAX_SECRET;

/// What `secret` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh secret put shop API_KEY                 asks for the value, unseen
  tabmesh secret put shop API_KEY < key.txt
  tabmesh secret list shop")]
pub struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,

    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Debug, Subcommand)]
enum SecretCommand {
    /// Set a secret; its value is read from stdin, or asked for
    Put {
        /// The handler
        handler: String,
        /// The secret's name, as `env` will have it
        name: String,
    },
    /// Names of a handler's secrets
    #[command(visible_alias = "ls")]
    List {
        /// The handler
        handler: String,
    },
    /// Take a secret away
    Delete {
        /// The handler
        handler: String,
        /// The secret's name
        name: String,
    },
}

/// `tabmesh secret ...`.
pub(super) async fn run(args: SecretArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    match args.command {
        SecretCommand::Put { handler, name } => {
            let path = client.handler(&handler, &["secrets", &name])?;
            let value = ask::secret(&format!("Value of {name}"), MAX_SECRET)?;
            if value.is_empty() {
                return Err(CliError::usage("the value is empty", "give it on stdin, or type it"));
            }
            client.json(client.request(Method::PUT, &path).body(value)).await?;
            done(&handler, &name, "set", out)
        }
        SecretCommand::List { handler } => {
            let view = client.get(&client.handler(&handler, &["secrets"])?).await?;
            if out.json {
                return out.document(&view);
            }
            let name =
                |secret: &Value| vec![if secret.is_object() { text(&secret["name"]) } else { text(secret) }];
            out.table(&[("name", Left)], &handlers::rows(&view["secrets"], name), "no secrets")
        }
        SecretCommand::Delete { handler, name } => {
            client.delete(&client.handler(&handler, &["secrets", &name])?).await?;
            done(&handler, &name, "deleted", out)
        }
    }
}

fn done(handler: &str, name: &str, what: &str, out: Out) -> Result<(), CliError> {
    if out.json {
        return out.document(&json!({ "handler": handler, "name": name, what: true }));
    }
    out.line(&format!("{handler}: secret {name} {what}"))
}
