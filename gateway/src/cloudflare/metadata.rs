//! The metadata of Cloudflare's upload form, as ours. Pure: what is there already comes as data.
//!
//! What means nothing here and harms nobody is left out (placement, observability); what a script might rely on is refused by name.

use super::answer::{NO_SUCH_BINDING, Refusal};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use tabmesh_protocol::bundle::Binding;

/// Metadata in our words, and what goes along.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Translated {
    /// What the deploy API reads.
    pub(super) metadata: Map<String, Value>,
    /// Which uploaded static files.
    pub(super) assets: Option<String>,
    /// Texts of the files `_headers` and `_redirects`.
    pub(super) rules: Vec<(&'static str, String)>,
}

/// The metadata's `assets`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Assets {
    jwt: Option<String>,
    config: Map<String, Value>,
}

/// Fields that say nothing here.
const IDLE: &[&str] =
    &["placement", "observability", "logpush", "usage_model", "tags", "cache_options", "startup_time_ms"];

/// Fields of ours.
const SAME: &[&str] = &["main_module", "compatibility_date", "compatibility_flags", "limits", "egress"];

/// Fields that are empty, or refused with a sentence.
const LACKING: &[(&str, &str)] = &[
    ("migrations", "Tabmesh has no Durable Objects: take `migrations` out of the configuration."),
    ("containers", "Tabmesh has no containers."),
    ("tail_consumers", "Tabmesh has no tail Workers: `wrangler tail` shows the events."),
    ("streaming_tail_consumers", "Tabmesh has no tail Workers: `wrangler tail` shows the events."),
    ("capnp_schema", "Tabmesh takes no Cap'n Proto schema."),
    ("keep_assets", "Tabmesh makes versions of uploads alone: use `wrangler secret put`, or deploy again."),
    ("body_part", "Tabmesh runs ES modules only: write `export default { fetch() {} }`."),
];

/// Translates the metadata of an upload; `known` are the bindings of the version before it.
pub(super) fn translate(text: &[u8], known: &[Binding]) -> Result<Translated, Refusal> {
    let wrong =
        |error: serde_json::Error| Refusal::metadata(format!("The metadata cannot be read: {error}."));
    let mut given: Map<String, Value> = serde_json::from_slice(text).map_err(wrong)?;
    let mut done = Translated::default();
    for (name, sentence) in LACKING {
        match given.remove(*name) {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::Array(list)) if list.is_empty() => {}
            Some(_) => return Err(Refusal::metadata(*sentence)),
        }
    }
    for name in IDLE {
        given.remove(*name);
    }
    for name in SAME {
        if let Some(value) = given.remove(*name).filter(|value| !value.is_null()) {
            done.metadata.insert((*name).to_owned(), value);
        }
    }
    if let Some(Value::Object(mut notes)) = given.remove("annotations") {
        if notes.remove("workers/alias").is_some_and(|alias| !alias.is_null()) {
            return Err(Refusal::metadata("Tabmesh has no aliases of previews: a version's own URL is one."));
        }
        notes.retain(|_, value| !value.is_null());
        done.metadata.insert("annotations".into(), notes.into());
    }
    if let Some(assets) = given.remove("assets") {
        let Assets { jwt, mut config } = serde_json::from_value(assets).map_err(wrong)?;
        for (name, path) in [("_headers", "/_headers"), ("_redirects", "/_redirects")] {
            if let Some(Value::String(text)) = config.remove(name) {
                done.rules.push((path, text));
            }
        }
        config.retain(|_, value| !value.is_null());
        done.assets = jwt;
        done.metadata.insert("assets".into(), serde_json::json!({ "config": config }));
    }
    let kept = given.remove("keep_bindings");
    let bindings = match given.remove("bindings") {
        None => vec![],
        Some(bindings) => serde_json::from_value(bindings).map_err(wrong)?,
    };
    done.metadata.insert("bindings".into(), read_bindings(bindings, kept, known)?.into());
    match given.keys().next() {
        None => Ok(done),
        Some(name) => Err(Refusal::metadata(format!(
            "The metadata has `{}`, which Tabmesh does not know.",
            name.escape_debug()
        ))),
    }
}

