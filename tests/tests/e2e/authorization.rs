//! Every route of the API for every kind of token: what opens it, and what others are told.
//!
//! What each route needs is written down here once more, by hand: a mistake in the gateway's own table is not repeated.

use serde_json::{Value, json};
use tabmesh_tests::access::Caller;
use tabmesh_tests::{Gateway, Setup, eventually};

/// Where a token must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// In the path's tenant; the default one if it names none.
    Tenant,
    /// In its own.
    Own,
    /// In all.
    Everywhere,
}
use Scope::{Everywhere, Own, Tenant};

/// Method, path below `/_mesh/v1` and below a tenant's path, action, scope.
const NEEDS: &[(&str, &str, &str, Scope)] = &[
    ("get", "/handlers", "read", Tenant),
    ("get", "/handlers/{name}", "read", Tenant),
    ("put", "/handlers/{name}", "deploy", Tenant),
    ("delete", "/handlers/{name}", "deploy", Tenant),
    ("post", "/handlers/{name}/purge", "deploy", Tenant),
    ("get", "/handlers/{name}/secrets", "secrets", Tenant),
    ("put", "/handlers/{name}/secrets/{secret}", "secrets", Tenant),
    ("delete", "/handlers/{name}/secrets/{secret}", "secrets", Tenant),
    ("get", "/handlers/{name}/versions", "read", Tenant),
    ("post", "/handlers/{name}/versions", "deploy", Tenant),
    ("get", "/handlers/{name}/versions/{version}", "read", Tenant),
    ("get", "/handlers/{name}/versions/{version}/diff/{other}", "read", Tenant),
    ("get", "/handlers/{name}/deployments", "read", Tenant),
    ("post", "/handlers/{name}/deployments", "deploy", Tenant),
    ("post", "/handlers/{name}/rollback", "deploy", Tenant),
    ("get", "/handlers/{name}/triggers", "read", Tenant),
    ("put", "/handlers/{name}/triggers", "deploy", Tenant),
    ("get", "/handlers/{name}/tail", "tail", Tenant),
    ("get", "/routes", "read", Tenant),
    ("get", "/tail", "tail", Tenant),
    ("get", "/kv", "kv", Tenant),
    ("post", "/kv", "kv", Tenant),
    ("delete", "/kv/{namespace}", "kv", Tenant),
    ("get", "/kv/{namespace}/keys", "kv", Tenant),
    ("get", "/kv/{namespace}/values/{key}", "kv", Tenant),
    ("put", "/kv/{namespace}/values/{key}", "kv", Tenant),
    ("delete", "/kv/{namespace}/values/{key}", "kv", Tenant),
    ("post", "/kv/{namespace}/bulk", "kv", Tenant),
    ("post", "/kv/{namespace}/bulk/delete", "kv", Tenant),
    ("get", "/sql", "sql", Tenant),
    ("post", "/sql", "sql", Tenant),
    ("get", "/sql/{database}", "sql", Tenant),
    ("delete", "/sql/{database}", "sql", Tenant),
    ("post", "/sql/{database}/query", "sql", Tenant),
    ("get", "/tokens", "tokens", Own),
    ("post", "/tokens", "tokens", Own),
    ("delete", "/tokens/{id}", "tokens", Own),
    ("get", "/tenants", "admin", Everywhere),
    ("get", "/tenants/{tenant}", "read", Tenant),
    ("put", "/tenants/{tenant}", "admin", Everywhere),
    ("get", "/audit", "admin", Everywhere),
    ("get", "/status", "admin", Everywhere),
];

const ACTIONS: [&str; 9] = ["read", "deploy", "secrets", "kv", "sql", "tail", "metrics", "tokens", "admin"];

/// Whoever asks, and what the token is.
struct Kind {
    name: String,
    caller: Caller,
    /// `None`: it opens nothing. Else its tenant (`*`: all) and actions.
    opens: Option<(&'static str, Vec<&'static str>)>,
}

/// What a request must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    LetIn,
    Unauthorized,
    Forbidden,
    NoTenant,
}

fn expected(kind: &Kind, tenant: Option<&str>, action: &str, scope: Scope) -> Verdict {
    let Some((of, actions)) = &kind.opens else { return Verdict::Unauthorized };
    let seen = |tenant: &str| *of == "*" || *of == tenant;
    let is_seen = match (scope, tenant) {
        (_, Some(tenant)) => seen(tenant),
        (Tenant, None) => seen("default"),
        (Own | Everywhere, None) => true,
    };
    let may = actions.contains(&action) || actions.contains(&"admin");
    match (is_seen, may && (scope != Everywhere || *of == "*")) {
        (false, _) => Verdict::NoTenant,
        (true, false) => Verdict::Forbidden,
        (true, true) => Verdict::LetIn,
    }
}

