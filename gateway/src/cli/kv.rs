//! `tabmesh kv`: namespaces and what stands in them.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use form_urlencoded::Serializer;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::ask;
use super::client::Client;
use super::error::CliError;
use super::handlers::{rows, text};
use super::out::{Out, count};
use super::progress::Progress;
use super::sources::Connect;
use super::table::Align::{Left, Right};
use super::time::ago;

/// Largest value, in bytes, as on Workers.
const MAX_VALUE: usize = 25 << 20;

/// Largest file of pairs, in bytes.
const MAX_BULK: usize = 256 << 20;

/// Pairs sent at once, and their bytes: a part that fails need not be large.
const BATCH: (usize, usize) = (1_000, 8 << 20);

/// Keys asked for at once.
const PAGE: usize = 1_000;

/// What `kv` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh kv create sessions
  tabmesh kv put sessions user:7 '{\"name\":\"Ada\"}' --ttl 1h
  tabmesh kv put pictures logo --file logo.png
  tabmesh kv get sessions user:7
  tabmesh kv list sessions --prefix user:
  tabmesh kv bulk sessions pairs.json       [{\"key\": \"a\", \"value\": \"1\"}, ...]")]
pub struct KvArgs {
    #[command(subcommand)]
    command: KvCommand,

    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Debug, Subcommand)]
