//! Tokens: made, listed without their text, revoked. Nobody makes or revokes one that allows more than the one shown.

use super::view::time;
use super::{API_PATH, Shared, body, created, json, no_tenant, store_problem};
use crate::access::{Action, Actions, MAX_TOKENS, NewToken, OPERATOR, Principal, TokenError, Whose};
use crate::problem::{Problem, ProblemType};
use crate::store::{DEFAULT_TENANT, TokenRow};
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tabmesh_protocol::signal::valid_pool;
use utoipa::ToSchema;

/// All tenants, where a tenant is named.
const ALL: &str = "*";

/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// A path with or without a tenant.
#[derive(Deserialize)]
pub(super) struct Owner {
    tenant: Option<String>,
}

/// Which token.
#[derive(Deserialize)]
pub(super) struct Place {
    tenant: Option<String>,
    id: String,
}

/// What a token shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
struct Wanted {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// For which tenant; `*` for all. Without it the path's, or the one of the token that is shown.
    tenant: Option<String>,
    /// What it allows.
    #[serde(default)]
    actions: Vec<Action>,
    /// Makes it a join token: it lets tabs join this pool, and allows nothing else. Pools are all tenants'.
    pool: Option<String>,
    /// Seconds until it ends.
    #[schema(minimum = 1, maximum = 3_153_600_000_u64)]
    expires_in_s: Option<u64>,
    /// When it ends (RFC 3339). Without both it does not end.
    expires_at: Option<String>,
}

/// The JSON of a token.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct View {
    id: String,
    name: String,
    /// How its text begins.
    prefix: String,
    /// For which tenant; `*` for all.
    tenant: String,
    actions: Vec<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// To the minute or so.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    /// Its text, only in the answer that made it: nobody can tell it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<TokenRow> for View {
    fn from(row: TokenRow) -> Self {
        let actions: Actions = serde_json::from_str(&row.actions).unwrap_or_default();
        Self {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            tenant: row.tenant.unwrap_or_else(|| ALL.to_owned()),
            actions: actions.into(),
            pool: row.pool,
            created_at: time(row.created_at_ms),
            expires_at: row.expires_at_ms.map(time),
            last_used_at: row.last_used_ms.map(time),
            token: None,
        }
    }
}

/// The JSON of tokens.
#[derive(Serialize, ToSchema)]
struct Tokens {
    tokens: Vec<View>,
}

/// Lists tokens: the tenant's, or all that are within the reach of the one that is shown.
#[utoipa::path(get, path = "/tokens", tag = "tokens", responses((status = 200, body = Tokens)))]
pub(super) async fn list(
    State(api): Shared,
    owner: Result<Path<Owner>, PathRejection>,
    Extension(principal): Extension<Principal>,
) -> Result<Response, Problem> {
    let named = owner.map_err(|_| no_tenant())?.0.tenant;
    if let Some(tenant) = &named {
        api.know(tenant)?;
    }
    let whose = match named.as_deref().or(principal.tenant.as_deref()) {
        Some(tenant) => Whose::Tenants(tenant),
        None => Whose::Everybodys,
    };
    let tokens = api.access.tokens.list(whose).into_iter().map(View::from).collect();
    Ok(json(StatusCode::OK, &Tokens { tokens }))
}

/// Makes a token. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = Wanted, responses((status = 201, body = View)))]
pub(super) async fn create(
    State(api): Shared,
    owner: Result<Path<Owner>, PathRejection>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let named = owner.map_err(|_| no_tenant())?.0.tenant;
    let wanted: Wanted = body::read(request).await?;
    let new = wanted.checked(named, &principal)?;
    if let Some(tenant) = &new.tenant {
        api.know(tenant)?;
    }
    let made = api.access.tokens.create(new).await;
    let (secret, row) = made.map_err(|error| match error {
        TokenError::TooMany => Problem::new(ProblemType::TooManyTokens)
            .detail(format!("A tenant has at most {MAX_TOKENS} tokens; revoke one first.")),
        TokenError::Store(error) => store_problem(&error),
        TokenError::Random(error) => {
            tracing::error!(%error, "no random bytes");
            Problem::new(ProblemType::Internal)
        }
    })?;
    tracing::info!(id = %row.id, tenant = row.tenant.as_deref().unwrap_or(ALL), by = %principal.id, "token made");
    let location = format!("{API_PATH}/tokens/{}", row.id);
    let view = View { token: Some(secret.reveal().to_owned()), ..View::from(row) };
    Ok(created(&view, &location))
}

