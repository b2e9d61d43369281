//! Static files on their way: announced by a manifest, uploaded in parts, taken by the deployment that comes next.
//!
//! What was announced lives in memory, bounded and for a while; a deployment that comes too late begins again. Whoever has a
//! session's token may upload to it and nothing else.

use super::answer::{Answer, Refusal, ok};
use super::{Account, Script, Shared, form};
use crate::api::stores;
use crate::problem::{Problem, ProblemType};
use crate::site::manifest::{MAX_BYTES, MAX_FILES, Site};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long files wait for their deployment.
const LIFE: Duration = Duration::from_secs(30 * 60);

/// Sessions at once, over all tenants.
const MAX_SESSIONS: usize = 64;

/// Bytes of all files that wait, over all tenants: four times what one deployment may have.
const MAX_WAITING: usize = 4 * MAX_BYTES;

/// Largest manifest, in bytes.
const MAX_MANIFEST: usize = 2 << 20;

/// Files and bytes of one part of an upload, about; base64 makes a third more of them.
const BUCKET: (usize, usize) = (200, 8 << 20);

/// Largest part of an upload, in bytes: one file of the largest size, as base64, in a form.
const MAX_PART: usize = MAX_BYTES / 3 * 4 + (1 << 20);

/// A file as the manifest announces it.
#[derive(Deserialize)]
struct Announced {
    /// What its client calls its contents.
    hash: String,
    size: usize,
}

#[derive(Deserialize)]
struct Manifest {
    manifest: BTreeMap<String, Announced>,
}

/// One upload.
struct Session {
    tenant: String,
    until: Instant,
    /// Path to hash.
    paths: BTreeMap<String, String>,
    /// Hash to size, of what is to come.
    missing: HashMap<String, usize>,
    files: HashMap<String, Bytes>,
}

/// All of them, by token.
#[derive(Default)]
pub(super) struct Uploads(Mutex<HashMap<String, Session>>);

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        sessions.retain(|_, session| session.until > now);
        sessions
    }

    /// Begins an upload; gives its token and the hashes that are to come, in parts.
    fn begin(
        &self,
        tenant: &str,
        manifest: BTreeMap<String, Announced>,
    ) -> Result<(String, Vec<Vec<String>>), Refusal> {
        if manifest.len() > MAX_FILES {
            return Err(refused(format!("A deployment has at most {MAX_FILES} static files.")));
        }
        let mut missing = HashMap::new();
        let mut paths = BTreeMap::new();
        for (path, Announced { hash, size }) in manifest {
            if hash.is_empty() || hash.len() > 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(refused("The manifest has a hash that is none.".into()));
            }
            missing.insert(hash.clone(), size);
            paths.insert(path, hash);
        }
        let total = missing.values().fold(0usize, |sum, size| sum.saturating_add(*size));
        if total > MAX_BYTES {
            return Err(refused(format!("A deployment's static files have at most {MAX_BYTES} bytes.")));
        }
        let buckets = buckets(&missing);
        let mut sessions = self.lock();
        // As announced, not as uploaded: who was let in can finish.
        let waiting: usize = sessions.values().map(Session::bytes).sum();
        if sessions.len() >= MAX_SESSIONS || waiting + total > MAX_WAITING {
            return Err(Problem::new(ProblemType::TooManyUploads).retry_after(30).into());
        }
        let token = token().ok_or_else(|| Problem::new(ProblemType::Internal))?;
        let session = Session {
            tenant: tenant.to_owned(),
            until: Instant::now() + LIFE,
            paths,
            missing,
            files: HashMap::new(),
        };
        sessions.insert(token.clone(), session);
        Ok((token, buckets))
    }

    /// Adds a file; whether all are there.
    fn add(&self, token: &str, tenant: &str, hash: &str, bytes: Bytes) -> Result<bool, Refusal> {
        let mut sessions = self.lock();
        let session =
            sessions.get_mut(token).filter(|session| session.tenant == tenant).ok_or_else(expired)?;
        match session.missing.remove(hash) {
            Some(size) if size == bytes.len() => {
                session.files.insert(hash.to_owned(), bytes);
            }
            Some(size) => {
                session.missing.insert(hash.to_owned(), size);
                return Err(refused(format!("A file has {} bytes; {size} were announced.", bytes.len())));
            }
            // Sent again, as clients do that saw no answer.
            None if session.files.contains_key(hash) => {}
            None => return Err(refused("A file was uploaded that the manifest does not have.".into())),
        }
        Ok(session.missing.is_empty())
    }

    fn knows(&self, token: &str, tenant: &str) -> bool {
        self.lock().get(token).is_some_and(|session| session.tenant == tenant)
    }

    /// The files of an upload that is complete, for a deployment. They stay for another: clients try again.
    pub(super) fn site(&self, token: &str, tenant: &str) -> Result<Site, Refusal> {
        let sessions = self.lock();
        let session = sessions.get(token).filter(|session| session.tenant == tenant).ok_or_else(expired)?;
        if !session.missing.is_empty() {
            return Err(refused("Some of the static files were not uploaded.".into()));
        }
        let mut site = Site::default();
        for (path, hash) in &session.paths {
            let bytes = session.files.get(hash).cloned().unwrap_or_default();
            site.add(path, bytes).map_err(|error| refused(format!("{error}.")))?;
        }
        Ok(site)
    }

    /// Forgets an upload that was deployed.
    pub(super) fn end(&self, token: &str) {
        self.lock().remove(token);
    }
}

impl Session {
    /// That it holds or will hold.
    fn bytes(&self) -> usize {
        self.missing.values().sum::<usize>() + self.files.values().map(Bytes::len).sum::<usize>()
    }
}

fn refused(message: String) -> Refusal {
    Refusal::metadata(message)
}

