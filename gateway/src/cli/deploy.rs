//! `tabmesh deploy`, and what `versions upload` and `dev` share with it: a project becomes an upload, the upload a version.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::error::CliError;
use super::out::{Out, count, size};
use super::progress::Progress;
use super::sources::Connect;
use super::table::clean;
use crate::deploy::check_handler_name;
use crate::push::{self, Project, Upload, handler_name};

/// Longest time for the gateway to answer: an upload has 60 s, compiling some more.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Which project.
#[derive(Clone, Debug, Args)]
pub(super) struct ProjectArgs {
    /// Folder of the project, its wrangler file, or one module
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    pub(super) path: PathBuf,

    /// Name of the handler [default: the project's]
    #[arg(long)]
    pub(super) name: Option<String>,

    /// Environment of the wrangler file
    #[arg(long, value_name = "NAME")]
    pub(super) env: Option<String>,

    /// Take the files as they are, also where they import packages
    #[arg(long)]
    pub(super) no_bundle: bool,
}

/// What is said of a version.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Annotations {
    /// What is new, for the list of versions
    #[arg(long, short, value_name = "TEXT")]
    message: Option<String>,

    /// A name of yours for the version, such as a commit
    #[arg(long, value_name = "TEXT")]
    tag: Option<String>,
}

/// What `tabmesh deploy` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh deploy                       the project in this folder
  tabmesh deploy hello.js              one module
  tabmesh deploy --env staging -m 'Faster search'
  tabmesh deploy --dry-run --outdir out   what would be uploaded")]
pub struct DeployArgs {
    #[command(flatten)]
    project: ProjectArgs,

    #[command(flatten)]
    annotations: Annotations,

    /// Do everything but the upload
    #[arg(long)]
    dry_run: bool,

    /// Write what is uploaded into this folder
    #[arg(long, value_name = "DIR")]
    outdir: Option<PathBuf>,

    #[command(flatten)]
    connect: Connect,
}

/// What `tabmesh versions upload` is told.
#[derive(Clone, Debug, Args)]
pub(super) struct UploadArgs {
    #[command(flatten)]
    project: ProjectArgs,

    #[command(flatten)]
    annotations: Annotations,
}

/// A project that is ready for a gateway.
pub(super) struct Built {
    pub(super) name: String,
    pub(super) upload: Upload,
    pub(super) metadata: Value,
    /// The folder that the files' names are relative to.
    pub(super) root: PathBuf,
    pub(super) notes: Vec<String>,
    took: Duration,
}

impl Built {
    /// Finds, reads and bundles.
    pub(super) fn new(args: &ProjectArgs) -> Result<Self, CliError> {
        let project = Project::open(&args.path, args.env.as_deref())?;
        let name = args.name.clone().unwrap_or_else(|| handler_name(&project.name));
        check_handler_name(&name).map_err(|reason| CliError::usage(reason, "give it one with --name"))?;
        let started = Instant::now();
        let upload = project.build(args.no_bundle)?;
        let took = started.elapsed();
        let mut metadata = project.wanted.metadata;
        metadata.insert("main_module".into(), upload.main.clone().into());
        Ok(Self {
            name,
            upload,
            metadata: metadata.into(),
            root: project.root,
            notes: project.wanted.notes,
            took,
        })
    }

    /// Whether a deployment of the other would change nothing.
    pub(super) fn is_same(&self, other: &Built) -> bool {
        self.name == other.name && self.metadata == other.metadata && self.upload == other.upload
    }

    fn annotate(&mut self, annotations: &Annotations) {
        let fields = [("message", &annotations.message), ("tag", &annotations.tag)];
        let said: serde_json::Map<String, Value> =
            fields.into_iter().filter_map(|(name, text)| Some((name.into(), text.clone()?.into()))).collect();
        if !said.is_empty() {
            self.metadata["annotations"] = said.into();
        }
    }

    fn files(&self) -> usize {
        self.upload.files.len() + self.upload.assets.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        let all = self.upload.files.values().chain(self.upload.assets.values());
        all.map(|bytes| bytes.len() as u64).sum()
    }

    /// What was made of the project, in a few words.
    fn made(&self) -> String {
        let what = if self.upload.is_bundled { "bundled" } else { "read" };
        let (files, bytes) = (count(self.files() as u64, "file"), size(self.bytes()));
        format!("{files}, {bytes}, {what} in {:.1} s", self.took.as_secs_f64())
    }

    fn to_json(&self) -> Value {
        json!({
            "files": self.files(), "bytes": self.bytes(), "bundled": self.upload.is_bundled,
            "build_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX), "notes": self.notes,
        })
    }
}

