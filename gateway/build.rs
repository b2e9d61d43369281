//! Finds the wasm that `cargo xtask build` made (the tab's runtime, the HTML rewriter) and tells `assets.rs` where it is.
//!
//! Never compiles wasm itself: a build script that starts cargo would wait for a lock its own build holds.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let gateway = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts"));
    let root = gateway.parent().unwrap_or(&gateway);
    let web = root.join("web");
    let runtime = target_dir(root).join("web");

    println!("cargo::rerun-if-env-changed=CARGO_TARGET_DIR");
    // Cargo compares times of change of everything below a folder, so a new file is noticed, too.
    println!("cargo::rerun-if-changed={}", web.display());
    println!("cargo::rerun-if-changed={}", runtime.display());

    for name in ["runtime_bg.wasm", "runtime.js", "html_rewriter.wasm"] {
        let file = runtime.join(name);
        if !file.is_file() {
            let file = file.display();
            println!(
                "cargo::error={file} is missing. Run `cargo xtask build`: it builds that, then this binary."
            );
            return ExitCode::FAILURE;
        }
    }
    println!("cargo::rustc-env=TABMESH_RUNTIME_DIR={}", runtime.display());
    ExitCode::SUCCESS
}

/// The same rule as `xtask/src/paths.rs`: `CARGO_TARGET_DIR`, else `target` below the root.
fn target_dir(root: &Path) -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        Some(dir) => root.join(dir),
        None => root.join("target"),
    }
}