async fn found(kind: &Kind, method: &str, path: &str, action: &str) -> Verdict {
    let response = kind.caller.send(&method.to_uppercase(), path, "").await;
    let status = response.status().as_u16();
    let challenge =
        response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    let at = format!("{method} {path} with {}", kind.name);
    assert!(!response.headers().contains_key("access-control-allow-origin"), "{at}");
    assert!(status < 500, "{at}: {status}");
    if status < 400 {
        return Verdict::LetIn;
    }
    let problem: Value = response.json().await.unwrap();
    match (status, problem["type"].as_str().unwrap().trim_start_matches("urn:tabmesh:problem:")) {
        (401, "unauthorized") => {
            assert!(challenge.unwrap().starts_with("Bearer realm="), "{at}");
            Verdict::Unauthorized
        }
        (403, "forbidden") => {
            assert_eq!(problem["action"], action, "{at} is told what is missing");
            assert!(challenge.unwrap().contains("insufficient_scope"), "{at}");
            Verdict::Forbidden
        }
        (404, "tenant-not-found") => Verdict::NoTenant,
        (401, other) | (403, other) => panic!("{at}: {other}"),
        _ => Verdict::LetIn,
    }
}

/// A gateway with two tenants, and whoever may show it a token.
async fn kinds() -> (Gateway, Vec<Kind>) {
    let gateway = Setup::new().args(&["--auth", "on"]).start().await;
    let operator = Caller::operator(&gateway);
    for tenant in ["acme", "other"] {
        operator.make_tenant(tenant, Value::Null).await;
    }
    let (id, revoked) = operator.make(json!({ "name": "r", "tenant": "*", "actions": ["admin"] })).await;
    assert_eq!(operator.send("DELETE", &format!("/_mesh/v1/tokens/{id}"), "").await.status(), 204);
    let expired = json!({ "name": "e", "tenant": "*", "actions": ["admin"], "expires_in_s": 1 });
    let (_, expired) = operator.make(expired).await;
    eventually("the token's end", || async {
        (expired.send("GET", "/_mesh/v1/handlers", "").await.status() == 401).then_some(())
    })
    .await;
    let (_, join) = operator.make(json!({ "name": "j", "pool": "default" })).await;
    let nothing = |name: &str, caller: Caller| Kind { name: name.to_owned(), caller, opens: None };
    let mut kinds = vec![
        nothing("no token", Caller::nobody(&gateway)),
        nothing("a wrong token", Caller::with(&gateway, "secret")),
        nothing("a mistyped token", Caller::with(&gateway, &format!("{}x", operator.token()))),
        nothing("a revoked token", revoked),
        nothing("an expired token", expired),
        nothing("a join token", join),
    ];
    for tenant in ["acme", "*"] {
        for action in ACTIONS {
            let caller = operator.make_for(tenant, &[action]).await;
            let name = format!("{action} of {tenant}");
            kinds.push(Kind { name, caller, opens: Some((tenant, vec![action])) });
        }
    }
    let other = operator.make_for("other", &ACTIONS).await;
    kinds.push(Kind {
        name: "another tenant's".into(),
        caller: other,
        opens: Some(("other", ACTIONS.to_vec())),
    });
    kinds.push(Kind {
        name: "the operator's".into(),
        caller: operator.clone(),
        opens: Some(("*", vec!["admin"])),
    });
    (gateway, kinds)
}

#[tokio::test]
async fn every_route_opens_to_the_right_tokens_alone() {
    let (gateway, kinds) = kinds().await;
    let document: Value = gateway.get("/_mesh/v1/openapi.json").await.json().await.unwrap();
    let mut count = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let below = path.strip_prefix("/_mesh/v1").unwrap();
        let (tenant, below) = match below.strip_prefix("/tenants/{tenant}/") {
            Some(_) => (Some("acme"), &below["/tenants/{tenant}".len()..]),
            None => (below.contains("{tenant}").then_some("acme"), below),
        };
        for method in ["get", "put", "post", "delete", "patch"] {
            if item.get(method).is_none() {
                continue;
            }
            let need = NEEDS.iter().find(|need| need.0 == method && need.1 == below);
            let (.., action, scope) = need.unwrap_or_else(|| panic!("{method} {path} is not in this table"));
            for kind in &kinds {
                let path = concrete(path);
                let verdict = found(kind, method, &path, action).await;
                let expected = expected(kind, tenant, action, *scope);
                assert_eq!(verdict, expected, "{method} {path} with {}", kind.name);
                count += 1;
            }
        }
    }
    assert!(count > 1000, "only {count} requests were made");
    for kind in &kinds {
        let expected = expected(kind, None, "metrics", Everywhere);
        assert_eq!(found(kind, "get", "/_mesh/metrics", "metrics").await, expected, "{}", kind.name);
        let public = ["/", "/_mesh/healthz", "/_mesh/worker", "/_mesh/v1/openapi.json"];
        for path in public {
            assert_eq!(kind.caller.send("GET", path, "").await.status(), 200, "{path}");
        }
    }
}

