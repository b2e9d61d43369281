//! Takes cached answers of a handler away: some URLs, as callers have them, or everything.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{Address, Shared, json, no_handler};
use crate::problem::{Problem, ProblemType};
use crate::store::DEFAULT_TENANT;

/// URLs of one request, at most.
const MAX_FILES: usize = 1000;

/// Largest request, in bytes.
const MAX_REQUEST: usize = 1 << 20;

/// What to purge; one of both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Purge {
    /// URLs, as callers have them.
    #[serde(default)]
    #[schema(max_items = 1000)]
    files: Vec<String>,
    #[serde(default)]
    purge_everything: bool,
}

/// What was purged: the number of URLs, or `everything`.
#[derive(Serialize, ToSchema)]
struct Purged {
    #[schema(value_type = serde_json::Value)]
    purged: serde_json::Value,
}

/// Takes cached answers of a handler away.
#[utoipa::path(post, path = "/handlers/{name}/purge", tag = "handlers", params(("name" = String, Path)),
    request_body = Purge, responses((status = 200, body = Purged)))]
pub(super) async fn purge(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    api.know(&tenant)?;
    let body = Limited::new(request.into_body(), MAX_REQUEST).collect().await;
    let body = body.map_err(|_| invalid("The body cannot be read."))?.to_bytes();
    let Purge { files, purge_everything } =
        serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))?;
    if purge_everything != files.is_empty() || files.len() > MAX_FILES {
        return Err(invalid(format!(
            "Say {{\"purge_everything\": true}}, or {{\"files\": [...]}} with at most {MAX_FILES} URLs."
        )));
    }
    let urls = files.iter().map(|file| seen(file)).collect::<Result<Vec<_>, _>>()?;
    let versions = api.catalog.deployed(&tenant, &name);
    if versions.is_empty() {
        return Err(no_handler());
    }
    if purge_everything {
        versions.iter().for_each(|handler| handler.zone.purge());
    }
    let places = versions.iter().flat_map(|handler| urls.iter().map(move |url| (handler, url)));
    for (handler, (authority, path)) in places {
        // Callers may come with TLS and without.
        let purge = |url: &str| {
            for scheme in ["http", "https"] {
                api.cache.purge(&handler.zone, &format!("{scheme}://{url}"));
            }
        };
        purge(&format!("{authority}{path}"));
        // By path the handler sees the rest of it.
        let own = path.strip_prefix('/').and_then(|path| path.strip_prefix(name.as_str()));
        if let Some(rest) = own.filter(|rest| {
            tenant == DEFAULT_TENANT && matches!(rest.bytes().next(), None | Some(b'/' | b'?'))
        }) {
            let slash = if rest.starts_with('/') { "" } else { "/" };
            purge(&format!("{authority}{slash}{rest}"));
        }
    }
    tracing::info!(%tenant, handler = %name, everything = purge_everything, files = urls.len(), "cache purged");
    Ok(json(
        StatusCode::OK,
        &Purged { purged: if purge_everything { json!("everything") } else { json!(urls.len()) } },
    ))
}

/// Host and path of a URL. Callers behind a proxy may have another scheme than the gateway knows.
fn seen(file: &str) -> Result<(String, String), Problem> {
    let uri: Option<Uri> = file.parse().ok();
    let parts = uri.and_then(|uri| {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some((uri.authority()?.to_string(), format!("{slash}{path}")))
    });
    parts.ok_or_else(|| invalid(format!("`{file}` is not a URL.")))
}

fn invalid(why: impl Into<String>) -> Problem {
    Problem::new(ProblemType::InvalidRequest).detail(why.into())
}
