//! What the parser tells about one ES module: its errors, its imports and whether it has a default export.
//!
//! With [`super::script`] and [`super::typescript`] the only place of a deploy that touches oxc. Runs on a thread of its own with a stack for the deepest text that
//! [`super::nesting`] lets pass; nothing of the syntax tree leaves it.

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Decorator, Expression, ImportAttribute, ImportAttributeKey, ImportExpression, ImportPhase,
    ObjectPropertyKind, Program, PropertyKey, Statement, StringLiteral, WithClause,
};
use oxc_ast_visit::{Visit, walk};
use oxc_diagnostics::OxcDiagnostic;
use oxc_parser::Parser;
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_span::{GetSpan, SourceType, Span};
use std::ops::Range;
use tabmesh_protocol::bundle::Edit;

use super::{nesting, script};

/// Stack of the parsing thread, in bytes. Address space only: pages are taken as they are used. Five times what
/// [`nesting::MAX_UNITS`] needs with optimisation, so that an unoptimised build holds too.
pub(super) const STACK_BYTES: usize = 256 << 20;

/// Runs `work` on a thread with a stack of this size. `None` if no thread could start or the parser panicked.
pub(super) fn on_deep_stack<T: Send + 'static>(
    stack_bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let thread = std::thread::Builder::new().name("compile".into()).stack_size(stack_bytes).spawn(work);
    thread.ok()?.join().ok()
}

/// An error with its place in the source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Byte offset.
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// How a module is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImportKind {
    /// `import` or `export ... from`: linked before anything runs.
    Static,
    /// `import("...")`.
    Dynamic,
}

/// One import whose specifier is known.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) kind: ImportKind,
    /// The specifier, escapes resolved.
    pub(super) specifier: String,
    /// Where it stands, quotes included; bytes.
    pub(super) span: Range<usize>,
    /// `with { type: "..." }`.
    pub(super) attributes: Option<Attributes>,
}

/// The attributes of an import.
#[derive(Debug)]
pub(super) struct Attributes {
    /// Text that can be blanked out so that no attribute is left; bytes.
    pub(super) span: Range<usize>,
    /// The value of `type`.
    pub(super) kind: Option<String>,
}

/// What is known of a module that parsed.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// In source order.
    pub(super) imports: Vec<Import>,
    pub(super) has_default: bool,
    /// Edits that make it a script; empty if it has no such form.
    pub(super) script: Vec<Edit>,
    pub(super) globals: Globals,
}

/// Which of Node.js's globals a module uses.
#[derive(Debug, Default)]
pub(super) struct Globals {
    pub(super) buffer: bool,
    pub(super) process: bool,
    pub(super) global: bool,
}

impl Globals {
    fn of(source: &str, scoping: &Scoping) -> Self {
        let free = scoping.root_unresolved_references();
        let uses = |name: &str| free.contains_key(name);
        Self {
            buffer: uses("Buffer") || source.contains("globalThis.Buffer"),
            process: uses("process") || source.contains("globalThis.process"),
            global: uses("global"),
        }
    }
}

/// Parses one ES module, which is the only one of its deployment if it `is_alone`: then it may get a script form.
/// Recurses: call it through [`on_deep_stack`].
pub(super) fn parse(source: &str, is_alone: bool) -> Result<Parsed, Fault> {
    nesting::check(source).map_err(|deep| Fault {
        offset: deep.offset,
        message: deep.reason.into(),
        hint: None,
    })?;
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, SourceType::mjs()).parse();
    if let Some(error) = parsed.diagnostics.errors().next() {
        return Err(fault(error));
    }
    if parsed.panicked {
        return Err(Fault { offset: 0, message: "the module could not be parsed".into(), hint: None });
    }
    let checked = SemanticBuilder::new().with_check_syntax_error(true).build(&parsed.program);
    if let Some(error) = checked.diagnostics.errors().next() {
        return Err(fault(error));
    }
    let mut inside = Inside { source, found: Ok(static_imports(&parsed.program)?) };
    inside.visit_program(&parsed.program);
    let mut imports = inside.found?;
    imports.sort_by_key(|import| import.span.start);
    let script = if is_alone && imports.is_empty() {
        script::edits(&parsed.program, &parsed.module_record, checked.semantic.scoping())
    } else {
        Vec::new()
    };
    let globals = Globals::of(source, checked.semantic.scoping());
    Ok(Parsed { imports, has_default: has_default(&parsed.program), script, globals })
}

/// Collects what can stand anywhere in a module.
struct Inside<'s> {
    source: &'s str,
    found: Result<Vec<Import>, Fault>,
}

impl<'a> Visit<'a> for Inside<'_> {
    fn visit_import_expression(&mut self, import: &ImportExpression<'a>) {
        walk::walk_import_expression(self, import);
        if let Ok(imports) = &mut self.found {
            match dynamic_import(self.source, import) {
                Ok(import) => imports.extend(import),
                Err(fault) => self.found = Err(fault),
            }
        }
    }

    fn visit_decorator(&mut self, decorator: &Decorator<'a>) {
        if self.found.is_ok() {
            self.found = Err(Fault {
                offset: decorator.span.start as usize,
                message: "decorators are not part of JavaScript in browsers yet".into(),
                hint: Some("compile the module first, for example with esbuild".into()),
            });
        }
    }
}

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

