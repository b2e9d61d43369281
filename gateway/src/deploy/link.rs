//! Modules that need each other, put together: which module each import means, in which order they load, where they are
//! cut.

use std::collections::HashMap;

use tabmesh_protocol::bundle::{BUNDLE_FORMAT, Bundle, Module, ModuleKind, Piece};

use super::parse::{Import, ImportKind};
use super::read::Read;
use super::resolve::{self, Target};
use super::{CompileError, error, order, pieces};
use crate::sourcemap::SourceMaps;

/// An import with the module it means.
pub(super) struct Link {
    /// Index into the module's imports.
    pub(super) import: usize,
    /// Index into the modules.
    pub(super) target: usize,
}

/// The links of each module.
pub(super) fn link(modules: &[Read], maps: &SourceMaps) -> Result<Vec<Vec<Link>>, CompileError> {
    let names: HashMap<&str, usize> =
        modules.iter().enumerate().map(|(index, module)| (module.name.as_str(), index)).collect();
    let mut linked = Vec::with_capacity(modules.len());
    for module in modules {
        let mut links = Vec::new();
        for (index, import) in module.parsed.imports.iter().enumerate() {
            let fail = |message: String, hint: Option<String>| {
                let place = module.place(import.span.start, maps);
                CompileError::import(&module.name, place, message, hint).with_specifier(&import.specifier)
            };
            match resolve::resolve(&import.specifier, &module.name, &names) {
                Target::Module(target) => {
                    check_attributes(import, &modules[target]).map_err(|message| fail(message, None))?;
                    links.push(Link { import: index, target });
                }
                // Libraries guard such imports (`if (isNode) await import("node:fs")`); elsewhere too they fail
                // only when they run.
                Target::Unknown(..)
                    if import.kind == ImportKind::Dynamic && !resolve::is_relative(&import.specifier) => {}
                Target::Unknown(message, hint) => return Err(fail(message, Some(hint))),
            }
        }
        linked.push(links);
    }
    Ok(linked)
}

/// `with { type: ... }` must fit the module, as a browser would check it.
fn check_attributes(import: &Import, target: &Read) -> Result<(), String> {
    let Some(kind) = import.attributes.as_ref().and_then(|attributes| attributes.kind.as_deref()) else {
        return Ok(());
    };
    let fits = match target.kind {
        ModuleKind::Json => kind == "json",
        ModuleKind::Text => kind == "text",
        ModuleKind::Data => kind == "bytes",
        ModuleKind::Esm | ModuleKind::Wasm => false,
    };
    if fits {
        return Ok(());
    }
    Err(format!("{} is not of type \"{}\"", target.name, error::printable(kind)))
}

/// The bundle of linked modules.
pub(super) fn assemble(modules: &[Read], linked: &[Vec<Link>], main: usize) -> Result<Bundle, CompileError> {
    let imports: Vec<Vec<usize>> =
        linked.iter().map(|links| links.iter().map(|link| link.target).collect()).collect();
    let order = order::order(&imports, main).map_err(|cycle| {
        let names: Vec<&str> = cycle.iter().map(|index| modules[*index].name.as_str()).collect();
        CompileError::in_file(
            names[0],
            format!("the imports go in a circle: {}", names.join(" -> ")),
            Some("bundle the modules into one file first, for example with esbuild --bundle --format=esm"),
        )
    })?;
    let mut places = vec![0u32; order.len()];
    for (place, index) in (0u32..).zip(&order) {
        places[*index] = place;
    }
    let mut bundle = Bundle {
        format: BUNDLE_FORMAT,
        modules: Vec::with_capacity(order.len()),
        env: vec![],
        egress: None,
        site: None,
        limits: None,
    };
    for &index in &order {
        let module = &modules[index];
        if index != main && imports[index].contains(&main) {
            return Err(CompileError::in_file(
                &module.name,
                "this file imports the main module, which does not need it",
                Some("leave the file out of the deployment"),
            ));
        }
        let source = match module.kind {
            ModuleKind::Esm => pieces::cut(module, &linked[index], &places),
            _ => vec![Piece::Text(module.text.clone())],
        };
        let script = module.parsed.script.clone();
        bundle.modules.push(Module { name: module.name.clone(), kind: module.kind, source, script });
    }
    Ok(bundle)
}
