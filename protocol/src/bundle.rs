//! The bundle: a handler's code as a tab receives it, immutable and addressed by its SHA-256.
//!
//! The gateway parses modules once, at deploy, and cuts each source at its import specifiers; a tab only joins the
//! pieces with the URLs it made for the imported modules. So no parser runs in a tab and a cold start stays short.
//! Nothing here parses JavaScript or computes hashes.

use serde::{Deserialize, Serialize};

/// Version of the bundle format.
pub const BUNDLE_FORMAT: u32 = 1;

/// A deployed handler's modules, dependencies before dependents; the last one is the entry point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// [`BUNDLE_FORMAT`].
    pub format: u32,
    /// At least one. A module only imports modules at lower indices.
    pub modules: Vec<Module>,
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
}

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
    /// Stands for a specifier **with its quotes**: the tab writes the quoted URL of the module at this index.
    Import(u32),
}