/// With names for placeholders: of nothing that is there, but for the tenant.
fn concrete(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        "{tenant}" | "{account}" => "acme",
        segment if segment.starts_with('{') => "ghost",
        segment => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The same for Cloudflare's API, below `/_mesh/client/v4`; an account is a tenant.
const CLOUDFLARE: &[(&str, &str, &str, Scope)] = &[
    ("get", "/user", "read", Own),
    ("get", "/user/tokens/verify", "read", Own),
    ("get", "/accounts", "read", Own),
    ("get", "/memberships", "read", Own),
    ("get", "/zones", "read", Own),
    ("get", "/accounts/{account}", "read", Tenant),
    ("get", "/accounts/{account}/workers/subdomain", "read", Tenant),
    ("get", "/accounts/{account}/workers/scripts", "read", Tenant),
    ("get", "/accounts/{account}/workers/services/{script}", "read", Tenant),
    ("delete", "/accounts/{account}/workers/services/{script}", "deploy", Tenant),
    ("put", "/accounts/{account}/workers/scripts/{script}", "deploy", Tenant),
    ("delete", "/accounts/{account}/workers/scripts/{script}", "deploy", Tenant),
    ("get", "/accounts/{account}/workers/scripts/{script}/settings", "read", Tenant),
    ("patch", "/accounts/{account}/workers/scripts/{script}/settings", "secrets", Tenant),
    ("post", "/accounts/{account}/workers/scripts/{script}/assets-upload-session", "deploy", Tenant),
    ("post", "/accounts/{account}/workers/scripts/{script}/subdomain", "deploy", Tenant),
    ("put", "/accounts/{account}/workers/scripts/{script}/schedules", "deploy", Tenant),
    ("put", "/accounts/{account}/workers/scripts/{script}/routes", "deploy", Tenant),
    ("put", "/accounts/{account}/workers/scripts/{script}/domains/records", "deploy", Tenant),
    ("get", "/accounts/{account}/workers/scripts/{script}/versions", "read", Tenant),
    ("post", "/accounts/{account}/workers/scripts/{script}/versions", "deploy", Tenant),
    ("get", "/accounts/{account}/workers/scripts/{script}/deployments", "read", Tenant),
    ("post", "/accounts/{account}/workers/scripts/{script}/deployments", "deploy", Tenant),
    ("get", "/accounts/{account}/workers/scripts/{script}/secrets", "secrets", Tenant),
    ("put", "/accounts/{account}/workers/scripts/{script}/secrets", "secrets", Tenant),
    ("delete", "/accounts/{account}/workers/scripts/{script}/secrets/{secret}", "secrets", Tenant),
    ("get", "/accounts/{account}/storage/kv/namespaces", "kv", Tenant),
    ("post", "/accounts/{account}/storage/kv/namespaces", "kv", Tenant),
    ("delete", "/accounts/{account}/storage/kv/namespaces/{namespace}", "kv", Tenant),
    ("put", "/accounts/{account}/storage/kv/namespaces/{namespace}", "kv", Tenant),
    ("get", "/accounts/{account}/storage/kv/namespaces/{namespace}/keys", "kv", Tenant),
    ("get", "/accounts/{account}/storage/kv/namespaces/{namespace}/values/{key}", "kv", Tenant),
    ("put", "/accounts/{account}/storage/kv/namespaces/{namespace}/values/{key}", "kv", Tenant),
    ("delete", "/accounts/{account}/storage/kv/namespaces/{namespace}/values/{key}", "kv", Tenant),
    ("put", "/accounts/{account}/storage/kv/namespaces/{namespace}/bulk", "kv", Tenant),
    ("get", "/accounts/{account}/d1/database", "sql", Tenant),
    ("post", "/accounts/{account}/d1/database", "sql", Tenant),
    ("delete", "/accounts/{account}/d1/database/{database}", "sql", Tenant),
    ("post", "/accounts/{account}/d1/database/{database}/query", "sql", Tenant),
    ("post", "/accounts/{account}/d1/database/{database}/import", "sql", Tenant),
    ("post", "/accounts/{account}/d1/database/{database}/export", "sql", Tenant),
    ("get", "/accounts/{account}/workers/scripts/{script}/content/v2", "read", Tenant),
];

/// As [`found`], by Cloudflare's shape of errors.
async fn found_by_cloudflare(kind: &Kind, method: &str, path: &str) -> Verdict {
    let response = kind.caller.send(&method.to_uppercase(), path, "").await;
    let status = response.status().as_u16();
    assert!(status < 500, "{method} {path} with {}: {status}", kind.name);
    if status < 400 {
        return Verdict::LetIn;
    }
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["success"], false, "{method} {path} with {}: {answer}", kind.name);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    match status {
        401 => Verdict::Unauthorized,
        403 if message.starts_with("This needs a token") => Verdict::Forbidden,
        404 if message.starts_with("There is no tenant of this name") => Verdict::NoTenant,
        _ => Verdict::LetIn,
    }
}

#[tokio::test]
async fn cloudflares_routes_open_to_the_right_tokens_alone() {
    let (_gateway, kinds) = kinds().await;
    for (method, path, action, scope) in CLOUDFLARE {
        let tenant = path.contains("{account}").then_some("acme");
        let path = concrete(&format!("/_mesh/client/v4{path}"));
        for kind in &kinds {
            let verdict = found_by_cloudflare(kind, method, &path).await;
            let expected = expected(kind, tenant, action, *scope);
            assert_eq!(verdict, expected, "{method} {path} with {}", kind.name);
        }
    }
}
