//! The middleware before the gateway's own routes: who asks, and may they. What a route keeps open beyond its answer asks the
//! [`Hold`] that it finds beside the [`Principal`].

use super::rates::Standing;
use super::token::Hash;
use super::{Access, Action, CallerAddress, Hold, Principal, Refused, cors, guard, rates, shape, table};
use crate::api::no_tenant;
use crate::problem::{Problem, ProblemType};
use crate::store::{AuditRow, DEFAULT_TENANT};
use axum::Router;
use axum::extract::{FromRequestParts as _, MatchedPath, RawPathParams, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};
use std::sync::Arc;
use table::Need;

/// Puts the gate before all routes of `router`. Routes find [`Principal`] and [`Hold`] in the request's extensions.
pub fn protect(router: Router, access: Arc<Access>) -> Router {
    router.layer(middleware::from_fn_with_state(access, pass))
}

async fn pass(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    // Where no route matched there is nothing to protect: the fallback says 404 to everybody.
    let Some(route) = request.extensions().get::<MatchedPath>().cloned() else {
        return next.run(request).await;
    };
    let need = table::need(request.method(), route.as_str());
    if need == Need::Public {
        return next.run(request).await;
    }
    let page = access.cors.admitted(request.headers());
    let mut response = if page.is_some() && cors::is_preflight(request.method(), request.headers()) {
        cors::preflight()
    } else {
        let (mut parts, body) = request.into_parts();
        let mut standings = vec![];
        let admitted = access.admit(need, &mut parts, page.is_some(), &mut standings).await;
        let mut response = match admitted {
            Ok(entry) => {
                let response = next.run(Request::from_parts(parts, body)).await;
                if let Some(id) = entry
                    && let Err(error) = access.audit.finish(id, response.status().as_u16()).await
                {
                    tracing::error!(%error, id, "the audit log does not say how a change was answered");
                }
                response
            }
            Err(problem) => shape::refusal(route.as_str(), *problem),
        };
        if !response.headers().contains_key("ratelimit") {
            rates::write(response.headers_mut(), &standings);
        }
        response
    };
    access.cors.mark(page, response.headers_mut());
    response
}

impl Access {
    /// Lets a request through to its route, or says why not. Gives the number of its entry in the audit log, if it is a
    /// change.
    async fn admit(
        &self,
        need: Need,
        parts: &mut Parts,
        page_admitted: bool,
        standings: &mut Vec<Standing>,
    ) -> Result<Option<u64>, Box<Problem>> {
        let address = parts.extensions.get::<CallerAddress>().copied().unwrap_or(CallerAddress(None));
        if let Some(standing) = self.rates.caller(|| address) {
            standings.push(standing.check()?);
        }
        let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method);
        let (principal, shown) = if self.is_on() {
            let (principal, hash) = self.authenticate(&parts.headers)?;
            (principal, Some(hash))
        } else {
            guard::known_host(&parts.uri, &parts.headers, &self.domain)?;
            // CORS keeps pages from reading answers, but not from opening WebSockets.
            let is_socket = parts.headers.contains_key(header::UPGRADE);
            if (changes || is_socket) && !page_admitted {
                guard::no_page(&parts.headers)?;
            }
            (Principal::anybody(), None)
        };
        let named = named_tenant(parts).await;
        let action = judge(need, &principal, named.as_deref())?;
        let tenant = match need {
            Need::Tenant(_) => Some(named.unwrap_or_else(|| DEFAULT_TENANT.to_owned())),
            _ => named,
        };
        let hold = shown.map_or_else(Hold::forever, |hash| {
            Hold::of_action(Arc::clone(&self.tokens), hash, action, tenant.as_deref())
        });
        let entry = if changes {
            for standing in self.rates.change(&principal.id, tenant.as_deref()) {
                standings.push(standing.check()?);
            }
            let row = entry(&principal, action, parts, tenant);
            let begun = self.audit.begin(row).await;
            Some(begun.map_err(|error| {
                tracing::error!(%error, "a change was refused: the audit log cannot be written");
                Problem::new(ProblemType::Internal)
            })?)
        } else {
            None
        };
        parts.extensions.insert(principal);
        parts.extensions.insert(hold);
        Ok(entry)
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<(Principal, Hash), Box<Problem>> {
        let mut shown = headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (shown.next(), shown.next());
        let Some(first) = first else {
            return Err(unauthorized("Send a token: `Authorization: Bearer <token>`.", None));
        };
        let token = first.to_str().ok().filter(|_| second.is_none()).and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let token = token.ok_or_else(|| {
            unauthorized("One `Authorization: Bearer <token>` is expected.", Some("invalid_request"))
        })?;
        self.tokens.authenticate(token).map_err(|refused| {
            let why = match refused {
                Refused::Unknown => "The token is not valid here: mistyped, revoked, or another gateway's.",
                Refused::Expired => "The token has expired.",
                Refused::JoinOnly => "The token is for tabs that join a pool, not for the API.",
            };
            unauthorized(why, Some("invalid_token"))
        })
    }
}

