//! Secrets of a handler: written and named, never shown. A secret is in `env` of the next version, which a PUT makes: the
//! handler gets a placeholder there, and outbound fetch puts the value in its place.

use super::{Address, Api, Received, Shared, json, no_handler, store_problem};
use crate::access::Principal;
use crate::catalog::versions::{Notes, Version};
use crate::catalog::{MAX_SECRET, MAX_SECRETS, Put, Settings};
use crate::deploy::Compiled;
use crate::deploy::bindings::is_name;
use crate::problem::{Problem, ProblemType};
use crate::site::manifest::{Manifest, Site};
use crate::store::{SecretRow, StoreError};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tabmesh_protocol::bundle::{Binding, Bundle};
use utoipa::ToSchema;

/// Which secret a path means.
#[derive(Deserialize)]
pub(super) struct Place {
    #[serde(default = "super::default_tenant")]
    tenant: String,
    name: String,
    secret: String,
}

/// Names and values.
pub(crate) type NewSecrets = Vec<(String, String)>;

/// The JSON of a handler's secrets.
#[derive(Serialize, ToSchema)]
struct Secrets {
    /// Their names.
    secrets: Vec<String>,
}

/// Names a handler's secrets.
#[utoipa::path(get, path = "/handlers/{name}/secrets", tag = "secrets", params(("name" = String, Path)),
    responses((status = 200, body = Secrets)))]
pub(super) async fn list(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    api.catalog.lookup(&tenant, &name).ok_or_else(no_handler)?;
    let secrets = api.catalog.secrets(&tenant, &name).into_keys().collect();
    Ok(json(StatusCode::OK, &Secrets { secrets }))
}

/// Writes a secret; the body is its value.
#[utoipa::path(put, path = "/handlers/{name}/secrets/{secret}", tag = "secrets",
    params(("name" = String, Path), ("secret" = String, Path)),
    request_body(content = String, content_type = "text/plain"), responses((status = 204)))]
