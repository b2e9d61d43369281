//! From uploaded files to a bundle: parse, link, order, cut.
//!
//! Pure: reads no clock, network or disk and runs no handler code. Nothing an upload contains may panic, overflow the
//! stack or pass unnoticed: a file is part of the bundle or the deployment is refused.
//!
//! Built on oxc: syntax errors are those of the parser and of its semantic pass (a name declared twice, a stray
//! `break`). Invalid regular expressions and errors across modules (an export that is missing) show when a tab loads
//! the code.

pub mod bindings;
mod error;
mod kinds;
mod names;
mod nesting;
mod order;
mod parse;
mod pieces;
mod position;
mod resolve;
mod scan;
mod script;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tabmesh_protocol::bundle::{BUNDLE_FORMAT, Bundle, Module, ModuleKind, Piece};

pub use error::CompileError;
pub use names::{
    MAX_FILE_NAME, MAX_HANDLER_NAME, MAX_TENANT_NAME, RESERVED, check_handler_name, check_tenant_name,
};
use parse::{ImportKind, Parsed};
use resolve::Target;

/// Name of the only module of an upload that has none.
pub const DEFAULT_FILE: &str = "main.js";

/// Main modules looked for, in this order, when none is named.
pub const MAIN_NAMES: [&str; 3] = ["main.js", "index.js", "worker.js"];

/// A file as uploaded.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path inside the deployment.
    pub name: String,
    /// Its content.
    pub bytes: Bytes,
}

/// How large a deployment may be.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// Sum of the files' sizes, in bytes.
    pub source_bytes: usize,
    /// Number of modules.
    pub modules: usize,
}

impl Default for CompileLimits {
    /// 10 MiB in 1000 modules, as Cloudflare allows.
    fn default() -> Self {
        CompileLimits { source_bytes: 10 << 20, modules: 1000 }
    }
}

/// [`compile_within`] the default limits.
///
/// # Errors
/// As [`compile_within`].
pub fn compile(files: Vec<SourceFile>, main: Option<&str>) -> Result<Bundle, CompileError> {
    compile_within(files, main, CompileLimits::default())
}

/// Makes a bundle of all files. `main` names the entry point; without it, it is one of [`MAIN_NAMES`] or the only ES
/// module. The same files give the same bundle, in whatever order they come. Blocks for as long as parsing takes
/// (about 50 ms per MB, twice that for a module that is made a script), on a thread of its own.
///
/// # Errors
/// What is wrong with the files, with its place; see [`CompileError`].
pub fn compile_within(
    files: Vec<SourceFile>,
    main: Option<&str>,
    limits: CompileLimits,
) -> Result<Bundle, CompileError> {
    let main = main.map(str::to_owned);
    parse::on_deep_stack(move || build(files, main.as_deref(), limits)).unwrap_or(Err(CompileError::Internal))
}

/// A bundle as it is stored and served, and its version: the SHA-256 of these bytes in hex.
#[must_use]
pub fn seal(bundle: &Bundle) -> (String, Bytes) {
    let bytes =
        serde_json::to_vec(bundle).expect("a bundle has only string keys and writing to memory cannot fail");
    (hex::encode(Sha256::digest(&bytes)), Bytes::from(bytes))
}

