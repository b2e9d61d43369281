//! What every key of a wrangler file is to `tabmesh deploy`. A key that is not here is refused: nothing is dropped silently.

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// It is read.
    Used,
    /// It makes no difference here, for this reason.
    Harmless(&'static str),
    /// It cannot be had here; what to do about it.
    Missing(&'static str),
}

use Key::{Harmless, Missing, Used};

use crate::near;

/// The keys at the top of the file, and of an environment.
const KEYS: &[(&str, Key)] = &[
    ("name", Used),
    ("main", Used),
    ("compatibility_date", Used),
    ("compatibility_flags", Used),
    ("vars", Used),
    ("kv_namespaces", Used),
    ("d1_databases", Used),
    ("services", Used),
    ("assets", Used),
    ("triggers", Used),
    ("route", Used),
    ("routes", Used),
    ("limits", Used),
    ("preview_urls", Used),
    ("define", Used),
    ("alias", Used),
    ("minify", Used),
    ("no_bundle", Used),
    ("tsconfig", Used),
    ("jsx_factory", Used),
    ("jsx_fragment", Used),
    ("rules", Used),
    ("env", Used),
    ("$schema", Harmless("for editors")),
    ("account_id", Harmless("there are no accounts")),
    ("workers_dev", Harmless("every handler has a host of its own")),
    ("dev", Harmless("for wrangler's own server")),
    ("observability", Harmless("logs and metrics are always there")),
    ("logpush", Harmless("logs are the gateway's")),
    ("send_metrics", Harmless("for wrangler itself")),
    ("legacy_env", Harmless("environments are handlers of their own")),
    ("usage_model", Harmless("for billing")),
    ("placement", Harmless("the gateway picks the tab")),
    ("keep_vars", Harmless("variables are those of the file")),
    ("keep_names", Harmless("names are kept where nothing is minified")),
    ("upload_source_maps", Harmless("source maps always go along")),
    ("first_party_worker", Harmless("for Cloudflare's own")),
    ("python_modules", Harmless("for Python")),
    ("durable_objects", Missing("keep state in a KV namespace or a D1 database")),
    ("migrations", Missing("they belong to Durable Objects: keep state in a KV namespace or a D1 database")),
    ("queues", Missing("do the work with ctx.waitUntil, or by a cron trigger")),
    ("r2_buckets", Missing("keep objects in a KV namespace, or files in assets")),
    ("vectorize", Missing("keep vectors in a D1 database")),
    ("hyperdrive", Missing("use a D1 database")),
    ("analytics_engine_datasets", Missing("write to console, or to a D1 database")),
    ("ai", Missing("call a model's HTTP API")),
    ("ai_search", Missing("call a search service's HTTP API")),
    ("browser", Missing("there is no browser to drive")),
    ("images", Missing("use OffscreenCanvas and createImageBitmap, as examples/thumbnail.js does")),
    ("media", Missing("there is no media service")),
    ("stream", Missing("there is no video service")),
    ("send_email", Missing("call a mail service's HTTP API")),
    ("mtls_certificates", Missing("outbound requests have no client certificates")),
    ("dispatch_namespaces", Missing("use service bindings")),
    ("workflows", Missing("keep state in a D1 database and go on by a cron trigger")),
    ("containers", Missing("handlers run in browser tabs")),
    ("pipelines", Missing("write to a D1 database")),
    ("secrets_store_secrets", Missing("put the secret into the handler's own")),
    ("tail_consumers", Missing("read the gateway's log")),
    ("streaming_tail_consumers", Missing("read the gateway's log")),
    ("unsafe", Missing("it is for Cloudflare's internals")),
    ("ratelimits", Missing("count in a KV namespace")),
    ("vpc_services", Missing("call the service by its public address")),
    ("worker_loaders", Missing("deploy the code as a handler of its own")),
    ("version_metadata", Missing("put the version into a variable")),
    ("site", Missing("use assets = { directory = \"...\" }")),
    ("pages_build_output_dir", Missing("Pages projects: use main and assets = { directory = \"...\" }")),
    ("build", Missing("run the command before `tabmesh deploy`, and let main name what it makes")),
    ("base_dir", Missing("name main relative to the file's folder")),
    ("find_additional_modules", Missing("import the modules, or let main name a bundle")),
    ("preserve_file_names", Missing("import the files by relative paths")),
    ("wasm_modules", Missing("import the .wasm file in the code")),
    ("text_blobs", Missing("import the text file in the code")),
    ("data_blobs", Missing("import the .bin file in the code")),
    ("cloudchamber", Missing("handlers run in browser tabs")),
    ("logfwdr", Missing("read the gateway's log")),
    ("compliance_region", Missing("nobody guarantees where a tab is")),
    ("configuration", Missing("write the keys at the top of the file")),
    ("exports", Missing("default exports alone answer requests")),
    ("cache", Missing("cache with the Cache-Control header")),
];

/// The keys inside of tables that are used, by table.
const INNER: &[(&str, &[&str], &[&str])] = &[
    // Table, keys that are used, keys that make no difference.
    ("kv_namespaces", &["binding", "id"], &["preview_id", "remote"]),
    (
        "d1_databases",
        &["binding", "database_name", "database_id"],
        &["preview_database_id", "migrations_dir", "migrations_table", "remote", "database_internal_env"],
    ),
    ("services", &["binding", "service", "entrypoint"], &["remote"]),
    ("assets", &["directory", "binding", "html_handling", "not_found_handling", "run_worker_first"], &[]),
    ("triggers", &["crons"], &[]),
    // The first is Workers' own; docs/api.md has all.
    (
        "limits",
        &[
            "cpu_ms",
            "subrequests",
            "wall_ms",
            "memory_mb",
            "request_bytes",
            "response_bytes",
            "concurrency",
            "log_bytes",
        ],
        &[],
    ),
    ("rules", &["type", "globs"], &["fallthrough"]),
];

/// What the key is; `None` if nobody knows it.
pub(super) fn of(key: &str) -> Option<Key> {
    KEYS.iter().find(|(name, _)| *name == key).map(|(_, key)| *key)
}

/// What Workers call the bindings that a table makes, for those that are not here.
pub(super) fn type_of(table: &str) -> Option<&'static str> {
    const TYPES: [(&str, &str); 9] = [
        ("durable_objects", "DurableObjectNamespace (Durable Object)"),
        ("queues", "Queue"),
        ("r2_buckets", "R2Bucket"),
        ("vectorize", "VectorizeIndex"),
        ("hyperdrive", "Hyperdrive"),
        ("analytics_engine_datasets", "AnalyticsEngineDataset"),
        ("ai", "Ai"),
        ("workflows", "Workflow"),
        ("ratelimits", "RateLimit"),
    ];
    TYPES.iter().find(|(name, _)| *name == table).map(|(_, kind)| *kind)
}

