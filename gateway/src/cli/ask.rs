//! What a person is asked at the terminal. Without one nobody is asked, and the command says which flag or input it needs.

use std::io::{IsTerminal as _, Read as _};

use console::Term;

use super::error::CliError;

/// Goes on if the person says yes.
pub(super) fn confirm(question: &str) -> Result<(), CliError> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(CliError::usage("this needs a yes, and nobody can be asked here", "say it with --yes"));
    }
    eprint!("{question} [y/N] ");
    let answer =
        Term::stderr().read_line().map_err(|source| CliError::File { path: "terminal".into(), source })?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(CliError::usage("nothing was done", "answer y to go on"))
}

/// A secret: typed without being shown, or stdin to its end without the last line's end. At most `limit` bytes.
pub(super) fn secret(question: &str, limit: usize) -> Result<String, CliError> {
    let stdin = |source| CliError::File { path: "stdin".into(), source };
    if std::io::stdin().is_terminal() {
        eprint!("{question}: ");
        let text = Term::stderr().read_secure_line().map_err(stdin)?;
        return Ok(text);
    }
    let bytes = input(limit)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| CliError::usage("stdin is no UTF-8 text", "a secret is text"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// Stdin to its end, at most `limit` bytes.
pub(super) fn input(limit: usize) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = std::io::stdin().lock().take(bound).read_to_end(&mut bytes);
    read.map_err(|source| CliError::File { path: "stdin".into(), source })?;
    if bytes.len() > limit {
        return Err(CliError::usage(
            format!("stdin has more than {limit} bytes"),
            "that is more than is taken",
        ));
    }
    Ok(bytes)
}
