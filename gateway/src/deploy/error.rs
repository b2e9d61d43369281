//! Why a deployment was refused.

use crate::problem::{Problem, ProblemType};

/// Where in a deployment a mistake is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: Option<String>,
    /// Line from 1, and column from 1 in characters.
    pub position: Option<(u32, u32)>,
    /// The import's specifier.
    pub specifier: Option<String>,
}

/// Why files could not become a bundle. The messages are for the developer who deploys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// A file is not what its name says: JavaScript, JSON, UTF-8, WebAssembly.
    #[error("{}{message}", prefix(.place))]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The files do not fit together, or are of kinds that cannot be deployed.
    #[error("{}{message}", prefix(.place))]
    Module {
        /// Where.
        place: Place,
        /// What does not fit.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Over a limit; a sentence.
    #[error("{0}")]
    TooLarge(String),
    /// The parser failed or could not be started.
    #[error("the code could not be parsed")]
    Internal,
}

/// `main.js:1:2: `, as far as known.
fn prefix(place: &Place) -> String {
    match (&place.file, place.position) {
        (Some(file), Some((line, column))) => format!("{file}:{line}:{column}: "),
        (Some(file), None) => format!("{file}: "),
        (None, _) => String::new(),
    }
}

/// A name from outside, fit for a message.
pub(super) fn printable(name: &str) -> String {
    name.chars().take(255).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl CompileError {
    pub(super) fn syntax(
        file: &str,
        position: Option<(u32, u32)>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let place = Place { file: Some(file.to_owned()), position, specifier: None };
        CompileError::Syntax { place, message: message.into(), hint }
    }

    pub(super) fn import(file: &str, position: (u32, u32), message: String, hint: Option<String>) -> Self {
        let place = Place { file: Some(file.to_owned()), position: Some(position), specifier: None };
        CompileError::Module { place, message, hint }
    }

    pub(super) fn in_file(file: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        let place = Place { file: Some(file.to_owned()), ..Place::default() };
        CompileError::Module { place, message: message.into(), hint: hint.map(str::to_owned) }
    }

    pub(super) fn general(message: impl Into<String>, hint: Option<&str>) -> Self {
        CompileError::Module {
            place: Place::default(),
            message: message.into(),
            hint: hint.map(str::to_owned),
        }
    }

    pub(super) fn with_specifier(mut self, name: &str) -> Self {
        if let CompileError::Syntax { place, .. } | CompileError::Module { place, .. } = &mut self {
            place.specifier = Some(printable(name));
        }
        self
    }
}

/// Members: `file`, `line`, `column`, `message` (without the place), `specifier`, `hint`, as far as known.
impl From<CompileError> for Problem {
    fn from(error: CompileError) -> Problem {
        let detail = error.to_string();
        let (kind, place, message, hint) = match error {
            CompileError::Syntax { place, message, hint } => (ProblemType::SyntaxError, place, message, hint),
            CompileError::Module { place, message, hint } => (ProblemType::ModuleError, place, message, hint),
            CompileError::TooLarge(detail) => {
                return Problem::new(ProblemType::PayloadTooLarge).detail(detail);
            }
            CompileError::Internal => return Problem::new(ProblemType::Internal),
        };
        let problem = Problem::new(kind).detail(detail).member("message", message);
        let problem = problem.member_if("file", place.file);
        let problem = problem.member_if("line", place.position.map(|(line, _)| line));
        let problem = problem.member_if("column", place.position.map(|(_, column)| column));
        problem.member_if("specifier", place.specifier).member_if("hint", hint)
    }
}
