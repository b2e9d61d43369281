//! From uploaded files to a bundle: compile, parse, link, order, cut.
//!
//! Pure: reads no clock, network or disk and runs no handler code. Nothing an upload contains may panic, overflow the
//! stack or pass unnoticed: a file is part of the bundle or the deployment is refused.
//!
//! Built on oxc: syntax errors are those of the parser and of its semantic pass (a name declared twice, a stray
//! `break`). Invalid regular expressions and errors across modules (an export that is missing) show when a tab loads
//! the code.

pub mod bindings;
mod context;
mod error;
mod kinds;
mod link;
mod maps;
mod names;
mod nesting;
mod order;
mod parse;
mod pieces;
mod platform;
mod position;
mod read;
mod resolve;
mod scan;
mod script;
#[cfg(test)]
mod tests;
mod typescript;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tabmesh_protocol::bundle::{Bundle, Edit, ModuleKind};

pub use error::CompileError;
pub use names::{
    MAX_FILE_NAME, MAX_HANDLER_NAME, MAX_TENANT_NAME, RESERVED, check_handler_name, check_tenant_name,
};
use read::Read;

use crate::sourcemap::SourceMaps;

/// Name of the only module of an upload that has none.
pub const DEFAULT_FILE: &str = "main.js";

/// Main modules looked for, in this order and with each of [`EXTENSIONS`], when none is named.
pub const MAIN_NAMES: [&str; 3] = ["main", "index", "worker"];

/// Extensions of ES modules, in the order in which an import without one tries them.
pub const EXTENSIONS: [&str; 6] = ["js", "mjs", "ts", "mts", "tsx", "jsx"];

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

/// What a developer says about files beside their content.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The entry point; without it, it is one of [`MAIN_NAMES`] or the only ES module.
    pub main: Option<String>,
    /// Whether Node.js's modules and globals are there: the flag `nodejs_compat`.
    pub node: bool,
}

impl Options {
    /// Reads compatibility flags as Workers have them; those that mean nothing here are ignored.
    #[must_use]
    pub fn with_flags(mut self, flags: &[String]) -> Self {
        self.node = flags
            .iter()
            .any(|flag| matches!(flag.as_str(), "nodejs_compat" | "nodejs_compat_v2" | "nodejs_als"));
        self
    }
}

/// What became of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// What tabs get.
    pub bundle: Bundle,
    /// What the log needs to name places as the developer knows them.
    pub maps: SourceMaps,
}

/// The bundle of [`compile_within`] with the default limits.
///
/// # Errors
/// As [`compile_within`].
pub fn compile(files: Vec<SourceFile>, main: Option<&str>) -> Result<Bundle, CompileError> {
    let options = Options { main: main.map(str::to_owned), ..Options::default() };
    compile_within(files, options, CompileLimits::default()).map(|compiled| compiled.bundle)
}

/// Makes a bundle of all files. The same files give the same bundle, in whatever order they come. Blocks for as long as
/// parsing takes (about 50 ms per MB, twice that for a module that is made a script), on a thread of its own.
///
/// # Errors
/// What is wrong with the files, with its place; see [`CompileError`].
pub fn compile_within(
    files: Vec<SourceFile>,
    options: Options,
    limits: CompileLimits,
) -> Result<Compiled, CompileError> {
    let is_typescript = files.iter().any(|file| typescript::language(&file.name).is_some());
    let stack = if is_typescript { typescript::STACK_BYTES } else { parse::STACK_BYTES };
    parse::on_deep_stack(stack, move || build(files, &options, limits)).unwrap_or(Err(CompileError::Internal))
}

/// What a module imports, as it is written; nothing for files that are no ES modules. Types alone are no imports.
///
/// # Errors
/// When it does not parse.
pub fn imports(file: &SourceFile) -> Result<Vec<String>, CompileError> {
    let file = file.clone();
    let found = parse::on_deep_stack(typescript::STACK_BYTES, move || {
        let modules = read::all(&[file], maps::MapFiles::default(), &mut SourceMaps::default())?;
        Ok(modules.into_iter().flat_map(|read| read.parsed.imports).map(|import| import.specifier).collect())
    });
    found.unwrap_or(Err(CompileError::Internal))
}

