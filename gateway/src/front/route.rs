//! Host and path to route. Pure: looks at the request line and the Host field, and knows no handler but by developers' routes.

use crate::routes::Found;
use crate::store::DEFAULT_TENANT;
use axum::body::Body;
use http::uri::{Authority, PathAndQuery};
use http::{Request, Uri, header};
use std::borrow::Cow;

/// First label of a tenant's sandbox origin; handlers cannot have such a name.
const SANDBOX_PREFIX: &str = "sandbox-";

/// What browsers take for this machine, with every name below it.
const LOOPBACK: &str = "localhost";

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// A handler.
    Handler {
        /// Whose it is, in lower case; perhaps nobody.
        tenant: Cow<'a, str>,
        /// As named by the caller, a host's label in lower case; perhaps not deployed.
        name: Cow<'a, str>,
        /// What routing took off the path: `/name` on the main host.
        prefix: Option<&'a str>,
        /// What the handler sees; starts with `/`.
        path_and_query: Cow<'a, str>,
    },
    /// The gateway's own paths.
    Own,
    /// A tenant's sandbox origin.
    Sandbox,
    /// `/` on the main host.
    Home,
}

/// Why a request goes nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RouteError {
    /// No host, or one that does not parse.
    Host,
    /// Developers' routes name the host, and none the path.
    NoRoute,
    /// More labels before the domain than a handler and its tenant.
    NoSuchHost,
    /// The target is too long.
    UriTooLong,
}

/// Host and port that the caller named: the target's authority (HTTP/2, absolute form) before the Host field
/// (RFC 9112, section 3.2.2).
pub(super) fn authority(request: &Request<Body>) -> Result<&str, RouteError> {
    let named = match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => {
            request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).ok_or(RouteError::Host)?
        }
    };
    let valid = named.parse::<Authority>().is_ok() && !named.contains('@');
    if valid { Ok(named) } else { Err(RouteError::Host) }
}

/// Routes by the domain's hosts, by what developers' routes say of others (`routed`), then by path.
pub(super) fn route<'a>(
    uri: &'a Uri,
    authority: &'a str,
    domain: &str,
    routed: impl Fn(&str) -> Option<Found>,
) -> Result<Route<'a>, RouteError> {
    let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let label = handler_label(authority, domain);
    // Pages on loopback, such as the gateway's own tabs, have their sandboxes there whatever the domain is.
    let of_sandbox = label.or_else(|| handler_label(authority, LOOPBACK));
    if of_sandbox.is_some_and(|label| label.starts_with(SANDBOX_PREFIX) && !label.contains('.')) {
        return Ok(Route::Sandbox);
    }
    if let Some(label) = label {
        // No handler of one tenant can take another's host: names are single labels, so the default tenant's hosts have
        // one label before the domain and all others' have two, the tenant's last. That `acme` is both a tenant and a
        // handler of the default tenant is no conflict: `acme.<domain>` is the handler, `x.acme.<domain>` the tenant's
        // `x`. The default tenant has no second name: a handler has one origin.
        let (name, tenant) = match label.split_once('.') {
            None => (label, DEFAULT_TENANT),
            Some((name, tenant)) if !tenant.contains('.') && !tenant.eq_ignore_ascii_case(DEFAULT_TENANT) => {
                (name, tenant)
            }
            Some(_) => return Err(RouteError::NoSuchHost),
        };
        return Ok(Route::Handler {
            tenant: lower(tenant),
            name: lower(name),
            prefix: None,
            path_and_query: rooted(whole),
        });
    }
    match routed(host(authority)) {
        Some(Found::Handler(target)) => {
            return Ok(Route::Handler {
                tenant: target.tenant.clone().into(),
                name: target.handler.clone().into(),
                prefix: None,
                path_and_query: rooted(whole),
            });
        }
        Some(Found::Nothing) => return Err(RouteError::NoRoute),
        None => {}
    }
    let path = uri.path();
    let Some(rest) = path.strip_prefix('/').filter(|rest| !rest.is_empty()) else { return Ok(Route::Home) };
    let name = rest.split_once('/').map_or(rest, |(name, _)| name);
    if name == "_mesh" {
        return Ok(Route::Own);
    }
    // The path begins what is whole, and `/name` the path.
    let (prefix, rest) = whole.split_at(1 + name.len());
    Ok(Route::Handler {
        tenant: DEFAULT_TENANT.into(),
        name: name.into(),
        prefix: Some(prefix),
        path_and_query: rooted(rest),
    })
}

/// Host names have no case (RFC 9110, section 4.2.3).
fn lower(label: &str) -> Cow<'_, str> {
    let upper = label.bytes().any(|byte| byte.is_ascii_uppercase());
    if upper { label.to_ascii_lowercase().into() } else { label.into() }
}

/// What stands before `.domain` in the host, compared without case.
fn handler_label<'a>(authority: &'a str, domain: &str) -> Option<&'a str> {
    let host = host(authority);
    let dot = host.len().checked_sub(domain.len() + 1)?;
    let (label, suffix) = (host.get(..dot)?, host.get(dot..)?);
    (suffix.starts_with('.') && suffix[1..].eq_ignore_ascii_case(domain) && !label.is_empty())
        .then_some(label)
}

