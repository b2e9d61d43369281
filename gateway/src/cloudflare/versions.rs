//! Versions and deployments. A version's id is a UUID made of the first half of its hash.

use super::answer::{Answer, ok};
use super::scripts::Upload;
use super::{Script, Shared};
use crate::access::Principal;
use crate::api::deployments::shares;
use crate::api::stores;
use crate::api::upload::notes;
use crate::api::versions::{find, percentage, shown};
use crate::api::view::time;
use crate::catalog::versions::{Deployment, Notes, Version};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tabmesh_protocol::bundle::Bundle;

/// Largest request, in bytes.
const MAX_REQUEST: usize = 64 << 10;

/// Versions in a list; as Cloudflare.
const MAX_LIST: usize = 100;

/// Deployments in a list; as Cloudflare.
const MAX_DEPLOYMENTS: usize = 10;

/// Which version.
#[derive(Deserialize)]
pub(super) struct Place {
    account: String,
    script: String,
    version: String,
}

/// What shall be deployed.
#[derive(Deserialize)]
struct Wanted {
    versions: Vec<WantedShare>,
    #[serde(default)]
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct WantedShare {
    version_id: String,
    percentage: f64,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "workers/message")]
    message: Option<String>,
}

/// A version's hash as clients name it.
pub(super) fn id(hash: &str) -> String {
    let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn annotations(notes: &Notes) -> Value {
    let mut annotations = Map::new();
    for (name, text) in [("workers/message", &notes.message), ("workers/tag", &notes.tag)] {
        annotations.extend(text.iter().map(|text| (name.to_owned(), Value::from(text.clone()))));
    }
    annotations.into()
}

fn described(version: &Version, has_preview: bool, bundle: Option<Bundle>) -> Value {
    let author = version.notes.author.as_deref().unwrap_or("unknown");
    let mut value = json!({
        "id": id(&version.hash), "number": version.number,
        "metadata": {
            "created_on": time(version.created_at_ms), "modified_on": time(version.created_at_ms),
            "source": "wrangler", "author_id": author, "author_email": author, "has_preview": has_preview,
        },
        "annotations": annotations(&version.notes),
    });
    if let Some(bundle) = bundle {
        value["resources"] = json!({
            "bindings": shown(bundle.env),
            "script": { "etag": version.hash, "handlers": ["fetch"], "last_deployed_from": "wrangler" },
            "script_runtime": { "usage_model": "standard", "limits": { "cpu_ms": version.limits.cpu_ms } },
        });
        value["startup_time_ms"] = 0.into();
    }
    value
}

fn deployment_of(deployment: &Deployment) -> Value {
    let author = deployment.notes.author.as_deref().unwrap_or("unknown");
    let shares = deployment.shares.iter();
    let versions: Vec<Value> = shares
        .map(|share| json!({ "version_id": id(&share.version), "percentage": percentage(share.points) }))
        .collect();
    json!({
        "id": format!("00000000-0000-4000-8000-{:012}", deployment.number), "source": "wrangler",
        "strategy": "percentage", "author_email": author, "created_on": time(deployment.created_at_ms),
        "annotations": annotations(&deployment.notes), "versions": versions,
    })
}

pub(super) async fn list(State(cloudflare): Shared, path: Result<Path<Script>, PathRejection>) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let versions = cloudflare.api.versions(&account, &script).await?;
    let previews = cloudflare.handler(&account, &script)?.previews;
    // wrangler looks for the bindings of the newest one in the list.
    let mut newest = match versions.first() {
        Some(version) => Some(cloudflare.api.bundle(&version.hash).await?),
        None => None,
    };
    let items = versions.iter().take(MAX_LIST).map(|version| described(version, previews, newest.take()));
    let items: Vec<Value> = items.collect();
    ok(json!({ "items": items }))
}

pub(super) async fn read(State(cloudflare): Shared, path: Result<Path<Place>, PathRejection>) -> Answer {
    let Path(Place { account, script, version }) = path.map_err(|_| super::no_such_path())?;
    cloudflare.api.know(&account)?;
    let versions = cloudflare.api.versions(&account, &script).await?;
    let version = find(&versions, &version)?;
    let previews = cloudflare.handler(&account, &script)?.previews;
    ok(described(version, previews, Some(cloudflare.api.bundle(&version.hash).await?)))
}

/// Makes a version of an upload and deploys nothing.
pub(super) async fn post(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let previews = cloudflare.handler(&account, &script)?.previews;
    let author = Principal::named(&request);
    let version = match cloudflare.receive(&account, &script, request).await? {
        Upload::New(received) => cloudflare.api.upload(&account, &script, *received).await?.version,
        Upload::Copy(copy) => cloudflare.copy(&account, &script, copy, author).await?,
    };
    tracing::info!(tenant = %account, handler = %script, version = %version.hash, "version uploaded");
    let bundle = cloudflare.api.bundle(&version.hash).await?;
    ok(described(&version, previews, Some(bundle)))
}

pub(super) async fn deployments(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let deployments = cloudflare.api.deployments(&account, &script).await?;
    let deployments: Vec<Value> = deployments.iter().take(MAX_DEPLOYMENTS).map(deployment_of).collect();
    ok(json!({ "deployments": deployments }))
}

/// Lets requests get these versions.
pub(super) async fn deploy(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let author = Principal::named(&request);
    let wanted: Wanted = stores::json(request, MAX_REQUEST).await?;
    let versions = cloudflare.api.versions(&account, &script).await?;
    let parts: Vec<(String, f64)> =
        wanted.versions.into_iter().map(|share| (share.version_id, share.percentage)).collect();
    let shares = shares(&versions, &parts)?;
    let notes = Notes { author, ..notes(wanted.annotations.unwrap_or_default().message, None)? };
    let deployment = cloudflare.api.deploy_shares(&account, &script, shares, notes).await?;
    ok(deployment_of(&deployment))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_uuids() {
        let hash = "0123456789abcdef0123456789abcdef".repeat(2);
        assert_eq!(super::id(&hash), "01234567-89ab-cdef-0123-456789abcdef");
    }
}
