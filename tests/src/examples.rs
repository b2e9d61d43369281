//! The handlers of `examples/`, as a person would deploy them.

use crate::gateway::workspace;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// The source of an example that is one file.
#[must_use]
pub fn source(name: &str) -> String {
    read(&workspace().join("examples").join(format!("{name}.js")))
}

/// The bundle of an example that is an npm project, made with `npm ci` and `npm run build` unless it is newer than
/// what it is made from.
#[must_use]
pub fn bundled(name: &str) -> String {
    // One npm at a time: two would share its cache.
    static NPM: Mutex<()> = Mutex::new(());
    let _one = NPM.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = workspace().join("examples").join(name);
    let bundle = folder.join("dist/main.js");
    if !is_newer(&bundle, &[folder.join("src/index.js"), folder.join("package-lock.json")]) {
        npm(&folder, &["ci", "--no-audit", "--no-fund"]);
        npm(&folder, &["run", "build"]);
    }
    read(&bundle)
}

fn is_newer(file: &Path, sources: &[std::path::PathBuf]) -> bool {
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let Some(made) = time(file) else { return false };
    sources.iter().all(|source| time(source).is_some_and(|time| time <= made))
}

fn npm(folder: &Path, args: &[&str]) {
    let output = Command::new("npm").args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run npm: {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "npm {args:?} in {}: {text}", folder.display());
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
