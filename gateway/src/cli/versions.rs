//! `tabmesh versions`, `deployments`, `rollback`: what was deployed before, and what is to serve now.

use std::time::SystemTime;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::deploy::{self, UploadArgs, preview, short};
use super::error::CliError;
use super::handlers::{rows, text};
use super::out::{Out, Tone, size};
use super::sources::Connect;
use super::table::Align::{Left, Right};
use super::table::clean;
use super::time::ago;

/// What `versions` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh versions list shop
  tabmesh versions diff shop 6 7
  tabmesh versions upload . -m 'New checkout'
  tabmesh versions deploy shop 7@10 6@90   a tenth of the callers get version 7
  tabmesh versions deploy shop 7           all of them

A VERSION is its number, or its hash or the first 8 digits of it.")]
pub struct VersionsArgs {
    #[command(subcommand)]
    command: VersionsCommand,

    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Debug, Subcommand)]
enum VersionsCommand {
    /// Versions of a handler, newest first
    #[command(visible_alias = "ls")]
    List {
        /// The handler
        handler: String,
    },
    /// One version: modules, bindings, limits
    View {
        /// The handler
        handler: String,
        /// Which version
        version: String,
    },
    /// What changed from one version to another
    Diff {
        /// The handler
        handler: String,
        /// The older version
        from: String,
        /// The newer version
        to: String,
    },
    /// Upload a project as a version that does not serve yet
    Upload(UploadArgs),
    /// Say which versions serve, and which share of the callers each gets
    Deploy {
        /// The handler
        handler: String,
        /// Versions, with the percentage of callers where there are several
        #[arg(required = true, value_name = "VERSION[@PERCENT]", value_parser = share)]
        versions: Vec<Share>,
        /// Why, for the list of deployments
        #[arg(long, short, value_name = "TEXT")]
        message: Option<String>,
    },
}

/// A version and the part of the callers that get it.
#[derive(Clone, Debug, PartialEq)]
struct Share {
    version: String,
    percentage: Option<f64>,
}

/// What `deployments` is told.
#[derive(Clone, Debug, Args)]
pub struct DeploymentsArgs {
    /// The handler
    handler: String,

    #[command(flatten)]
    connect: Connect,
}

/// What `rollback` is told.
#[derive(Clone, Debug, Args)]
pub struct RollbackArgs {
    /// The handler
    handler: String,

    /// Version to go back to [default: what served before]
    version: Option<String>,

    /// Why, for the list of deployments
    #[arg(long, short, value_name = "TEXT")]
    message: Option<String>,

    #[command(flatten)]
    connect: Connect,
}

/// `tabmesh versions ...`.
pub(super) async fn run(args: VersionsArgs, out: Out) -> Result<(), CliError> {
    if let VersionsCommand::Upload(upload) = &args.command {
        return deploy::upload_only(upload, &args.connect, out).await;
    }
    let client = Client::here(&args.connect)?;
    match args.command {
        VersionsCommand::List { handler } => list(&client, &handler, out).await,
        VersionsCommand::View { handler, version } => view(&client, &handler, &version, out).await,
        VersionsCommand::Diff { handler, from, to } => diff(&client, &handler, &from, &to, out).await,
        VersionsCommand::Deploy { handler, versions, message } => {
            put(&client, &handler, versions, message, out).await
        }
        VersionsCommand::Upload(_) => Ok(()),
    }
}

async fn list(client: &Client, handler: &str, out: Out) -> Result<(), CliError> {
    let found = client.get(&client.handler(handler, &["versions"])?).await?;
    if out.json {
        return out.document(&found);
    }
    let now = SystemTime::now();
    let row = |version: &Value| {
        vec![
            text(&version["number"]),
            short(&version["version"]),
            version["percentage"].as_f64().map(|share| format!("{share} %")).unwrap_or_default(),
            size(version["size"].as_u64().unwrap_or(0)),
            ago(&version["created_at"], now),
            text(&version["author"]),
            text(&version["tag"]),
            text(&version["message"]),
        ]
    };
    let columns = [
        ("no", Right),
        ("version", Left),
        ("serves", Right),
        ("size", Right),
        ("created", Left),
        ("by", Left),
        ("tag", Left),
        ("message", Left),
    ];
    out.table(&columns, &rows(&found["versions"], row), "no versions")
}