/// Names of files that an import in the module `importer` may mean, the likeliest first.
#[must_use]
pub fn candidates(specifier: &str, importer: &str) -> Vec<String> {
    resolve::candidates(specifier, importer)
}

/// Whether an import means an npm package: neither a file, nor what the platform has (Node.js's modules with `node`).
#[must_use]
pub fn is_package(specifier: &str, node: bool) -> bool {
    let is_platform = specifier.contains(':') || (node && platform::name_of(specifier).is_some());
    !resolve::is_relative(specifier) && !is_platform
}

/// Node.js's modules that are here, without `node:`.
#[must_use]
pub fn node_modules() -> Vec<String> {
    platform::node_modules()
}

/// A bundle as it is stored and served, and its version: the SHA-256 of these bytes in hex.
#[must_use]
pub fn seal(bundle: &Bundle) -> (String, Bytes) {
    let bytes =
        serde_json::to_vec(bundle).expect("a bundle has only string keys and writing to memory cannot fail");
    (hex::encode(Sha256::digest(&bytes)), Bytes::from(bytes))
}

fn build(files: Vec<SourceFile>, options: &Options, limits: CompileLimits) -> Result<Compiled, CompileError> {
    let (files, map_files) = maps::split(check_files(files, limits)?);
    let mut maps = SourceMaps::default();
    let mut modules = read::all(&files, map_files, &mut maps)?;
    let main = find_main(&modules, options.main.as_deref())?;
    platform::add(&mut modules, main, options, &mut maps)?;
    let linked = link::link(&modules, &maps)?;
    let bundle = link::assemble(&modules, &linked, main)?;
    for module in &bundle.modules {
        let before = module.script.first().map_or(0, |Edit(_, _, text)| text.encode_utf16().count());
        maps.shift(&module.name, before);
    }
    Ok(Compiled { bundle, maps })
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

fn find_main(modules: &[Read], main: Option<&str>) -> Result<usize, CompileError> {
    let index = match main {
        Some(name) => {
            let clean = names::clean_file_name(name).unwrap_or(name);
            modules.iter().position(|module| module.name == clean).ok_or_else(|| {
                CompileError::general(
                    format!("no file has the name of the main module, {}", error::printable(name)),
                    None,
                )
            })?
        }
        None => guess_main(modules)?,
    };
    let module = &modules[index];
    if module.kind != ModuleKind::Esm {
        let message = "the main module must be an ES module (.js, .mjs, .ts, .mts, .jsx or .tsx)";
        return Err(CompileError::in_file(&module.name, message, None));
    }
    if !module.parsed.has_default {
        return Err(CompileError::in_file(
            &module.name,
            "the main module has no default export",
            Some(
                "write `export default { async fetch(request, env, ctx) { return new Response(\"hi\") } }` \
                 or `export default async (event, ctx) => value`",
            ),
        ));
    }
    Ok(index)
}

fn guess_main(modules: &[Read]) -> Result<usize, CompileError> {
    let names = MAIN_NAMES.iter().flat_map(|stem| EXTENSIONS.iter().map(move |end| format!("{stem}.{end}")));
    for name in names {
        if let Some(index) = modules.iter().position(|module| module.name == name) {
            return Ok(index);
        }
    }
    let mut modules = modules.iter().enumerate().filter(|(_, module)| module.kind == ModuleKind::Esm);
    match (modules.next(), modules.next()) {
        (Some((index, _)), None) => Ok(index),
        (None, _) => Err(CompileError::general(
            "the deployment has no ES module (.js, .mjs, .ts, .mts, .jsx, .tsx)",
            None,
        )),
        _ => Err(CompileError::general(
            "which of the files is the main module is not clear",
            Some("name it in the metadata: {\"main_module\": \"...\"}, or call it main.js"),
        )),
    }
}