enum KvCommand {
    /// Namespaces that there are
    Namespaces,
    /// Make a namespace
    Create {
        /// Its title
        title: String,
    },
    /// Delete a namespace with all that is in it
    Drop {
        /// The namespace: its title or its id
        namespace: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Keys of a namespace
    #[command(visible_alias = "ls")]
    List {
        /// The namespace: its title or its id
        namespace: String,
        /// Only keys that begin like this
        #[arg(long, value_name = "TEXT")]
        prefix: Option<String>,
        /// Most keys that are shown
        #[arg(long, default_value_t = 1_000, value_name = "KEYS")]
        limit: usize,
    },
    /// Write a value to stdout as it is
    Get {
        /// The namespace: its title or its id
        namespace: String,
        /// The key
        key: String,
    },
    /// Set a value: an argument, a file, or stdin
    Put {
        /// The namespace: its title or its id
        namespace: String,
        /// The key
        key: String,
        /// The value [default: stdin]
        value: Option<String>,
        /// File with the value
        #[arg(long, value_name = "FILE", conflicts_with = "value")]
        file: Option<PathBuf>,
        /// How long it stays, such as 60s or 2h
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        ttl: Option<Duration>,
        /// JSON that is kept beside it
        #[arg(long, value_name = "JSON", value_parser = parse_json)]
        metadata: Option<Value>,
    },
    /// Delete a value
    Delete {
        /// The namespace: its title or its id
        namespace: String,
        /// The key
        key: String,
    },
    /// Set the values of a JSON file: a list of {key, value, base64?, expiration?, expiration_ttl?, metadata?}
    Bulk {
        /// The namespace: its title or its id
        namespace: String,
        /// The file; - for stdin
        file: PathBuf,
    },
}

fn parse_json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// `tabmesh kv ...`.
pub(super) async fn run(args: KvArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    match args.command {
        KvCommand::Namespaces => namespaces(&client, out).await,
        KvCommand::Create { title } => {
            let made = client.post(&client.path(&["kv"])?, &json!({ "title": title })).await?;
            if out.json { out.document(&made) } else { out.line(&format!("namespace {}", text(&made["id"]))) }
        }
        KvCommand::Drop { namespace, yes } => {
            if !yes {
                ask::confirm(&format!("Delete the namespace `{namespace}` with all that is in it?"))?;
            }
            client.delete(&client.path(&["kv", &namespace])?).await?;
            done(out, json!({ "id": namespace, "deleted": true }), &format!("namespace {namespace}: deleted"))
        }
        KvCommand::List { namespace, prefix, limit } => {
            list(&client, &namespace, prefix.as_deref(), limit, out).await
        }
        KvCommand::Get { namespace, key } => get(&client, &namespace, &key, out).await,
        KvCommand::Put { namespace, key, value, file, ttl, metadata } => {
            let value = match (value, file) {
                (Some(value), _) => value.into_bytes(),
                (None, Some(file)) => std::fs::read(&file).map_err(|error| CliError::file(&file, error))?,
                (None, None) => ask::input(MAX_VALUE)?,
            };
            let mut path = client.path(&["kv", &namespace, "values", &key])?;
            if let Some(ttl) = ttl {
                path.push_str(&format!("?expiration_ttl={}", ttl.as_secs()));
            }
            let mut request = client.request(Method::PUT, &path).body(value);
            if let Some(metadata) = metadata {
                let metadata = utf8_percent_encode(&metadata.to_string(), NON_ALPHANUMERIC).to_string();
                request = request.header("KV-Metadata", metadata);
            }
            client.json(request).await?;
            done(out, json!({ "key": key, "set": true }), &format!("{key}: set"))
        }
        KvCommand::Delete { namespace, key } => {
            client.delete(&client.path(&["kv", &namespace, "values", &key])?).await?;
            done(out, json!({ "key": key, "deleted": true }), &format!("{key}: deleted"))
        }
        KvCommand::Bulk { namespace, file } => bulk(&client, &namespace, &file, out).await,
    }
}

#[allow(clippy::needless_pass_by_value, reason = "a document made for this call")]
fn done(out: Out, document: Value, line: &str) -> Result<(), CliError> {
    if out.json { out.document(&document) } else { out.line(line) }
}

async fn namespaces(client: &Client, out: Out) -> Result<(), CliError> {
    let view = client.get(&client.path(&["kv"])?).await?;
    if out.json {
        return out.document(&view);
    }
    let row = |space: &Value| vec![text(&space["id"]), text(&space["title"]), text(&space["keys"])];
    let columns = [("id", Left), ("title", Left), ("keys", Right)];
    out.table(
        &columns,
        &rows(&view["namespaces"], row),
        "no namespaces: a handler's binding makes one, or kv create",
    )
}

async fn list(
    client: &Client,
    namespace: &str,
    prefix: Option<&str>,
    limit: usize,
    out: Out,
) -> Result<(), CliError> {
    let base = client.path(&["kv", namespace, "keys"])?;
    let mut keys: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    while keys.len() < limit {
        let mut query = Serializer::new(String::new());
        query.append_pair("limit", &(limit - keys.len()).min(PAGE).to_string());
        for (name, value) in [("prefix", prefix), ("cursor", cursor.as_deref())] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let mut page = client.get(&format!("{base}?{}", query.finish())).await?;
        let Value::Array(found) = page["keys"].take() else { break };
        keys.extend(found);
        cursor = page["cursor"].as_str().filter(|cursor| !cursor.is_empty()).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    keys.truncate(limit);
    if out.json {
        return out.document(&json!({ "keys": keys, "complete": cursor.is_none() }));
    }
    let now = SystemTime::now();
    let row = |key: &Value| {
        let seconds = key["expiration"].as_u64();
        let expires = seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        let expires = expires.map(|time| ago(&humantime::format_rfc3339(time).to_string().into(), now));
        let metadata = if key["metadata"].is_null() { String::new() } else { key["metadata"].to_string() };
        vec![text(&key["name"]), expires.unwrap_or_default(), metadata]
    };
    let columns = [("key", Left), ("expires", Left), ("metadata", Left)];
    let is_cut = cursor.is_some();
    out.table(&columns, &rows(&keys.into(), row), "no keys")?;
    if is_cut {
        eprintln!("there are more: --limit {}", limit.saturating_mul(10));
    }
    Ok(())
}

async fn get(client: &Client, namespace: &str, key: &str, out: Out) -> Result<(), CliError> {
    let path = client.path(&["kv", namespace, "values", key])?;
    let response = client.send(client.request(Method::GET, &path)).await;
    let mut response = response.map_err(|error| match error {
        CliError::Refused { status: 404, frame, kind, .. } => CliError::Refused {
            message: format!("there is no key `{key}` in `{namespace}`"),
            hint: Some(format!("`tabmesh kv list {namespace}` shows those there are")),
            frame,
            status: 404,
            kind,
        },
        other => other,
    })?;
    let broken = |error: reqwest::Error| client.broken(&error);
    let mut kept = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if out.json {
            kept.extend_from_slice(&chunk);
        } else {
            out.bytes(&chunk)?;
        }
    }
    if !out.json {
        return Ok(());
    }
    out.document(&match String::from_utf8(kept) {
        Ok(value) => json!({ "key": key, "value": value }),
        Err(error) => {
            use base64::Engine as _;
            let value = base64::engine::general_purpose::STANDARD.encode(error.as_bytes());
            json!({ "key": key, "value": value, "base64": true })
        }
    })
}

async fn bulk(client: &Client, namespace: &str, file: &std::path::Path, out: Out) -> Result<(), CliError> {
    let bytes = if file.as_os_str() == "-" {
        ask::input(MAX_BULK)?
    } else {
        std::fs::read(file).map_err(|error| CliError::file(file, error))?
    };
    let pairs: Vec<Value> = serde_json::from_slice(&bytes).map_err(|error| {
        CliError::usage(
            format!("{}: {error}", file.display()),
            "it is a list: [{\"key\": \"a\", \"value\": \"1\"}]",
        )
    })?;
    let path = client.path(&["kv", namespace, "bulk"])?;
    let progress = Progress::count("values", pairs.len() as u64, out.json);
    let mut sent = 0;
    for batch in batches(&pairs) {
        client.post(&path, &batch.into()).await.inspect_err(|_| {
            if sent > 0 {
                eprintln!("note: {} set before", count(sent as u64, "value"));
            }
        })?;
        sent += batch.len();
        progress.set(sent as u64);
    }
    drop(progress);
    done(out, json!({ "set": sent }), &format!("{} set", count(sent as u64, "value")))
}

/// Parts that are sent one after the other.
fn batches(pairs: &[Value]) -> Vec<&[Value]> {
    let size = |pair: &Value| pair["value"].as_str().map_or(64, |value| value.len() + 64);
    let mut found = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (at, pair) in pairs.iter().enumerate() {
        if at > from && (at - from >= BATCH.0 || bytes + size(pair) > BATCH.1) {
            found.push(&pairs[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += size(pair);
    }
    if from < pairs.len() {
        found.push(&pairs[from..]);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_and_leave_nothing_out() {
        let pairs: Vec<Value> = (0..2_500).map(|n| json!({ "key": n.to_string(), "value": "x" })).collect();
        let sizes: Vec<usize> = batches(&pairs).iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 500]);
        let large = vec![json!({ "key": "a", "value": "x".repeat(5 << 20) }); 3];
        assert_eq!(batches(&large).len(), 3);
        assert!(batches(&[]).is_empty());
    }
}
