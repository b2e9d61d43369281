//! Static files of handlers, served by the gateway itself: before the handler is asked, and as its ASSETS binding. Nothing here
//! runs code or reaches a tab.

pub mod manifest;
pub mod resolve;
pub mod rules;

use crate::cache::conditional;
use crate::catalog::Catalog;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use manifest::Manifest;
use percent_encoding::percent_decode_str;
use resolve::{Found, fallback, resolve};
use rules::Leads;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Manifests kept in memory; beyond it all are read anew.
const KNOWN: usize = 256;

/// Callers ask each time, and the answer is mostly 304.
const FRESH: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");

/// A request, as far as files are concerned.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The host that it names, without a port.
    pub host: &'a str,
    /// What the handler would see of its path, with the query.
    pub path: &'a str,
    /// What stands before that in the caller's own URL.
    pub prefix: &'a str,
    /// Its method.
    pub method: &'a Method,
    /// Its fields.
    pub headers: &'a HeaderMap,
}

impl Asked<'_> {
    fn is_reading(&self) -> bool {
        matches!(*self.method, Method::GET | Method::HEAD)
    }
}

/// Serves files.
pub struct Sites {
    catalog: Arc<Catalog>,
    known: Mutex<HashMap<String, Arc<Manifest>>>,
}

impl Sites {
    /// Of the handlers of `catalog`.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, known: Mutex::default() }
    }

    /// The file that a request means, where the handler is not to be asked first; `None`: ask the handler.
    pub async fn before(&self, version: &str, asked: &Asked<'_>) -> Option<Response<Body>> {
        let manifest = self.manifest(version).await?;
        let plain = asked.path.split('?').next().unwrap_or_default();
        if manifest.config.run_worker_first.covers(plain) {
            return None;
        }
        // Pages that a browser goes to are the site's where it says what else they get; all else is the handler's.
        let navigates = asked.headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
        self.serve(&manifest, asked, navigates).await
    }

    /// Answers a request of the handler itself to its files.
    pub async fn fetch(&self, version: &str, request: &Request<()>) -> Response<Body> {
        let plain = |status| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            response
        };
        let Some(manifest) = self.manifest(version).await else { return plain(StatusCode::NOT_FOUND) };
        let uri = request.uri();
        let asked = Asked {
            host: uri.host().unwrap_or_default(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()),
            prefix: "",
            method: request.method(),
            headers: request.headers(),
        };
        match self.serve(&manifest, &asked, true).await {
            Some(found) => found,
            None if asked.is_reading() => plain(StatusCode::NOT_FOUND),
            None => plain(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    async fn serve(&self, manifest: &Manifest, asked: &Asked<'_>, last: bool) -> Option<Response<Body>> {
        let Asked { host, path, prefix, method, headers } = *asked;
        let (asked_path, query) =
            path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut path = asked_path;
        let rules = &manifest.rules;
        let led = rules.redirect(path, query);
        match &led {
            Some(Leads::To(to, status)) => return redirected(prefix, to, *status),
            Some(Leads::File(to)) => path = to.split(['?', '#']).next().unwrap_or_default(),
            None => {}
        }
        if !asked.is_reading() {
            return None;
        }
        let decoded = percent_decode_str(path).decode_utf8().ok()?;
        let has = |path: &str| manifest.files.contains_key(path);
        let (file, status) = match resolve(has, manifest.config.html_handling, &decoded) {
            Some(Found::File(file)) => (file, StatusCode::OK),
            // A rule has sent us there already: its file is the answer, by whatever name.
            Some(Found::Redirect(to)) if led.is_some() => {
                match resolve(has, manifest.config.html_handling, &to) {
                    Some(Found::File(file)) => (file, StatusCode::OK),
                    _ => return None,
                }
            }
            Some(Found::Redirect(to)) => return redirect(prefix, &to, query),
            None if last => {
                let (file, found) = fallback(has, manifest.config.not_found_handling, &decoded)?;
                (file, if found { StatusCode::OK } else { StatusCode::NOT_FOUND })
            }
            None => return None,
        };
        let hash = manifest.files.get(&file)?;
        let bytes = self.catalog.file(hash).await.ok().flatten()?;
        let mut response = respond(&file, hash, &bytes, status, method, headers);
        rules.apply(host, asked_path, response.headers_mut());
        Some(response)
    }

    async fn manifest(&self, version: &str) -> Option<Arc<Manifest>> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(version) {
            return Some(Arc::clone(known));
        }
        let json = self.catalog.manifest(version).await.ok().flatten()?;
        let manifest = Arc::new(serde_json::from_slice(&json).ok()?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(version.to_owned(), Arc::clone(&manifest));
        Some(manifest)
    }
}

/// To where a rule says: a path of the site, or a URL.
fn redirected(prefix: &str, to: &str, status: u16) -> Option<Response<Body>> {
    let prefix = if to.starts_with('/') { prefix } else { "" };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let location = HeaderValue::try_from(format!("{prefix}{to}")).ok()?;
    response.headers_mut().insert(header::LOCATION, location);
    Some(response)
}

fn redirect(prefix: &str, to: &str, query: Option<&str>) -> Option<Response<Body>> {
    // What may stand in a path as it is; the rest is written in percent.
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b'@')
        .remove(b':')
        .remove(b'+');
    let path = percent_encoding::utf8_percent_encode(to, KEPT);
    let location = match query {
        Some(query) => format!("{prefix}{path}?{query}"),
        None => format!("{prefix}{path}"),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(header::LOCATION, HeaderValue::try_from(location).ok()?);
    Some(response)
}

fn respond(
    file: &str,
    hash: &str,
    bytes: &Bytes,
    status: StatusCode,
    method: &Method,
    asked: &HeaderMap,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let tag = format!("\"{}\"", &hash[..32.min(hash.len())]);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, FRESH);
    headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (header::ETAG, tag)));
    headers.extend(HeaderValue::from_str(&media_type(file)).ok().map(|kind| (header::CONTENT_TYPE, kind)));
    conditional::answer(&mut response, method, asked, bytes);
    response
}

fn media_type(file: &str) -> String {
    let kind = mime_guess::from_path(file).first_or_octet_stream();
    let text = kind.type_() == "text" || kind.subtype() == "javascript" || kind.subtype() == "json";
    if text { format!("{kind}; charset=utf-8") } else { kind.to_string() }
}
