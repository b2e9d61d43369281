//! Pebble, the ACME server of the end-to-end tests: finds it, installs it where that is allowed. Without it those tests are left out.

use std::env;
use std::path::PathBuf;

use crate::apt;
use crate::paths::{Paths, on_path};
use crate::process::say;

/// Names the program; the tests read it, too.
pub const VARIABLE: &str = "TABMESH_PEBBLE";
/// Debian's package, and the program in it.
const NAME: &str = "pebble";

/// The program, or how to get it.
pub fn find() -> Result<PathBuf, String> {
    let named = env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    named
        .or_else(|| on_path(NAME))
        .ok_or_else(|| format!("Run: {}  (or set {VARIABLE})", apt::command_line(&[NAME])))
}

/// The program, installed with apt-get first when there is none and we are root. Says so where it stays missing.
pub fn obtain(paths: &Paths) -> Option<PathBuf> {
    if find().is_err() && apt::can_install() {
        // A distribution without the package is no reason to fail here; in CI the tests do.
        let _ = apt::install(&[NAME], &paths.logs());
    }
    find().inspect_err(|remedy| say(&format!("no pebble: tests of ACME are left out. {remedy}"))).ok()
}
