//! What is not here: a sentence for each product of Cloudflare's that Tabmesh has none of, and one for all other paths.

use super::BASE;
use super::answer::Refusal;
use http::{Method, Uri};

/// Parts of paths, and what they are of.
const PRODUCTS: &[(&str, &str)] = &[
    ("ai", "Workers AI"),
    ("ai-gateway", "AI gateway"),
    ("ai-search", "AI search"),
    ("browser-rendering", "browser rendering"),
    ("cfd_tunnel", "tunnels"),
    ("cloudchamber", "containers"),
    ("containers", "containers"),
    ("dispatch", "dispatch namespaces (Workers for Platforms)"),
    ("dlp", "data loss prevention"),
    ("durable_objects", "Durable Objects"),
    ("hyperdrive", "Hyperdrive"),
    ("images", "images service"),
    ("mtls_certificates", "mTLS certificates"),
    ("pages", "Pages: put the files into `assets` of a Worker"),
    ("pipelines", "pipelines"),
    ("queues", "queues"),
    ("r2", "R2: keep objects in a KV namespace, or files in assets"),
    ("secrets_store", "secrets store: use `wrangler secret put`"),
    ("vectorize", "Vectorize"),
    ("vpc", "VPC services"),
    ("workflows", "workflows"),
];

/// Ends of paths below which something else of ours stands.
const DETAILS: &[(&str, &str)] = &[
    ("content", "Tabmesh gives out no sources: a version's modules are in its own API."),
    (
        "environments",
        "Tabmesh has no service environments: wrangler's `--env` makes a script of its own name.",
    ),
    ("restore", "Tabmesh has no time travel: `tabmesh backup` and `tabmesh restore` are there."),
    ("time_travel", "Tabmesh has no time travel: `tabmesh backup` and `tabmesh restore` are there."),
    ("edge-preview", "Tabmesh has no remote preview: `tabmesh dev` runs a project as it will run."),
];

pub(super) async fn lacking(method: Method, uri: Uri) -> Refusal {
    Refusal::unsupported(sentence(&method, uri.path()))
}

fn sentence(method: &Method, path: &str) -> String {
    let path = path.strip_prefix(BASE).unwrap_or(path);
    let find = |table: &'static [(&str, &str)]| {
        path.split('/').find_map(|part| table.iter().find(|(name, _)| *name == part)).map(|(_, text)| *text)
    };
    if let Some(product) = find(PRODUCTS) {
        return format!("Tabmesh has no {product}.");
    }
    if let Some(detail) = find(DETAILS) {
        return detail.to_owned();
    }
    let path: String = path.chars().take(200).collect();
    format!("Tabmesh's part of Cloudflare's API has no {method} {}.", path.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_named() {
        for (path, part) in [
            ("/accounts/default/queues", "Tabmesh has no queues."),
            ("/accounts/default/r2/buckets/x", "Tabmesh has no R2: keep"),
            ("/accounts/default/workers/scripts/x/content", "no sources"),
            ("/accounts/default/secrets_store/stores", "Tabmesh has no secrets store:"),
            ("/graphql", "has no GET /graphql."),
        ] {
            let sentence = sentence(&Method::GET, &format!("{BASE}{path}"));
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}
