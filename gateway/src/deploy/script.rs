//! The script form of a module: the edits after which `eval` can run its text.
//!
//! An import of a `blob:` URL costs a tab some milliseconds, an `eval` of the same text a fraction of one. So a module that
//! imports nothing gets edits that make it a strict async function of a script, which returns the exports as
//! getters. Only `export` syntax is touched: every line stays, and every column but those of line 1, which begins with a
//! constant text.
//!
//! Where a function of a script would mean anything else than the module, there is no script form, and the tab imports the
//! module. When in doubt, there is none.

use std::fmt::Write as _;
use std::ops::Range;

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    ExportDefaultDeclaration, ExportDefaultDeclarationKind, Function, IdentifierReference, ImportExpression,
    ImportMeta, Program, RegExpLiteral, Statement, StringLiteral, TemplateElement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser;
use oxc_semantic::{ScopeFlags, Scoping, SemanticBuilder};
use oxc_span::{GetSpan, SourceType, Span};
use oxc_syntax::module_record::{ExportExportName, ExportLocalName, ModuleRecord};
use tabmesh_protocol::bundle::Edit;

use super::pieces::blank;
use super::scan::is_line_end;

// The variable for what `export default` gives without a name in the module: the value, or an object that has it as
// its property.
const VARIABLE: &str = "$d$";
const DECLARE: &str = "let $d$;";
const ASSIGN: &str = ";$d$=";
const ASSIGN_PROPERTY: &str = ";$d$={default:";
const PROPERTY: &str = "$d$.default";

/// What replaces a range of the source; bytes.
type Change = (Range<usize>, String);

/// The edits of a module that parsed and was checked; none if it has no script form.
pub(super) fn edits(program: &Program<'_>, record: &ModuleRecord<'_>, scoping: &Scoping) -> Vec<Edit> {
    let source = program.source_text;
    changes(program, record, scoping)
        .filter(|changes| is_one_function(&apply(source, changes)))
        .map_or_else(Vec::new, |changes| in_units(source, changes))
}

fn changes(program: &Program<'_>, record: &ModuleRecord<'_>, scoping: &Scoping) -> Option<Vec<Change>> {
    let source = program.source_text;
    if Differences::found(program) {
        return None;
    }
    let mut changes = vec![(0..0, String::new())];
    if let Some(hashbang) = &program.hashbang {
        let start = hashbang.span.start as usize;
        changes.push((start..start + 2, "//".into()));
    }
    // What `default` is, where it has no name of its own.
    let mut default = None;
    for (index, statement) in program.body.iter().enumerate() {
        match statement {
            Statement::ImportDeclaration(_)
            | Statement::ExportFromDeclaration(_)
            | Statement::ExportAllDeclaration(_) => return None,
            Statement::ExportDeclaration(export) => {
                let start = export.span.start as usize;
                changes.push(cover(source, start..start + "export".len(), ";")?);
            }
            Statement::ExportNamedDeclaration(export) => {
                changes.push(cover(source, range(export.span), ";")?);
            }
            Statement::ExportDefaultDeclaration(export) => {
                let mut after = program.body[index + 1..].iter();
                let next = after.find(|next| !matches!(next, Statement::EmptyStatement(_)));
                default = default_export(source, export, next.map(GetSpan::span), &mut changes)?;
            }
            _ => {}
        }
    }
    let is_taken = scoping.get_root_binding(VARIABLE.into()).is_some()
        || scoping.root_unresolved_references().contains_key(VARIABLE);
    if default.is_some() && is_taken {
        return None;
    }
    // Something stands before the module's first statement, so that its strings are no directives of the function.
    let variable = if default.is_some() { DECLARE } else { ";" };
    changes[0].1 = format!("(async function(){{\"use strict\";{variable}");
    // On a line of its own, for the last one may be a comment.
    changes.push((source.len()..source.len(), format!("\n{}}})", exports(record, default)?)));
    Some(changes)
}

/// Edits `export default`. Gives the expression for its value, unless that is a declaration with a name.
fn default_export(
    source: &str,
    export: &ExportDefaultDeclaration<'_>,
    next: Option<Span>,
    changes: &mut Vec<Change>,
) -> Option<Option<&'static str>> {
    let value = export.declaration.span();
    let before = export.span.start as usize..value.start as usize;
    let is_anonymous = match &export.declaration {
        ExportDefaultDeclarationKind::FunctionDeclaration(function) => function.id.is_none(),
        ExportDefaultDeclarationKind::ClassDeclaration(class) => class.id.is_none(),
        kind => kind.as_expression()?.is_anonymous_function_definition(),
    };
    let is_declaration = matches!(
        export.declaration,
        ExportDefaultDeclarationKind::FunctionDeclaration(_)
            | ExportDefaultDeclarationKind::ClassDeclaration(_)
    );
    if is_anonymous {
        // As the value of a property it gets the name that it has in a module, "default". Nobody can call it before
        // this line runs, so that it is a declaration no longer makes no difference.
        changes.push(cover(source, before, ASSIGN_PROPERTY)?);
        let end = value.end as usize;
        // What comes after on the same line would move.
        if next.is_some_and(|next| !source[end..next.start as usize].contains(is_line_end)) {
            return None;
        }
        changes.push((end..end, "};".into()));
        Some(Some(PROPERTY))
    } else if is_declaration {
        changes.push(cover(source, before, ";")?);
        Some(None)
    } else {
        changes.push(cover(source, before, ASSIGN)?);
        Some(Some(VARIABLE))
    }
}

