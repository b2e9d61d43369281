//! The bundle: a handler's code as a tab receives it, immutable and addressed by its SHA-256.
//!
//! The gateway parses modules once, at deploy, and cuts each source at its import specifiers; a tab only joins the
//! pieces with the URLs it made for the imported modules, or makes the edits that turn a lone module into a script. So
//! no parser runs in a tab and a cold start stays short.
//! Nothing here parses JavaScript or computes hashes.

use crate::limits::Limits;
use serde::{Deserialize, Serialize};

/// Version of the bundle format.
pub const BUNDLE_FORMAT: u32 = 1;

/// Length of a bundle's hash as text.
pub const HASH_CHARS: usize = 64;

/// Whether this can be a bundle's hash: SHA-256 in lowercase hex.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.len() == HASH_CHARS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A deployed handler's modules, dependencies before dependents; the last one is the entry point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// [`BUNDLE_FORMAT`].
    pub format: u32,
    /// At least one. A module only imports modules at lower indices.
    pub modules: Vec<Module>,
    /// What the handler finds in `env`. Part of the bundle, so of the version: a changed variable is a new version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<Binding>,
    /// Hosts that the handler may fetch from; `None`: all that the gateway allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Vec<String>>,
    /// Hash of what static files the version has. The files themselves stay at the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// What requests may use, where it is not the usual: part of the version. What holds for a request stands in its head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// What a handler finds in `env` under a name, in Cloudflare's own words. Values stand here; what must be called is served by
/// the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Binding {
    /// A string.
    PlainText {
        /// Name in `env`.
        name: String,
        /// The value.
        text: String,
    },
    /// Any JSON value.
    Json {
        /// Name in `env`.
        name: String,
        /// The value.
        json: serde_json::Value,
    },
    /// A secret, of which a tab gets a placeholder that the gateway replaces in outbound requests. The name alone is part of
    /// a version.
    SecretText {
        /// Name in `env`.
        name: String,
        /// What the handler gets in place of the secret. Empty in an upload.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        placeholder: String,
    },
    /// A key-value namespace of the tenant.
    KvNamespace {
        /// Name in `env`.
        name: String,
        /// Which.
        namespace_id: String,
    },
    /// An SQL database of the tenant.
    D1 {
        /// Name in `env`.
        name: String,
        /// Which.
        id: String,
    },
    /// Another handler of the tenant.
    Service {
        /// Name in `env`.
        name: String,
        /// The handler's name.
        service: String,
    },
    /// The handler's own static files.
    Assets {
        /// Name in `env`.
        name: String,
    },
}

impl Binding {
    /// Its name in `env`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::PlainText { name, .. }
            | Self::Json { name, .. }
            | Self::SecretText { name, .. }
            | Self::KvNamespace { name, .. }
            | Self::D1 { name, .. }
            | Self::Service { name, .. }
            | Self::Assets { name } => name,
        }
    }
}

/// One module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Path inside the deployment, as in stack traces: `main.js`, `lib/util.js`.
    pub name: String,
    /// How to read `source`.
    #[serde(rename = "type")]
    pub kind: ModuleKind,
    /// Pieces to join. For every kind but `esm`, exactly one text.
    pub source: Vec<Piece>,
    /// Edits of the one text in `source` that make it a script, where the module has such a form; else empty. The
    /// script is an expression: an async function, which takes nothing and gives an object with a getter for each export.
    /// Quicker to load than the module and otherwise the same, so whoever does not know it imports the module.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<Edit>,
}

/// Text in place of a range of the source: start, end, text. Offsets are in UTF-16 units; edits are in order and do not
/// overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit(pub u32, pub u32, pub String);

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleKind {
    /// ES module.
    Esm,
    /// Text; the module's default export is the string.
    Text,
    /// JSON; the default export is the value.
    Json,
    /// Base64 of bytes; the default export is an `ArrayBuffer`.
    Data,
    /// Base64 of bytes; the default export is a `WebAssembly.Module`.
    Wasm,
}

/// A piece of a module's source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Piece {
    /// Source text as written.
    Text(String),
    /// Stands for a specifier **with its quotes** in `import`, `export ... from` or `import()`: the tab writes the
    /// quoted URL of the module at this index. Import attributes (`with { type: "json" }`) are blanked out of the text
    /// that follows, so that the URL may be that of a script for every kind of module.
    Import(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_pinned() {
        let module = |name: &str, kind, source| Module { name: name.into(), kind, source, script: vec![] };
        let text = |text: &str| Piece::Text(text.into());
        let bundle = Bundle {
            format: BUNDLE_FORMAT,
            modules: vec![
                module("a.txt", ModuleKind::Text, vec![text("a")]),
                module("b.json", ModuleKind::Json, vec![text("{}")]),
                module("c.bin", ModuleKind::Data, vec![text("AA==")]),
                module("d.wasm", ModuleKind::Wasm, vec![text("AGFzbQEAAAA=")]),
                module("main.js", ModuleKind::Esm, vec![text("import x from "), Piece::Import(1), text(";")]),
            ],
            env: vec![],
            egress: None,
            site: None,
            limits: None,
        };
        let json = r#"{"format":1,"modules":[{"name":"a.txt","type":"text","source":["a"]},{"name":"b.json","type":"json","source":["{}"]},{"name":"c.bin","type":"data","source":["AA=="]},{"name":"d.wasm","type":"wasm","source":["AGFzbQEAAAA="]},{"name":"main.js","type":"esm","source":["import x from ",1,";"]}]}"#;
        assert_eq!(serde_json::to_string(&bundle).unwrap(), json);
        assert_eq!(serde_json::from_str::<Bundle>(json).unwrap(), bundle);

        let mut module = module("main.js", ModuleKind::Esm, vec![text("export {}")]);
        module.script = vec![Edit(0, 9, ";".into())];
        let json = r#"{"name":"main.js","type":"esm","source":["export {}"],"script":[[0,9,";"]]}"#;
        assert_eq!(serde_json::to_string(&module).unwrap(), json);
        assert_eq!(serde_json::from_str::<Module>(json).unwrap(), module);
    }
}
