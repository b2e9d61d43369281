//! Firefox, for the hostile suite: finds it, installs it where that is allowed. Nothing fails without it.

use std::env;
use std::path::PathBuf;

use crate::apt;
use crate::paths::{Paths, on_path};
use crate::process::say;

/// Names the browser to use; the suite reads it, too.
pub const VARIABLE: &str = "TABMESH_FIREFOX";
/// Names under which distributions install it. The same list is in `tests/src/firefox.rs`.
const NAMES: [&str; 2] = ["firefox-esr", "firefox"];
/// Debian's package.
const PACKAGE: &str = "firefox-esr";

/// The program, or how to get it.
pub fn find() -> Result<PathBuf, String> {
    let named = env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    named
        .or_else(|| NAMES.iter().find_map(|name| on_path(name)))
        .ok_or_else(|| format!("Run: {}  (or set {VARIABLE})", apt::command_line(&[PACKAGE])))
}

/// The program, installed with apt-get first when there is none and we are root. Says so where it stays missing.
pub fn obtain(paths: &Paths) -> Option<PathBuf> {
    if find().is_err() && apt::can_install() {
        // A distribution without the package is no reason to fail: what follows says what is left out.
        let _ = apt::install(&[PACKAGE], &paths.logs());
    }
    find().inspect_err(|remedy| say(&format!("no Firefox: attacks run in Chromium only. {remedy}"))).ok()
}
