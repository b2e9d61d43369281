//! `tabmesh config`: what holds, and where it comes from. Shows no token.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::error::CliError;
use super::out::Out;
use super::settings::{Found, Token};
use super::sources::{Connect, token, user_file};
use super::table::Align::Left;

/// Characters of a token that are shown: enough to tell which one it is, too few to use it.
const SHOWN: usize = 8;

/// Shortest token of which these are shown.
const LONG: usize = 24;

/// What `config` is told.
#[derive(Clone, Debug, Args)]
pub struct ConfigArgs {
    /// Folder of the project
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,

    #[command(flatten)]
    connect: Connect,
}

/// `tabmesh config`.
pub(super) fn run(args: &ConfigArgs, out: Out) -> Result<(), CliError> {
    let settings = args.connect.settings(&args.folder)?;
    let mut entries = vec![("gateway", Some(shown(&settings.gateway, String::clone)))];
    entries.push(("tenant", settings.tenant.as_ref().map(|found| shown(found, String::clone))));
    let secret = match &settings.token {
        Some(found) => Some((mask(&token(&found.value)?), place(found))),
        None => None,
    };
    entries.push(("token", secret));
    entries.push(("ca", settings.ca.as_ref().map(|found| shown(found, |path| path.display().to_string()))));
    entries.push(("profile", settings.profile.map(|name| (name, String::new()))));
    if out.json {
        let values: serde_json::Map<String, Value> = entries
            .into_iter()
            .map(|(name, found)| {
                (
                    name.into(),
                    found.map_or(Value::Null, |(value, origin)| json!({ "value": value, "from": origin })),
                )
            })
            .collect();
        return out.document(&values.into());
    }
    let row = |(name, found): &(&str, Option<(String, String)>)| {
        let (value, origin) = found.clone().unwrap_or_else(|| ("-".into(), String::new()));
        vec![(*name).to_owned(), value, origin]
    };
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    out.table(&[("setting", Left), ("value", Left), ("from", Left)], &rows, "")?;
    if let Some(origin) = settings.withheld {
        out.line(&format!("the token in {origin} is for another gateway and is not sent to this one"))?;
    }
    match user_file() {
        Some(path) if !path.is_file() => out.line(&format!("your own file would be {}", path.display())),
        _ => Ok(()),
    }
}

fn shown<T>(found: &Found<T>, text: impl Fn(&T) -> String) -> (String, String) {
    (text(&found.value), found.origin.to_string())
}

fn place(found: &Found<Token>) -> String {
    match &found.value {
        Token::Text(_) => found.origin.to_string(),
        Token::File(path) => format!("{} ({})", path.display(), found.origin),
    }
}

fn mask(token: &str) -> String {
    // A short one would be half told.
    let shown: String = if token.len() >= LONG { token.chars().take(SHOWN).collect() } else { String::new() };
    format!("{shown}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_masked() {
        assert_eq!(mask("tmsh_abcdefghijklmnopqrstuvwxyz"), "tmsh_abc…");
        assert_eq!(mask("secret"), "…");
    }
}
