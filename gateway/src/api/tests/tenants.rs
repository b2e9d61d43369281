//! Tenants, and handlers of theirs.

use super::*;

const ACME: &str = "/_mesh/v1/tenants/acme";
const THEIRS: &str = "/_mesh/v1/tenants/acme/handlers/hello";

#[tokio::test]
async fn the_life_of_a_tenant() {
    let server = Server::new(ApiLimits::default()).await;
    for path in [ACME, THEIRS, "/_mesh/v1/tenants/acme/handlers"] {
        assert_eq!(kind(&server.send("GET", path, &[], "").await), "tenant-not-found", "{path}");
    }
    assert_eq!(kind(&server.put(THEIRS, CODE).await), "tenant-not-found");
    assert_eq!(kind(&server.send("DELETE", THEIRS, &[], "").await), "tenant-not-found");

    let made = server.put(ACME, "").await;
    assert_eq!(
        (made.status, made.body),
        (201, json!({ "name": "acme", "created": true, "handlers": 0, "hosts": [], "quota": {} }))
    );
    assert_eq!(made.headers["location"], ACME);
    let again = server.put(ACME, "").await;
    assert_eq!((again.status, &again.body["created"]), (200, &json!(false)));

    let deployed = server.put(THEIRS, CODE).await;
    assert_eq!((deployed.status, deployed.headers["location"].to_str().unwrap()), (201, THEIRS));
    assert_eq!(deployed.body["tenant"], "acme");
    // By path there are only the default tenant's handlers.
    let preview =
        format!("http://{}-hello.acme.localhost:8787/", &deployed.body["version"].as_str().unwrap()[..8]);
    assert_eq!(
        deployed.body["urls"],
        json!({ "host": "http://hello.acme.localhost:8787/", "preview": preview })
    );
    assert_eq!(kind(&server.send("GET", HELLO, &[], "").await), "handler-not-found");
    let ours = server.put(HELLO, CODE).await;
    assert_eq!(ours.body["version"], deployed.body["version"]);

    let list = server.send("GET", TENANTS_PATH, &[], "").await.body;
    let (acme, default) = (
        json!({ "name": "acme", "handlers": 1, "hosts": [], "quota": {} }),
        json!({ "name": "default", "handlers": 1, "hosts": [], "quota": {} }),
    );
    assert_eq!(list, json!({ "tenants": [acme, default] }));
    let mut shown = server.send("GET", ACME, &[], "").await.body;
    let usage = shown.as_object_mut().unwrap().remove("usage").unwrap();
    assert_eq!(shown, acme);
    let code = usage["code_bytes"].as_u64().unwrap();
    assert!(code > 0);
    assert_eq!(usage, json!({ "stored_bytes": code, "code_bytes": code, "kv_bytes": 0, "sql_bytes": 0 }));
    let theirs = server.send("GET", "/_mesh/v1/tenants/acme/handlers", &[], "").await.body;
    assert_eq!(
        (theirs["handlers"].as_array().unwrap().len(), &theirs["handlers"][0]["tenant"]),
        (1, &json!("acme"))
    );
    let default = server.send("GET", "/_mesh/v1/tenants/default/handlers/hello", &[], "").await;
    assert_eq!((default.status, &default.body["urls"]["path"]), (200, &json!("/hello/")));

    assert_eq!(server.send("DELETE", THEIRS, &[], "").await.status, 204);
    assert_eq!(kind(&server.send("GET", THEIRS, &[], "").await), "handler-not-found");
    assert_eq!(server.send("GET", HELLO, &[], "").await.status, 200);
}

#[tokio::test]
async fn bad_names_and_methods() {
    let server = Server::new(ApiLimits::default()).await;
    for name in ["Acme", "a.b", "-a", "sandbox-a", "xn--a", "www", "%ff", &"a".repeat(51)] {
        let answer = server.put(&format!("{TENANTS_PATH}/{name}"), "").await;
        assert_eq!((answer.status, kind(&answer)), (400, "invalid-tenant-name"), "{name}");
    }
    let default = server.put("/_mesh/v1/tenants/default", "").await;
    assert_eq!((default.status, &default.body["created"]), (200, &json!(false)));
    server.put(ACME, "").await;
    let answer = server.put("/_mesh/v1/tenants/acme/handlers/www", CODE).await;
    assert_eq!(kind(&answer), "invalid-handler-name");
    for (method, path, allow) in [
        ("DELETE", ACME, "GET,HEAD,PUT"),
        ("POST", TENANTS_PATH, "GET,HEAD"),
        ("PUT", "/_mesh/v1/tenants/acme/handlers", "GET,HEAD"),
    ] {
        let answer = server.send(method, path, &[], "").await;
        assert_eq!((answer.status, kind(&answer)), (405, "method-not-allowed"), "{method} {path}");
        assert_eq!(answer.headers["allow"], allow, "{method} {path}");
    }
    for path in [ACME, THEIRS] {
        let page = server.send("PUT", path, &[("origin", "http://hello.localhost:8787")], CODE).await;
        assert_eq!(kind(&page), "forbidden");
    }
}
