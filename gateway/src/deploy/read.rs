//! The modules of a deployment, read: each file's text as it will run, and what the parser found in it.

use tabmesh_protocol::bundle::ModuleKind;

use super::error::CompileError;
use super::maps::MapFiles;
use super::parse::{self, Fault, Parsed};
use super::{SourceFile, kinds, position, typescript};
use crate::sourcemap::SourceMaps;

/// A module as it will run.
pub(super) struct Read {
    pub(super) name: String,
    pub(super) kind: ModuleKind,
    pub(super) text: String,
    pub(super) parsed: Parsed,
    /// Whether the text was made from TypeScript or JSX, so that its places are not those of the file.
    is_compiled: bool,
}

impl Read {
    /// Line and column of an offset in the text, as the developer has the file.
    pub(super) fn place(&self, offset: usize, maps: &SourceMaps) -> (u32, u32) {
        place(&self.name, &self.text, offset, self.is_compiled.then_some(maps))
    }

    /// A module of the platform.
    pub(super) fn platform(name: String, text: String) -> Result<Self, CompileError> {
        let parsed = Parsed::default();
        let mut module = Read { name, kind: ModuleKind::Esm, text, parsed, is_compiled: false };
        module.parse_again()?;
        Ok(module)
    }

    /// Parses the text anew after it was changed.
    pub(super) fn parse_again(&mut self) -> Result<(), CompileError> {
        self.parsed =
            parse::parse(&self.text, false).map_err(|fault| refusal(&self.name, &self.text, fault, None))?;
        Ok(())
    }
}

/// Reads all files, and keeps their source maps in `maps`.
pub(super) fn all(
    files: &[SourceFile],
    mut map_files: MapFiles,
    maps: &mut SourceMaps,
) -> Result<Vec<Read>, CompileError> {
    let kinds = files.iter().map(kind).collect::<Result<Vec<_>, _>>()?;
    let is_alone = kinds.iter().filter(|kind| **kind == ModuleKind::Esm).count() == 1;
    let mut modules = Vec::with_capacity(files.len());
    for (file, kind) in files.iter().zip(kinds) {
        let mut text = kinds::encode(kind, &file.bytes)
            .map_err(|(position, message)| CompileError::syntax(&file.name, position, message, None))?;
        if kind != ModuleKind::Esm {
            let parsed = Parsed { has_default: true, ..Parsed::default() };
            modules.push(Read { name: file.name.clone(), kind, text, parsed, is_compiled: false });
            continue;
        }
        let language = typescript::language(&file.name);
        if let Some(language) = language {
            let output = typescript::compile(&file.name, &text, language)
                .map_err(|fault| refusal(&file.name, &text, fault, None))?;
            maps.insert(&file.name, &output.map)
                .map_err(|error| CompileError::in_file(&file.name, error.to_string(), None))?;
            text = output.code;
        } else {
            map_files.take(&file.name, &mut text, maps)?;
        }
        let origin = language.is_some().then_some(&*maps);
        let parsed =
            parse::parse(&text, is_alone).map_err(|fault| refusal(&file.name, &text, fault, origin))?;
        modules.push(Read { name: file.name.clone(), kind, text, parsed, is_compiled: language.is_some() });
    }
    map_files.finish()?;
    Ok(modules)
}

fn kind(file: &SourceFile) -> Result<ModuleKind, CompileError> {
    kinds::kind_of(&file.name).map_err(|(message, hint)| CompileError::in_file(&file.name, message, hint))
}

fn refusal(name: &str, text: &str, fault: Fault, origin: Option<&SourceMaps>) -> CompileError {
    CompileError::syntax(name, Some(place(name, text, fault.offset, origin)), fault.message, fault.hint)
}

fn place(name: &str, text: &str, offset: usize, origin: Option<&SourceMaps>) -> (u32, u32) {
    let (line, column) = position::at(text, offset);
    origin
        .and_then(|maps| {
            maps.decode().origin(&crate::sourcemap::shown_name(name), line, column).map(|at| (at.1, at.2))
        })
        .unwrap_or((line, column))
}