pub(super) async fn put(
    State(api): Shared,
    place: Result<Path<Place>, PathRejection>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let Path(Place { tenant, name, secret }) = place.map_err(|_| no_handler())?;
    let author = Principal::named(&request);
    let body = Limited::new(request.into_body(), MAX_SECRET).collect().await;
    let value = body.ok().and_then(|body| String::from_utf8(body.to_bytes().into()).ok());
    let value =
        value.ok_or_else(|| invalid(format!("A secret is UTF-8 text of at most {MAX_SECRET} bytes.")))?;
    keep(&api, &tenant, &name, vec![(secret, value)], author).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes secrets, and makes a version that has them where there is none; `author` is who did.
pub(crate) async fn keep(
    api: &Api,
    tenant: &str,
    name: &str,
    secrets: NewSecrets,
    author: Option<String>,
) -> Result<(), Problem> {
    let handler = api.catalog.lookup(tenant, name).ok_or_else(no_handler)?;
    check(api, tenant, name, &secrets)?;
    let names: BTreeSet<&String> = secrets.iter().map(|(secret, _)| secret).collect();
    // They belong into `env` of what is deployed.
    let bundle = api.bundle(&handler.target.version).await?;
    let is_there = |secret: &String| bundle.env.iter().any(|binding| binding.name() == secret);
    let new: Vec<&str> = names.into_iter().filter(|secret| !is_there(secret)).map(String::as_str).collect();
    let message = format!("secret {}", new.join(", "));
    if new.is_empty() {
        return api.keep_secrets(tenant, name, secrets).await;
    }
    if api.catalog.deployed(tenant, name).len() > 1 {
        return Err(Problem::new(ProblemType::RolloutUnderWay).detail(
            "A new secret makes a version that all requests get: first deploy one version to all of them.",
        ));
    }
    let notes = Notes { message: Some(message), author, ..Notes::default() };
    let settings = Settings { limits: handler.limits, triggers: handler.triggers(), notes };
    let compiled = api.compiled(&handler.target.version, bundle).await?;
    // First, so that the version finds them.
    api.keep_secrets(tenant, name, secrets).await?;
    api.deploy(tenant, name, compiled, settings, vec![]).await?;
    Ok(())
}

/// Makes a version like another, with secrets that the handler has not yet, and deploys nothing.
pub(crate) async fn copy_with(
    api: &Api,
    tenant: &str,
    name: &str,
    version: &Version,
    secrets: NewSecrets,
    notes: Notes,
) -> Result<Put, Problem> {
    let handler = api.catalog.lookup(tenant, name).ok_or_else(no_handler)?;
    check(api, tenant, name, &secrets)?;
    let bundle = api.bundle(&version.hash).await?;
    let compiled = api.compiled(&version.hash, bundle).await?;
    api.keep_secrets(tenant, name, secrets).await?;
    let settings = Settings { limits: version.limits, triggers: handler.triggers(), notes };
    api.upload(tenant, name, Received { compiled, settings, secrets: vec![] }).await
}

/// Whether these can be secrets of the handler beside those that it has.
fn check(api: &Api, tenant: &str, name: &str, secrets: &NewSecrets) -> Result<(), Problem> {
    if !secrets.iter().all(|(secret, _)| is_name(secret)) {
        return Err(invalid("A secret's name has letters, digits, `_` and `$`, no digit first."));
    }
    if secrets.iter().any(|(_, value)| value.len() > MAX_SECRET) {
        return Err(invalid(format!("A secret is UTF-8 text of at most {MAX_SECRET} bytes.")));
    }
    let known = api.catalog.secrets(tenant, name);
    let names: BTreeSet<&String> = known.keys().chain(secrets.iter().map(|(secret, _)| secret)).collect();
    if names.len() > MAX_SECRETS {
        return Err(invalid(format!("A handler has at most {MAX_SECRETS} secrets.")));
    }
    Ok(())
}

/// Takes a secret away.
#[utoipa::path(delete, path = "/handlers/{name}/secrets/{secret}", tag = "secrets",
    params(("name" = String, Path), ("secret" = String, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(api): Shared,
    place: Result<Path<Place>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(Place { tenant, name, secret }) = place.map_err(|_| no_handler())?;
    forget(&api, &tenant, &name, &secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a secret away.
pub(crate) async fn forget(api: &Api, tenant: &str, name: &str, secret: &str) -> Result<(), Problem> {
    let gone = api.catalog.delete_secret(tenant, name, secret).await;
    if gone.map_err(|error| store_problem(&error))? {
        return Ok(());
    }
    Err(Problem::new(ProblemType::NotFound).detail("The handler has no secret of this name."))
}

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(ProblemType::InvalidRequest).detail(detail)
}

impl Api {
    /// A version with this bundle, to be uploaded again.
    async fn compiled(&self, version: &str, bundle: Bundle) -> Result<Compiled, Problem> {
        let maps = self.catalog.maps(version).await.map_err(|error| store_problem(&error))?;
        let maps = maps.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let site = self.site(version).await.map_err(|error| store_problem(&error))?;
        Ok(Compiled { bundle, maps, site })
    }

    /// The static files of a version, to be deployed again.
    async fn site(&self, version: &str) -> Result<Site, StoreError> {
        let Some(json) = self.catalog.manifest(version).await? else { return Ok(Site::default()) };
        let manifest: Manifest = serde_json::from_slice(&json).unwrap_or_default();
        let mut site = Site { manifest, ..Site::default() };
        for hash in site.manifest.files.values() {
            if let Some(bytes) = self.catalog.file(hash).await? {
                site.files.insert(hash.clone(), bytes);
            }
        }
        Ok(site)
    }

    /// Deploys a bundle with the secrets that come with it and those that the handler has; what is new is there when this
    /// returns.
    pub(crate) async fn deploy(
        &self,
        tenant: &str,
        name: &str,
        mut compiled: Compiled,
        settings: Settings,
        secrets: Vec<(String, String)>,
    ) -> Result<Put, Problem> {
        self.add_secrets(tenant, name, &mut compiled.bundle);
        let _turn = self.within_quota(tenant, name, &compiled).await?;
        // Before the version that needs them where there is a handler, right after it where there was none.
        let known = self.catalog.lookup(tenant, name).is_some();
        if known {
            self.keep_secrets(tenant, name, secrets.clone()).await?;
        }
        let put = self
            .catalog
            .put(tenant, name, compiled, settings)
            .await
            .map_err(|error| store_problem(&error))?;
        if !known {
            self.keep_secrets(tenant, name, secrets).await?;
        }
        Ok(put)
    }

    /// Makes a version without deploying it.
    pub(crate) async fn upload(&self, tenant: &str, name: &str, received: Received) -> Result<Put, Problem> {
        let Received { mut compiled, settings, secrets } = received;
        if !secrets.is_empty() {
            return Err(invalid("Secrets' values are not of a version: put them by their own path."));
        }
        self.add_secrets(tenant, name, &mut compiled.bundle);
        let _turn = self.within_quota(tenant, name, &compiled).await?;
        let put = self.catalog.upload(tenant, name, compiled, settings).await;
        put.map_err(|error| store_problem(&error))
    }

    /// The handler's secrets by name, and what stands for their values.
    fn add_secrets(&self, tenant: &str, name: &str, bundle: &mut Bundle) {
        for kept in self.catalog.secrets(tenant, name).into_keys() {
            if bundle.env.iter().all(|binding| binding.name() != kept) {
                bundle.env.push(Binding::SecretText { name: kept, placeholder: String::new() });
            }
        }
        for binding in &mut bundle.env {
            if let Binding::SecretText { name: secret, placeholder } = binding {
                *placeholder = self.catalog.placeholder(tenant, name, secret);
            }
        }
    }

    async fn keep_secrets(
        &self,
        tenant: &str,
        name: &str,
        secrets: Vec<(String, String)>,
    ) -> Result<(), Problem> {
        for (secret, value) in secrets {
            let row = SecretRow { tenant: tenant.to_owned(), handler: name.to_owned(), name: secret, value };
            self.catalog.put_secret(row).await.map_err(|error| store_problem(&error))?;
        }
        Ok(())
    }
}
