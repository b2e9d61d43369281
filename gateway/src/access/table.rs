//! What each of the gateway's own routes needs, in one place. Routes are named as they are mounted; which name a
//! placeholder has does not matter.
//!
//! A route that is not here, and a method that is not, is for the operator's token alone.

mod cloudflare;

use super::Action;
use http::Method;

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: for everybody.
    Public,
    /// An action in the tenant that the path names, the default one if it names none.
    Tenant(Action),
    /// An action in whichever tenant the token is for: the route looks at the principal.
    Own(Action),
    /// An action in all tenants.
    Everywhere(Action),
}

use Action::{Admin, Deploy, Kv, Metrics, Read, Secrets, Sql, Tail};
use Need::{Everywhere, Own, Public, Tenant};

/// For whom a route is that nobody wrote down.
const UNKNOWN: Need = Everywhere(Admin);

type Row = (&'static str, &'static [(Method, Need)]);

/// Under `/_mesh/v1/`, and what is a tenant's under `/_mesh/v1/tenants/{tenant}/`, too. GET is also HEAD.
#[rustfmt::skip]
const OURS: &[Row] = &[
    ("openapi.json", &[(Method::GET, Public)]),
    ("handlers", &[(Method::GET, Tenant(Read))]),
    ("handlers/{name}", &[(Method::GET, Tenant(Read)), (Method::PUT, Tenant(Deploy)), (Method::DELETE, Tenant(Deploy))]),
    ("handlers/{name}/purge", &[(Method::POST, Tenant(Deploy))]),
    ("handlers/{name}/secrets", &[(Method::GET, Tenant(Secrets))]),
    ("handlers/{name}/secrets/{secret}", &[(Method::PUT, Tenant(Secrets)), (Method::DELETE, Tenant(Secrets))]),
    ("handlers/{name}/versions", &[(Method::GET, Tenant(Read)), (Method::POST, Tenant(Deploy))]),
    ("handlers/{name}/versions/{version}", &[(Method::GET, Tenant(Read))]),
    ("handlers/{name}/versions/{a}/diff/{b}", &[(Method::GET, Tenant(Read))]),
    ("handlers/{name}/deployments", &[(Method::GET, Tenant(Read)), (Method::POST, Tenant(Deploy))]),
    ("handlers/{name}/rollback", &[(Method::POST, Tenant(Deploy))]),
    ("handlers/{name}/triggers", &[(Method::GET, Tenant(Read)), (Method::PUT, Tenant(Deploy))]),
    ("handlers/{name}/tail", &[(Method::GET, Tenant(Tail))]),
    ("routes", &[(Method::GET, Tenant(Read))]),
    ("tail", &[(Method::GET, Tenant(Tail))]),
    ("kv", &[(Method::GET, Tenant(Kv)), (Method::POST, Tenant(Kv))]),
    ("kv/{namespace}", &[(Method::DELETE, Tenant(Kv))]),
    ("kv/{namespace}/keys", &[(Method::GET, Tenant(Kv))]),
    ("kv/{namespace}/values/{key}", &[(Method::GET, Tenant(Kv)), (Method::PUT, Tenant(Kv)), (Method::DELETE, Tenant(Kv))]),
    ("kv/{namespace}/bulk", &[(Method::POST, Tenant(Kv))]),
    ("kv/{namespace}/bulk/delete", &[(Method::POST, Tenant(Kv))]),
    ("sql", &[(Method::GET, Tenant(Sql)), (Method::POST, Tenant(Sql))]),
    ("sql/{database}", &[(Method::GET, Tenant(Sql)), (Method::DELETE, Tenant(Sql))]),
    ("sql/{database}/query", &[(Method::POST, Tenant(Sql))]),
    ("tokens", &[(Method::GET, Own(Action::Tokens)), (Method::POST, Own(Action::Tokens))]),
    ("tokens/{id}", &[(Method::DELETE, Own(Action::Tokens))]),
    ("tenants", &[(Method::GET, Everywhere(Admin))]),
    ("tenants/{tenant}", &[(Method::GET, Tenant(Read)), (Method::PUT, Everywhere(Admin))]),
    ("audit", &[(Method::GET, Everywhere(Admin))]),
    ("status", &[(Method::GET, Everywhere(Admin))]),
];

