//! Chromium: finds it, installs it where that is allowed, and checks that it is new enough.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::apt;
use crate::paths::{Paths, on_path};
use crate::process::stdout_of;

/// Names the browser to use; `tabmesh` reads it, too.
pub const VARIABLE: &str = "TABMESH_BROWSER";
/// Names under which distributions install it. The same list is in `gateway/src/headless/flags.rs`.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
/// The first version with all a tab needs (JSPI).
const OLDEST: u32 = 137;
/// Debian's package.
const PACKAGE: &str = "chromium";

/// A browser on this machine.
#[derive(Debug)]
pub struct Browser {
    /// Its program.
    pub program: PathBuf,
    /// What it says about itself, such as `Chromium 156.0.8078.79`.
    pub version: String,
}

/// The browser to use. Errors say what is wrong and how to mend it.
pub fn find() -> Result<Browser> {
    let named = env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let program = match named {
        Some(path) if path.components().count() > 1 => Some(path),
        Some(name) => on_path(&name.to_string_lossy()),
        None => NAMES.iter().find_map(|name| on_path(name)),
    };
    let Some(program) = program else {
        bail!("no Chromium or Chrome. Run: {}  (or set {VARIABLE})", apt::command_line(&[PACKAGE]));
    };
    let Some(version) = version(&program) else {
        bail!("{} does not start. Set {VARIABLE} to another browser", program.display());
    };
    match major(&version) {
        Some(major) if major >= OLDEST => Ok(Browser { program, version }),
        _ => bail!("{} is {version}; {OLDEST} or newer is needed", program.display()),
    }
}

/// The browser to use, installed with apt-get first when there is none and we are root.
pub fn obtain(paths: &Paths) -> Result<Browser> {
    find().or_else(|error| {
        if env::var_os(VARIABLE).is_some() || !apt::can_install() {
            return Err(error);
        }
        apt::install(&[PACKAGE], &paths.logs())?;
        find()
    })
}

fn version(program: &Path) -> Option<String> {
    let text = stdout_of(Command::new(program).arg("--version"))?;
    // `Chromium 156.0.8078.79 built on Debian ...`
    Some(text.split(" built ").next().unwrap_or_default().trim().to_owned())
}

/// The number before the first dot of the first word that holds digits and dots only.
fn major(version: &str) -> Option<u32> {
    let number = version
        .split_whitespace()
        .find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()));
    number?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_browsers_print_them() {
        assert_eq!(major("Chromium 156.0.8078.79"), Some(156));
        assert_eq!(major("Google Chrome 137.0.1.2 beta"), Some(137));
        assert_eq!(major("Chromium"), None);
        assert_eq!(major(""), None);
    }
}
