//! Why a command did not do what it was asked for, for the person (or the program) at the terminal.

use serde_json::{Value, json};

use crate::push::PushError;

/// Each kind has an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The gateway refused.
    #[error("{message}")]
    Refused {
        /// What it says, with the place in a file where there is one.
        message: String,
        /// The lines around the place, ready to print.
        frame: Option<String>,
        /// What to do about it.
        hint: Option<String>,
        /// The answer's status; 0 where it was no answer over HTTP.
        status: u16,
        /// The last part of the problem's `type`, such as `handler-not-found`.
        kind: Option<String>,
    },
    /// Flags, environment or a configuration file are wrong.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Nobody answers at the gateway's address, or not as a gateway does.
    #[error("the gateway at {url} cannot be reached: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// What the system says.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// The project cannot be read, or not be bundled.
    #[error(transparent)]
    Project(#[from] PushError),
    /// A file of the command's cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Whoever read the output has gone, as `head` does: nothing is wrong.
    #[error("nobody reads the output")]
    Closed,
    /// A gateway or worker on this machine could not run.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl CliError {
    /// Something about the command line.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        CliError::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    /// A file, and what the system says of it.
    pub(crate) fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        CliError::File { path: path.display().to_string(), source }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            CliError::Refused { hint, .. } | CliError::Usage { hint, .. } => hint.as_deref(),
            CliError::Unreachable { hint, .. } => Some(hint),
            CliError::Project(error) => error.hint(),
            CliError::File { .. } | CliError::Closed | CliError::Failed(_) => None,
        }
    }

    /// The lines around the mistake.
    #[must_use]
    pub fn frame(&self) -> Option<&str> {
        if let CliError::Refused { frame, .. } = self { frame.as_deref() } else { None }
    }

    /// 0 for output that nobody reads, 1 for the gateway's no, 2 for flags and configuration, 3 where there is no gateway,
    /// 4 for files and projects.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            CliError::Closed => 0,
            CliError::Refused { .. } | CliError::Failed(_) => 1,
            CliError::Usage { .. } | CliError::Project(PushError::Config { .. }) => 2,
            CliError::Unreachable { .. } => 3,
            CliError::Project(_) | CliError::File { .. } => 4,
        }
    }

    /// What `--json` writes to stderr: `{"error": {...}}`, on one line.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut error = json!({ "message": self.to_string(), "exit_code": self.exit_code() });
        if let Some(hint) = self.hint() {
            error["hint"] = hint.into();
        }
        if let CliError::Refused { status, kind, .. } = self {
            if *status != 0 {
                error["status"] = (*status).into();
            }
            if let Some(kind) = kind {
                error["type"] = kind.as_str().into();
            }
        }
        json!({ "error": error })
    }

    /// What people read on stderr; empty for [`CliError::Closed`].
    #[must_use]
    pub fn to_text(&self) -> String {
        if matches!(self, CliError::Closed) {
            return String::new();
        }
        let frame = self.frame().unwrap_or_default();
        let hint = self.hint().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
        format!("error: {self}\n{frame}{hint}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_well_for_people_and_programs() {
        let refused = CliError::Refused {
            message: "no handler `helo`".into(),
            frame: None,
            hint: Some("did you mean `hello`?".into()),
            status: 404,
            kind: Some("handler-not-found".into()),
        };
        assert_eq!(refused.to_text(), "error: no handler `helo`\nhint: did you mean `hello`?\n");
        insta::assert_snapshot!(refused.to_json(), @r#"{"error":{"exit_code":1,"hint":"did you mean `hello`?","message":"no handler `helo`","status":404,"type":"handler-not-found"}}"#);
        let unreachable = CliError::Unreachable {
            url: "http://x".into(),
            reason: "refused".into(),
            hint: "start one".into(),
        };
        assert_eq!(unreachable.exit_code(), 3);
        assert_eq!((CliError::Closed.exit_code(), CliError::Closed.to_text().as_str()), (0, ""));
        assert_eq!(CliError::usage("a", "b").exit_code(), 2);
    }
}
