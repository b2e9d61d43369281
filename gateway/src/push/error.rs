//! Why a deployment did not happen, for the person at the terminal.

use std::path::Path;
use std::process::ExitCode;

/// Each kind has an exit code of its own.
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
    /// The gateway refused.
    #[error("{message}")]
    Refused {
        /// What it says, with the place.
        message: String,
        /// The lines around the place, ready to print.
        frame: Option<String>,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Nobody answers at the gateway's address.
    #[error("the gateway at {url} cannot be reached: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// What the system says.
        reason: String,
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
            | PushError::Bundler { hint }
            | PushError::Refused { hint, .. } => hint.as_deref(),
            PushError::Unreachable { .. } => {
                Some("start one with `tabmesh serve`, or name another with --gateway")
            }
            PushError::File { .. } => None,
        }
    }

    /// The lines around the mistake.
    #[must_use]
    pub fn frame(&self) -> Option<&str> {
        if let PushError::Refused { frame, .. } = self { frame.as_deref() } else { None }
    }

    /// 1 for the gateway's no, 2 for a configuration, as for flags, 3 where there is no gateway, 4 for a project or bundle.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            PushError::Refused { .. } => 1,
            PushError::Config { .. } => 2,
            PushError::Unreachable { .. } => 3,
            PushError::Project { .. } | PushError::File { .. } | PushError::Bundler { .. } => 4,
        })
    }
}