/// Whole paths. Public ones are so for every method: none of them changes anything.
#[rustfmt::skip]
const OTHERS: &[Row] = &[
    ("/_mesh/healthz", &[(Method::GET, Public)]),
    ("/_mesh/readyz", &[(Method::GET, Public)]),
    ("/_mesh/worker", &[(Method::GET, Public)]),
    ("/_mesh/assets/{hash}/{path}", &[(Method::GET, Public)]),
    ("/_mesh/isolate/{hash}/opaque.html", &[(Method::GET, Public)]),
    ("/_mesh/isolate/{hash}/{path}", &[(Method::GET, Public)]),
    // Tabs say there who they are themselves.
    ("/_mesh/signal", &[(Method::GET, Public)]),
    // Whoever knows the hash of code knows the code.
    ("/_mesh/code/{hash}", &[(Method::GET, Public)]),
    ("/_mesh/metrics", &[(Method::GET, Everywhere(Metrics))]),
];

/// Prefix of our own API.
const V1: &str = "/_mesh/v1/";

/// And of one tenant's part of it.
const OF_TENANT: &str = "tenants/{tenant}/";

/// What `method` on the route `path` (as mounted, with placeholders) needs.
#[must_use]
pub fn need(method: &Method, path: &str) -> Need {
    let Some(needs) = row(path) else { return UNKNOWN };
    let method = if method == Method::HEAD { &Method::GET } else { method };
    match needs.iter().find(|(known, _)| known == method) {
        Some((_, need)) => *need,
        // Answers 405, if anything at all.
        None if needs.iter().all(|(_, need)| *need == Public) => Public,
        None => UNKNOWN,
    }
}

/// Whether the table has `method` on `path`.
#[must_use]
pub fn knows(method: &Method, path: &str) -> bool {
    row(path).is_some_and(|needs| needs.iter().any(|(known, _)| known == method))
}

fn row(path: &str) -> Option<&'static [(Method, Need)]> {
    let (rows, path) = if let Some(rest) = path.strip_prefix(V1) {
        (OURS, rest.strip_prefix(OF_TENANT).unwrap_or(rest))
    } else if let Some(rest) = path.strip_prefix(cloudflare::BASE) {
        match rest.strip_prefix(cloudflare::ACCOUNT) {
            Some(rest) => (cloudflare::OF_ACCOUNT, rest),
            None => (cloudflare::TOP, rest),
        }
    } else {
        (OTHERS, path)
    };
    rows.iter().find(|(row, _)| same(row, path)).map(|(_, needs)| *needs)
}

/// Whether two routes are the same but for the names of their placeholders.
fn same(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.split('/'), b.split('/'));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || (a.starts_with('{') && b.starts_with('{')) => {}
            _ => return false,
        }
    }
}

/// Routes below `/_mesh/v1/` with their methods, for the test that compares them with the API's document.
#[cfg(test)]
pub(crate) fn ours() -> impl Iterator<Item = (&'static Method, &'static str)> {
    OURS.iter().flat_map(|(path, needs)| needs.iter().map(move |(method, _)| (method, *path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_is_the_operators() {
        for (method, path) in [
            (Method::GET, "/_mesh/v1/new-thing"),
            (Method::POST, "/_mesh/v1/handlers"),
            (Method::PATCH, "/_mesh/v1/tenants/{tenant}/handlers/{name}"),
            (Method::GET, "/_mesh/v1/handlers/{name}/versions/{version}/more"),
            (Method::GET, "/_mesh/v1/handlers/name"),
            (Method::GET, "/_mesh/v2/handlers"),
            (Method::GET, ""),
        ] {
            assert_eq!(need(&method, path), UNKNOWN, "{method} {path}");
            assert!(!knows(&method, path));
        }
        assert_eq!(need(&Method::DELETE, "/_mesh/metrics"), UNKNOWN);
        assert_eq!(need(&Method::DELETE, "/_mesh/healthz"), Public);
    }

    #[test]
    fn names_of_placeholders_and_the_tenants_prefix_do_not_matter() {
        for path in ["/_mesh/v1/kv/{namespace}/values/{*key}", "/_mesh/v1/tenants/{tenant}/kv/{a}/values/{b}"]
        {
            assert_eq!(need(&Method::HEAD, path), Tenant(Kv));
            assert_eq!(need(&Method::PUT, path), Tenant(Kv));
        }
        assert_eq!(need(&Method::PUT, "/_mesh/v1/tenants/{tenant}"), Everywhere(Admin));
        assert_eq!(need(&Method::GET, "/_mesh/assets/{hash}/{*path}"), Public);
    }

    #[test]
    fn each_route_is_written_once() {
        for rows in [OURS, OTHERS, cloudflare::TOP, cloudflare::OF_ACCOUNT] {
            for (at, (path, needs)) in rows.iter().enumerate() {
                assert!(rows[at + 1..].iter().all(|(other, _)| !same(path, other)), "{path}");
                let methods: std::collections::HashSet<_> = needs.iter().map(|(method, _)| method).collect();
                assert_eq!(methods.len(), needs.len(), "{path}");
            }
        }
    }
}
