//! What leads to a script: its own host, routes, custom domains, cron triggers.

use super::answer::{Answer, Refusal, ok};
use super::{Script, Shared};
use crate::access::Principal;
use crate::api::stores;
use crate::api::view::time;
use crate::catalog::Handler;
use crate::cron;
use crate::routes::{self, Pattern};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

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

#[expect(clippy::needless_pass_by_value, reason = "takes what a check gives, as it is")]
fn refused(reason: String) -> Refusal {
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
    let principal = caller(&request);
    let Subdomain { previews_enabled } = stores::json(request, MAX_REQUEST).await?;
    let mut handler = cloudflare.handler(&account, &script)?;
    if let Some(previews) = previews_enabled.filter(|previews| *previews != handler.previews) {
        let mut triggers = handler.triggers();
        triggers.previews = previews;
        handler = cloudflare.api.put_triggers(principal.as_ref(), &account, &script, triggers).await?;
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
    let principal = caller(&request);
    let wanted: Vec<Schedule> = stores::json(request, MAX_REQUEST).await?;
    let crons: Vec<String> = wanted.into_iter().map(|schedule| schedule.cron).collect();
    cron::check(&crons).map_err(refused)?;
    let mut triggers = cloudflare.handler(&account, &script)?.triggers();
    triggers.crons = crons;
    ok(schedules_of(&*cloudflare.api.put_triggers(principal.as_ref(), &account, &script, triggers).await?))
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
    let mut routes = routes::read(wanted, &cloudflare.api.limits.domain).map_err(refused)?;
    let handler = cloudflare.handler(&account, &script)?;
    add(&mut routes, handler.routes.iter().filter(|pattern| is_domain(pattern)));
    put_all(&cloudflare, principal.as_ref(), &account, &script, routes).await?;
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
    let mut routes = routes::read(wanted, &cloudflare.api.limits.domain).map_err(refused)?;
    let handler = cloudflare.handler(&account, &script)?;
    add(&mut routes, handler.routes.iter().filter(|pattern| !is_domain(pattern)));
    put_all(&cloudflare, principal.as_ref(), &account, &script, routes).await?;
    ok(hosts
        .iter()
        .map(|host| json!({ "id": host, "hostname": host, "service": script }))
        .collect::<Vec<_>>())
}

/// What putting custom domains would change, for clients that ask people first: who may not have one is told when it is put.
pub(super) async fn changeset() -> Answer {
    ok(json!({ "added": [], "removed": [], "updated": [], "conflicting": [] }))
}

fn add<'a>(routes: &mut Vec<Pattern>, more: impl Iterator<Item = &'a Pattern>) {
    for pattern in more {
        if !routes.contains(pattern) {
            routes.push(pattern.clone());
        }
    }
}

/// Whether a pattern means all of one host.
fn is_domain(pattern: &Pattern) -> bool {
    let text = pattern.to_string();
    text.split_once('/').is_some_and(|(host, path)| path == "*" && !host.starts_with('*'))
}

async fn put_all(
    cloudflare: &super::Cloudflare,
    principal: Option<&Principal>,
    account: &str,
    script: &str,
    routes: Vec<Pattern>,
) -> Result<Arc<Handler>, Refusal> {
    let mut triggers = cloudflare.handler(account, script)?.triggers();
    triggers.routes = routes;
    Ok(cloudflare.api.put_triggers(principal, account, script, triggers).await?)
}