async fn view(client: &Client, handler: &str, version: &str, out: Out) -> Result<(), CliError> {
    let found = client.get(&client.handler(handler, &["versions", version])?).await?;
    if out.json {
        return out.document(&found);
    }
    out.line(&format!("{handler} {} (number {})", short(&found["version"]), text(&found["number"])))?;
    let created = ago(&found["created_at"], SystemTime::now());
    let facts = [
        ("created", created),
        ("by", text(&found["author"])),
        ("tag", text(&found["tag"])),
        ("message", text(&found["message"])),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        out.line(&format!("  {name:<8} {}", clean(value)))?;
    }
    if let Some(url) = preview(&found) {
        out.line(&format!("  preview  {url}"))?;
    }
    let modules = rows(&found["modules"], |module| {
        vec![text(&module["name"]), text(&module["type"]), size(module["size"].as_u64().unwrap_or(0))]
    });
    out.table(&[("module", Left), ("type", Left), ("size", Right)], &modules, "no modules")?;
    let bindings = rows(&found["bindings"], |binding| vec![text(&binding["name"]), text(&binding["type"])]);
    if !bindings.is_empty() {
        out.table(&[("binding", Left), ("type", Left)], &bindings, "")?;
    }
    Ok(())
}

async fn diff(client: &Client, handler: &str, from: &str, to: &str, out: Out) -> Result<(), CliError> {
    let found = client.get(&client.handler(handler, &["versions", from, "diff", to])?).await?;
    if out.json {
        return out.document(&found);
    }
    let mut is_same = true;
    for (key, kind) in
        [("modules", "module"), ("bindings", "binding"), ("limits", "limit"), ("files", "file")]
    {
        for change in found[key].as_array().into_iter().flatten() {
            is_same = false;
            out.line(&clean(&changed(kind, change)))?;
            for line in change["diff"].as_str().unwrap_or_default().lines() {
                out.line(&coloured(&clean(line), out))?;
            }
        }
    }
    if is_same { out.line("no difference") } else { Ok(()) }
}

/// `changed limit cpu_ms: 50 -> 500`.
fn changed(kind: &str, change: &Value) -> String {
    let head = format!("{} {kind} {}", text(&change["change"]), text(&change["name"]));
    match (&change["before"], &change["after"]) {
        (Value::Null, Value::Null) => head,
        (Value::Null, after) => format!("{head}: {after}"),
        (before, Value::Null) => format!("{head}: was {before}"),
        (before, after) => format!("{head}: {before} -> {after}"),
    }
}

fn coloured(line: &str, out: Out) -> String {
    match line.as_bytes().first() {
        Some(b'+') => out.paint(Tone::Good, line),
        Some(b'-') => out.paint(Tone::Bad, line),
        Some(b'@') => out.paint(Tone::Faint, line),
        _ => line.to_owned(),
    }
}

async fn put(
    client: &Client,
    handler: &str,
    versions: Vec<Share>,
    message: Option<String>,
    out: Out,
) -> Result<(), CliError> {
    let shares = shares(versions)?;
    let mut body = json!({ "versions": shares });
    if let Some(message) = message {
        body["message"] = message.into();
    }
    let made = client.post(&client.handler(handler, &["deployments"])?, &body).await?;
    deployed(handler, "deployed", &made, out)
}

/// `tabmesh rollback`.
pub(super) async fn rollback(args: RollbackArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    let mut body = json!({});
    for (name, value) in [("version", args.version), ("message", args.message)] {
        if let Some(value) = value {
            body[name] = value.into();
        }
    }
    let made = client.post(&client.handler(&args.handler, &["rollback"])?, &body).await?;
    deployed(&args.handler, "rolled back", &made, out)
}

