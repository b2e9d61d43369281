//! Scripts: uploaded and deployed at once, described, taken away.

use super::answer::{Answer, NO_SERVICE, Refusal, ok, paged};
use super::{Account, Cloudflare, Script, Shared, metadata, stand_in, versions};
use crate::api::upload::Form;
use crate::api::view::time;
use crate::api::{Received, no_handler, versions::shown};
use crate::catalog::Handler;
use crate::deploy::{SourceFile, check_handler_name};
use crate::problem::{Problem, ProblemType};
use crate::stacks;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use bytes::Bytes;
use http::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tabmesh_protocol::bundle::Binding;

/// Largest settings, in bytes.
const MAX_SETTINGS: usize = 64 << 10;

/// What a script without modules does: its static files answer, and what they do not is not there.
const ONLY_ASSETS: &[u8] = b"export default { fetch: (request, env) => env.ASSETS.fetch(request) };";

/// Settings of a script that are of no version.
#[derive(Deserialize)]
struct ScriptSettings {
    tail_consumers: Option<Vec<Value>>,
}

/// Makes a version of an upload and deploys it.
pub(super) async fn put(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    check_handler_name(&script)
        .map_err(|reason| Problem::new(ProblemType::InvalidHandlerName).detail(reason))?;
    let Upload::New(received) = cloudflare.receive(&account, &script, request).await? else {
        return Err(Refusal::metadata("A copy of a version is a version first: it is not deployed at once."));
    };
    let Received { compiled, mut settings, secrets } = *received;
    if let Some(before) = cloudflare.api.catalog.lookup(&account, &script) {
        settings.triggers = before.triggers();
    }
    let put = cloudflare.api.deploy(&account, &script, compiled, settings, secrets).await?;
    let version = &put.handler.target.version;
    stacks::forget(version);
    tracing::info!(tenant = %account, handler = %script, %version, created = put.created, "deployed");
    let mut result = described(&put.handler);
    result["deployment_id"] = versions::id(version).into();
    result["startup_time_ms"] = 0.into();
    ok(result)
}

pub(super) async fn delete(State(cloudflare): Shared, path: Result<Path<Script>, PathRejection>) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    cloudflare.api.delete(&account, &script).await?;
    ok(Value::Null)
}

pub(super) async fn list(
    State(cloudflare): Shared,
    path: Result<Path<Account>, PathRejection>,
    uri: Uri,
) -> Answer {
    let tenant = cloudflare.account(path)?;
    paged(cloudflare.api.catalog.list(&tenant).iter().map(|it| described(it)).collect(), uri.query())
}

/// A script as a service of one environment.
pub(super) async fn service(State(cloudflare): Shared, path: Result<Path<Script>, PathRejection>) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let handler = cloudflare.handler(&account, &script);
    let script = described(&*handler.map_err(|refusal| refusal.coded(StatusCode::NOT_FOUND, NO_SERVICE))?);
    ok(json!({
        "id": script["id"], "created_on": script["created_on"], "modified_on": script["modified_on"],
        "default_environment": { "environment": "production", "created_on": script["created_on"], "script": script },
        "environments": [],
    }))
}

/// Who else uses it: nobody asks before one is taken away.
pub(super) async fn references(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    cloudflare.handler(&account, &script)?;
    ok(json!({ "services": { "incoming": [] }, "durable_objects": [], "dispatch_outbounds": [] }))
}

/// What the deployed version has.
pub(super) async fn settings(State(cloudflare): Shared, path: Result<Path<Script>, PathRejection>) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let handler = cloudflare.handler(&account, &script)?;
    let bundle = cloudflare.api.bundle(&handler.target.version).await?;
    ok(json!({
        "bindings": shown(bundle.env), "usage_model": "standard", "tags": [], "tail_consumers": null,
        "logpush": false, "placement": {}, "observability": { "enabled": false },
    }))
}

pub(super) async fn script_settings(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    cloudflare.handler(&account, &script)?;
    ok(json!({ "logpush": false, "tail_consumers": null, "tags": [], "observability": { "enabled": false } }))
}

