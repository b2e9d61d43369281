//! Files between wrangler and a D1 database: `d1 execute --file` and `d1 export`. Each is asked for with a token, and goes by an
//! address of its own, which is a secret that works once and for a while.
//!
//! Files wait in memory, bounded; a tenant that begins more than it may loses the oldest. Whose token ended loses all of them.

use super::answer::{Answer, Refusal, ok};
use super::d1::Place;
use super::{BASE, Shared, no_such_path, own_host};
use crate::access::Hold;
use crate::api::stores;
use crate::problem::{Problem, ProblemType};
use crate::sql::{DatabaseId, Export, Imported, MAX_EXPORT};
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use md5::{Digest as _, Md5};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Largest file of statements, in bytes.
const MAX_FILE: usize = 16 << 20;

/// How long a file waits, or an address for its file.
const LIFE: Duration = Duration::from_secs(10 * 60);

/// Files of one tenant that may be on their way.
const MAX_OF_TENANT: usize = 2;

/// And of all tenants.
const MAX_WAITING: usize = 8;

/// Largest request that is no file, in bytes.
const MAX_REQUEST: usize = 64 << 10;

/// A file on its way.
struct Parcel {
    database: DatabaseId,
    hold: Hold,
    /// When it came, so that the oldest gives way.
    since: Instant,
    what: What,
}

enum What {
    /// Statements that are to come, with the MD5 that their sender announced.
    Expected { md5: String },
    /// Statements that came.
    Arrived { md5: String, sql: String },
    /// A database that is to be fetched.
    Export { sql: Bytes },
}

/// All of them, by their secret.
#[derive(Default)]
pub(super) struct Parcels(Mutex<HashMap<String, Parcel>>);

impl Parcels {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Parcel>> {
        let mut parcels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parcels.retain(|_, parcel| parcel.hold.check().is_ok());
        parcels
    }

    /// Puts a file, or the wait for one, under a secret.
    fn put(&self, database: DatabaseId, hold: Hold, what: What) -> Result<String, Problem> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|_| Problem::new(ProblemType::Internal))?;
        let secret = hex::encode(secret);
        let mut parcels = self.lock();
        let own = || parcels.iter().filter(|(_, parcel)| parcel.database.tenant == database.tenant);
        if own().count() >= MAX_OF_TENANT {
            let oldest = own().min_by_key(|(_, parcel)| parcel.since).map(|(secret, _)| secret.clone());
            oldest.and_then(|oldest| parcels.remove(&oldest));
        }
        if parcels.len() >= MAX_WAITING {
            return Err(Problem::new(ProblemType::TooManyUploads).retry_after(30));
        }
        let since = Instant::now();
        parcels.insert(secret.clone(), Parcel { database, hold: hold.until(since + LIFE), since, what });
        Ok(secret)
    }
}

/// What an import is asked to do.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
enum Wanted {
    Init { etag: String },
    Ingest { filename: String, etag: String },
    Poll {},
}