/// The statement that returns the exports: an object with a getter for each, since exported variables may change.
fn exports(record: &ModuleRecord<'_>, default: Option<&str>) -> Option<String> {
    let mut object = String::from("return{__proto__:null");
    for entry in &record.local_export_entries {
        let name = match &entry.export_name {
            ExportExportName::Name(name) => name.name.as_str(),
            ExportExportName::Default(_) => "default",
            ExportExportName::Null => return None,
        };
        let value = match &entry.local_name {
            ExportLocalName::Name(local) => local.name.as_str(),
            ExportLocalName::Default(_) | ExportLocalName::Null => default?,
        };
        let name = serde_json::to_string(name).ok()?;
        write!(object, ",get {name}(){{return {value}}}").ok()?;
    }
    object.push('}');
    Some(object)
}

/// `text` over the beginning of `span` and spaces over the rest of it; line ends stay. `None` if it has no room.
fn cover(source: &str, span: Range<usize>, text: &str) -> Option<Change> {
    let rest = span.start + text.len()..span.end;
    let covered = source.get(span.start..rest.start)?;
    if rest.start > rest.end || !covered.is_ascii() || covered.contains(is_line_end) {
        return None;
    }
    let mut text = text.to_owned();
    blank(&mut text, source, rest);
    Some((span, text))
}

/// Whether a script is what it should be: an expression that is one function.
fn is_one_function(script: &str) -> bool {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, script, SourceType::script()).parse();
    if parsed.panicked || parsed.diagnostics.errors().next().is_some() {
        return false;
    }
    let checked = SemanticBuilder::new().with_check_syntax_error(true).build(&parsed.program);
    let [Statement::ExpressionStatement(only)] = parsed.program.body.as_slice() else { return false };
    parsed.program.directives.is_empty()
        && checked.diagnostics.errors().next().is_none()
        && matches!(only.expression.without_parentheses(), oxc_ast::ast::Expression::FunctionExpression(_))
}

fn apply(source: &str, changes: &[Change]) -> String {
    let mut script = String::with_capacity(source.len() + 256);
    let mut at = 0;
    for (span, text) in changes {
        script.push_str(&source[at..span.start]);
        script.push_str(text);
        at = span.end;
    }
    script.push_str(&source[at..]);
    script
}

/// Changes in bytes as edits in UTF-16 units, which is what strings of a tab are indexed by.
fn in_units(source: &str, changes: Vec<Change>) -> Vec<Edit> {
    let (mut at, mut units) = (0, 0u32);
    let mut advance = |to: usize| {
        // A deployment has at most 10 MiB.
        units += u32::try_from(source[at..to].encode_utf16().count()).unwrap_or(u32::MAX);
        at = to;
        units
    };
    changes.into_iter().map(|(span, text)| Edit(advance(span.start), advance(span.end), text)).collect()
}

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

/// Looks for what means something else, or nothing, in a function of a script.
struct Differences<'s> {
    source: &'s str,
    /// Functions around, arrow functions left out.
    functions: u32,
    /// `import()`, `import.meta`, and `arguments` that would be those of our function.
    is_found: bool,
    /// `<!--` inside of tokens and comments, where it is text.
    texts: usize,
}

/// Begins a comment in a script; in a module it is three operators.
const HTML_COMMENT: &str = "<!--";
// `-->` ends such a comment at the beginning of a line alone, where it is a syntax error in a module: `--` cannot go
// with what stands on the line before.

impl Differences<'_> {
    fn found(program: &Program<'_>) -> bool {
        let source = program.source_text;
        let mut this = Differences { source, functions: 0, is_found: false, texts: 0 };
        this.visit_program(program);
        for comment in &program.comments {
            this.text(comment.span);
        }
        this.is_found || this.texts != source.matches(HTML_COMMENT).count()
    }

    fn text(&mut self, span: Span) {
        self.texts += self.source.get(range(span)).map_or(0, |text| text.matches(HTML_COMMENT).count());
    }
}

impl<'a> Visit<'a> for Differences<'_> {
    fn visit_function(&mut self, function: &Function<'a>, flags: ScopeFlags) {
        self.functions += 1;
        walk::walk_function(self, function, flags);
        self.functions -= 1;
    }

    fn visit_identifier_reference(&mut self, identifier: &IdentifierReference<'a>) {
        self.is_found |= self.functions == 0 && identifier.name == "arguments";
    }

    fn visit_import_expression(&mut self, _: &ImportExpression<'a>) {
        self.is_found = true;
    }

    fn visit_import_meta(&mut self, _: &ImportMeta) {
        self.is_found = true;
    }

    fn visit_string_literal(&mut self, literal: &StringLiteral<'a>) {
        self.text(literal.span);
    }

    fn visit_template_element(&mut self, element: &TemplateElement<'a>) {
        self.text(element.span);
    }

    fn visit_reg_exp_literal(&mut self, literal: &RegExpLiteral<'a>) {
        self.text(literal.span);
    }
}

#[cfg(test)]
mod tests;
