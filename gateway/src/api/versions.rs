//! Versions of a handler: made without being deployed, listed, shown and compared.

use super::diff::{self, Side};
use super::view::{preview, time};
use super::{Address, Api, Shared, created, guard, json, no_handler, store_problem, upload};
use crate::catalog::versions::{Notes, Version};
use crate::catalog::{ModuleInfo, POINTS};
use crate::limits;
use crate::problem::{Problem, ProblemType};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use tabmesh_protocol::Limits;
use tabmesh_protocol::bundle::{Binding, Bundle};
use utoipa::ToSchema;

/// Digits of a hash that name a version, at least.
const MIN_DIGITS: usize = 8;

/// Which version a path means.
#[derive(Deserialize)]
pub(super) struct Place {
    #[serde(default = "super::default_tenant")]
    tenant: String,
    name: String,
    version: String,
}

/// Which two versions a path means.
#[derive(Deserialize)]
pub(super) struct Pair {
    #[serde(default = "super::default_tenant")]
    tenant: String,
    name: String,
    version: String,
    other: String,
}

/// The JSON of a version.
#[derive(Serialize, ToSchema)]
#[schema(as = Version)]
pub(super) struct View<'a> {
    version: &'a str,
    number: u32,
    created_at: String,
    #[serde(flatten)]
    #[schema(inline)]
    notes: &'a Notes,
    size: u64,
    /// Share of the requests that it gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    percentage: Option<f64>,
    /// Where it answers alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    preview_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modules: Option<&'a [ModuleInfo]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    bindings: Option<Vec<Binding>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    limits: Option<Limits>,
}

/// The JSON of a handler's versions.
#[derive(Serialize, ToSchema)]
struct Versions<'a> {
    /// The newest first.
    versions: Vec<View<'a>>,
}