/// What an export is asked for.
#[derive(Deserialize)]
struct WantedExport {
    #[serde(default)]
    dump_options: DumpOptions,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DumpOptions {
    no_schema: Option<bool>,
    no_data: Option<bool>,
    tables: Option<Vec<String>>,
}

/// An import: its address is asked for, the file is put there, and then it is run.
pub(super) async fn import(
    State(cloudflare): Shared,
    path: Result<Path<Place>, PathRejection>,
    Extension(hold): Extension<Hold>,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Answer {
    let (database, ..) = cloudflare.database(path).await?;
    match stores::json(request, MAX_REQUEST).await? {
        Wanted::Init { etag } => {
            let secret = cloudflare.parcels.put(database, hold, What::Expected { md5: etag })?;
            let url = cloudflare.address(&uri, &headers, &secret)?;
            ok(json!({ "success": true, "messages": [], "filename": secret, "upload_url": url }))
        }
        Wanted::Ingest { filename, etag } => {
            let sql = {
                let mut parcels = cloudflare.parcels.lock();
                let is_it = |parcel: &Parcel| {
                    let is_there = matches!(&parcel.what, What::Arrived { md5, .. } if *md5 == etag);
                    parcel.database == database && is_there
                };
                if !parcels.get(&filename).is_some_and(is_it) {
                    return Err(gone().into());
                }
                match parcels.remove(&filename).map(|parcel| parcel.what) {
                    Some(What::Arrived { sql, .. }) => sql,
                    _ => return Err(gone().into()),
                }
            };
            let done = cloudflare.stores.storage.import(database.clone(), sql).await?;
            tracing::info!(tenant = %database.tenant, database = %database.id, statements = done.statements, "SQL file run");
            ok(finished(&done))
        }
        // An import is over when it is answered.
        Wanted::Poll {} => Err(gone().into()),
    }
}

fn finished(done: &Imported) -> Value {
    let meta = json!({
        "duration": done.all.duration, "changes": done.all.changes, "last_row_id": done.all.last_row_id,
        "changed_db": done.all.changes > 0, "size_after": done.all.size_after, "rows_read": done.rows,
        "rows_written": done.all.changes, "served_by": "tabmesh",
    });
    json!({
        "success": true, "type": "import", "status": "complete", "messages": [], "at_bookmark": "0",
        "result": { "num_queries": done.statements, "final_bookmark": "0", "meta": meta },
    })
}

/// An export: done at once, and fetched from its address.
pub(super) async fn export(
    State(cloudflare): Shared,
    path: Result<Path<Place>, PathRejection>,
    Extension(hold): Extension<Hold>,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Answer {
    let (database, named, _) = cloudflare.database(path).await?;
    let WantedExport { dump_options } = stores::json(request, MAX_REQUEST).await?;
    let what = Export {
        tables: dump_options.tables.unwrap_or_default(),
        no_schema: dump_options.no_schema.unwrap_or_default(),
        no_data: dump_options.no_data.unwrap_or_default(),
    };
    // While it is made it counts for as much as it may become.
    let _held = cloudflare.stores.kv(&database.tenant).room(MAX_EXPORT).await?;
    let sql = cloudflare.stores.storage.databases.export(database.clone(), what).await?;
    let secret = cloudflare.parcels.put(database, hold, What::Export { sql: sql.into() })?;
    let url = cloudflare.address(&uri, &headers, &secret)?;
    ok(json!({
        "success": true, "type": "export", "status": "complete", "messages": [], "at_bookmark": "0",
        "result": { "filename": format!("{}.sql", named.name), "signed_url": url },
    }))
}

/// Takes a file to its address.
pub(super) async fn put(
    State(cloudflare): Shared,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Answer {
    let Path(secret) = path.map_err(|_| no_such_path())?;
    let expected = |parcels: &HashMap<String, Parcel>| match parcels.get(&secret).map(|parcel| &parcel.what) {
        Some(What::Expected { md5 }) => Some(md5.clone()),
        _ => None,
    };
    // Nobody without the secret has a body read.
    let announced = expected(&cloudflare.parcels.lock()).ok_or_else(gone)?;
    let body = stores::read(request, MAX_FILE).await?;
    let md5 = hex::encode(Md5::digest(&body));
    if md5 != announced {
        return Err(stores::invalid("The file is not the one that was announced.").into());
    }
    let sql = String::from_utf8(body.into()).map_err(|_| stores::invalid("The file is not UTF-8 text."))?;
    let mut parcels = cloudflare.parcels.lock();
    // It may have been put twice meanwhile, or its time be over.
    expected(&parcels).ok_or_else(gone)?;
    if let Some(parcel) = parcels.get_mut(&secret) {
        parcel.what = What::Arrived { md5: md5.clone(), sql };
    }
    let etag =
        HeaderValue::try_from(format!("\"{md5}\"")).map_err(|_| Problem::new(ProblemType::Internal))?;
    Ok((StatusCode::OK, [(header::ETAG, etag)]).into_response())
}

/// Gives a database out, once.
pub(super) async fn get(State(cloudflare): Shared, path: Result<Path<String>, PathRejection>) -> Answer {
    let Path(secret) = path.map_err(|_| no_such_path())?;
    let mut parcels = cloudflare.parcels.lock();
    if !matches!(parcels.get(&secret), Some(Parcel { what: What::Export { .. }, .. })) {
        return Err(gone().into());
    }
    let Some(Parcel { what: What::Export { sql }, .. }) = parcels.remove(&secret) else {
        return Err(gone().into());
    };
    // What is stored is nobody's page: this host is the gateway's.
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/sql")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((fields, sql).into_response())
}

fn gone() -> Problem {
    Problem::new(ProblemType::NotFound)
        .detail("There is no such file: it was used, or waited for too long. Run the command again.")
}

impl super::Cloudflare {
    /// Where a file goes, or is.
    fn address(&self, uri: &Uri, headers: &HeaderMap, secret: &str) -> Result<String, Refusal> {
        let host = own_host(uri, headers).ok_or_else(no_such_path)?;
        Ok(format!("{}://{host}{BASE}/d1-files/{secret}", self.api.limits.scheme))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(parcels: &Parcels, tenant: &str, hold: Hold) -> Option<String> {
        let database = DatabaseId { tenant: tenant.into(), id: "d".into() };
        parcels.put(database, hold, What::Expected { md5: String::new() }).ok()
    }

    #[test]
    fn files_that_wait_are_bounded() {
        let parcels = Parcels::default();
        let more = |tenant: &str| put(&parcels, tenant, Hold::forever());
        let own: Vec<String> = (0..3).map(|_| more("a").unwrap()).collect();
        let is_there = |secret: &String| parcels.lock().contains_key(secret);
        assert_eq!([&own[0], &own[1], &own[2]].map(is_there), [false, true, true], "the oldest gave way");
        for tenant in ["b", "c"] {
            assert!(more(tenant).is_some() && more(tenant).is_some());
        }
        let over = put(&parcels, "d", Hold::forever().until(Instant::now())).unwrap();
        assert!(!is_there(&over), "what is over is forgotten");
        assert!(more("d").is_some() && more("e").is_some() && more("f").is_none());
        assert!(more("a").is_some(), "one's own gives way");
    }
}
