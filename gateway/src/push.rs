//! The command `tabmesh deploy`: finds a project, bundles it if it has npm packages, and puts it on a gateway.
//!
//! A client of the deploy API like any other. Compiling is the gateway's business ([`crate::deploy`]); here the same code
//! only looks for imports, so that a folder without packages needs no Node.js.

mod assets;
mod error;
mod esbuild;
mod graph;
mod keys;
mod project;
mod report;
mod tree;
mod wrangler;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::api::{HANDLERS_PATH, TENANTS_PATH};
use crate::deploy::check_handler_name;
pub use error::PushError;
use project::{Project, Upload, handler_name};

/// Longest time for the gateway to answer: an upload has 60 s, compiling some more.
const TIMEOUT: Duration = Duration::from_secs(180);

/// What `tabmesh deploy` is told.
#[derive(Clone, Debug, Args)]
pub struct DeployConfig {
    /// Folder of the project, its wrangler file, or one module
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    pub path: PathBuf,

    /// Name of the handler [default: the project's]
    #[arg(long)]
    pub name: Option<String>,

    /// Tenant that it belongs to
    #[arg(long, env = "TABMESH_TENANT")]
    pub tenant: Option<String>,

    /// The gateway
    #[arg(long, env = "TABMESH_GATEWAY", default_value = "http://127.0.0.1:8787", value_name = "URL")]
    pub gateway: String,

    /// Environment of the wrangler file
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,

    /// Take the files as they are, also where they import packages
    #[arg(long)]
    pub no_bundle: bool,

    /// Do everything but the upload
    #[arg(long)]
    pub dry_run: bool,

    /// Write what is uploaded into this folder
    #[arg(long, value_name = "DIR")]
    pub outdir: Option<PathBuf>,
}

/// Deploys, and prints what came of it.
///
/// # Errors
/// Why it did not happen.
pub async fn run(config: DeployConfig) -> Result<(), PushError> {
    let project = Project::open(&config.path, config.env.as_deref())?;
    for note in &project.wanted.notes {
        eprintln!("note: {note}");
    }
    let name = config.name.clone().unwrap_or_else(|| handler_name(&project.name));
    check_handler_name(&name).map_err(|reason| PushError::project(reason, "give it one with --name"))?;
    let started = Instant::now();
    let upload = project.build(config.no_bundle)?;
    let built = started.elapsed();
    let mut metadata = project.wanted.metadata.clone();
    metadata.insert("main_module".into(), upload.main.clone().into());
    if let Some(folder) = &config.outdir {
        write(folder, &upload, &metadata.clone().into())?;
    }
    let bytes: usize = upload.files.values().chain(upload.assets.values()).map(Vec::len).sum();
    let what = if upload.is_bundled { "bundled" } else { "read" };
    let made = format!(
        "{} files, {}, {what} in {:.1} s",
        upload.files.len() + upload.assets.len(),
        report::size(bytes as u64),
        built.as_secs_f64()
    );
    if config.dry_run {
        println!("{name}: not deployed (--dry-run)\n  {made}");
        return Ok(());
    }
    let started = Instant::now();
    let view = put(&config, &name, &upload, &metadata.into(), &project.root).await?;
    let is_new = view["created"] == json!(true);
    println!("{name}: {}", if is_new { "deployed" } else { "deployed anew" });
    let base = config.gateway.trim_end_matches('/');
    if let Some(host) = view["urls"]["host"].as_str() {
        println!("  {host}");
    }
    if let Some(path) = view["urls"]["path"].as_str() {
        println!("  {base}{path}");
    }
    let version: String = view["version"].as_str().unwrap_or("").chars().take(12).collect();
    let size = report::size(view["size"].as_u64().unwrap_or(0));
    println!("  version {version}, {size}; {made}, deployed in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

async fn put(
    config: &DeployConfig,
    name: &str,
    upload: &Upload,
    metadata: &Value,
    root: &Path,
) -> Result<Value, PushError> {
    let base = config.gateway.trim_end_matches('/');
    let url = match &config.tenant {
        Some(tenant) => format!("{base}{TENANTS_PATH}/{tenant}/handlers/{name}"),
        None => format!("{base}{HANDLERS_PATH}/{name}"),
    };
    let unreachable = |error: reqwest::Error| {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(source) = cause {
            reason = source.to_string();
            cause = source.source();
        }
        PushError::Unreachable { url: base.to_owned(), reason }
    };
    // The gateway is named, or on this machine: a proxy for the rest of the world has no part in it.
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(unreachable)?;
    let response = client.put(url).multipart(form(upload, metadata)).send().await.map_err(unreachable)?;
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    if status.is_success() {
        Ok(body)
    } else {
        Err(report::refused(&body, status.as_u16(), &upload.files, root))
    }
}

/// The form as Cloudflare's upload API has it; a static file's part is named `asset:/path`.
fn form(upload: &Upload, metadata: &Value) -> Form {
    let json = Part::text(metadata.to_string());
    // Names as they are: a path has slashes.
    let mut form = Form::new().percent_encode_noop().part("metadata", typed(json, "application/json"));
    for (name, bytes) in &upload.files {
        let part = Part::bytes(bytes.clone()).file_name(name.clone());
        form = form.part(name.clone(), typed(part, mime(name)));
    }
    for (path, bytes) in &upload.assets {
        let part = Part::bytes(bytes.clone()).file_name(path.clone());
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

fn write(folder: &Path, upload: &Upload, metadata: &Value) -> Result<(), PushError> {
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