/// Whether the principal may do what is needed in the named tenant; gives the action.
fn judge(need: Need, principal: &Principal, named: Option<&str>) -> Result<Action, Box<Problem>> {
    let (action, seen) = match need {
        Need::Tenant(action) => (action, principal.sees(named.unwrap_or(DEFAULT_TENANT))),
        // What is not said to be a tenant's is everybody's who may see it at all.
        Need::Own(action) => (action, named.is_none_or(|tenant| principal.sees(tenant))),
        Need::Everywhere(action) => (action, named.is_none_or(|tenant| principal.sees(tenant))),
        Need::Public => (Action::Read, true),
    };
    if !seen {
        // As if it did not exist.
        return Err(no_tenant().into());
    }
    let everywhere = matches!(need, Need::Everywhere(_)) && principal.tenant.is_some();
    if principal.may(action) && !everywhere {
        return Ok(action);
    }
    let of_all = if everywhere { " for all tenants" } else { "" };
    let challenge =
        format!("Bearer realm=\"tabmesh\", error=\"insufficient_scope\", scope=\"{}\"", action.name());
    let mut problem = Problem::new(ProblemType::Forbidden)
        .detail(format!("This needs a token{of_all} with the action `{}`.", action.name()))
        .member("action", action.name());
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        problem = problem.header(header::WWW_AUTHENTICATE, challenge);
    }
    Err(problem.into())
}

fn unauthorized(detail: &'static str, error: Option<&str>) -> Box<Problem> {
    let error = error.map(|error| format!(", error=\"{error}\"")).unwrap_or_default();
    let problem = Problem::new(ProblemType::Unauthorized).detail(detail);
    let challenge = HeaderValue::try_from(format!("Bearer realm=\"tabmesh\"{error}"));
    challenge.map_or(problem.clone(), |value| problem.header(header::WWW_AUTHENTICATE, value)).into()
}

/// The tenant that the path names: `{tenant}`, or `{account}` where paths are Cloudflare's.
async fn named_tenant(parts: &mut Parts) -> Option<String> {
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(params) => params
            .iter()
            .find(|(name, _)| ["tenant", "account"].contains(name))
            .map(|(_, value)| value.to_owned()),
        // No text at all: nobody's name.
        Err(_) => Some(String::new()),
    }
}

fn entry(principal: &Principal, action: Action, parts: &Parts, tenant: Option<String>) -> AuditRow {
    let address = parts.extensions.get::<CallerAddress>().and_then(|address| address.0);
    AuditRow {
        id: 0,
        at_ms: 0,
        who: principal.id.to_string(),
        name: principal.name.to_string(),
        action: action.name().to_owned(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        tenant,
        status: None,
        address: address.map(|address| address.to_string()),
    }
}
