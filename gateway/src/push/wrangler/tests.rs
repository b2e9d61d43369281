//! Files as projects have them, in both syntaxes.

use super::*;

const TOML: &str = r#"
name = "shop"
main = "src/index.ts"
compatibility_date = "2026-01-01"
compatibility_flags = ["nodejs_compat"]
account_id = "x"
preview_urls = false
routes = [{ pattern = "shop.example.com/*", zone_name = "example.com" }]
assets = { directory = "./public", binding = "ASSETS", not_found_handling = "single-page-application" }

[vars]
GREETING = "hello"
LIST = [1, 2]

[[kv_namespaces]]
binding = "CACHE"
id = "abc"

[[d1_databases]]
binding = "DB"
database_name = "shop"

[[services]]
binding = "AUTH"
service = "auth"

[triggers]
crons = ["*/5 * * * *"]

[limits]
cpu_ms = 50

[env.staging]
vars = { GREETING = "hi" }
"#;

const JSONC: &str = r#"{
  // The same.
  "name": "shop", "main": "src/index.ts", "compatibility_date": "2026-01-01",
  "compatibility_flags": ["nodejs_compat"], "account_id": "x",
  "routes": [{ "pattern": "shop.example.com/*", "zone_name": "example.com" }],
  "assets": { "directory": "./public", "binding": "ASSETS", "not_found_handling": "single-page-application" },
  "vars": { "GREETING": "hello", "LIST": [1, 2] },
  "kv_namespaces": [{ "binding": "CACHE", "id": "abc" }],
  "d1_databases": [{ "binding": "DB", "database_name": "shop" }],
  "services": [{ "binding": "AUTH", "service": "auth" }],
  "triggers": { "crons": ["*/5 * * * *"] },
  "limits": { "cpu_ms": 50 }, "preview_urls": false,
  "env": { "staging": { "vars": { "GREETING": "hi" } } },
}"#;

#[test]
fn both_syntaxes_say_the_same_to_the_api() {
    let read_toml = read("wrangler.toml", TOML, None).unwrap();
    let read_json = read("wrangler.jsonc", JSONC, None).unwrap();
    assert_eq!(read_toml.metadata, read_json.metadata);
    assert_eq!((read_toml.name.as_deref(), read_toml.main.as_deref()), (Some("shop"), Some("src/index.ts")));
    assert_eq!(
        (read_toml.assets.as_deref(), &read_toml.flags[..]),
        (Some("./public"), &["nodejs_compat".to_owned()][..])
    );
    assert_eq!(
        Json::Object(read_toml.metadata),
        json!({
            "compatibility_date": "2026-01-01",
            "compatibility_flags": ["nodejs_compat"],
            "bindings": [
                { "type": "plain_text", "name": "GREETING", "text": "hello" },
                { "type": "json", "name": "LIST", "json": [1, 2] },
                { "type": "kv_namespace", "name": "CACHE", "namespace_id": "abc" },
                { "type": "d1", "name": "DB", "id": "shop" },
                { "type": "service", "name": "AUTH", "service": "auth" },
                { "type": "assets", "name": "ASSETS" },
            ],
            "assets": { "config": { "not_found_handling": "single-page-application" } },
            "crons": ["*/5 * * * *"],
            "routes": [{ "pattern": "shop.example.com/*", "zone_name": "example.com" }],
            "limits": { "cpu_ms": 50 },
            "preview_urls": false,
        })
    );
    assert_eq!(read_toml.notes.len(), 1);
    assert!(read_toml.notes[0].starts_with("wrangler.toml:6: account_id"), "{:?}", read_toml.notes);
}

#[test]
fn an_environment_has_its_own_bindings_and_name() {
    for (name, text) in [("wrangler.toml", TOML), ("wrangler.json", JSONC)] {
        let staging = read(name, text, Some("staging")).unwrap();
        assert_eq!(staging.name.as_deref(), Some("shop-staging"));
        let bindings = staging.metadata["bindings"].as_array().unwrap();
        assert_eq!(bindings[0], json!({ "type": "plain_text", "name": "GREETING", "text": "hi" }));
        // The namespaces of the top are not this environment's; its routes are.
        assert_eq!(bindings.len(), 2);
        assert!(staging.metadata.contains_key("routes"));
        assert!(read(name, text, Some("nope")).unwrap_err().to_string().contains("no environment \"nope\""));
    }
}

#[test]
fn what_cannot_be_had_is_named_with_its_line() {
    for (text, expected) in [
        ("name = \"a\"\n\n[[r2_buckets]]\nbinding = \"B\"", "wrangler.toml:3: `r2_buckets` is not supported"),
        ("name = \"a\"\nmian = \"x\"", "wrangler.toml:2: `mian` is not known"),
        ("[limits]\ncpu = 1", "wrangler.toml:2: `limits.cpu` is not supported"),
        (
            "compatibility_flags = [\n  \"nodejs_compat\",\n  \"python_workers\"\n]",
            "wrangler.toml:3: the compatibility flag",
        ),
        ("name = 1", "wrangler.toml:1: `name` is not text"),
        ("[[kv_namespaces]]\nid = \"x\"", "`binding` is missing"),
        ("[[rules]]\ntype = \"Text\"\nglobs = [\"**/*.png\"]", "wrangler.toml:3: the rule"),
        ("name = ", "wrangler.toml:1: "),
        ("[env.a]\nqueues = { producers = [{}] }", "wrangler.toml:2: `queues` is not supported"),
    ] {
        let environment = text.contains("env.a").then_some("a");
        let error = read("wrangler.toml", text, environment).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = read("wrangler.jsonc", "{\n  \"name\": \"a\",\n  \"ai\": { \"binding\": \"AI\" }\n}", None)
        .unwrap_err();
    assert!(error.to_string().starts_with("wrangler.jsonc:3: `ai` is not supported"), "{error}");
    // Empty, they ask for nothing.
    assert!(read("wrangler.json", r#"{ "migrations": [], "r2_buckets": [] }"#, None).is_ok());
}

#[test]
fn near_words_are_suggested() {
    let PushError::Config { hint, .. } = read("wrangler.toml", "kv_namespace = []", None).unwrap_err() else {
        panic!()
    };
    assert!(hint.unwrap().contains("kv_namespaces"));
}
