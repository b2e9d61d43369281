//! The worker page, the tab's runtime and the isolate bootstrap, embedded in the binary and served under
//! content-hashed URLs.
//!
//! Two trees: everything a contributor's page needs is served on the main origin, the isolate's files only on sandbox
//! origins (the front door decides which router a host gets). One file crosses over: the document of an opaque sandbox
//! is served on the main origin, and its own policy takes that origin away from it. A tree's hash covers its files and
//! the policies they are served with, so that neither is ever mixed with another version's. Nothing here reads files at
//! run time.

use crate::sandbox::SandboxDomain;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::convert::Infallible;
use std::sync::Arc;
use tree::Tree;

mod isolate;
mod module;
mod policy;
mod script;
mod tree;

use isolate::OPAQUE_PAGE;
pub use script::ScriptError;

/// The page's template; it is served at its own URL and is no asset.
const WORKER_PAGE: &str = "worker.html";
/// The folder of `web/` that only sandbox origins serve.
const ISOLATE_PREFIX: &str = "isolate/";
/// A year: the URL holds the content's hash.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// What the page and the policies depend on besides the files.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Domain of the handlers' hosts; the worker page is opened at it, or at a loopback address.
    pub domain: String,
    /// Where tenants have origins of their own, if the gateway's owner set that up.
    pub sandbox: Option<SandboxDomain>,
    /// Address of a shared signaling server; without one the page uses its own host's.
    pub signal: Option<String>,
}

/// Everything that is served from the binary, ready to be served.
pub struct Assets {
    site: Site,
    main: Tree,
    isolate: Tree,
    policies: policy::Isolate,
    page: Bytes,
}

impl Assets {
    /// Puts the trees together.
    ///
    /// # Errors
    /// When the isolate's modules cannot be joined to one script: the binary was built from broken files.
    pub fn new(site: Site) -> Result<Arc<Self>, ScriptError> {
        let main = Tree::new(tree::main_files(), policy::PAGE_CSP);
        let (files, opaque_script) = isolate::files(&tree::isolate_files())?;
        let policies = policy::Isolate::new(&site.domain, &opaque_script);
        let isolate = Tree::new(files, &policies.fingerprint());
        let page = worker_html(&site, &main.hash, &isolate.hash);
        Ok(Arc::new(Self { site, main, isolate, policies, page }))
    }

    /// Routes of the main origin: the worker page, its assets and the document of opaque sandboxes.
    pub fn worker_router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/_mesh/worker", get(worker_page))
            .route("/_mesh/assets/{hash}/{*path}", get(main_asset))
            .route(&format!("/_mesh/isolate/{{hash}}/{OPAQUE_PAGE}"), get(opaque_page))
            .with_state(Arc::clone(self))
    }

    /// Routes of a sandbox origin: the isolate's files and nothing else. The caller mounts it for sandbox hosts only.
    pub fn isolate_router(self: &Arc<Self>) -> Router {
        Router::new().route("/_mesh/isolate/{hash}/{*path}", get(isolate_asset)).with_state(Arc::clone(self))
    }
}

/// The worker page with its placeholders filled.
fn worker_html(site: &Site, main_hash: &str, isolate_hash: &str) -> Bytes {
    let attribute = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let sandbox = site.sandbox.as_ref().map(ToString::to_string).unwrap_or_default();
    tree::web_text(WORKER_PAGE)
        .replace("{{assets}}", &assets_base(main_hash))
        .replace("{{isolate_hash}}", isolate_hash)
        .replace("{{sandbox_domain}}", &attribute(&sandbox))
        .replace("{{signal}}", &attribute(site.signal.as_deref().unwrap_or_default()))
        .into_bytes()
        .into()
}

/// Where the page's assets are, without a slash at the end.
fn assets_base(hash: &str) -> String {
    format!("/_mesh/assets/{hash}")
}

async fn worker_page(State(assets): State<Arc<Assets>>, Host(host): Host) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = respond(kind, assets.page.clone(), HeaderValue::from_static("no-cache"));
    policy::page(response.headers_mut(), &host, assets.site.sandbox.as_ref());
    response
}

async fn main_asset(
    State(assets): State<Arc<Assets>>,
    Host(host): Host,
    Path((hash, path)): Path<(String, String)>,
) -> Response {
    let Some(asset) = assets.main.get(&hash, &path) else { return not_found() };
    let mut response = respond(asset.content_type.clone(), asset.bytes.clone(), IMMUTABLE);
    // The same policy as the page's: a Worker takes its own from its script's response.
    policy::page(response.headers_mut(), &host, assets.site.sandbox.as_ref());
    response
}

async fn opaque_page(State(assets): State<Arc<Assets>>, Path(hash): Path<String>) -> Response {
    let Some(asset) = assets.isolate.get(&hash, OPAQUE_PAGE) else { return not_found() };
    let mut response = respond(asset.content_type.clone(), asset.bytes.clone(), IMMUTABLE);
    assets.policies.opaque(response.headers_mut());
    response
}

async fn isolate_asset(
    State(assets): State<Arc<Assets>>,
    Host(host): Host,
    Path((hash, path)): Path<(String, String)>,
) -> Response {
    let Some(asset) = assets.isolate.get(&hash, &path).filter(|_| path != OPAQUE_PAGE) else {
        return not_found();
    };
    let mut response = respond(asset.content_type.clone(), asset.bytes.clone(), IMMUTABLE);
    assets.policies.own_origin(response.headers_mut(), &path, &host, assets.site.sandbox.as_ref());
    response
}

/// The host that a request names, or an empty string: HTTP/2 carries it in the URI.
struct Host(String);

impl<S: Sync> FromRequestParts<S> for Host {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let host = parts.uri.authority().map(http::uri::Authority::as_str);
        let host = host.or_else(|| parts.headers.get(header::HOST)?.to_str().ok());
        Ok(Self(host.unwrap_or_default().to_owned()))
    }
}

fn respond(content_type: HeaderValue, bytes: Bytes, cache: HeaderValue) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, cache),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("origin-agent-cluster"), HeaderValue::from_static("?1")),
    ];
    (headers, Body::from(bytes)).into_response()
}

/// A file that is not there, or not any more under this hash; never cached, a deploy may bring it.
fn not_found() -> Response {
    (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response()
}

#[cfg(test)]
mod tests;