/// Nothing of it means anything here; what a script might rely on is refused.
pub(super) async fn put_script_settings(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    cloudflare.handler(&account, &script)?;
    let body: Map<String, Value> = crate::api::stores::json(request, MAX_SETTINGS).await?;
    let settings: ScriptSettings = serde_json::from_value(body.clone().into())
        .map_err(|error| Refusal::metadata(format!("The settings cannot be read: {error}.")))?;
    if settings.tail_consumers.is_some_and(|consumers| !consumers.is_empty()) {
        return Err(Refusal::metadata("Tabmesh has no tail Workers: `wrangler tail` shows the events."));
    }
    ok(body)
}

fn described(handler: &Handler) -> Value {
    let name = &handler.target.handler;
    let tag = Sha256::digest(format!("{}/{name}", handler.target.tenant));
    json!({
        "id": name, "name": name, "tag": hex::encode(&tag[..16]), "tags": [], "etag": handler.target.version,
        "created_on": time(handler.created_at_ms), "modified_on": time(handler.updated_at_ms),
        "last_deployed_from": "wrangler", "usage_model": "standard", "handlers": ["fetch"],
    })
}

/// What an upload is.
pub(super) enum Upload {
    /// Modules.
    New(Box<Received>),
    /// A version again, with secrets.
    Copy(stand_in::Copy),
}

impl Cloudflare {
    pub(super) fn handler(&self, account: &str, script: &str) -> Result<Arc<Handler>, Refusal> {
        Ok(self.api.catalog.lookup(account, script).ok_or_else(no_handler)?)
    }

    /// Reads an upload in Cloudflare's form and compiles it, unless it is to be a copy of what is there.
    pub(super) async fn receive(
        &self,
        account: &str,
        script: &str,
        request: Request,
    ) -> Result<Upload, Refusal> {
        let known = self.bindings(account, script).await?;
        let (mut upload, mut copy) = (None, None);
        let received = self
            .api
            .receive_as(account, request, |form| {
                copy = stand_in::wanted(&form)?;
                if copy.is_some() {
                    // There is nothing to compile; nobody is told this.
                    return Err(Refusal::metadata("A copy."));
                }
                let (form, token) = self.translate(account, form, &known)?;
                upload = token;
                Ok::<_, Refusal>(form)
            })
            .await;
        if let Some(copy) = copy {
            return Ok(Upload::Copy(copy));
        }
        let received = received?;
        // It is in the store when its deployment is; and a client that must try again begins again.
        upload.iter().for_each(|token| self.uploads.end(token));
        Ok(Upload::New(Box::new(received)))
    }

    /// What the version before has, which an upload may take over.
    async fn bindings(&self, account: &str, script: &str) -> Result<Vec<Binding>, Refusal> {
        if self.api.catalog.lookup(account, script).is_none() {
            return Ok(vec![]);
        }
        let versions = self.api.versions(account, script).await?;
        let Some(last) = versions.first() else { return Ok(vec![]) };
        Ok(self.api.bundle(&last.hash).await?.env)
    }

    fn translate(
        &self,
        account: &str,
        form: Form,
        known: &[Binding],
    ) -> Result<(Form, Option<String>), Refusal> {
        let Form { mut files, metadata, .. } = form;
        let metadata = metadata.ok_or_else(|| Refusal::metadata("The form has no part named metadata."))?;
        let metadata::Translated { mut metadata, assets, rules } = metadata::translate(&metadata, known)?;
        let mut site = match &assets {
            Some(token) => self.uploads.site(token, account)?,
            None => Default::default(),
        };
        for (path, text) in rules {
            site.add(path, text.into()).map_err(|error| Refusal::metadata(format!("{error}.")))?;
        }
        if files.is_empty() && assets.is_some() {
            files.push(SourceFile { name: "index.js".into(), bytes: Bytes::from_static(ONLY_ASSETS) });
            metadata.insert("bindings".into(), json!([{ "type": "assets", "name": "ASSETS" }]));
        }
        let metadata = serde_json::to_vec(&metadata).map_err(|_| Problem::new(ProblemType::Internal))?;
        Ok((Form { files, metadata: Some(metadata.into()), site }, assets))
    }
}