/// Without the port.
pub(super) fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// With the `/` that an empty path stands for (RFC 9110, section 4.2.3).
fn rooted(path_and_query: &str) -> Cow<'_, str> {
    let empty = path_and_query.is_empty() || path_and_query.starts_with('?');
    if empty { format!("/{path_and_query}").into() } else { path_and_query.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabmesh_protocol::Target;

    fn routed<'a>(uri: &'a Uri, authority: &'a str) -> Result<Route<'a>, RouteError> {
        route(uri, authority, "localhost", |_| None)
    }

    fn handler<'a>(name: &'a str, prefix: Option<&'a str>, path: &'a str) -> Result<Route<'a>, RouteError> {
        Ok(Route::Handler {
            tenant: "default".into(),
            name: name.into(),
            prefix,
            path_and_query: path.into(),
        })
    }

    #[test]
    fn by_host_the_path_is_untouched() {
        let uri = Uri::from_static("/any/path?x=1");
        assert_eq!(routed(&uri, "hello.localhost:8787"), handler("hello", None, "/any/path?x=1"));
        assert_eq!(routed(&uri, "Hello.LOCALHOST"), handler("hello", None, "/any/path?x=1"));
        let empty = Uri::from_static("http://hello.localhost?x=1");
        assert_eq!(routed(&empty, "hello.localhost"), handler("hello", None, "/?x=1"));
        let own = Uri::from_static("/_mesh/v1/handlers");
        assert_eq!(routed(&own, "hello.localhost"), handler("hello", None, "/_mesh/v1/handlers"));
    }

    #[test]
    fn a_tenants_handlers_are_one_label_deeper() {
        let uri = Uri::from_static("/acme/x?y");
        let theirs = |tenant, name| {
            let (prefix, path_and_query) = (None, "/acme/x?y".into());
            Ok(Route::Handler {
                tenant: Cow::Borrowed(tenant),
                name: Cow::Borrowed(name),
                prefix,
                path_and_query,
            })
        };
        assert_eq!(routed(&uri, "hello.acme.localhost:8787"), theirs("acme", "hello"));
        assert_eq!(routed(&uri, "Hello.ACME.Localhost"), theirs("acme", "hello"));
        // The same word as a handler and as a tenant.
        assert_eq!(routed(&uri, "acme.localhost"), theirs("default", "acme"));
        assert_eq!(routed(&uri, "acme.acme.localhost"), theirs("acme", "acme"));
        assert_eq!(routed(&uri, "sandbox-x.acme.localhost"), theirs("acme", "sandbox-x"));
        // Hosts that no handler can have.
        for host in ["hello.default.localhost", "hello.Default.localhost", "a.b.c.localhost"] {
            assert_eq!(routed(&uri, host), Err(RouteError::NoSuchHost), "{host}");
        }
    }

    #[test]
    fn by_path_the_name_is_taken_off() {
        for (uri, path) in [
            ("/hello/any/path?x=1", "/any/path?x=1"),
            ("/hello", "/"),
            ("/hello/", "/"),
            ("/hello?x", "/?x"),
            ("/hello//a", "//a"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            for host in ["127.0.0.1:8787", "localhost:8787", "[::1]:8787", "gateway.example"] {
                assert_eq!(routed(&uri, host), handler("hello", Some("/hello"), path), "{uri} at {host}");
            }
        }
    }

    #[test]
    fn routes_of_developers_come_after_the_domains_hosts_and_before_paths() {
        let target = Target { tenant: "acme".into(), handler: "shop".into(), version: String::new() };
        let found = |host: &str| {
            assert_eq!(host, "shop.example");
            Some(Found::Handler(target.clone().into()))
        };
        let uri = Uri::from_static("/_mesh/x?y");
        let shop = Ok(Route::Handler {
            tenant: "acme".into(),
            name: "shop".into(),
            prefix: None,
            path_and_query: "/_mesh/x?y".into(),
        });
        assert_eq!(route(&uri, "shop.example:8787", "localhost", found), shop);
        let named = |host: &str| route(&uri, host, "localhost", |_| Some(Found::Nothing)).is_err();
        assert!(named("shop.example") && !named("a.localhost"));
    }

    #[test]
    fn the_gateways_own_paths_are_on_the_main_host_only() {
        assert_eq!(routed(&Uri::from_static("/_mesh/healthz"), "localhost:1"), Ok(Route::Own));
        assert_eq!(
            routed(&Uri::from_static("/_mesh/healthz"), "sandbox-default.localhost:1"),
            Ok(Route::Sandbox)
        );
        let uri = Uri::from_static("/_mesh/x");
        let beside = |host| route(&uri, host, "mesh.example", |_| None);
        assert_eq!(beside("sandbox-default.localhost:1"), Ok(Route::Sandbox));
        assert_eq!(beside("default.localhost:1"), Ok(Route::Own));
        assert_eq!(routed(&Uri::from_static("/"), "127.0.0.1"), Ok(Route::Home));
    }

    #[test]
    fn hosts_are_checked() {
        for (host, valid) in
            [("a.localhost:1", true), ("user@a.localhost", false), ("a b", false), ("", false)]
        {
            let request = Request::builder().uri("/").header("host", host).body(Body::empty()).unwrap();
            assert_eq!(authority(&request).is_ok(), valid, "{host}");
        }
    }
}