/// Revokes a token: it opens nothing more from the moment of this answer.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn revoke(
    State(api): Shared,
    place: Result<Path<Place>, PathRejection>,
    Extension(principal): Extension<Principal>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::new(ProblemType::NotFound).detail("There is no token with this id.");
    let Path(Place { tenant, id }) = place.map_err(|_| missing())?;
    let (row, theirs) = api.access.tokens.get(&id).ok_or_else(missing)?;
    let is_seen = match (&row.tenant, tenant.as_deref().or(principal.tenant.as_deref())) {
        (_, None) => true,
        (Some(theirs), Some(seen)) => theirs == seen,
        (None, Some(_)) => false,
    };
    if !is_seen {
        return Err(missing());
    }
    if id == OPERATOR {
        return Err(Problem::new(ProblemType::Forbidden).detail(
            "The operator's token is not revoked but replaced: start the gateway with --reset-admin-token.",
        ));
    }
    if !principal.covers(row.tenant.as_deref(), theirs.actions) {
        return Err(wider());
    }
    let existed = api.access.tokens.revoke(&id).await.map_err(|error| store_problem(&error))?;
    if !existed {
        return Err(missing());
    }
    tracing::info!(%id, by = %principal.id, "token revoked");
    Ok(StatusCode::NO_CONTENT)
}

impl Wanted {
    /// What is to be made, if `principal` may make it.
    fn checked(self, named: Option<String>, principal: &Principal) -> Result<NewToken, Problem> {
        let invalid = |detail: String| Problem::new(ProblemType::InvalidRequest).detail(detail);
        let length = self.name.chars().count();
        if !(1..=MAX_NAME).contains(&length) || self.name.chars().any(char::is_control) {
            return Err(invalid(format!("A token's name has 1 to {MAX_NAME} printable characters.")));
        }
        let tenant = match (self.tenant, named) {
            (Some(tenant), Some(named)) if tenant != named => {
                return Err(invalid("`tenant` is not the tenant of the path.".to_owned()));
            }
            (Some(tenant), _) | (None, Some(tenant)) => tenant,
            (None, None) if self.pool.is_some() => ALL.to_owned(),
            (None, None) => principal.tenant.as_deref().unwrap_or(DEFAULT_TENANT).to_owned(),
        };
        let tenant = (tenant != ALL).then_some(tenant);
        if let Some(tenant) = &tenant
            && !principal.sees(tenant)
        {
            return Err(no_tenant());
        }
        let actions: Actions = self.actions.into_iter().collect();
        match &self.pool {
            Some(pool) if !valid_pool(pool) => {
                return Err(invalid("A pool is named by 1 to 63 of a-z, 0-9 and -.".to_owned()));
            }
            Some(_) if !actions.is_empty() || tenant.is_some() => {
                return Err(invalid("A join token has a pool, and neither a tenant nor actions.".to_owned()));
            }
            // Tabs answer for all tenants' handlers.
            Some(_) if !principal.is_operator() => return Err(wider()),
            None if actions.is_empty() => {
                return Err(invalid("Say what the token allows: `actions`.".to_owned()));
            }
            _ => {}
        }
        if !principal.covers(tenant.as_deref(), actions) {
            return Err(wider());
        }
        let expires_at_ms = expiry(self.expires_in_s, self.expires_at.as_deref()).map_err(invalid)?;
        Ok(NewToken { name: self.name, tenant, actions, pool: self.pool, expires_at_ms })
    }
}

/// When a token ends, in milliseconds since 1970.
fn expiry(in_s: Option<u64>, at: Option<&str>) -> Result<Option<u64>, String> {
    /// Further away than anybody plans: 100 years.
    const MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let now = SystemTime::now();
    let end = match (in_s, at) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err("Say `expires_in_s` or `expires_at`, not both.".to_owned()),
        (Some(seconds), None) => now + Duration::from_secs(seconds).min(MAX * 2),
        (None, Some(text)) => humantime::parse_rfc3339(text)
            .map_err(|_| "`expires_at` is no RFC 3339 time in UTC, as 2030-01-31T12:00:00Z.".to_owned())?,
    };
    if end <= now || end > now + MAX {
        return Err("A token ends in the future, and within 100 years.".to_owned());
    }
    let ms = end.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Ok(Some(u64::try_from(ms).unwrap_or(u64::MAX)))
}

fn wider() -> Problem {
    Problem::new(ProblemType::Forbidden).detail(
        "This token would be allowed more than the one that is shown, which cannot make or revoke it.",
    )
}
