//! The body of a PUT: one module as it is, or several as a form.
//!
//! Reads it whole, within its limits, before anything is parsed. Judges the form, never the code.

use axum::body::Body;
use axum::extract::multipart::Field;
use axum::extract::{FromRequest as _, Multipart, Request};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::ApiLimits;
use crate::catalog::versions::{MAX_NOTE, Notes};
use crate::catalog::{Settings, Triggers};
use crate::cron;
use crate::deploy::bindings::{self, Bindings};
use crate::deploy::{DEFAULT_FILE, Options, SourceFile};
use crate::host::egress::policy;
use crate::limits;
use crate::problem::{Problem, ProblemType};
use crate::routes;
use crate::site::manifest::{Config, MAX_BYTES, Site};

/// What a form may have beside its files, in bytes: boundaries, headers and metadata.
const FORM_OVERHEAD: usize = 1 << 20;

/// Name of the part that holds [`Metadata`].
const METADATA: &str = "metadata";

/// What the names of parts begin with that are static files; the rest is the path.
const ASSET: &str = "asset:";

/// What was sent.
pub(super) enum Sent {
    /// A module that is the whole body.
    Module(SourceFile),
    /// A form, not judged yet.
    Form(Form),
}

/// A form's parts.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// Modules.
    pub(crate) files: Vec<SourceFile>,
    /// JSON.
    pub(crate) metadata: Option<Bytes>,
    /// Static files.
    pub(crate) site: Site,
}

/// The form, for the API's document.
#[derive(utoipa::ToSchema)]
#[schema(as = Upload)]
#[expect(dead_code, reason = "says what the form is; it is read part by part")]
pub(super) struct Document {
    /// JSON: `main_module`, `bindings`, `limits`, `crons`, `routes`, `egress`, `assets`, `compatibility_flags`.
    metadata: Option<Value>,
    /// A module; any further part with a file name is one, too.
    #[schema(value_type = String, format = Binary)]
    module: Vec<u8>,
}

/// What was uploaded.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) files: Vec<SourceFile>,
    pub(super) options: Options,
    pub(super) settings: Settings,
    pub(super) bindings: Bindings,
    pub(super) egress: Option<Vec<String>>,
    pub(super) site: Site,
}

/// The form's `metadata`, as in Cloudflare's upload form.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Metadata {
    #[serde(alias = "main")]
    main_module: Option<String>,
    /// Read by [`limits::read`].
    limits: Map<String, Value>,
    /// Read by [`bindings::read`].
    bindings: Vec<Value>,
    /// Cron patterns.
    crons: Vec<String>,
    /// Patterns of host and path.
    routes: Vec<routes::Wanted>,
    /// Whether versions have URLs of their own.
    preview_urls: Option<bool>,
    /// What the developer says of the version.
    annotations: Annotations,
    /// Static files: how they are found.
    assets: Assets,
    /// Hosts that the handler may fetch from.
    egress: Option<Vec<String>>,
    /// Taken and ignored: tools for Workers send it, and there is but one version of the platform.
    #[serde(rename = "compatibility_date")]
    _compatibility_date: serde::de::IgnoredAny,
    /// Read by [`Options::with_flags`].
    compatibility_flags: Vec<String>,
}

/// The metadata's `annotations`, by our names and Cloudflare's.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Annotations {
    #[serde(alias = "workers/message")]
    message: Option<String>,
    #[serde(alias = "workers/tag")]
    tag: Option<String>,
    /// Where it came from, which the gateway knows better.
    #[serde(rename = "workers/triggered_by")]
    _triggered_by: serde::de::IgnoredAny,
}

/// The metadata's `assets`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Assets {
    config: Config,
}

/// Reads an upload.
pub(super) async fn read(request: Request, limits: &ApiLimits) -> Result<Sent, Problem> {
    if let Some(coding) = request.headers().get(header::CONTENT_ENCODING)
        && coding != "identity"
    {
        return Err(
            Problem::new(ProblemType::UnsupportedMediaType).detail("Compressed uploads are not supported.")
        );
    }
    let kind = content_type(request.headers());
    let form = kind == "multipart/form-data";
    if kind.starts_with("multipart/") && !form {
        return Err(Problem::new(ProblemType::UnsupportedMediaType)
            .detail("Send a module as the body, or several as multipart/form-data."));
    }
    let limit = limits.compile.source_bytes.saturating_add(if form { FORM_OVERHEAD + MAX_BYTES } else { 0 });
    let (parts, body) = request.into_parts();
    let reading = collect(body, &parts.headers, limit, limits.compile.source_bytes);
    let Ok(body) = tokio::time::timeout(limits.upload_timeout, reading).await else {
        let seconds = limits.upload_timeout.as_secs();
        return Err(Problem::new(ProblemType::RequestTimeout)
            .detail(format!("The upload did not arrive within {seconds} s."))
            .header(header::CONNECTION, HeaderValue::from_static("close")));
    };
    let body = body?;
    if !form {
        return Ok(Sent::Module(SourceFile { name: single_name(&parts.uri, &kind), bytes: body }));
    }
    let request = Request::from_parts(parts, Body::from(body));
    let form = Multipart::from_request(request, &())
        .await
        .map_err(|_| invalid("The form's Content-Type has no valid boundary."))?;
    read_form(form, limits).await.map(Sent::Form)
}

/// A module, and nothing said about it.
pub(super) fn alone(module: SourceFile) -> Upload {
    Upload {
        files: vec![module],
        options: Options::default(),
        settings: Settings::default(),
        bindings: Bindings::default(),
        egress: None,
        site: Site::default(),
    }
}

