//! The embedded files, and trees of them under one hash.

use super::{ISOLATE_PREFIX, WORKER_PAGE};
use bytes::Bytes;
use http::HeaderValue;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// `web/**` of the checkout.
#[derive(RustEmbed)]
#[folder = "../web"]
struct Web;

/// What was made of `worker-wasm`: path, MIME type and content. `build.rs` names the folder.
const RUNTIME: [(&str, &str, &[u8]); 3] = [
    (
        "runtime/html_rewriter.wasm",
        "application/wasm",
        include_bytes!(concat!(env!("TABMESH_RUNTIME_DIR"), "/html_rewriter.wasm")),
    ),
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

/// Half of SHA-256, in bytes: collisions stay out of reach, URLs readable.
pub(super) const HASH_BYTES: usize = 16;

/// One embedded file.
pub(super) struct Asset {
    pub(super) content_type: HeaderValue,
    pub(super) bytes: Bytes,
}

impl Asset {
    pub(super) fn new(mime: &str, bytes: impl Into<Bytes>) -> Self {
        // Our text is always UTF-8.
        let text = mime.starts_with("text/");
        let value = if text { format!("{mime}; charset=utf-8") } else { mime.to_owned() };
        let content_type =
            HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("application/octet-stream"));
        Self { content_type, bytes: bytes.into() }
    }
}

/// Files served together under one hash, so that relative imports between them stay inside one version.
pub(super) struct Tree {
    pub(super) hash: String,
    pub(super) files: BTreeMap<String, Asset>,
}

impl Tree {
    /// `policy` is hashed, too: it is cached with the files, for as long as they are.
    pub(super) fn new(files: BTreeMap<String, Asset>, policy: &str) -> Self {
        let mut hasher = Sha256::new();
        let mut add = |part: &[u8]| {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        };
        add(policy.as_bytes());
        for (path, asset) in &files {
            add(path.as_bytes());
            add(&asset.bytes);
        }
        let hash = hex::encode(&hasher.finalize()[..HASH_BYTES]);
        Self { hash, files }
    }

    /// The file at `path`, if `hash` is this tree's.
    pub(super) fn get(&self, hash: &str, path: &str) -> Option<&Asset> {
        if hash == self.hash { self.files.get(path) } else { None }
    }
}

/// The files of the main origin.
pub(super) fn main_files() -> BTreeMap<String, Asset> {
    let page = web_files().filter(|(path, _)| path != WORKER_PAGE && !path.starts_with(ISOLATE_PREFIX));
    let runtime = RUNTIME.map(|(path, mime, bytes)| (path.to_owned(), Asset::new(mime, bytes)));
    page.chain(runtime).collect()
}

/// The files of `web/isolate/` as text, by file name.
pub(super) fn isolate_files() -> BTreeMap<String, String> {
    Web::iter()
        .filter_map(|path| Some((path.strip_prefix(ISOLATE_PREFIX)?.to_owned(), web_text(&path))))
        .collect()
}

/// A file of `web/` as text; empty if it is not there.
pub(super) fn web_text(path: &str) -> String {
    let data = Web::get(path).map(|file| file.data).unwrap_or_default();
    String::from_utf8_lossy(&data).into_owned()
}

/// Every file of `web/`.
fn web_files() -> impl Iterator<Item = (String, Asset)> {
    Web::iter().filter_map(|path| {
        let file = Web::get(&path)?;
        let asset = match file.data {
            Cow::Borrowed(bytes) => Asset::new(file.metadata.mimetype(), bytes),
            Cow::Owned(ref bytes) => Asset::new(file.metadata.mimetype(), bytes.clone()),
        };
        Some((path.into_owned(), asset))
    })
}