/// Lists a handler's versions.
#[utoipa::path(get, path = "/handlers/{name}/versions", tag = "versions", params(("name" = String, Path)),
    responses((status = 200, body = Versions<'_>)))]
pub(super) async fn list(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    let versions = api.versions(&tenant, &name).await?;
    let own = guard::authority(&uri, &headers);
    let versions =
        versions.iter().map(|version| api.version_view(&tenant, &name, version, own.as_ref())).collect();
    Ok(json(StatusCode::OK, &Versions { versions }))
}

/// Shows a version.
#[utoipa::path(get, path = "/handlers/{name}/versions/{version}", tag = "versions",
    params(("name" = String, Path), ("version" = String, Path, description = "A hash or eight of its first digits, or a number")),
    responses((status = 200, body = View<'_>)))]
pub(super) async fn read(
    State(api): Shared,
    place: Result<Path<Place>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(Place { tenant, name, version }) = place.map_err(|_| no_version("of this name"))?;
    let versions = api.versions(&tenant, &name).await?;
    let version = find(&versions, &version)?;
    let bundle = api.bundle(&version.hash).await?;
    let view = api.version_view(&tenant, &name, version, guard::authority(&uri, &headers).as_ref());
    let view = View {
        modules: Some(&version.modules),
        bindings: Some(shown(bundle.env)),
        limits: Some(limits::within(version.limits, &api.limits.caps)),
        ..view
    };
    Ok(json(StatusCode::OK, &view))
}

/// Makes a version and deploys nothing.
#[utoipa::path(post, path = "/handlers/{name}/versions", tag = "versions", params(("name" = String, Path)),
    request_body(content((String = "application/javascript"), (upload::Document = "multipart/form-data"))),
    responses((status = 201, body = View<'_>)))]
pub(super) async fn post(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    api.catalog.lookup(&tenant, &name).ok_or_else(no_handler)?;
    let own = guard::authority(request.uri(), request.headers());
    let at = request.uri().path().to_owned();
    let upload = api.receive(&tenant, request).await?;
    let put = api.upload(&tenant, &name, upload).await?;
    tracing::info!(%tenant, handler = %name, version = %put.version.hash, "version uploaded");
    let view = api.version_view(&tenant, &name, &put.version, own.as_ref());
    Ok(created(&view, &format!("{at}/{}", put.version.hash)))
}

/// Says what is different in `other`.
#[utoipa::path(get, path = "/handlers/{name}/versions/{version}/diff/{other}", tag = "versions",
    params(("name" = String, Path), ("version" = String, Path), ("other" = String, Path)),
    responses((status = 200, body = diff::Changes)))]
pub(super) async fn diff(
    State(api): Shared,
    pair: Result<Path<Pair>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(Pair { tenant, name, version, other }) = pair.map_err(|_| no_version("of this name"))?;
    let versions = api.versions(&tenant, &name).await?;
    let (before, after) = (find(&versions, &version)?, find(&versions, &other)?);
    let before = api.side(before).await?;
    let after = api.side(after).await?;
    // Long texts take their time.
    let changes = tokio::task::spawn_blocking(move || diff::between(&before, &after)).await;
    Ok(json(StatusCode::OK, &changes.map_err(|_| Problem::new(ProblemType::Internal))?))
}

/// The version that a text names: a hash or its beginning, also as a UUID, or a number.
pub(crate) fn find<'a>(versions: &'a [Version], text: &str) -> Result<&'a Version, Problem> {
    if text.len() < MIN_DIGITS {
        let number: Option<u32> = text.parse().ok();
        return versions
            .iter()
            .find(|version| number == Some(version.number))
            .ok_or_else(|| no_version(&format!("with the number {}", text.escape_debug())));
    }
    let start = text.replace('-', "").to_ascii_lowercase();
    let mut found = versions.iter().filter(|version| version.hash.starts_with(&start));
    match (found.next(), found.next()) {
        (Some(version), None) => Ok(version),
        (Some(_), Some(_)) => Err(Problem::new(ProblemType::InvalidRequest)
            .detail("Several versions begin with these digits: give more of them.")),
        (None, _) => Err(no_version(&format!("that begins with {}", text.escape_debug()))),
    }
}

fn no_version(which: &str) -> Problem {
    Problem::new(ProblemType::VersionNotFound).detail(format!(
        "The handler has no version {which}; its list of versions names those that are kept."
    ))
}

/// Bindings without what stands for secrets: a placeholder is the handler's alone.
pub(crate) fn shown(mut env: Vec<Binding>) -> Vec<Binding> {
    for binding in &mut env {
        if let Binding::SecretText { placeholder, .. } = binding {
            placeholder.clear();
        }
    }
    env
}

impl Api {
    /// All versions of a handler that is there.
    pub(crate) async fn versions(&self, tenant: &str, name: &str) -> Result<Vec<Version>, Problem> {
        let versions = self.catalog.versions(tenant, name).await.map_err(|error| store_problem(&error))?;
        if versions.is_empty() { Err(no_handler()) } else { Ok(versions) }
    }

    /// A bundle that a version has.
    pub(crate) async fn bundle(&self, hash: &str) -> Result<Bundle, Problem> {
        let bytes = self.catalog.code(hash).await.map_err(|error| store_problem(&error))?;
        let bundle = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        bundle.ok_or_else(|| Problem::new(ProblemType::Internal))
    }

    async fn side(&self, version: &Version) -> Result<Side, Problem> {
        let bundle = self.bundle(&version.hash).await?;
        let site = self.catalog.manifest(&version.hash).await.map_err(|error| store_problem(&error))?;
        let site = site.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        Ok(Side { env: shown(bundle.env), modules: bundle.modules, limits: version.limits, site })
    }

    fn version_view<'a>(
        &self,
        tenant: &str,
        name: &str,
        version: &'a Version,
        own: Option<&Authority>,
    ) -> View<'a> {
        let share = self.catalog.share(tenant, name, &version.hash);
        let previews = self.catalog.lookup(tenant, name).is_some_and(|handler| handler.previews);
        View {
            version: &version.hash,
            number: version.number,
            created_at: time(version.created_at_ms),
            notes: &version.notes,
            size: version.size,
            percentage: share.map(percentage),
            preview_url: previews.then(|| preview(&version.hash, name, tenant, &self.limits, own)).flatten(),
            modules: None,
            bindings: None,
            limits: None,
        }
    }
}

/// Points as people write them.
pub(crate) fn percentage(points: u16) -> f64 {
    f64::from(points) * 100.0 / f64::from(POINTS)
}

/// A version of which only this counts.
#[cfg(test)]
pub(super) fn sample(hash: &str, number: u32) -> Version {
    Version {
        hash: hash.into(),
        number,
        limits: Limits::default(),
        modules: vec![],
        size: 0,
        has_site: false,
        created_at_ms: 0,
        notes: Notes::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::sample as version;

    #[test]
    fn versions_are_named_by_number_or_by_digits() {
        let versions = [version("0123456789abcdef01", 12), version("0123456799", 7)];
        let number = |text| find(&versions, text).map(|version| version.number).ok();
        assert_eq!(number("7"), Some(7));
        assert_eq!(number("01234567-89ab-cdef-01"), Some(12));
        assert_eq!(number("0123456799"), Some(7));
        assert_eq!(number("01234567"), None, "two begin so");
        for text in ["", "8", "-1", "abc", "0123456x", "ffffffff"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