/// The name of a module that is the whole body: as the query says (`?name=worker.ts`), or the media type.
fn single_name(uri: &Uri, kind: &str) -> String {
    let mut query = form_urlencoded::parse(uri.query().unwrap_or("").as_bytes());
    if let Some((_, name)) = query.find(|(key, _)| key == "name") {
        return name.into_owned();
    }
    match kind {
        "application/typescript" | "text/typescript" | "application/x-typescript" => "main.ts".into(),
        _ => DEFAULT_FILE.into(),
    }
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(ProblemType::InvalidRequest).detail(detail)
}

fn too_large(limit: usize) -> Problem {
    Problem::new(ProblemType::PayloadTooLarge).detail(format!("A deployment has at most {limit} bytes."))
}

/// The whole body, or `payload-too-large`.
async fn collect(body: Body, headers: &HeaderMap, limit: usize, stated: usize) -> Result<Bytes, Problem> {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(stated));
    }
    match Limited::new(body, limit).collect().await {
        Ok(all) => Ok(all.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(stated)),
        Err(_) => Err(invalid("The body broke off.")),
    }
}

async fn read_form(mut form: Multipart, limits: &ApiLimits) -> Result<Form, Problem> {
    let broken = |_| invalid("The form cannot be read: it is not valid multipart/form-data.");
    let mut files = Vec::new();
    let mut metadata = None;
    let mut site = Site::default();
    while let Some(part) = form.next_field().await.map_err(broken)? {
        if part.name() == Some(METADATA) {
            if metadata.is_some() {
                return Err(invalid("The form has two parts named metadata."));
            }
            metadata = Some(part.bytes().await.map_err(broken)?);
            continue;
        }
        if let Some(path) = part.name().and_then(|name| name.strip_prefix(ASSET)).map(str::to_owned) {
            let bytes = part.bytes().await.map_err(broken)?;
            site.add(&path, bytes).map_err(|error| invalid(format!("{error}.")))?;
            continue;
        }
        if files.len() >= limits.compile.modules {
            return Err(Problem::new(ProblemType::PayloadTooLarge)
                .detail(format!("A deployment has at most {} modules.", limits.compile.modules)));
        }
        let name = file_name(&part)?;
        files.push(SourceFile { name, bytes: part.bytes().await.map_err(broken)? });
    }
    Ok(Form { files, metadata, site })
}

/// Judges what a form says.
pub(super) fn judge(form: Form, limits: &ApiLimits) -> Result<Upload, Problem> {
    let Form { files, metadata, mut site } = form;
    let domain = &limits.domain;
    let metadata = metadata.map_or(Ok(Metadata::default()), |bytes| read_metadata(&bytes))?;
    let limits =
        limits::read(&metadata.limits, &limits.caps).map_err(|error| invalid(format!("{error}.")))?;
    let bindings = bindings::read(metadata.bindings)
        .map_err(|error| invalid(format!("The metadata is not as it should be: {error}.")))?;
    if let Some(egress) = &metadata.egress {
        check_egress(egress)?;
    }
    let routes = routes::read(metadata.routes, domain)
        .map_err(|error| invalid(format!("The metadata is not as it should be: {error}.")))?;
    cron::check(&metadata.crons)
        .map_err(|error| invalid(format!("The metadata is not as it should be: {error}.")))?;
    let Annotations { message, tag, .. } = metadata.annotations;
    let notes = notes(message, tag)?;
    let triggers =
        Triggers { crons: metadata.crons, routes, previews: metadata.preview_urls.unwrap_or(true) };
    let settings = Settings { limits, triggers, notes };
    let options = Options { main: metadata.main_module, ..Options::default() };
    let options = options.with_flags(&metadata.compatibility_flags);
    site.manifest.config = metadata.assets.config;
    Ok(Upload { files, options, settings, bindings, egress: metadata.egress, site })
}

/// What a developer says, within bounds.
pub(crate) fn notes(message: Option<String>, tag: Option<String>) -> Result<Notes, Problem> {
    if [&message, &tag].into_iter().flatten().any(|text| text.len() > MAX_NOTE) {
        return Err(invalid(format!("A message or a tag has at most {MAX_NOTE} bytes.")));
    }
    Ok(Notes { message, tag, author: None })
}

fn check_egress(patterns: &[String]) -> Result<(), Problem> {
    if patterns.len() > policy::MAX_PATTERNS {
        return Err(invalid(format!("`egress` has at most {} hosts.", policy::MAX_PATTERNS)));
    }
    match patterns.iter().find(|pattern| !policy::is_pattern(pattern)) {
        Some(wrong) => {
            let wrong = wrong.escape_debug();
            Err(invalid(format!(
                "`egress` has `{wrong}`, which is no host: say api.example.com or *.example.com."
            )))
        }
        None => Ok(()),
    }
}

fn read_metadata(bytes: &[u8]) -> Result<Metadata, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        // serde's text about our own types names fields and positions, nothing internal.
        invalid(format!("The metadata is not as it should be: {error}."))
    })
}

fn file_name(part: &Field<'_>) -> Result<String, Problem> {
    part.file_name().map(str::to_owned).ok_or_else(|| {
        let name: String = part.name().unwrap_or("").chars().filter(|c| !c.is_control()).take(100).collect();
        invalid(format!("The part \"{name}\" is no file: it has no filename. Only metadata has none."))
    })
}
