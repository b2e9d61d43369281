//! A deployed handler, as data.

use crate::cache::Zone;
use crate::routes::Pattern;
use crate::telemetry::Seen;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tabmesh_protocol::bundle::{Bundle, Module, ModuleKind, Piece};
use tabmesh_protocol::{Limits, Target};

/// A handler as it is deployed now. Never changes: a new deployment is a new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Whose it is, its name, unique within the tenant, and the SHA-256 of its bundle: tabs fetch the code under this name.
    /// Shared with every request to it.
    pub target: Arc<Target>,
    /// What its requests may use.
    pub limits: Limits,
    /// Cron patterns at which its `scheduled` runs.
    pub crons: Vec<String>,
    /// Patterns of host and path that lead to it, besides its own host.
    pub routes: Vec<Pattern>,
    /// Whether its version has static files.
    pub has_site: bool,
    /// When a handler of this name was first put; milliseconds since 1970.
    pub created_at_ms: u64,
    /// When this version was put; milliseconds since 1970.
    pub updated_at_ms: u64,
    /// Size of the bundle in bytes, as tabs get it.
    pub size: u64,
    /// Its modules, the entry point last.
    pub modules: Vec<ModuleInfo>,
    /// What is cached of its answers.
    pub zone: Arc<Zone>,
    /// Where its requests are counted, and who may watch them.
    pub seen: Arc<Seen>,
}

/// What of a deployment is not part of its version.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What requests may use.
    pub limits: Limits,
    /// Cron patterns, checked.
    pub crons: Vec<String>,
    /// Patterns of host and path.
    pub routes: Vec<Pattern>,
}

impl From<Limits> for Settings {
    fn from(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}

/// One module of a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// File name.
    pub name: String,
    /// Kind.
    #[serde(rename = "type")]
    pub kind: ModuleKind,
    /// Bytes of the file; for ES modules without the specifiers that the tab fills in.
    pub size: u64,
}

/// The modules of a bundle.
pub(super) fn describe(bundle: &Bundle) -> Vec<ModuleInfo> {
    bundle
        .modules
        .iter()
        .map(|module| ModuleInfo { name: module.name.clone(), kind: module.kind, size: size(module) })
        .collect()
}

fn size(module: &Module) -> u64 {
    let text: usize = module
        .source
        .iter()
        .map(|piece| match (piece, module.kind) {
            (Piece::Text(text), ModuleKind::Data | ModuleKind::Wasm) => {
                text.len() / 4 * 3 - text.bytes().rev().take(2).filter(|byte| *byte == b'=').count()
            }
            (Piece::Text(text), _) => text.len(),
            (Piece::Import(_), _) => 0,
        })
        .sum();
    text as u64
}
