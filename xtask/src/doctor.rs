//! `cargo xtask doctor`: what this machine has, what it lacks, and the command for that.

use std::process::Command;

use anyhow::{Result, bail};

use crate::paths::{Paths, on_path};
use crate::process::stdout_of;
use crate::{apt, browser, firefox, pebble, wasm};

/// One line of the table.
struct Finding {
    name: &'static str,
    /// Whether `up` needs it; the rest is for tests.
    needed: bool,
    /// What was found, or how to get it.
    state: Result<String, String>,
}

/// Prints the table. Errors when something that `up` needs is missing.
pub fn doctor(paths: &Paths) -> Result<()> {
    let findings = [
        Finding { name: "rust", needed: true, state: rust(paths) },
        Finding { name: "C compiler", needed: true, state: program("cc", "gcc") },
        Finding {
            name: "wasm compiler",
            needed: true,
            state: wasm::find(paths).map(|route| route.describe()).ok_or_else(|| wasm::advice(paths)),
        },
        Finding {
            name: "browser",
            needed: true,
            state: browser::find()
                .map(|found| format!("{} ({})", found.version, found.program.display()))
                .map_err(|error| error.to_string()),
        },
        Finding {
            name: "firefox",
            needed: false,
            state: firefox::find().map(|path| path.display().to_string()),
        },
        Finding {
            name: "pebble",
            needed: false,
            state: pebble::find().map(|path| path.display().to_string()),
        },
        Finding { name: "git", needed: false, state: program("git", "git") },
        Finding { name: "node", needed: false, state: program("node", "nodejs") },
        Finding { name: "npm", needed: false, state: program("npm", "npm") },
        Finding {
            name: "cargo-deny",
            needed: false,
            state: on_path("cargo-deny")
                .map(|path| path.display().to_string())
                .ok_or_else(|| "cargo install cargo-deny --locked  (adds the check of advisories)".into()),
        },
    ];
    for Finding { name, needed, state } in &findings {
        let (mark, text) = match state {
            Ok(found) => ("ok     ", found),
            Err(remedy) if *needed => ("MISSING", remedy),
            Err(remedy) => ("missing", remedy),
        };
        let purpose = if *needed { "" } else { " (tests only)" };
        println!("{mark}  {name:<13}  {text}{purpose}");
    }
    if findings.iter().any(|finding| finding.needed && finding.state.is_err()) {
        bail!(
            "something is missing; `cargo xtask up` gets it by itself where it may (rustup, or apt-get as root)"
        );
    }
    Ok(())
}

fn rust(paths: &Paths) -> Result<String, String> {
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let found = stdout_of(paths.rustc().arg("--version")).unwrap_or_default();
    let version =
        |text: &str| -> Option<Vec<u32>> { text.split('.').take(2).map(|part| part.parse().ok()).collect() };
    // `rustc 1.95.0 (59807616e 2026-04-14)`
    let number = found.split_whitespace().nth(1).unwrap_or_default();
    if version(number) >= version(wanted) {
        Ok(found)
    } else {
        Err(format!("`{found}` is older than {wanted}. Run: rustup update stable"))
    }
}

/// The version line of a program, or how to install Debian's `package`.
fn program(name: &str, package: &str) -> Result<String, String> {
    let path = on_path(name).ok_or_else(|| format!("Run: {}", apt::command_line(&[package])))?;
    let version = stdout_of(Command::new(&path).arg("--version")).unwrap_or_default();
    Ok(format!("{} ({})", version.lines().next().unwrap_or_default(), path.display()))
}
