//! TypeScript and JSX as JavaScript: types taken away, enums, namespaces and JSX written out, with a map back.
//!
//! Nothing is checked but syntax: types mean nothing here. Recurses as the parser does, and through more kinds of trees
//! than [`super::nesting`] knows, so a bound of its own stands before it: call it through [`on_deep_stack`] with
//! [`STACK_BYTES`].
//!
//! [`on_deep_stack`]: super::parse::on_deep_stack

use std::path::Path;

use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_diagnostics::Diagnostics;
use oxc_parser::Parser;
use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;
use oxc_transformer::{TransformOptions, Transformer};

use super::parse::{Fault, fault};

/// Stack of a thread that compiles TypeScript, in bytes. Address space only: pages are taken as they are used.
pub(super) const STACK_BYTES: usize = 1 << 30;

/// Stack that one sign (bracket, operator, quote) may cost at worst, in bytes; and any other character. Types and JSX
/// nest by signs that are none in JavaScript, so all count, wherever they stand. Twice what was measured.
const SIGN: usize = 4_000;
const CHARACTER: usize = 300;

/// Most `<` of a file: unclosed type arguments in expressions take more than quadratic time, 20 s for so many. People's files have
/// some hundreds.
const MAX_ANGLES: usize = 10_000;

/// Share of the stack that a text may need.
const USABLE: usize = STACK_BYTES / 10 * 9;

/// The language of a file that has to be compiled; `None` for all others.
pub(super) fn language(name: &str) -> Option<SourceType> {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if extension.eq_ignore_ascii_case("ts") || extension.eq_ignore_ascii_case("mts") {
        Some(SourceType::ts())
    } else if extension.eq_ignore_ascii_case("tsx") {
        Some(SourceType::tsx())
    } else if extension.eq_ignore_ascii_case("jsx") {
        Some(SourceType::jsx())
    } else {
        None
    }
}

/// JavaScript and its source map as JSON.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) code: String,
    pub(super) map: String,
}

/// Compiles one module.
pub(super) fn compile(name: &str, source: &str, language: SourceType) -> Result<Output, Fault> {
    check_size(source)?;
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, language).parse();
    refuse(&parsed.diagnostics)?;
    if parsed.panicked {
        return Err(Fault { offset: 0, message: "the module could not be parsed".into(), hint: None });
    }
    let mut program = parsed.program;
    let checked = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .with_excess_capacity(2.0)
        .with_enum_eval(true)
        .build(&program);
    refuse(&checked.diagnostics)?;
    let scoping = checked.semantic.into_scoping();
    let path = Path::new(name);
    let transformed = Transformer::new(&allocator, path, &TransformOptions::default())
        .build_with_scoping(scoping, &mut program);
    refuse(&transformed.diagnostics)?;
    let options = CodegenOptions { source_map_path: Some(path.to_owned()), ..CodegenOptions::default() };
    let output = Codegen::new().with_options(options).build(&program);
    let map = output.map.map(|map| map.to_json_string()).unwrap_or_default();
    Ok(Output { code: output.code, map })
}

fn refuse(diagnostics: &Diagnostics) -> Result<(), Fault> {
    diagnostics.errors().next().map_or(Ok(()), |error| Err(fault(error)))
}

fn check_size(source: &str) -> Result<(), Fault> {
    let signs = source.bytes().filter(u8::is_ascii_punctuation).count();
    let words = source.len() - signs;
    let angles = source.bytes().filter(|byte| *byte == b'<').count();
    let stack = signs.saturating_mul(SIGN).saturating_add(words.saturating_mul(CHARACTER));
    if stack <= USABLE && angles <= MAX_ANGLES {
        return Ok(());
    }
    Err(Fault {
        offset: 0,
        message: "this TypeScript or JSX file is too large to be compiled here".into(),
        hint: Some("bundle it first: `tabmesh deploy` does so for npm projects, esbuild --bundle --format=esm for any".into()),
    })
}

#[cfg(test)]
mod tests;
