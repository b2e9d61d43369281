//! Who asks, and what accounts and zones there are: accounts are tenants, and a zone is any host that somebody names.

use super::answer::{Answer, Refusal, ok, paged};
use super::{Account, Shared, own_host};
use crate::access::Principal;
use crate::store::DEFAULT_TENANT;
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

fn account(name: &str) -> Value {
    json!({ "id": name, "name": name, "type": "standard" })
}

pub(super) async fn user(Extension(principal): Extension<Principal>) -> Answer {
    ok(json!({ "id": *principal.id, "email": *principal.name }))
}

pub(super) async fn verify(Extension(principal): Extension<Principal>) -> Answer {
    ok(json!({ "id": *principal.id, "status": "active" }))
}

pub(super) async fn accounts(
    State(cloudflare): Shared,
    Extension(principal): Extension<Principal>,
    uri: Uri,
) -> Answer {
    paged(cloudflare.seen(&principal).iter().map(|name| account(name)).collect(), uri.query())
}

pub(super) async fn memberships(
    State(cloudflare): Shared,
    Extension(principal): Extension<Principal>,
    uri: Uri,
) -> Answer {
    let membership =
        |name: &String| json!({ "id": name, "status": "accepted", "account": account(name), "roles": [] });
    paged(cloudflare.seen(&principal).iter().map(membership).collect(), uri.query())
}

pub(super) async fn read(State(cloudflare): Shared, path: Result<Path<Account>, PathRejection>) -> Answer {
    ok(account(&cloudflare.account(path)?))
}

/// Where scripts are: clients put the script's name before it.
pub(super) async fn subdomain(
    State(cloudflare): Shared,
    path: Result<Path<Account>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let tenant = cloudflare.account(path)?;
    let port = own_host(&uri, &headers).and_then(|own| own.port_u16());
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let owner = if tenant == DEFAULT_TENANT { String::new() } else { format!("{tenant}.") };
    ok(json!({ "subdomain": format!("{owner}{}{port}", cloudflare.api.limits.domain) }))
}

impl super::Cloudflare {
    /// The tenants that exist for whoever asks.
    fn seen(&self, principal: &Principal) -> Vec<String> {
        let tenants = self.api.catalog.tenants().into_iter().map(|(name, _)| name);
        tenants.filter(|name| principal.sees(name)).collect()
    }
}

fn zone_of(name: &str) -> Value {
    json!({ "id": name, "name": name, "status": "active" })
}

/// Whoever runs the gateway's DNS says which zones there are: any that is asked for by name.
pub(super) async fn zones(uri: Uri) -> Answer {
    let query = uri.query().unwrap_or("");
    let name = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name");
    paged(name.iter().map(|(_, name)| zone_of(name)).collect(), None)
}

pub(super) async fn zone(path: Result<Path<String>, PathRejection>) -> Answer {
    let Path(zone) = path.map_err(|_| Refusal::unsupported("There is no such zone."))?;
    ok(zone_of(&zone))
}

/// A list without entries.
pub(super) async fn nothing() -> Answer {
    paged(vec![], None)
}