/// Whether a used table may have this key; `true` for tables whose keys are the developer's.
pub(super) fn is_known_inside(table: &str, key: &str) -> bool {
    INNER
        .iter()
        .find(|(name, ..)| *name == table)
        .is_none_or(|(_, used, harmless)| used.contains(&key) || harmless.contains(&key))
}

/// The key that one meant.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|(name, _)| (near::distance(key, name), *name))
        .filter(|(far, _)| *far <= 2)
        .min()
        .map(|(_, name)| name)
}

/// Compatibility flags that are read, and those that describe what is so here anyway.
pub(super) const FLAGS: &[&str] = &[
    "nodejs_compat",
    "nodejs_compat_v2",
    "nodejs_als",
    "nodejs_compat_populate_process_env",
    "global_fetch_strictly_public",
    "streams_enable_constructors",
    "transformstream_enable_standard_constructor",
    "formdata_parser_supports_files",
    "fetch_refuses_unknown_protocols",
    "global_navigator",
    "url_standard",
    "web_socket_compression",
    "enable_request_signal",
    "no_handle_cross_request_promise_resolution",
    "export_commonjs_default",
    "no_nodejs_compat_v2",
    "disallow_importable_env",
    "enable_importable_env",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_there_once_and_guesses_are_near() {
        for (index, (name, _)) in KEYS.iter().enumerate() {
            assert!(KEYS[index + 1..].iter().all(|(other, _)| other != name), "{name}");
        }
        assert_eq!(of("main"), Some(Used));
        assert!(matches!(of("r2_buckets"), Some(Missing(_))));
        assert_eq!((of("mian"), nearest("mian"), nearest("completely")), (None, Some("main"), None));
        assert!(is_known_inside("vars", "ANY") && !is_known_inside("limits", "any"));
        for (table, ..) in INNER {
            assert_eq!(of(table), Some(Used), "{table}");
        }
    }
}
