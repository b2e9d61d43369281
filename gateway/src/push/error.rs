//! Why a project could not be made ready for a gateway.

use std::path::Path;

/// What is wrong with a project.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The project's configuration asks for what cannot be had, or cannot be read.
    #[error("{file}:{line}: {message}")]
    Config {
        /// Its name.
        file: String,
        /// Line from 1.
        line: u32,
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The project is not as it should be.
    #[error("{message}")]
    Project {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The bundler refused; it has said why.
    #[error("the bundle could not be made")]
    Bundler {
        /// What to do about it.
        hint: Option<String>,
    },
}

impl PushError {
    pub(super) fn config(file: &str, line: u32, message: String, hint: Option<String>) -> Self {
        PushError::Config { file: file.to_owned(), line, message, hint }
    }

    pub(super) fn project(message: impl Into<String>, hint: impl Into<String>) -> Self {
        PushError::Project { message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn file(path: &Path, source: std::io::Error) -> Self {
        PushError::File { path: path.display().to_string(), source }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            PushError::Config { hint, .. }
            | PushError::Project { hint, .. }
            | PushError::Bundler { hint } => hint.as_deref(),
            PushError::File { .. } => None,
        }
    }
}