/// The parser lists related places too (the first declaration of a name): the last one is where the mistake is.
pub(super) fn fault(error: &OxcDiagnostic) -> Fault {
    Fault {
        offset: error.labels.iter().map(|label| label.offset() as usize).max().unwrap_or(0),
        message: error.message.to_string(),
        hint: error.help.as_ref().map(ToString::to_string),
    }
}

fn static_imports(program: &Program<'_>) -> Result<Vec<Import>, Fault> {
    let mut imports = Vec::new();
    for statement in &program.body {
        match statement {
            Statement::ImportDeclaration(import) => {
                check_phase(import.phase, import.span)?;
                imports.push(static_import(&import.source, import.with_clause.as_deref()));
            }
            Statement::ExportFromDeclaration(export) => {
                imports.push(static_import(&export.source, export.with_clause.as_deref()));
            }
            Statement::ExportAllDeclaration(export) => {
                imports.push(static_import(&export.source, export.with_clause.as_deref()));
            }
            _ => {}
        }
    }
    Ok(imports)
}

fn check_phase(phase: Option<ImportPhase>, span: Span) -> Result<(), Fault> {
    let Some(phase) = phase else { return Ok(()) };
    let word = if phase == ImportPhase::Source { "source" } else { "defer" };
    Err(Fault {
        offset: span.start as usize,
        message: format!("`import {word}` is not supported"),
        hint: Some(
            "use a plain import; the default export of a .wasm module is its WebAssembly.Module".into(),
        ),
    })
}

fn static_import(source: &StringLiteral<'_>, clause: Option<&WithClause<'_>>) -> Import {
    Import {
        kind: ImportKind::Static,
        specifier: source.value.to_string(),
        span: range(source.span),
        attributes: clause.map(|clause| Attributes {
            // The clause's own span leaves out its keyword.
            span: source.span.end as usize..clause.span.end as usize,
            kind: clause.with_entries.iter().find_map(type_attribute),
        }),
    }
}

fn type_attribute(attribute: &ImportAttribute<'_>) -> Option<String> {
    let is_type = match &attribute.key {
        ImportAttributeKey::Identifier(key) => key.name == "type",
        ImportAttributeKey::StringLiteral(key) => key.value == "type",
    };
    is_type.then(|| attribute.value.value.to_string())
}

/// An `import()` whose argument is written out; `None` for one that is computed.
fn dynamic_import(source: &str, import: &ImportExpression<'_>) -> Result<Option<Import>, Fault> {
    check_phase(import.phase, import.span)?;
    let (specifier, span) = match &import.source {
        Expression::StringLiteral(literal) => (literal.value.to_string(), literal.span),
        Expression::TemplateLiteral(template) if template.expressions.is_empty() => {
            let Some(text) = template.quasis.first().and_then(|quasi| quasi.value.cooked) else {
                return Ok(None);
            };
            (text.to_string(), template.span)
        }
        _ => return Ok(None),
    };
    let attributes = import.options.as_ref().and_then(|options| {
        // From after the specifier, so that the comma goes too.
        let span = span.end as usize..options.span().end as usize;
        // A comment between could hold anything; then the attributes stay and the browser judges them.
        let comma = source.get(span.start..options.span().start as usize)?.trim() == ",";
        comma.then_some(Attributes { span, kind: options_type(options)? })
    });
    Ok(Some(Import { kind: ImportKind::Dynamic, specifier, span: range(span), attributes }))
}

/// The type in `{ with: { type: "..." } }`; `None` unless it has exactly this form.
fn options_type(options: &Expression<'_>) -> Option<Option<String>> {
    let Expression::ObjectExpression(with) = only_property(options, "with")? else { return None };
    if with.properties.is_empty() {
        return Some(None);
    }
    match only_property(only_property(options, "with")?, "type")? {
        Expression::StringLiteral(literal) => Some(Some(literal.value.to_string())),
        _ => None,
    }
}

fn only_property<'e, 'a>(expression: &'e Expression<'a>, name: &str) -> Option<&'e Expression<'a>> {
    let Expression::ObjectExpression(object) = expression else { return None };
    let [ObjectPropertyKind::ObjectProperty(property)] = object.properties.as_slice() else { return None };
    let named = match &property.key {
        PropertyKey::StaticIdentifier(key) => key.name == name,
        PropertyKey::StringLiteral(key) => key.value == name,
        _ => false,
    };
    (named && !property.computed).then_some(&property.value)
}

fn has_default(program: &Program<'_>) -> bool {
    program.body.iter().any(|statement| match statement {
        Statement::ExportDefaultDeclaration(_) => true,
        Statement::ExportNamedDeclaration(export) => {
            export.specifiers.iter().any(|specifier| specifier.exported.name() == "default")
        }
        Statement::ExportFromDeclaration(export) => {
            export.specifiers.iter().any(|specifier| specifier.exported.name() == "default")
        }
        Statement::ExportAllDeclaration(export) => {
            export.exported.as_ref().is_some_and(|exported| exported.name() == "default")
        }
        _ => false,
    })
}