fn build(files: Vec<SourceFile>, main: Option<&str>, limits: CompileLimits) -> Result<Bundle, CompileError> {
    let files = check_files(files, limits)?;
    let kinds = files
        .iter()
        .map(|file| {
            kinds::kind_of(&file.name)
                .map_err(|(message, hint)| CompileError::in_file(&file.name, message, hint))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let main = find_main(&files, &kinds, main)?;
    let sources = Sources { files: &files, kinds: &kinds };
    let modules = sources.parse(main)?;
    let linked = sources.link(&modules)?;
    sources.assemble(&modules, &linked, main)
}

/// Checks sizes and names; sorts by name so that the order of upload does not matter.
fn check_files(files: Vec<SourceFile>, limits: CompileLimits) -> Result<Vec<SourceFile>, CompileError> {
    if files.is_empty() {
        return Err(CompileError::general("the deployment has no files", None));
    }
    if files.len() > limits.modules {
        return Err(CompileError::TooLarge(format!("A deployment has at most {} modules.", limits.modules)));
    }
    if files.iter().map(|file| file.bytes.len()).sum::<usize>() > limits.source_bytes {
        return Err(CompileError::TooLarge(format!(
            "A deployment has at most {} bytes.",
            limits.source_bytes
        )));
    }
    let mut files = files
        .into_iter()
        .map(|file| match names::clean_file_name(&file.name) {
            Ok(name) => Ok(SourceFile { name: name.to_owned(), bytes: file.bytes }),
            Err(reason) => Err(CompileError::in_file(&error::printable(&file.name), reason, None)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    match files.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(CompileError::in_file(&pair[0].name, "two files have this name", None)),
        None => Ok(files),
    }
}

fn find_main(files: &[SourceFile], kinds: &[ModuleKind], main: Option<&str>) -> Result<usize, CompileError> {
    let position = |name: &str| files.iter().position(|file| file.name == name);
    if let Some(name) = main {
        let clean = names::clean_file_name(name).unwrap_or(name);
        let index = position(clean).ok_or_else(|| {
            CompileError::general(
                format!("no file has the name of the main module, {}", error::printable(name)),
                None,
            )
        })?;
        if kinds[index] != ModuleKind::Esm {
            return Err(CompileError::in_file(
                clean,
                "the main module must be an ES module (.js or .mjs)",
                None,
            ));
        }
        return Ok(index);
    }
    if let Some(index) = MAIN_NAMES.iter().find_map(|name| position(name)) {
        return Ok(index);
    }
    let mut modules = kinds.iter().enumerate().filter(|(_, kind)| **kind == ModuleKind::Esm);
    match (modules.next(), modules.next()) {
        (Some((index, _)), None) => Ok(index),
        (None, _) => Err(CompileError::general("the deployment has no ES module (.js or .mjs)", None)),
        _ => Err(CompileError::general(
            "which of the files is the main module is not clear",
            Some("name it in the metadata: {\"main_module\": \"...\"}, or call it main.js"),
        )),
    }
}

/// A module that was read: its text as the bundle carries it, and what the parser found in it.
struct Read {
    text: String,
    parsed: Parsed,
}

/// An import with the module it means.
struct Link {
    /// Index into the module's imports.
    import: usize,
    /// Index into the files.
    target: usize,
}

struct Sources<'a> {
    files: &'a [SourceFile],
    kinds: &'a [ModuleKind],
}

impl Sources<'_> {
    fn parse(&self, main: usize) -> Result<Vec<Read>, CompileError> {
        let is_alone = self.kinds.iter().filter(|kind| **kind == ModuleKind::Esm).count() == 1;
        let mut modules = Vec::with_capacity(self.files.len());
        for (index, file) in self.files.iter().enumerate() {
            let text = kinds::encode(self.kinds[index], &file.bytes)
                .map_err(|(position, message)| CompileError::syntax(&file.name, position, message, None))?;
            let parsed = if self.kinds[index] == ModuleKind::Esm {
                parse::parse(&text, is_alone).map_err(|fault| {
                    let position = Some(position::at(&text, fault.offset));
                    CompileError::syntax(&file.name, position, fault.message, fault.hint)
                })?
            } else {
                Parsed { imports: Vec::new(), has_default: true, script: Vec::new() }
            };
            if index == main && !parsed.has_default {
                return Err(CompileError::in_file(
                    &file.name,
                    "the main module has no default export",
                    Some(
                        "write `export default { async fetch(request, env, ctx) { return new Response(\"hi\") } }` \
                         or `export default async (event, ctx) => value`",
                    ),
                ));
            }
            modules.push(Read { text, parsed });
        }
        Ok(modules)
    }

    fn link(&self, modules: &[Read]) -> Result<Vec<Vec<Link>>, CompileError> {
        let names: HashMap<String, usize> =
            self.files.iter().enumerate().map(|(index, file)| (file.name.clone(), index)).collect();
        let mut linked = Vec::with_capacity(modules.len());
        for (file, module) in self.files.iter().zip(modules) {
            let mut links = Vec::new();
            for (index, import) in module.parsed.imports.iter().enumerate() {
                let fail = |message: String, hint: Option<String>| {
                    CompileError::import(
                        &file.name,
                        position::at(&module.text, import.span.start),
                        message,
                        hint,
                    )
                    .with_specifier(&import.specifier)
                };
                match resolve::resolve(&import.specifier, &file.name, &names) {
                    Target::Module(target) => {
                        self.check_attributes(import, target).map_err(|message| fail(message, None))?;
                        links.push(Link { import: index, target });
                    }
                    // Libraries guard such imports (`if (isNode) await import("node:fs")`); elsewhere too they fail
                    // only when they run.
                    Target::Unknown(..)
                        if import.kind == ImportKind::Dynamic && !resolve::is_relative(&import.specifier) => {
                    }
                    Target::Unknown(message, hint) => return Err(fail(message, Some(hint))),
                }
            }
            linked.push(links);
        }
        Ok(linked)
    }

    /// `with { type: ... }` must fit the module, as a browser would check it.
    fn check_attributes(&self, import: &parse::Import, target: usize) -> Result<(), String> {
        let Some(kind) = import.attributes.as_ref().and_then(|attributes| attributes.kind.as_deref()) else {
            return Ok(());
        };
        let fits = match self.kinds[target] {
            ModuleKind::Json => kind == "json",
            ModuleKind::Text => kind == "text",
            ModuleKind::Data => kind == "bytes",
            ModuleKind::Esm | ModuleKind::Wasm => false,
        };
        if fits {
            return Ok(());
        }
        Err(format!("{} is not of type \"{}\"", self.files[target].name, error::printable(kind)))
    }

    fn assemble(&self, modules: &[Read], linked: &[Vec<Link>], main: usize) -> Result<Bundle, CompileError> {
        let imports: Vec<Vec<usize>> =
            linked.iter().map(|links| links.iter().map(|link| link.target).collect()).collect();
        let order = order::order(&imports, main).map_err(|cycle| {
            let names: Vec<&str> = cycle.iter().map(|index| self.files[*index].name.as_str()).collect();
            CompileError::in_file(
                names[0],
                format!("the imports go in a circle: {}", names.join(" -> ")),
                Some(
                    "bundle the modules into one file first, for example with esbuild --bundle --format=esm",
                ),
            )
        })?;
        let mut places = vec![0u32; order.len()];
        for (place, index) in (0u32..).zip(&order) {
            places[*index] = place;
        }
        let mut bundle = Bundle { format: BUNDLE_FORMAT, modules: Vec::with_capacity(order.len()), env: vec![], egress: None };
        for &index in &order {
            let name = &self.files[index].name;
            if index != main && imports[index].contains(&main) {
                return Err(CompileError::in_file(
                    name,
                    "this file imports the main module, which does not need it",
                    Some("leave the file out of the deployment"),
                ));
            }
            let source = match self.kinds[index] {
                ModuleKind::Esm => pieces::cut(&modules[index], &linked[index], &places),
                _ => vec![Piece::Text(modules[index].text.clone())],
            };
            let script = modules[index].parsed.script.clone();
            bundle.modules.push(Module { name: name.clone(), kind: self.kinds[index], source, script });
        }
        Ok(bundle)
    }
}
