//! A developer's project, made ready for a gateway: found, bundled if it has npm packages, written as the form that the deploy
//! API takes. Speaks to no gateway: [`crate::cli`] does.
//!
//! Compiling is the gateway's business ([`crate::deploy`]); here the same code only looks for imports, so that a folder
//! without packages needs no Node.js.

mod assets;
mod error;
mod esbuild;
mod graph;
mod keys;
mod project;
mod report;
mod tree;
mod wrangler;

use std::path::Path;

use reqwest::multipart::{Form, Part};
use serde_json::Value;

pub use error::PushError;
pub(crate) use project::{Project, Upload, handler_name};
pub(crate) use report::place;

/// The form as Cloudflare's upload API has it; a static file's part is named `asset:/path`. `body` makes a part's body of its
/// bytes.
pub(crate) fn form(upload: &Upload, metadata: &Value, body: impl Fn(&[u8]) -> Part) -> Form {
    let json = Part::text(metadata.to_string());
    // Names as they are: a path has slashes.
    let mut form = Form::new().percent_encode_noop().part("metadata", typed(json, "application/json"));
    for (name, bytes) in &upload.files {
        let part = body(bytes).file_name(name.clone());
        form = form.part(name.clone(), typed(part, mime(name)));
    }
    for (path, bytes) in &upload.assets {
        let part = body(bytes).file_name(path.clone());
        form = form.part(format!("asset:{path}"), typed(part, mime(path)));
    }
    form
}

fn mime(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "js" | "mjs" => "application/javascript+module",
        // The usual tables know it as a kind of video.
        "ts" | "mts" | "tsx" => "application/typescript",
        _ => mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream"),
    }
}

fn typed(part: Part, mime: &str) -> Part {
    // Only for text that is no media type, and ours are.
    part.mime_str(mime).unwrap_or_else(|_| Part::bytes(Vec::new()))
}

/// Writes what would be uploaded into a folder.
pub(crate) fn write(folder: &Path, upload: &Upload, metadata: &Value) -> Result<(), PushError> {
    let all = upload.files.iter().map(|(name, bytes)| (folder.join(name), bytes.as_slice()));
    let assets = upload
        .assets
        .iter()
        .map(|(path, bytes)| (folder.join("assets").join(path.trim_start_matches('/')), bytes.as_slice()));
    let metadata = format!("{metadata:#}\n");
    let metadata = std::iter::once((folder.join("metadata.json"), metadata.as_bytes()));
    for (path, bytes) in all.chain(assets).chain(metadata) {
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, bytes))
            .map_err(|error| PushError::file(&path, error))?;
    }
    Ok(())
}
