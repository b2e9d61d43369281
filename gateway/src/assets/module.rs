//! One module of the isolate, taken apart: what it imports, what it exports, and its body without both.
//!
//! Knows only the few forms that those modules may use and refuses every other; it never guesses.

use super::script::ScriptError;
use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Declaration, Expression, ImportDeclaration, ImportDeclarationSpecifier, ImportExpression, ImportMeta,
    Statement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType, Span};

/// `import { imported as local, ... } from './from.js'`.
#[derive(Debug)]
pub(super) struct Import {
    /// File name, without `./`.
    pub(super) from: String,
    /// Exported name and local name.
    pub(super) names: Vec<(String, String)>,
}

/// A module's parts.
#[derive(Debug)]
pub(super) struct Module {
    /// In source order.
    pub(super) imports: Vec<Import>,
    /// Exported names, which are the local ones.
    pub(super) exports: Vec<String>,
    /// The source without import declarations, the keyword `export` and comments.
    pub(super) body: String,
}

/// Takes the module `name` apart.
///
/// # Errors
/// When it does not parse or uses a form that cannot be joined.
pub(super) fn parse(name: &str, source: &str) -> Result<Module, ScriptError> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, SourceType::mjs()).parse();
    let fault = |offset: usize, rule: String| ScriptError::Rule {
        module: name.to_owned(),
        line: source.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1,
        rule,
    };
    if let Some(error) = parsed.diagnostics.errors().next() {
        let offset = error.labels.iter().map(|label| label.offset() as usize).max().unwrap_or(0);
        return Err(fault(offset, error.message.to_string()));
    }
    if parsed.panicked {
        return Err(fault(0, "it could not be parsed".into()));
    }
    let refuse = |span: Span, rule: &str| fault(span.start as usize, rule.to_owned());

    let mut module = Module { imports: Vec::new(), exports: Vec::new(), body: String::new() };
    let mut cuts = Vec::new();
    for statement in &parsed.program.body {
        match statement {
            Statement::ImportDeclaration(declaration) => {
                let import = import(declaration)
                    .ok_or_else(|| refuse(declaration.span, "only `import { a, b as c } from './x.js'`"))?;
                module.imports.push(import);
                cuts.push(declaration.span);
            }
            Statement::ExportDeclaration(export) => {
                let names = declared(&export.declaration)
                    .ok_or_else(|| refuse(export.span, "only simple names can be exported"))?;
                module.exports.extend(names);
                cuts.push(Span::new(export.span.start, export.declaration.span().start));
            }
            Statement::ExportDefaultDeclaration(_)
            | Statement::ExportNamedDeclaration(_)
            | Statement::ExportFromDeclaration(_)
            | Statement::ExportAllDeclaration(_) => {
                return Err(refuse(statement.span(), "only declarations can be exported, where they stand"));
            }
            _ => {}
        }
    }
    let mut inside = Forbidden(None);
    inside.visit_program(&parsed.program);
    if let Some((span, rule)) = inside.0 {
        return Err(refuse(span, rule));
    }
    cuts.extend(parsed.program.comments.iter().map(|comment| comment.span));
    cuts.sort_by_key(|cut| cut.start);
    module.body = without(source, &cuts);
    Ok(module)
}

/// The declaration's parts, if it has the one form that is joined.
fn import(declaration: &ImportDeclaration<'_>) -> Option<Import> {
    if declaration.phase.is_some() || declaration.with_clause.is_some() {
        return None;
    }
    let from = declaration.source.value.strip_prefix("./").filter(|file| !file.contains('/'))?;
    let names = declaration.specifiers.as_ref()?.iter().map(|specifier| match specifier {
        ImportDeclarationSpecifier::ImportSpecifier(specifier) => {
            let imported = specifier.imported.identifier_name()?;
            Some((imported.to_string(), specifier.local.name.to_string()))
        }
        _ => None,
    });
    Some(Import { from: from.to_owned(), names: names.collect::<Option<_>>()? })
}

/// The names that a declaration declares; `None` where one is a pattern or it is no JavaScript.
fn declared(declaration: &Declaration<'_>) -> Option<Vec<String>> {
    match declaration {
        Declaration::VariableDeclaration(variables) => variables
            .declarations
            .iter()
            .map(|variable| variable.id.get_binding_identifier().map(|name| name.name.to_string()))
            .collect(),
        Declaration::FunctionDeclaration(function) => Some(vec![function.id.as_ref()?.name.to_string()]),
        Declaration::ClassDeclaration(class) => Some(vec![class.id.as_ref()?.name.to_string()]),
        _ => None,
    }
}

/// What would mean something else in the joined script. Top-level `await` is found by parsing that.
struct Forbidden(Option<(Span, &'static str)>);

impl<'a> Visit<'a> for Forbidden {
    fn visit_import_meta(&mut self, meta: &ImportMeta) {
        self.0.get_or_insert((meta.span, "`import.meta` is not this module's in the joined script"));
    }

    fn visit_import_expression(&mut self, import: &ImportExpression<'a>) {
        if matches!(import.source, Expression::StringLiteral(_)) {
            self.0.get_or_insert((import.span, "`import()` of a file finds none: there is one script"));
        }
        walk::walk_import_expression(self, import);
    }
}

/// `source` without `cuts`, which are in order; a cut leaves one space, or a line end where it held one, so that no two
/// words grow together and no statement loses its end.
fn without(source: &str, cuts: &[Span]) -> String {
    let mut body = String::with_capacity(source.len());
    let mut at = 0;
    for cut in cuts {
        let (start, end) = (cut.start as usize, cut.end as usize);
        // A comment inside a declaration that is cut went with it.
        if start < at {
            continue;
        }
        body.push_str(source.get(at..start).unwrap_or_default());
        let held_line = source.get(start..end).is_some_and(|cut| cut.contains('\n'));
        body.push(if held_line { '\n' } else { ' ' });
        at = end;
    }
    body.push_str(source.get(at..).unwrap_or_default());
    body
}
