//! A deployed handler, as data.

use super::versions::Notes;
use crate::cache::Zone;
use crate::routes::Pattern;
use crate::telemetry::Seen;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tabmesh_protocol::bundle::{Bundle, Module, ModuleKind, Piece};
use tabmesh_protocol::{Limits, Target};

/// A version of a handler as requests see it, with what holds for all of its versions. Never changes: a new deployment is a new
/// value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Whose it is, its name, unique within the tenant, and the SHA-256 of its bundle: tabs fetch the code under this name.
    /// Shared with every request to it.
    pub target: Arc<Target>,
    /// The version's number among the handler's.
    pub number: u32,
    /// What its requests may use.
    pub limits: Limits,
    /// Cron patterns at which its `scheduled` runs.
    pub crons: Vec<String>,
    /// Patterns of host and path that lead to it, besides its own host.
    pub routes: Vec<Pattern>,
    /// Whether its version has static files.
    pub has_site: bool,
    /// Whether versions have URLs of their own.
    pub previews: bool,
    /// When a handler of this name was first put; milliseconds since 1970.
    pub created_at_ms: u64,
    /// When the handler was last changed; milliseconds since 1970.
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

/// What a deployment says beside its code.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What requests may use; part of the version.
    pub limits: Limits,
    /// What leads to the handler; of no version.
    pub triggers: Triggers,
    /// What its developer says of the version and the deployment.
    pub notes: Notes,
}

impl From<Limits> for Settings {
    fn from(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}

/// What leads to a handler beside its own host, whatever its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triggers {
    /// Cron patterns, checked.
    pub crons: Vec<String>,
    /// Patterns of host and path.
    pub routes: Vec<Pattern>,
    /// Whether versions have URLs of their own.
    pub previews: bool,
}

impl Default for Triggers {
    fn default() -> Self {
        Self { crons: vec![], routes: vec![], previews: true }
    }
}

impl Handler {
    /// What leads to it.
    #[must_use]
    pub fn triggers(&self) -> Triggers {
        Triggers { crons: self.crons.clone(), routes: self.routes.clone(), previews: self.previews }
    }
}

/// One module of a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Module)]
pub struct ModuleInfo {
    /// File name.
    pub name: String,
    /// Kind.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
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
