//! The isolate's modules as one module script.
//!
//! One file is one request and one compilation at the start of a Worker, and the same text can travel inside a `data:`
//! URL, where no file could import another. Each module keeps a function scope of its own; an import becomes a
//! destructuring of what that function returned. So an importer sees the values that exports had when their module
//! finished, not live bindings: modules here give their exports values while they are evaluated, and the entry, which
//! comes last, exports nothing.
//!
//! Runs once, at the gateway's start, over files that are embedded in the binary; a unit test runs it over the same
//! files, so an error here is one of the build.

use super::module::{self, Module};
use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use thiserror::Error;

/// The module that starts an isolate.
pub(super) const ENTRY: &str = "isolate.js";

/// What the script is called in stack traces. `console.js` leaves lines with this name out.
const SOURCE_URL: &str = "tabmesh-isolate.js";

/// Why the modules cannot be joined.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ScriptError {
    /// A module breaks a rule of the joined script, or does not parse.
    #[error("web/isolate/{module}:{line}: {rule}")]
    Rule {
        /// Its file name.
        module: String,
        /// Where, from 1.
        line: usize,
        /// What is wrong, as a sentence.
        rule: String,
    },
    /// A module or an exported name that is not there.
    #[error("web/isolate/{module} imports {what}, which is not there")]
    Missing {
        /// The importer's file name.
        module: String,
        /// A file, or a name and its file.
        what: String,
    },
    /// Modules that import each other.
    #[error("web/isolate/{0} imports itself through others")]
    Cycle(String),
    /// The whole does not parse although every part did: a top-level `await`, mostly.
    #[error("the joined isolate script does not parse: {0}")]
    Whole(String),
}

/// Joins the modules that [`ENTRY`] needs out of `files` (file name to text).
///
/// # Errors
/// When a module breaks the rules of [`module::parse`], something is missing, or there is a cycle.
pub(super) fn join(files: &BTreeMap<String, String>) -> Result<String, ScriptError> {
    let mut joiner = Joiner { files, exports: BTreeMap::new(), open: BTreeSet::new(), script: String::new() };
    joiner.add(ENTRY, ENTRY)?;
    let mut script = joiner.script;
    let _ = writeln!(script, "//# sourceURL={SOURCE_URL}");
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &script, SourceType::mjs()).parse();
    match parsed.diagnostics.errors().next() {
        Some(error) => Err(ScriptError::Whole(error.message.to_string())),
        None if parsed.panicked => Err(ScriptError::Whole("no reason given".into())),
        None => Ok(script),
    }
}

struct Joiner<'f> {
    files: &'f BTreeMap<String, String>,
    /// What the modules that are written export.
    exports: BTreeMap<String, Vec<String>>,
    /// Modules being written, to notice cycles.
    open: BTreeSet<String>,
    script: String,
}

impl Joiner<'_> {
    /// Writes `name`, which `importer` wants, after everything it imports itself.
    fn add(&mut self, name: &str, importer: &str) -> Result<(), ScriptError> {
        if self.exports.contains_key(name) {
            return Ok(());
        }
        let missing = |what: String| ScriptError::Missing { module: importer.to_owned(), what };
        let source = self.files.get(name).ok_or_else(|| missing(format!("./{name}")))?;
        if !self.open.insert(name.to_owned()) {
            return Err(ScriptError::Cycle(name.to_owned()));
        }
        let module = module::parse(name, source)?;
        for import in &module.imports {
            self.add(&import.from, name)?;
            let exports = self.exports.get(&import.from).map_or(&[][..], Vec::as_slice);
            if let Some((unknown, _)) = import.names.iter().find(|(imported, _)| !exports.contains(imported))
            {
                let what = format!("`{unknown}` from ./{}", import.from);
                return Err(ScriptError::Missing { module: name.to_owned(), what });
            }
        }
        self.write(name, &module)?;
        self.exports.insert(name.to_owned(), module.exports);
        Ok(())
    }

    fn write(&mut self, name: &str, module: &Module) -> Result<(), ScriptError> {
        let mut head = String::new();
        for import in &module.imports {
            let names: Vec<String> = import
                .names
                .iter()
                .map(
                    |(imported, local)| {
                        if imported == local { imported.clone() } else { format!("{imported}: {local}") }
                    },
                )
                .collect();
            let _ = writeln!(head, "const {{ {} }} = {};", names.join(", "), scope(&import.from)?);
        }
        let body = module.body.trim();
        let exports = module.exports.join(", ");
        let _ = writeln!(
            self.script,
            "// {name}\nconst {} = (() => {{\n{head}{body}\nreturn {{ {exports} }};\n}})();\n",
            scope(name)?
        );
        Ok(())
    }
}

/// The name that a module's exports have in the script: no module may use such a name itself, and none does.
fn scope(file: &str) -> Result<String, ScriptError> {
    let stem = file.strip_suffix(".js").filter(|stem| {
        !stem.is_empty()
            && stem.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    });
    let stem = stem.ok_or_else(|| ScriptError::Rule {
        module: file.to_owned(),
        line: 1,
        rule: "a module's file name is lower-case letters, digits and hyphens".into(),
    })?;
    Ok(format!("$module_{}", stem.replace('-', "_")))
}

#[cfg(test)]
mod tests;
