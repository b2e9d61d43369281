//! Cloudflare's API under `/_mesh/client/v4`, as far as unmodified `wrangler` needs it: an account is a tenant, a script a handler.
//!
//! A thin translation onto what our own API does ([`crate::api`]): paths, envelopes, names and numbers of Cloudflare's outside,
//! the same functions inside. Nothing here decides what a deployment is, and nothing is stored but files on their
//! way. What Tabmesh does not have is refused in Cloudflare's shape with a sentence that wrangler prints.

mod account;
mod answer;
mod assets;
mod d1;
mod form;
mod kv;
mod lacking;
mod metadata;
mod scripts;
mod secrets;
mod stand_in;
mod tails;
mod transfer;
mod triggers;
mod versions;

use crate::api::stores::Stores;
use crate::api::{Api, guard};
use crate::problem::{Problem, ProblemType};
use crate::tail::Tail;
use answer::Refusal;
use assets::Uploads;
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::routing::{any, delete, get, post, put};
use http::uri::Authority;
use http::{HeaderMap, Uri};
use serde::Deserialize;
use std::sync::Arc;
use tails::Sessions;
use transfer::Parcels;

/// What wrangler is told as `CLOUDFLARE_API_BASE_URL`.
const BASE: &str = "/_mesh/client/v4";

struct Cloudflare {
    api: Arc<Api>,
    stores: Arc<Stores>,
    uploads: Uploads,
    tail: Arc<Tail>,
    tails: Sessions,
    parcels: Parcels,
}

type Shared = State<Arc<Cloudflare>>;

/// Whose path it is.
#[derive(Deserialize)]
struct Account {
    account: String,
}

/// Which script's path it is.
#[derive(Deserialize)]
struct Script {
    account: String,
    script: String,
}

/// All routes; what is under [`BASE`] and none of them says so.
pub(crate) fn router(api: Arc<Api>, stores: Arc<Stores>, tail: Arc<Tail>) -> Router {
    let cloudflare = Arc::new(Cloudflare {
        api,
        stores,
        uploads: Uploads::default(),
        tail,
        tails: Sessions::default(),
        parcels: Parcels::default(),
    });
    let top = |path: &str| format!("{BASE}{path}");
    let account = |path: &str| format!("{BASE}/accounts/{{account}}{path}");
    let script = |path: &str| format!("{BASE}/accounts/{{account}}/workers/scripts/{{script}}{path}");
    let namespace = |path: &str| account(&format!("/storage/kv/namespaces/{{namespace}}{path}"));
    Router::new()
        .route(&top("/user"), get(account::user))
        .route(&top("/user/tokens/verify"), get(account::verify))
        .route(&top("/accounts"), get(account::accounts))
        .route(&top("/memberships"), get(account::memberships))
        .route(&top("/zones"), get(account::zones))
        .route(&top("/zones/{zone}"), get(account::zone))
        .route(&top("/zones/{zone}/workers/routes"), get(account::nothing))
        .route(&account(""), get(account::read))
        .route(&account("/workers/subdomain"), get(account::subdomain))
        .route(&account("/workers/scripts"), get(scripts::list))
        .route(&account("/workers/services/{script}"), get(scripts::service).delete(scripts::delete))
        .route(&script(""), put(scripts::put).delete(scripts::delete))
        .route(&script("/settings"), get(scripts::settings).patch(secrets::bulk))
        .route(&script("/script-settings"), get(scripts::script_settings).patch(scripts::put_script_settings))
        .route(&script("/references"), get(scripts::references))
        .route(&account("/workers/tails/by-consumer/{script}"), get(account::nothing))
        .route(&script("/assets-upload-session"), post(assets::begin))
        .route(&account("/workers/assets/upload"), post(assets::upload))
        .route(&script("/subdomain"), get(triggers::subdomain).post(triggers::put_subdomain))
        .route(&script("/schedules"), get(triggers::schedules).put(triggers::put_schedules))
        .route(&script("/routes"), put(triggers::put_routes))
        .route(&script("/domains/records"), put(triggers::put_domains))
        .route(&script("/domains/changeset"), post(triggers::changeset))
        .route(&script("/versions"), get(versions::list).post(versions::post))
        .route(&script("/versions/{version}"), get(versions::read))
        .route(&script("/content/v2"), get(stand_in::content))
        .route(&script("/deployments"), get(versions::deployments).post(versions::deploy))
        .route(&script("/tails"), post(tails::make))
        .route(&script("/tails/{tail}"), delete(tails::end))
        .route(&top("/tails/{tail}"), get(tails::listen))
        .route(&script("/secrets"), get(secrets::list).put(secrets::put))
        .route(&script("/secrets/{secret}"), delete(secrets::delete))
        .route(&account("/storage/kv/namespaces"), get(kv::namespaces).post(kv::make))
        .route(&namespace(""), put(kv::rename).delete(kv::remove))
        .route(&namespace("/keys"), get(kv::keys))
        .route(&namespace("/values/{key}"), get(kv::get).put(kv::put).delete(kv::delete))
        .route(&namespace("/bulk"), put(kv::put_all).delete(kv::delete_all))
        .route(&namespace("/bulk/get"), post(kv::get_all))
        .route(&namespace("/bulk/delete"), post(kv::delete_all))
        .route(&account("/d1/database"), get(d1::list).post(d1::make))
        .route(&account("/d1/database/{database}"), get(d1::read).delete(d1::remove))
        .route(&account("/d1/database/{database}/query"), post(d1::query))
        .route(&account("/d1/database/{database}/import"), post(transfer::import))
        .route(&account("/d1/database/{database}/export"), post(transfer::export))
        .route(&top("/d1-files/{file}"), put(transfer::put).get(transfer::get))
        .route(&format!("{BASE}/{{*path}}"), any(lacking::lacking))
        .method_not_allowed_fallback(lacking::lacking)
        // Bodies are read with limits of their own.
        .layer(DefaultBodyLimit::disable())
        .with_state(cloudflare)
}

impl Cloudflare {
    /// Whose path it is; a tenant that is there.
    fn account(&self, path: Result<Path<Account>, PathRejection>) -> Result<String, Refusal> {
        let Path(Account { account }) = path.map_err(|_| no_such_path())?;
        self.api.know(&account)?;
        Ok(account)
    }

    /// Which script's path it is, of a tenant that is there.
    fn script(&self, path: Result<Path<Script>, PathRejection>) -> Result<Script, Refusal> {
        let Path(script) = path.map_err(|_| no_such_path())?;
        self.api.know(&script.account)?;
        Ok(script)
    }
}

fn no_such_path() -> Refusal {
    Problem::new(ProblemType::NotFound).detail("The path is not valid UTF-8.").into()
}

/// The host that a request is for, as its sender wrote it.
fn own_host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    guard::authority(uri, headers)
}