/// Uploads: with PUT what then serves, with POST a version that waits for its deployment.
pub(super) async fn upload(
    client: &Client,
    built: &Built,
    method: Method,
    quiet: bool,
) -> Result<Value, CliError> {
    let rest: &[&str] = if method == Method::POST { &["versions"] } else { &[] };
    let path = client.handler(&built.name, rest)?;
    let progress = Progress::bytes("uploading", built.bytes(), quiet);
    let form = push::form(&built.upload, &built.metadata, |bytes| progress.part(bytes));
    let request = client.request(method, &path).multipart(form).timeout(TIMEOUT);
    match client.try_send(request).await? {
        Ok(response) => response.json().await.map_err(|_| CliError::Unreachable {
            url: client.base().to_owned(),
            reason: "its answer broke off".into(),
            hint: "the upload may have come through: `tabmesh list` shows it".into(),
        }),
        Err(refusal) => {
            let place = push::place(&refusal.body, &built.upload.files, &built.root);
            let mut error = client.error(&refusal);
            if let (Some((said, lines)), CliError::Refused { message, frame, .. }) = (place, &mut error) {
                (*message, *frame) = (said, lines);
            }
            Err(error)
        }
    }
}

/// `tabmesh deploy`.
pub(super) async fn run(args: DeployArgs, out: Out) -> Result<(), CliError> {
    let mut built = Built::new(&args.project)?;
    built.annotate(&args.annotations);
    notes(&built, out);
    if let Some(folder) = &args.outdir {
        push::write(folder, &built.upload, &built.metadata)?;
    }
    if args.dry_run {
        if out.json {
            return out.document(&json!({ "name": built.name, "deployed": false, "build": built.to_json() }));
        }
        return out.line(&format!("{}: not deployed (--dry-run)\n  {}", built.name, built.made()));
    }
    let client = Client::new(&args.connect, &built.root)?;
    let started = Instant::now();
    let view = upload(&client, &built, Method::PUT, out.json).await?;
    report(&client, &built, view, started.elapsed(), out)
}

/// `tabmesh versions upload`.
pub(super) async fn upload_only(args: &UploadArgs, connect: &Connect, out: Out) -> Result<(), CliError> {
    let mut built = Built::new(&args.project)?;
    built.annotate(&args.annotations);
    notes(&built, out);
    let client = Client::new(connect, &built.root)?;
    let mut version = upload(&client, &built, Method::POST, out.json).await?;
    if out.json {
        version["build"] = built.to_json();
        return out.document(&version);
    }
    let served = version["percentage"].as_f64().filter(|share| *share > 0.0);
    let what = match served {
        // The same content is the same version.
        Some(share) => format!("this version is there already, and serves {share} % of the callers"),
        None => "version uploaded, not deployed".to_owned(),
    };
    out.line(&format!("{}: {what}", built.name))?;
    if let Some(url) = preview(&version) {
        out.line(&format!("  preview {url}"))?;
    }
    let id = short(&version["version"]);
    out.line(&format!("  {}; {}", label(&version), built.made()))?;
    match served {
        Some(_) => Ok(()),
        None => out.line(&format!("  deploy it with: tabmesh versions deploy {} {id}", built.name)),
    }
}

/// Folder of the project that a path names, for its configuration.
pub(super) fn folder_of(path: &Path) -> &Path {
    if path.is_dir() {
        return path;
    }
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn notes(built: &Built, out: Out) {
    if !out.json {
        built.notes.iter().for_each(|note| eprintln!("note: {note}"));
    }
}

fn report(client: &Client, built: &Built, mut view: Value, took: Duration, out: Out) -> Result<(), CliError> {
    if out.json {
        view["deployed"] = true.into();
        view["build"] = built.to_json();
        return out.document(&view);
    }
    let what = if view["created"] == json!(true) { "deployed" } else { "deployed anew" };
    out.line(&format!("{}: {what}", built.name))?;
    for url in urls(client.base(), &view) {
        out.line(&format!("  {url}"))?;
    }
    for route in view["routes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out.line(&format!("  route {}", clean(route)))?;
    }
    if let Some(url) = preview(&view) {
        out.line(&format!("  preview {url}"))?;
    }
    let stored = size(view["size"].as_u64().unwrap_or(0));
    out.line(&format!(
        "  {}, {stored}; {}, deployed in {:.1} s",
        label(&view),
        built.made(),
        took.as_secs_f64()
    ))
}

/// Where a handler answers.
pub(super) fn urls(base: &str, view: &Value) -> Vec<String> {
    let host = view["urls"]["host"].as_str().map(clean);
    let path = view["urls"]["path"].as_str().map(|path| format!("{base}{}", clean(path)));
    host.into_iter().chain(path).collect()
}

/// The version's own URL, where it has one.
pub(super) fn preview(view: &Value) -> Option<String> {
    ["preview_url", "preview"]
        .iter()
        .find_map(|key| view[key].as_str())
        .or_else(|| view["urls"]["preview"].as_str())
        .map(clean)
}

/// The beginning of a version's hash, by which it is known as well.
pub(super) fn short(version: &Value) -> String {
    clean(version.as_str().unwrap_or("")).chars().take(12).collect()
}

/// `version 3f2a… (number 7)`.
fn label(view: &Value) -> String {
    let number = view["number"].as_u64().map(|number| format!(" (number {number})")).unwrap_or_default();
    format!("version {}{number}", short(&view["version"]))
}