fn expired() -> Refusal {
    Refusal::from(
        Problem::new(ProblemType::NotFound).detail("This upload of static files is over: begin again."),
    )
}

/// Hashes in parts of a bearable size, the same each time.
fn buckets(missing: &HashMap<String, usize>) -> Vec<Vec<String>> {
    let sorted: BTreeMap<&String, usize> = missing.iter().map(|(hash, size)| (hash, *size)).collect();
    let mut buckets: Vec<Vec<String>> = vec![];
    let mut room = 0;
    for (hash, size) in sorted {
        match buckets.last_mut() {
            Some(last) if last.len() < BUCKET.0 && size <= room => last.push(hash.clone()),
            _ => {
                buckets.push(vec![hash.clone()]);
                room = BUCKET.1;
            }
        }
        room = room.saturating_sub(size);
    }
    buckets
}

/// A token that nobody guesses, in the form of a JWT: clients read when it ends.
fn token() -> Option<String> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).ok()?;
    let ends = SystemTime::now().duration_since(UNIX_EPOCH).ok()? + LIFE;
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let (head, claims) = (part(json!({ "alg": "none" })), part(json!({ "exp": ends.as_secs() })));
    Some(format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(secret)))
}

/// Begins an upload.
pub(super) async fn begin(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    crate::deploy::check_handler_name(&script)
        .map_err(|reason| Problem::new(ProblemType::InvalidHandlerName).detail(reason))?;
    let Manifest { manifest } = stores::json(request, MAX_MANIFEST).await?;
    let (jwt, buckets) = cloudflare.uploads.begin(&account, manifest)?;
    ok(json!({ "jwt": jwt, "buckets": buckets }))
}

/// Takes a part of an upload. The token in `Authorization` is the session's: it is all that this asks for.
pub(super) async fn upload(
    State(cloudflare): Shared,
    path: Result<Path<Account>, PathRejection>,
    request: Request,
) -> Answer {
    let Account { account } = path.map_err(|_| expired())?.0;
    let token = bearer(request.headers()).unwrap_or_default().to_owned();
    // Before the body: nobody else may make us read.
    if !cloudflare.uploads.knows(&token, &account) {
        return Err(expired().coded(StatusCode::NOT_FOUND, 10000));
    }
    let _held = cloudflare.stores.kv(&account).room(2 * MAX_PART).await?;
    let mut is_complete = false;
    for (hash, text) in form::read(request, MAX_PART).await? {
        let bytes = STANDARD.decode(&text).map_err(|_| refused("A file is not base64.".into()))?;
        is_complete = cloudflare.uploads.add(&token, &account, &hash, bytes.into())?;
    }
    match is_complete {
        true => ok(json!({ "jwt": token })),
        false => ok(json!({})),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: &[(&str, &str, usize)]) -> BTreeMap<String, Announced> {
        let announced = |hash: &str, size| Announced { hash: hash.to_owned(), size };
        files.iter().map(|(path, hash, size)| ((*path).to_owned(), announced(hash, *size))).collect()
    }

    #[test]
    fn files_come_in_parts_and_are_deployed_when_all_are_there() {
        let uploads = Uploads::default();
        let files = [("/a.txt", "aa", 1), ("/b.txt", "bb", 2), ("/also-a.txt", "aa", 1)];
        let (token, buckets) = uploads.begin("t", manifest(&files)).unwrap();
        assert_eq!(buckets, [["aa", "bb"]]);
        assert!(uploads.site(&token, "t").is_err());
        assert!(!uploads.add(&token, "t", "aa", Bytes::from_static(b"1")).unwrap());
        assert!(!uploads.add(&token, "t", "aa", Bytes::from_static(b"1")).unwrap(), "sent again");
        assert!(uploads.add(&token, "t", "bb", Bytes::from_static(b"1")).is_err(), "another size");
        assert!(uploads.add(&token, "t", "cc", Bytes::from_static(b"1")).is_err(), "not announced");
        assert!(uploads.add(&token, "u", "bb", Bytes::from_static(b"22")).is_err(), "another tenant's");
        assert!(uploads.add(&token, "t", "bb", Bytes::from_static(b"22")).unwrap());
        assert!(uploads.site(&token, "u").is_err());
        let site = uploads.site(&token, "t").unwrap();
        assert_eq!((site.manifest.files.len(), site.files.len()), (3, 2));
        uploads.end(&token);
        assert!(uploads.site(&token, "t").is_err());
    }

    #[test]
    fn what_waits_is_bounded() {
        let uploads = Uploads::default();
        assert!(uploads.begin("t", manifest(&[("/a", "aa", MAX_BYTES + 1)])).is_err());
        assert!(uploads.begin("t", manifest(&[("/a", "no hash", 1)])).is_err());
        for _ in 0..4 {
            uploads.begin("t", manifest(&[("/a", "aa", MAX_BYTES)])).unwrap();
        }
        assert!(uploads.begin("u", manifest(&[("/a", "aa", 1)])).is_err());
        let uploads = Uploads::default();
        for _ in 0..MAX_SESSIONS {
            uploads.begin("t", manifest(&[])).unwrap();
        }
        assert!(uploads.begin("t", manifest(&[])).is_err());
    }

    #[test]
    fn parts_are_of_a_bearable_size() {
        let missing: HashMap<String, usize> = (0..450).map(|n| (format!("{n:04x}"), 10)).collect();
        let sizes: Vec<usize> = buckets(&missing).iter().map(Vec::len).collect();
        assert_eq!(sizes, [200, 200, 50]);
        let large =
            HashMap::from([("a".to_owned(), 5 << 20), ("b".to_owned(), 5 << 20), ("c".to_owned(), 1)]);
        assert_eq!(buckets(&large), [vec!["a"], vec!["b", "c"]]);
    }
}
