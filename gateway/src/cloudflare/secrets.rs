//! Secrets of scripts, one at a time or many.

use super::answer::{Answer, Refusal, ok};
use super::{Script, Shared, form, no_such_path};
use crate::access::Principal;
use crate::api::{secrets as own, stores};
use crate::catalog::{MAX_SECRET, MAX_SECRETS};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Largest request of one secret, in bytes: any sign may be escaped.
const MAX_REQUEST: usize = 6 * MAX_SECRET + 1024;

/// Largest request of many, in bytes.
const MAX_BULK: usize = MAX_SECRETS * MAX_REQUEST;

/// Which secret.
#[derive(Deserialize)]
pub(super) struct Place {
    account: String,
    script: String,
    secret: String,
}

/// A secret, as it is put.
#[derive(Deserialize)]
struct Secret {
    name: String,
    text: String,
}

/// New settings, of which bindings are.
#[derive(Deserialize)]
struct Settings {
    bindings: Vec<Map<String, Value>>,
}

fn named(name: &str) -> Value {
    json!({ "name": name, "type": "secret_text" })
}

pub(super) async fn list(State(cloudflare): Shared, path: Result<Path<Script>, PathRejection>) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    cloudflare.handler(&account, &script)?;
    let secrets = cloudflare.api.catalog.secrets(&account, &script);
    ok(secrets.keys().map(|name| named(name)).collect::<Vec<_>>())
}

pub(super) async fn put(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let author = Principal::named(&request);
    let Secret { name, text } = stores::json(request, MAX_REQUEST).await?;
    own::keep(&cloudflare.api, &account, &script, vec![(name.clone(), text)], author).await?;
    ok(named(&name))
}

pub(super) async fn delete(State(cloudflare): Shared, path: Result<Path<Place>, PathRejection>) -> Answer {
    let Path(Place { account, script, secret }) = path.map_err(|_| no_such_path())?;
    cloudflare.api.know(&account)?;
    cloudflare.handler(&account, &script)?;
    own::forget(&cloudflare.api, &account, &script, &secret).await?;
    ok(Value::Null)
}

/// New settings: bindings that stay as they are, and secrets.
pub(super) async fn bulk(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    cloudflare.handler(&account, &script)?;
    let author = Principal::named(&request);
    let parts = form::read(request, MAX_BULK).await?;
    let text = parts.iter().find(|(name, _)| name == "settings").map(|(_, text)| text.clone());
    let settings: Settings = serde_json::from_slice(&text.unwrap_or_default())
        .map_err(|error| Refusal::metadata(format!("The settings cannot be read: {error}.")))?;
    let secrets = settings.bindings.into_iter().filter_map(|binding| changed(binding).transpose());
    let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
    let names: Vec<Value> = secrets.iter().map(|(name, _)| named(name)).collect();
    own::keep(&cloudflare.api, &account, &script, secrets, author).await?;
    ok(json!({ "bindings": names }))
}

/// A secret's new value; `None` for a binding that stays.
fn changed(mut binding: Map<String, Value>) -> Result<Option<(String, String)>, Refusal> {
    let kind = binding.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = binding.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    match (kind.as_str(), binding.remove("text")) {
        ("secret_text", Some(Value::String(text))) => Ok(Some((name, text))),
        (_, None) if binding.len() == 2 => Ok(None),
        _ => Err(Refusal::metadata(format!(
            "Bindings other than secrets are part of a version: deploy to change `{}`.",
            name.escape_debug()
        ))),
    }
}
