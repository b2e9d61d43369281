//! The worker page, the tab's runtime and the isolate bootstrap, embedded in the binary and served under
//! content-hashed URLs.
//!
//! Two trees that never mix: everything a contributor's page needs is served on the main origin, the isolate's
//! files only on sandbox origins (the front door decides which router a host gets). One hash covers a whole tree, so
//! that relative imports between modules stay inside one version. Nothing here reads files at run time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

mod policy;

/// `web/**` of the checkout.
#[derive(RustEmbed)]
#[folder = "../web"]
struct Web;

/// What wasm-bindgen made of `worker-wasm`: path, MIME type and content. `build.rs` names the folder.
const RUNTIME: [(&str, &str, &[u8]); 2] = [
    (
        "runtime/runtime.js",
        "text/javascript",
        include_bytes!(concat!(env!("TABMESH_RUNTIME_DIR"), "/runtime.js")),
    ),
    (
        "runtime/runtime_bg.wasm",
        "application/wasm",
        include_bytes!(concat!(env!("TABMESH_RUNTIME_DIR"), "/runtime_bg.wasm")),
    ),
];

/// The page's template; it is served at its own URL and is no asset.
const WORKER_PAGE: &str = "worker.html";
/// The folder of `web/` that only sandbox origins serve.
const ISOLATE_PREFIX: &str = "isolate/";
/// The document of a tenant's frame: the only isolate file that may be framed.
const FRAME_PAGE: &str = "frame.html";
/// A year: the URL holds the content's hash.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Half of SHA-256, in bytes: collisions stay out of reach, URLs readable.
const HASH_BYTES: usize = 16;

/// One embedded file.
struct Asset {
    content_type: HeaderValue,
    bytes: Bytes,
}

/// Files served together under one hash.
struct Tree {
    hash: String,
    files: BTreeMap<String, Asset>,
}

impl Tree {
    fn new(files: BTreeMap<String, Asset>) -> Self {
        let mut hasher = Sha256::new();
        for (path, asset) in &files {
            for part in [path.as_bytes(), &asset.bytes] {
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        let hash = hex::encode(&hasher.finalize()[..HASH_BYTES]);
        Self { hash, files }
    }

    /// The file at `path`, if `hash` is this tree's.
    fn get(&self, hash: &str, path: &str) -> Option<&Asset> {
        if hash == self.hash { self.files.get(path) } else { None }
    }
}

/// The files of the main origin.
static MAIN: LazyLock<Tree> = LazyLock::new(|| {
    let page = web_files().filter(|(path, _)| path != WORKER_PAGE && !path.starts_with(ISOLATE_PREFIX));
    let runtime = RUNTIME.map(|(path, mime, bytes)| {
        (path.to_owned(), Asset { content_type: content_type(mime), bytes: Bytes::from_static(bytes) })
    });
    Tree::new(page.chain(runtime).collect())
});

/// The files of sandbox origins, with paths relative to `web/isolate/`.
static ISOLATE: LazyLock<Tree> = LazyLock::new(|| {
    let isolate =
        web_files().filter_map(|(path, asset)| Some((path.strip_prefix(ISOLATE_PREFIX)?.to_owned(), asset)));
    Tree::new(isolate.collect())
});

/// The worker page with its placeholders filled. Without a `signal` address the page uses its own host's.
fn worker_html(signal: Option<&str>) -> Bytes {
    let template = Web::get(WORKER_PAGE).map(|file| file.data).unwrap_or_default();
    let signal = signal.unwrap_or_default().replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let page = String::from_utf8_lossy(&template)
        .replace("{{assets}}", &assets_base())
        .replace("{{isolate_hash}}", isolate_hash())
        .replace("{{signal}}", &signal);
    page.into_bytes().into()
}

/// Every file of `web/`.
fn web_files() -> impl Iterator<Item = (String, Asset)> {
    Web::iter().filter_map(|path| {
        let file = Web::get(&path)?;
        let content_type = content_type(file.metadata.mimetype());
        let bytes = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        Some((path.into_owned(), Asset { content_type, bytes }))
    })
}

/// The header for a MIME type; our text is always UTF-8.
fn content_type(mime: &str) -> HeaderValue {
    let text = mime.starts_with("text/");
    let value = if text { format!("{mime}; charset=utf-8") } else { mime.to_owned() };
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// Where the page's assets are: `/_mesh/assets/<hash>`, without a slash at the end.
pub fn assets_base() -> String {
    format!("/_mesh/assets/{}", MAIN.hash)
}

/// The hash in `/_mesh/isolate/<hash>/...`.
pub fn isolate_hash() -> &'static str {
    &ISOLATE.hash
}

/// Routes of the main origin: the worker page and its assets. `signal` is the address of a shared signaling server.
pub fn worker_router(signal: Option<&str>) -> Router {
    let html = worker_html(signal);
    Router::new()
        .route("/_mesh/worker", get(async move |host: Host| worker_page(html, &host)))
        .route("/_mesh/assets/{hash}/{*path}", get(main_asset))
}

/// Routes of a sandbox origin: the isolate's files and nothing else.
///
/// The caller mounts it for hosts `sandbox-<tenant>.<rest>` only.
pub fn isolate_router() -> Router {
    Router::new().route("/_mesh/isolate/{hash}/{*path}", get(isolate_asset))
}

fn worker_page(html: Bytes, Host(host): &Host) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = respond(kind, html, HeaderValue::from_static("no-cache"));
    policy::page(response.headers_mut(), host);
    response
}

async fn main_asset(Host(host): Host, Path((hash, path)): Path<(String, String)>) -> Response {
    let Some(asset) = MAIN.get(&hash, &path) else { return not_found() };
    let mut response = respond(asset.content_type.clone(), asset.bytes.clone(), IMMUTABLE);
    // The same policy as the page's: a Worker takes its own from its script's response.
    policy::page(response.headers_mut(), &host);
    response
}

async fn isolate_asset(Host(host): Host, Path((hash, path)): Path<(String, String)>) -> Response {
    let Some(asset) = ISOLATE.get(&hash, &path) else { return not_found() };
    let mut response = respond(asset.content_type.clone(), asset.bytes.clone(), IMMUTABLE);
    policy::isolate(response.headers_mut(), &host, path == FRAME_PAGE);
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