fn read_bindings(
    given: Vec<Map<String, Value>>,
    kept: Option<Value>,
    known: &[Binding],
) -> Result<Vec<Value>, Refusal> {
    let as_value = |binding: &Binding| serde_json::to_value(uploadable(binding)).unwrap_or_default();
    let mut bindings: Vec<Value> = vec![];
    for mut binding in given {
        let name = binding.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if binding.get("type").and_then(Value::as_str) == Some("inherit") {
            let old = known.iter().find(|old| old.name() == name).ok_or_else(|| {
                Refusal::new(
                    StatusCode::BAD_REQUEST,
                    NO_SUCH_BINDING,
                    format!(
                        "inherit binding '{}' is invalid: the version before has none",
                        name.escape_debug()
                    ),
                )
            })?;
            bindings.push(as_value(old));
            continue;
        }
        binding.retain(|_, value| !value.is_null());
        let kind = binding.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        // What Cloudflare's own tools add, and what is always so here.
        let idle: &[&str] = match &*kind {
            "kv_namespace" => &["raw"],
            "d1" => &["raw", "internalEnv"],
            "service" => &["environment", "cross_account_grant"],
            _ => &[],
        };
        for field in idle {
            binding.remove(*field);
        }
        if kind == "service" && (binding.contains_key("entrypoint") || binding.contains_key("props")) {
            return Err(Refusal::metadata(format!(
                "The binding `{}` names an entrypoint or props of another Worker: Tabmesh's service bindings have `fetch` alone.",
                name.escape_debug()
            )));
        }
        bindings.push(binding.into());
    }
    let kept: Vec<String> = kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default();
    for old in known {
        let old = as_value(old);
        let is_kept = old["type"].as_str().is_some_and(|kind| kept.iter().any(|it| it == kind));
        if is_kept && bindings.iter().all(|new| new["name"] != old["name"]) {
            bindings.push(old);
        }
    }
    Ok(bindings)
}

/// A binding as an upload has it: what stands for a secret is the gateway's to make.
fn uploadable(binding: &Binding) -> Binding {
    match binding {
        Binding::SecretText { name, .. } => {
            Binding::SecretText { name: name.clone(), placeholder: String::new() }
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known() -> Vec<Binding> {
        let known = json!([
            {"type": "plain_text", "name": "OLD", "text": "o"},
            {"type": "secret_text", "name": "KEY", "placeholder": "p"},
            {"type": "kv_namespace", "name": "KV", "namespace_id": "n"},
        ]);
        serde_json::from_value(known).unwrap()
    }

    fn of(metadata: &Value) -> Result<Translated, String> {
        translate(metadata.to_string().as_bytes(), &known()).map_err(|refusal| format!("{refusal:?}"))
    }

    #[test]
    fn what_wrangler_sends_becomes_ours() {
        let done = of(&json!({
            "main_module": "index.js", "compatibility_date": "2025-01-01", "compatibility_flags": ["nodejs_compat"],
            "bindings": [
                {"type": "plain_text", "name": "A", "text": "x"},
                {"type": "kv_namespace", "name": "K", "namespace_id": "n", "raw": true},
                {"type": "d1", "name": "D", "id": "d", "internalEnv": "x"},
                {"type": "service", "name": "S", "service": "other", "environment": "production"},
                {"type": "assets", "name": "ASSETS"},
                {"type": "inherit", "name": "OLD"},
                {"type": "inherit", "name": "KV"},
            ],
            "keep_bindings": ["secret_text", "secret_key"], "placement": {"mode": "smart"}, "tail_consumers": [],
            "limits": {"cpu_ms": 50}, "annotations": {"workers/message": "m", "workers/tag": null},
            "observability": {"enabled": true},
            "assets": {"jwt": "t", "config": {"html_handling": "none", "_headers": "/*\n  A: b"}},
        }))
        .unwrap();
        assert_eq!(done.assets.as_deref(), Some("t"));
        assert_eq!(done.rules, [("/_headers", "/*\n  A: b".to_owned())]);
        let expected = json!({
            "main_module": "index.js", "compatibility_date": "2025-01-01", "compatibility_flags": ["nodejs_compat"],
            "bindings": [
                {"type": "plain_text", "name": "A", "text": "x"},
                {"type": "kv_namespace", "name": "K", "namespace_id": "n"},
                {"type": "d1", "name": "D", "id": "d"},
                {"type": "service", "name": "S", "service": "other"},
                {"type": "assets", "name": "ASSETS"},
                {"type": "plain_text", "name": "OLD", "text": "o"},
                {"type": "kv_namespace", "name": "KV", "namespace_id": "n"},
                {"type": "secret_text", "name": "KEY"},
            ],
            "limits": {"cpu_ms": 50}, "annotations": {"workers/message": "m"},
            "assets": {"config": {"html_handling": "none"}},
        });
        assert_eq!(Value::from(done.metadata), expected);
    }

    #[test]
    fn what_is_not_here_is_named() {
        for (metadata, part) in [
            (json!({"migrations": {"tag": "v1"}}), "Durable Objects"),
            (json!({"containers": [{"class_name": "A"}]}), "containers"),
            (json!({"tail_consumers": [{"service": "x"}]}), "tail Workers"),
            (json!({"body_part": "script"}), "ES modules"),
            (json!({"something": 1}), "`something`"),
            (json!({"annotations": {"workers/alias": "a"}}), "aliases"),
            (json!({"bindings": [{"type": "inherit", "name": "NONE"}]}), "inherit binding 'NONE' is invalid"),
            (
                json!({"bindings": [{"type": "service", "name": "S", "service": "x", "entrypoint": "E"}]}),
                "`S` names an entrypoint",
            ),
            (json!([]), "cannot be read"),
        ] {
            let error = of(&metadata).unwrap_err();
            assert!(error.contains(part), "{metadata}: {error}");
        }
    }
}
