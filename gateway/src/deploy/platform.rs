//! Modules that the platform has: Node.js's for handlers with the flag `nodejs_compat`, `cloudflare:workers`,
//! and `cloudflare:sockets`, which only says that it is not there.
//!
//! They are files of `gateway/node/dist`, embedded, and become modules of the bundle like the developer's own: those that
//! are imported, and what these need. Names of files cannot begin as theirs do.

use std::collections::HashSet;

use rust_embed::RustEmbed;
use tabmesh_protocol::bundle::ModuleKind;

use super::error::CompileError;
use super::parse::Parsed;
use super::read::Read;
use super::{Options, context, resolve};
use crate::sourcemap::SourceMaps;

/// What the names of the platform's modules begin with.
pub(super) const PREFIX: &str = "node:/";

/// Files of the folder that no handler imports by name.
const INTERNAL: [&str; 7] = [
    "host",
    "cloudflare-workers",
    "cloudflare-sockets",
    "async-context",
    "global-buffer",
    "global-process",
    "global-global",
];

#[derive(RustEmbed)]
#[folder = "node/dist"]
struct Dist;

/// Whether a specifier means one of Node.js's modules, whether or not it is here.
pub(super) fn is_node(specifier: &str) -> bool {
    specifier.starts_with("node:") || node_file(specifier).is_some()
}

/// The module of the bundle that a specifier means, if the platform has one of this name.
pub(super) fn name_of(specifier: &str) -> Option<String> {
    if matches!(specifier, "cloudflare:workers" | "cloudflare:sockets") {
        return Some(format!("{PREFIX}{}.js", specifier.replace(':', "-")));
    }
    node_file(specifier).map(|file| format!("{PREFIX}{file}"))
}

fn node_file(specifier: &str) -> Option<String> {
    let name = specifier.strip_prefix("node:").unwrap_or(specifier);
    let is_public = !name.starts_with("chunk-") && !INTERNAL.contains(&name);
    Some(format!("{name}.js")).filter(|file| is_public && Dist::get(file).is_some())
}

/// Node.js's modules that are here.
pub(super) fn node_modules() -> Vec<String> {
    let files = Dist::iter().filter_map(|file| file.strip_suffix(".js").map(str::to_owned));
    files.filter(|name| node_file(name).is_some()).collect()
}

/// Adds the modules that the developer's need, and the imports that stand for globals of Node.js. Some change what is
/// there: with AsyncLocalStorage every `await` does.
pub(super) fn add(
    modules: &mut Vec<Read>,
    main: usize,
    options: &Options,
    maps: &mut SourceMaps,
) -> Result<(), CompileError> {
    let own: HashSet<String> = modules.iter().map(|module| module.name.clone()).collect();
    let mut wanted = Vec::new();
    let mut tracks = false;
    for import in modules.iter().flat_map(|module| &module.parsed.imports) {
        if own.contains(&import.specifier) || (!options.node && is_node(&import.specifier)) {
            continue;
        }
        tracks |= matches!(import.specifier.as_str(), "async_hooks" | "node:async_hooks");
        wanted.extend(name_of(&import.specifier));
    }
    let mut before = String::new();
    if options.node {
        for (global, is_used) in uses(modules) {
            if is_used {
                let name = format!("{PREFIX}global-{global}.js");
                before.push_str(&format!("import\"{name}\";"));
                wanted.push(name);
            }
        }
    }
    load(modules, wanted)?;
    if tracks {
        load(modules, vec![context::MODULE.to_owned()])?;
        for module in modules.iter_mut().filter(|module| module.kind == ModuleKind::Esm) {
            if let Some(rewritten) = context::rewrite(&module.text) {
                change(module, context::IMPORT, &rewritten, maps)?;
            }
        }
    }
    if !before.is_empty() {
        let text = modules[main].text.clone();
        change(&mut modules[main], &before, &text, maps)?;
    }
    Ok(())
}

/// Which of Node.js's globals the developer's modules use.
fn uses(modules: &[Read]) -> [(&'static str, bool); 3] {
    let any = |found: fn(&Parsed) -> bool| modules.iter().any(|module| found(&module.parsed));
    [
        ("buffer", any(|parsed| parsed.globals.buffer)),
        ("process", any(|parsed| parsed.globals.process)),
        ("global", any(|parsed| parsed.globals.global)),
    ]
}

/// Gives a module another text, with `before` at the beginning of its first line.
fn change(module: &mut Read, before: &str, text: &str, maps: &mut SourceMaps) -> Result<(), CompileError> {
    module.text = match text.strip_prefix("#!") {
        Some(rest) => format!("{before}//{rest}"),
        None => format!("{before}{text}"),
    };
    maps.shift(&module.name, before.len());
    module.parse_again()
}

/// Adds embedded modules and all that they import.
fn load(modules: &mut Vec<Read>, mut wanted: Vec<String>) -> Result<(), CompileError> {
    while let Some(name) = wanted.pop() {
        if modules.iter().any(|module| module.name == name) {
            continue;
        }
        let file = name.strip_prefix(PREFIX).and_then(Dist::get).ok_or(CompileError::Internal)?;
        let text = String::from_utf8(file.data.into_owned()).map_err(|_| CompileError::Internal)?;
        let module = Read::platform(name, text)?;
        wanted.extend(
            module.parsed.imports.iter().filter_map(|import| resolve::join(&module.name, &import.specifier)),
        );
        modules.push(module);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
