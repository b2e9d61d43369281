//! `versions secret`: wrangler fetches the modules of a version and uploads them again with a secret more. Tabmesh keeps no sources, so
//! it gives out a module that stands for the version, and takes an upload of that for a copy of it.
//!
//! A secret's value belongs to the handler and counts at once for all versions that name it. So a copy may have secrets that the handler
//! has not yet and no deployed version names; others would not wait for a deployment, and are refused.

use super::answer::{Answer, Refusal};
use super::{Cloudflare, Script, Shared, no_such_path};
use crate::api::secrets::{self as own, NewSecrets};
use crate::api::upload::{self, Form};
use crate::api::versions::find;
use crate::catalog::versions::{Notes, Version};
use crate::host::kv::parameter;
use axum::extract::Path;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::response::IntoResponse as _;
use http::{HeaderName, HeaderValue, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Name of the module.
const NAME: &str = "stand-in.js";

/// What its text begins with; the version's hash follows.
const MARK: &str = "// Tabmesh keeps no sources. An upload of this file is a copy of the version ";

/// Between the parts of the form: nothing that a hash has.
const BOUNDARY: &str = "tabmesh-stand-in";

/// The metadata of a copy, as far as it may say something.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    bindings: Vec<Map<String, Value>>,
    #[serde(default)]
    keep_bindings: Vec<String>,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "workers/message")]
    message: Option<String>,
    #[serde(rename = "workers/tag")]
    tag: Option<String>,
}

/// A copy that an upload asks for.
#[derive(Debug)]
pub(super) struct Copy {
    hash: String,
    secrets: NewSecrets,
    notes: Notes,
}

/// The modules of a version, as wrangler wants them.
pub(super) async fn content(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    uri: Uri,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let versions = cloudflare.api.versions(&account, &script).await?;
    let version = match parameter(&uri, "version") {
        Some(id) => find(&versions, &id)?,
        None => versions.first().ok_or_else(no_such_path)?,
    };
    let body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{NAME}\"; filename=\"{NAME}\"\r\n\
         Content-Type: application/javascript+module\r\n\r\n{MARK}{}\nexport default {{}};\n\r\n--{BOUNDARY}--\r\n",
        version.hash
    );
    const FIELDS: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=tabmesh-stand-in")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("cf-entrypoint"), HeaderValue::from_static(NAME)),
    ];
    Ok((FIELDS, body).into_response())
}

/// The copy that a form asks for; `None` for an upload like any other.
pub(super) fn wanted(form: &Form) -> Result<Option<Copy>, Refusal> {
    let [file] = &*form.files else { return Ok(None) };
    let hash = std::str::from_utf8(&file.bytes).ok().and_then(|text| text.strip_prefix(MARK));
    let Some(hash) = hash.and_then(|rest| rest.lines().next()) else { return Ok(None) };
    let metadata: Metadata = serde_json::from_slice(form.metadata.as_deref().unwrap_or_default())
        .map_err(|error| Refusal::metadata(format!("The metadata cannot be read: {error}.")))?;
    if !metadata.keep_bindings.iter().any(|kind| kind == "secret_text") {
        return Err(Refusal::metadata(
            "Secrets belong to the handler, not to a version: `wrangler secret delete` takes one away from all of them.",
        ));
    }
    let mut secrets = NewSecrets::new();
    for mut binding in metadata.bindings {
        let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
        let (kind, name) = (text(binding.remove("type")), text(binding.remove("name")));
        match (kind.as_deref(), name, text(binding.remove("text"))) {
            (Some("inherit"), ..) => {}
            (Some("secret_text"), Some(name), Some(value)) => secrets.push((name, value)),
            _ => return Err(Refusal::metadata("A copy of a version differs from it in secrets alone.")),
        }
    }
    let Annotations { message, tag } = metadata.annotations;
    Ok(Some(Copy { hash: hash.to_owned(), secrets, notes: upload::notes(message, tag)? }))
}

impl Cloudflare {
    /// Makes the copy, and deploys nothing.
    pub(super) async fn copy(
        &self,
        account: &str,
        script: &str,
        copy: Copy,
        author: Option<String>,
    ) -> Result<Version, Refusal> {
        let Copy { hash, secrets, notes } = copy;
        let mut known: BTreeSet<String> = self.api.catalog.secrets(account, script).into_keys().collect();
        for deployed in self.api.catalog.deployed(account, script) {
            known.extend(
                self.api
                    .bundle(&deployed.target.version)
                    .await?
                    .env
                    .iter()
                    .map(|binding| binding.name().to_owned()),
            );
        }
        if let Some((name, _)) = secrets.iter().find(|(name, _)| known.contains(name)) {
            return Err(Refusal::metadata(format!(
                "What is deployed knows `{}` already, so a value would count at once and wait for no deployment: `wrangler secret put` does that.",
                name.escape_debug()
            )));
        }
        let versions = self.api.versions(account, script).await?;
        let version = find(&versions, &hash)?;
        let notes = Notes { author, ..notes };
        Ok(own::copy_with(&self.api, account, script, version, secrets, notes).await?.version)
    }
}
