//! What commands write to stdout: one JSON document for programs, or lines and tables for people.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use serde_json::Value;

use super::error::CliError;
use super::table::{Align, table};

/// How the output is to look.
#[derive(Clone, Copy, Debug)]
pub struct Out {
    /// One JSON document instead of text.
    pub json: bool,
    /// Colours: only on a terminal, and not with `NO_COLOR`.
    pub colour: bool,
}

/// Colours, by what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Warn,
    Faint,
}

impl Out {
    /// For this process' stdout.
    #[must_use]
    pub fn new(json: bool) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { json, colour: !json && !no_colour && std::io::stdout().is_terminal() }
    }

    /// The document of `--json`, indented where a person reads it.
    pub(super) fn document(self, value: &Value) -> Result<(), CliError> {
        if std::io::stdout().is_terminal() {
            self.line(&format!("{value:#}"))
        } else {
            self.line(&value.to_string())
        }
    }

    /// A line of text.
    pub(super) fn line(self, text: &str) -> Result<(), CliError> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// A table, or the sentence that stands for an empty one.
    pub(super) fn table(
        self,
        columns: &[(&str, Align)],
        rows: &[Vec<String>],
        empty: &str,
    ) -> Result<(), CliError> {
        if rows.is_empty() { self.line(empty) } else { self.bytes(table(columns, rows).as_bytes()) }
    }

    /// Bytes as they are.
    pub(super) fn bytes(self, bytes: &[u8]) -> Result<(), CliError> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => CliError::Closed,
            _ => CliError::File { path: "stdout".into(), source: error },
        })
    }

    /// Text in a colour, where there are colours.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.colour => return text.to_owned(),
            Tone::Good => 32,
            Tone::Bad => 31,
            Tone::Warn => 33,
            Tone::Faint => 2,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// `12.3 KB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// `1 row`, `2 rows`: any thing whose plural has an s.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|number| count(number, "row")), ["0 rows", "1 row", "2 rows"]);
    }

    #[test]
    fn sizes() {
        assert_eq!([size(5), size(12_345), size(1_500_000)], ["5 B", "12.3 KB", "1.5 MB"]);
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        assert_eq!(Out { json: false, colour: false }.paint(Tone::Bad, "x"), "x");
        assert_eq!(Out { json: false, colour: true }.paint(Tone::Bad, "x"), "\x1b[31mx\x1b[0m");
    }
}
