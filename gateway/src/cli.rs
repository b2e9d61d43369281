//! The commands of `tabmesh`. Those that speak to a gateway are clients of its API like any other: nothing here knows the
//! store or the mesh. `serve`, `dev` and `worker` start what the rest of this crate is.
//!
//! Every command writes one JSON document with `--json`, says errors with a hint on stderr, and ends with the exit code of
//! [`CliError::exit_code`].

mod ask;
mod backup;
mod bench;
mod client;
mod completions;
mod config;
mod deploy;
mod dev;
mod error;
mod event;
mod handlers;
mod http;
mod kv;
mod out;
mod progress;
mod refusal;
mod secret;
mod serve;
mod settings;
mod sources;
mod sql;
mod status;
mod table;
mod tail;
mod time;
mod token;
mod triggers;
mod versions;
mod worker;

use crate::logs::LogFormat;
use clap::{Parser, Subcommand};

use crate::config::ServeConfig;
pub use error::CliError;
pub use out::Out;
pub use progress::Lines;

/// A serverless cloud of browser tabs.
#[derive(Debug, Parser)]
#[command(
    name = "tabmesh",
    version,
    arg_required_else_help = true,
    after_help = "Examples:
  tabmesh dev hello.js          write a handler: serves, redeploys on save, shows what it logs
  tabmesh serve --tabs 2        run a gateway
  tabmesh deploy                put the project in this folder on it

Exit codes: 0 done, 1 the gateway refused, 2 wrong flags or configuration, 3 no gateway, 4 files or project.
Settings: flags, then TABMESH_* in the environment, then tabmesh.toml of the project, then ~/.config/tabmesh/config.toml."
)]
pub struct Cli {
    /// Write JSON: one document, or one a line for what goes on
    #[arg(long, global = true)]
    pub json: bool,

    /// How the log on stderr looks: text, or json with an object a line
    // Else every command's help would say it again at length.
    #[arg(
        long,
        global = true,
        env = "TABMESH_LOG_FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a gateway
    Serve(Box<ServeConfig>),
    /// Work on a project: serve it on this machine, redeploy it on save, show what it logs
    Dev(Box<dev::DevArgs>),
    /// Put a project or a module on a gateway
    Deploy(deploy::DeployArgs),
    /// Handlers that are deployed
    #[command(visible_alias = "ls")]
    List(handlers::ListArgs),
    /// Delete a handler
    Delete(handlers::DeleteArgs),
    /// Versions of a handler: list, view, compare, upload, deploy to a share of the callers
    Versions(versions::VersionsArgs),
    /// What served when, newest first
    Deployments(versions::DeploymentsArgs),
    /// Go back to what served before
    Rollback(versions::RollbackArgs),
    /// Routes of all handlers
    Routes(handlers::ListArgs),
    /// Cron triggers, routes and preview URLs of a handler, to look at and to change
    Triggers(triggers::TriggersArgs),
    /// Watch requests, logs and exceptions as they happen
    Tail(tail::TailArgs),
    /// Key-value namespaces and what is in them
    Kv(kv::KvArgs),
    /// Statements on SQL databases
    Sql(sql::SqlArgs),
    /// Secrets of a handler
    Secret(secret::SecretArgs),
    /// Tokens: for the API, and for tabs that join a pool
    Token(token::TokenArgs),
    /// Who changed what, newest first
    Audit(token::AuditArgs),
    /// Tenants: list them, make one
    Tenant(status::TenantArgs),
    /// The gateway's state and its tabs
    Status(status::StatusArgs),
    /// Give capacity to a gateway with headless browser tabs on this machine
    Worker(worker::WorkerArgs),
    /// Test a URL under load
    Bench(bench::BenchArgs),
    /// Copy all data of a gateway on this machine into a file
    Backup(backup::BackupArgs),
    /// Put a backup in the place of a gateway's data
    Restore(backup::RestoreArgs),
    /// Settings that hold, and where they come from
    Config(config::ConfigArgs),
    /// Completions for a shell
    Completions(completions::CompletionArgs),
}

/// Runs a command.
///
/// # Errors
/// Why it did not do what it was asked for.
pub async fn run(cli: Cli) -> Result<(), CliError> {
    let out = Out::new(cli.json);
    match cli.command {
        Command::Serve(config) => serve::run(*config, out).await,
        Command::Dev(args) => dev::run(*args, out).await,
        Command::Deploy(args) => deploy::run(args, out).await,
        Command::List(args) => handlers::list(args, out).await,
        Command::Delete(args) => handlers::delete(args, out).await,
        Command::Versions(args) => versions::run(args, out).await,
        Command::Deployments(args) => versions::deployments(args, out).await,
        Command::Rollback(args) => versions::rollback(args, out).await,
        Command::Routes(args) => handlers::routes(args, out).await,
        Command::Triggers(args) => triggers::run(args, out).await,
        Command::Tail(args) => tail::run(args, out).await,
        Command::Kv(args) => kv::run(args, out).await,
        Command::Sql(args) => sql::run(args, out).await,
        Command::Secret(args) => secret::run(args, out).await,
        Command::Token(args) => token::run(args, out).await,
        Command::Audit(args) => token::audit(args, out).await,
        Command::Tenant(args) => status::tenant(args, out).await,
        Command::Status(args) => status::status(args, out).await,
        Command::Worker(args) => worker::run(args, out).await,
        Command::Bench(args) => bench::run(args, out).await,
        Command::Backup(args) => backup::backup(args, out).await,
        Command::Restore(args) => backup::restore(args, out).await,
        Command::Config(args) => config::run(&args, out),
        Command::Completions(args) => completions::run(&args, out),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
