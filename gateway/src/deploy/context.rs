//! `await` so that an AsyncLocalStorage's store survives it.
//!
//! Browsers have no hook for what goes on after an `await`. So in deployments that import `node:async_hooks`, and only
//! there, `await x` becomes `resume(capture(), await wait(x))`: what holds before is taken note of, what is awaited never
//! rejects, and what held holds again before anything else runs (`gateway/node/src/async-context.js`). Text is only added
//! and no line moves.

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    ArrowFunctionExpression, AwaitExpression, ForOfStatement, Function, LabeledStatement, Statement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser;
use oxc_semantic::ScopeFlags;
use oxc_span::{GetSpan, SourceType};

/// The module with the functions that are called.
pub(super) const MODULE: &str = "node:/async-context.js";

/// What a rewritten module begins with.
pub(super) const IMPORT: &str =
    "import{capture as $tm$c,wait as $tm$w,resume as $tm$r,enter as $tm$e}from\"node:/async-context.js\";";

/// A module that parses, rewritten; `None` if nothing in it awaits.
pub(super) fn rewrite(source: &str) -> Option<String> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, SourceType::mjs()).parse();
    let mut awaits = Awaits::default();
    awaits.visit_program(&parsed.program);
    let mut inserts = awaits.inserts;
    if inserts.is_empty() {
        return None;
    }
    // What was found first stands first.
    inserts.sort_by_key(|(at, _)| *at);
    let mut rewritten = String::with_capacity(source.len() + inserts.len() * 16);
    let mut from = 0;
    for (at, text) in inserts {
        rewritten.push_str(source.get(from..at)?);
        rewritten.push_str(&text);
        from = at;
    }
    rewritten.push_str(source.get(from..)?);
    Some(rewritten)
}

#[derive(Default)]
struct Awaits {
    /// Functions around. Outside of them is a module's top level, which has no store.
    functions: u32,
    /// Where the labels of the loop to come begin.
    label: Option<u32>,
    /// Texts and the offsets where they go. Those of one offset are in their order.
    inserts: Vec<(usize, String)>,
}

impl Awaits {
    fn insert(&mut self, at: u32, text: impl Into<String>) {
        self.inserts.push((at as usize, text.into()));
    }
}

impl<'a> Visit<'a> for Awaits {
    fn visit_function(&mut self, function: &Function<'a>, flags: ScopeFlags) {
        self.functions += 1;
        walk::walk_function(self, function, flags);
        self.functions -= 1;
    }

    fn visit_arrow_function_expression(&mut self, function: &ArrowFunctionExpression<'a>) {
        self.functions += 1;
        walk::walk_arrow_function_expression(self, function);
        self.functions -= 1;
    }

    fn visit_await_expression(&mut self, expression: &AwaitExpression<'a>) {
        if self.functions == 0 {
            return walk::walk_await_expression(self, expression);
        }
        self.insert(expression.span.start, "$tm$r($tm$c(),");
        self.insert(expression.argument.span().start, "$tm$w(");
        walk::walk_await_expression(self, expression);
        self.insert(expression.span.end, "))");
    }

    fn visit_labeled_statement(&mut self, statement: &LabeledStatement<'a>) {
        // A label belongs to its loop: what goes around one goes around both.
        let is_loop = matches!(statement.body, Statement::ForOfStatement(_) | Statement::LabeledStatement(_));
        self.label = is_loop.then(|| self.label.unwrap_or(statement.span.start));
        walk::walk_labeled_statement(self, statement);
        self.label = None;
    }

    /// `{const f=capture();for await(...){enter(f);BODY}enter(f);}`
    fn visit_for_of_statement(&mut self, statement: &ForOfStatement<'a>) {
        let label = self.label.take();
        if self.functions == 0 || !statement.r#await {
            return walk::walk_for_of_statement(self, statement);
        }
        let start = label.unwrap_or(statement.span.start);
        let frame = format!("$tm$f{start}");
        self.insert(start, format!("{{const {frame}=$tm$c();"));
        self.visit_for_statement_left(&statement.left);
        self.visit_expression(&statement.right);
        let body = statement.body.span();
        self.insert(body.start, format!("{{$tm$e({frame});"));
        self.visit_statement(&statement.body);
        self.insert(body.end, format!("}}$tm$e({frame});}}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awaits_are_wrapped_and_lines_stay() {
        for (source, expected) in [
            ("await x;", None),
            ("async () => await x", Some("async () => $tm$r($tm$c(),await $tm$w(x))")),
            (
                "async function f(){ await await /* a */ g(await h)\n}",
                Some(
                    "async function f(){ $tm$r($tm$c(),await $tm$w($tm$r($tm$c(),await /* a */ $tm$w(g($tm$r($tm$c(),await $tm$w(h)))))))\n}",
                ),
            ),
            (
                "async()=>{ if(a)b: for await(const x of y)for await(z of x)continue b; else c }",
                Some(
                    "async()=>{ if(a){const $tm$f16=$tm$c();b: for await(const x of y){$tm$e($tm$f16);{const $tm$f42=$tm$c();for await(z of x){$tm$e($tm$f42);continue b;}$tm$e($tm$f42);}}$tm$e($tm$f16);} else c }",
                ),
            ),
        ] {
            assert_eq!(rewrite(source).as_deref(), expected, "{source}");
            if let Some(expected) = expected {
                let allocator = Allocator::default();
                let parsed = Parser::new(&allocator, expected, SourceType::mjs()).parse();
                assert!(parsed.diagnostics.errors().next().is_none(), "{expected}");
            }
        }
    }
}
