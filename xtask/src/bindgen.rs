//! wasm-bindgen as a library: turns the compiled `worker-wasm` into `runtime.js` and `runtime_bg.wasm`, and lays the HTML
//! rewriter, which is used as it is, beside them.
//!
//! Files whose bytes did not change are never rewritten, so that cargo does not rebuild the gateway that embeds them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::process::Spinner;

/// The files that `gateway/src/assets.rs` embeds, sorted.
const OUTPUT: [&str; 3] = [REWRITER, "runtime.js", "runtime_bg.wasm"];
/// The name that the rewriter gets.
const REWRITER: &str = "html_rewriter.wasm";

/// Generates the JavaScript glue for `wasm` into `out`, beside `rewriter`; `work` holds intermediate files.
///
/// Does nothing when the same files were processed last time and `out` is still there.
pub fn generate(wasm: &Path, rewriter: &Path, work: &Path, out: &Path) -> Result<()> {
    // Beside the output, not in `work`: there is one output and one `work` for each way to compile.
    let stamp_file = out.with_extension("stamp");
    let stamp = format!("{}\n{}", stamp_of(wasm)?, stamp_of(rewriter)?);
    let is_there = OUTPUT.iter().all(|name| out.join(name).is_file());
    if is_there && fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp) {
        return Ok(());
    }
    let _spinner = Spinner::start("wasm-bindgen");
    let stage = work.join("bindgen");
    if stage.exists() {
        fs::remove_dir_all(&stage).with_context(|| format!("cannot empty {}", stage.display()))?;
    }
    fs::create_dir_all(&stage).with_context(|| format!("cannot create {}", stage.display()))?;
    Bindgen::new()
        .input_path(wasm)
        .web(true)?
        .typescript(false)
        .out_name("runtime")
        .generate(&stage)
        .context("wasm-bindgen failed")?;
    fs::copy(rewriter, stage.join(REWRITER)).with_context(|| format!("no wasm at {}", rewriter.display()))?;
    let made = files(&stage)?;
    ensure!(
        made.iter().map(PathBuf::as_path).eq(OUTPUT.map(Path::new)),
        "the build made {made:?}, the gateway embeds {OUTPUT:?}: worker-wasm must not use inline JavaScript"
    );
    sync(&stage, out)?;
    fs::write(&stamp_file, stamp).with_context(|| format!("cannot write {}", stamp_file.display()))
}

/// Identifies one build of one file without reading it: its path, size and time of change.
fn stamp_of(wasm: &Path) -> Result<String> {
    let meta = fs::metadata(wasm).with_context(|| format!("no wasm at {}", wasm.display()))?;
    let modified = meta.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
    Ok(format!("{} {} {modified}", wasm.display(), meta.len()))
}

/// Makes `to` hold exactly the files of `from`, writing only what differs.
fn sync(from: &Path, to: &Path) -> Result<()> {
    let wanted = files(from)?;
    for path in files(to)?.difference(&wanted) {
        fs::remove_file(to.join(path)).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    for path in &wanted {
        let bytes = fs::read(from.join(path))?;
        let target = to.join(path);
        if fs::read(&target).is_ok_and(|old| old == bytes) {
            continue;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&target, bytes).with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

/// Every file below `dir`, relative to it; none when it does not exist.
fn files(dir: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(folder) = open.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(dir)?.to_path_buf());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sync_removes_adds_and_leaves_equal_files_alone() {
        let base = std::env::temp_dir().join(format!("tabmesh-xtask-sync-{}", std::process::id()));
        let (from, to) = (base.join("from"), base.join("to"));
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::write(from.join("same"), "1").unwrap();
        fs::write(from.join("deep/new"), "2").unwrap();
        fs::write(to.join("same"), "1").unwrap();
        fs::write(to.join("stale"), "3").unwrap();
        let before = fs::metadata(to.join("same")).unwrap().modified().unwrap();

        sync(&from, &to).unwrap();

        assert_eq!(files(&from).unwrap(), files(&to).unwrap());
        assert_eq!(fs::metadata(to.join("same")).unwrap().modified().unwrap(), before);
        fs::remove_dir_all(base).unwrap();
    }
}
