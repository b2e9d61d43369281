//! What leads to a script: its own host, routes, custom domains, cron triggers.

use super::answer::{Answer, Refusal, ok};
use super::{Script, Shared};
use crate::access::Principal;
use crate::api::stores;
use crate::api::view::time;
use crate::catalog::{Handler, Triggers};
use crate::cron;
use crate::routes::{self, Pattern};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Largest request, in bytes.
const MAX_REQUEST: usize = 256 << 10;

/// The script's own host.
#[derive(Deserialize)]
struct Subdomain {
    previews_enabled: Option<bool>,
}

/// A cron trigger.
#[derive(Deserialize)]
struct Schedule {
    cron: String,
}

/// Custom domains.
#[derive(Deserialize)]
struct Domains {
    origins: Vec<Origin>,
}

#[derive(Deserialize)]
struct Origin {
    hostname: String,
}

/// A handler's own host is always there; hosts of its versions are a matter of settings.
fn subdomain_of(handler: &Handler) -> Value {
    json!({ "enabled": true, "previews_enabled": handler.previews })
}

fn schedules_of(handler: &Handler) -> Value {
    let at = time(handler.updated_at_ms);
    let crons = handler.crons.iter();
    let schedules: Vec<Value> =
        crons.map(|cron| json!({ "cron": cron, "created_on": at, "modified_on": at })).collect();
    json!({ "schedules": schedules })
}

fn caller(request: &Request) -> Option<Principal> {
    request.extensions().get::<Principal>().cloned()
}

fn refused(reason: &str) -> Refusal {
    Refusal::metadata(format!("{reason}."))
}

pub(super) async fn subdomain(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    ok(subdomain_of(&*cloudflare.handler(&account, &script)?))
}

pub(super) async fn put_subdomain(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let Subdomain { previews_enabled } = stores::json(request, MAX_REQUEST).await?;
    let mut handler = cloudflare.handler(&account, &script)?;
    if let Some(previews) = previews_enabled.filter(|previews| *previews != handler.previews) {
        let change = move |triggers: &mut Triggers| triggers.previews = previews;
        handler = cloudflare.api.change_triggers(&account, &script, change).await?;
    }
    ok(subdomain_of(&handler))
}

pub(super) async fn schedules(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    ok(schedules_of(&*cloudflare.handler(&account, &script)?))
}

pub(super) async fn put_schedules(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let wanted: Vec<Schedule> = stores::json(request, MAX_REQUEST).await?;
    let crons: Vec<String> = wanted.into_iter().map(|schedule| schedule.cron).collect();
    cron::check(&crons).map_err(|reason| refused(&reason))?;
    let change = move |triggers: &mut Triggers| triggers.crons = crons;
    ok(schedules_of(&*cloudflare.api.change_triggers(&account, &script, change).await?))
}

/// The routes besides custom domains, which are put by themselves.
pub(super) async fn put_routes(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let principal = caller(&request);
    let given: Vec<Map<String, Value>> = stores::json(request, MAX_REQUEST).await?;
    let plain = |route: &Map<String, Value>| route.get("pattern").and_then(Value::as_str).map(str::to_owned);
    let patterns: Option<Vec<String>> = given.iter().map(plain).collect();
    let patterns = patterns.ok_or_else(|| Refusal::metadata("A route needs a pattern."))?;
    let wanted = patterns.iter().cloned().map(routes::Wanted::Plain).collect();
    let wanted = routes::read(wanted, &cloudflare.api.limits.domain).map_err(|reason| refused(&reason))?;
    replace(&cloudflare, principal.as_ref(), &account, &script, wanted, |pattern| !is_domain(pattern))
        .await?;
    ok(patterns.iter().map(|pattern| json!({ "pattern": pattern, "script": script })).collect::<Vec<_>>())
}

/// The custom domains.
pub(super) async fn put_domains(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account, script } = cloudflare.script(path)?;
    let principal = caller(&request);
    let Domains { origins } = stores::json(request, MAX_REQUEST).await?;
    let hosts: Vec<String> = origins.into_iter().map(|origin| origin.hostname).collect();
    let wanted = hosts.iter().map(|host| routes::Wanted::domain(host.clone())).collect();
    let wanted = routes::read(wanted, &cloudflare.api.limits.domain).map_err(|reason| refused(&reason))?;
    replace(&cloudflare, principal.as_ref(), &account, &script, wanted, is_domain).await?;
    ok(hosts
        .iter()
        .map(|host| json!({ "id": host, "hostname": host, "service": script }))
        .collect::<Vec<_>>())
}

/// What putting custom domains would change, for clients that ask people first: who may not have one is told when it is put.
pub(super) async fn changeset() -> Answer {
    ok(json!({ "added": [], "removed": [], "updated": [], "conflicting": [] }))
}

/// Whether a pattern means all of one host.
fn is_domain(pattern: &Pattern) -> bool {
    let text = pattern.to_string();
    text.split_once('/').is_some_and(|(host, path)| path == "*" && !host.starts_with('*'))
}

/// Puts routes in the place of those of their kind; the others stay, and so does what another request changes meanwhile.
async fn replace(
    cloudflare: &super::Cloudflare,
    principal: Option<&Principal>,
    account: &str,
    script: &str,
    wanted: Vec<Pattern>,
    is_kind: fn(&Pattern) -> bool,
) -> Result<(), Refusal> {
    cloudflare.api.check_routes(principal, account, &wanted)?;
    let change = move |triggers: &mut Triggers| {
        triggers.routes.retain(|pattern| !is_kind(pattern) && !wanted.contains(pattern));
        triggers.routes.splice(0..0, wanted);
    };
    cloudflare.api.change_triggers(account, script, change).await?;
    Ok(())
}