/// `tabmesh deployments`.
pub(super) async fn deployments(args: DeploymentsArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    let found = client.get(&client.handler(&args.handler, &["deployments"])?).await?;
    if out.json {
        return out.document(&found);
    }
    let now = SystemTime::now();
    let row = |deployment: &Value| {
        vec![
            ago(&deployment["created_at"], now),
            text(&deployment["author"]),
            serving(deployment),
            text(&deployment["message"]),
        ]
    };
    let columns = [("created", Left), ("by", Left), ("versions", Left), ("message", Left)];
    out.table(&columns, &rows(&found["deployments"], row), "no deployments")
}

fn deployed(handler: &str, what: &str, made: &Value, out: Out) -> Result<(), CliError> {
    if out.json {
        return out.document(made);
    }
    out.line(&format!("{handler}: {what}; serves {}", serving(made)))
}

/// `3f2a1b4c5d6e, or several with their shares`.
fn serving(deployment: &Value) -> String {
    let all = deployment["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = all.iter().map(|share| match share["percentage"].as_f64() {
        Some(percentage) if all.len() > 1 => format!("{} {percentage} %", short(&share["version"])),
        _ => short(&share["version"]),
    });
    named.collect::<Vec<_>>().join(", ")
}

fn share(text: &str) -> Result<Share, String> {
    let (version, percentage) = match text.split_once('@') {
        None => (text, None),
        Some((version, percentage)) => {
            let parsed = percentage.trim_end_matches('%').parse::<f64>().ok();
            let parsed = parsed.filter(|share| (0.0..=100.0).contains(share));
            (
                version,
                Some(parsed.ok_or_else(|| format!("`{percentage}` is not a percentage from 0 to 100"))?),
            )
        }
    };
    Ok(Share { version: version.to_owned(), percentage })
}

/// Fills in what is not said: one version gets all callers, the last of several what is left.
fn shares(mut versions: Vec<Share>) -> Result<Vec<Value>, CliError> {
    let said: f64 = versions.iter().filter_map(|share| share.percentage).sum();
    let mut open = versions.iter_mut().filter(|share| share.percentage.is_none());
    if let Some(rest) = open.next() {
        rest.percentage = Some(100.0 - said);
    }
    let total: f64 = versions.iter().filter_map(|share| share.percentage).sum();
    if versions.iter().any(|share| share.percentage.is_none_or(|share| share < 0.0))
        || (total - 100.0).abs() > 0.001
    {
        return Err(CliError::usage(
            "the shares of the versions are not 100 % together",
            "for example: tabmesh versions deploy NAME 7@10 6@90",
        ));
    }
    Ok(versions
        .into_iter()
        .map(|share| json!({ "version": share.version, "percentage": share.percentage }))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_a_hundred_percent() {
        let made = |texts: &[&str]| shares(texts.iter().map(|text| share(text).unwrap()).collect());
        assert_eq!(made(&["7"]).unwrap(), [json!({ "version": "7", "percentage": 100.0 })]);
        let two = made(&["7@10%", "6"]).unwrap();
        assert_eq!(two[1], json!({ "version": "6", "percentage": 90.0 }));
        for wrong in [&["7", "6"][..], &["7@50", "6@40"], &["7@100", "6@100"], &["7@50"]] {
            assert_eq!(made(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
        assert!(share("7@x").is_err() && share("7@101").is_err());
    }

    #[test]
    fn what_serves() {
        let one = json!({ "versions": [{ "version": "aabbccddeeff00", "percentage": 100.0 }] });
        assert_eq!(serving(&one), "aabbccddeeff");
        let two = json!({ "versions": [{ "version": "aabbccddeeff00", "percentage": 10.5 }, { "version": "1122", "percentage": 89.5 }] });
        assert_eq!(serving(&two), "aabbccddeeff 10.5 %, 1122 89.5 %");
    }
}
