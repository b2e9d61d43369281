//! The Web Platform Tests, out of the source of Debian's nodejs package: Node.js keeps a copy of those it runs itself.
//!
//! Nothing of them is checked in. One file is fetched from the mirror that this machine's apt knows, and its checksum names
//! the version, so that two runs ask the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::apt;
use crate::paths::{Paths, on_path};
use crate::process::{run_quietly, stdout_of};

/// Names their folder for the suite.
pub const VARIABLE: &str = "TABMESH_WPT";
/// Of Debian 13.
const VERSION: &str = "20.19.2+dfsg";
/// SHA-256 of that version's source.
const CHECKSUM: &str = "5e5559381ad031d245a8efa403458abbb73755f74c3e6380f185a4dd342b7949";
/// apt's own downloader: it knows the machine's proxies, and compares checksums.
const HELPER: &str = "/usr/lib/apt/apt-helper";
/// Where the tests are in the source.
const INSIDE: &str = "test/fixtures/wpt";
/// 20 MB over a slow line still arrive within this time.
const FETCH_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The folder of the tests, fetched where it is missing.
pub fn obtain(paths: &Paths) -> Result<PathBuf> {
    let home = paths.target.join("wpt").join(VERSION);
    if home.is_dir() {
        return Ok(home);
    }
    if !Path::new(HELPER).is_file() {
        bail!(
            "the Web Platform Tests come from Debian's source of Node.js, and this machine has no apt to fetch it with"
        );
    }
    let mirror = mirror().context(
        "the Web Platform Tests come from Debian's source of Node.js, and no Debian mirror is among this machine's apt sources",
    )?;
    if on_path("xz").is_none() {
        apt::install(&["xz-utils"], &paths.logs())?;
    }
    // Unpacked beside its place: what was broken off is not taken for the whole.
    let work = paths.target.join("wpt/incoming");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
    let archive = work.join("nodejs.tar.xz");
    let source = format!("{mirror}/pool/main/n/nodejs/nodejs_{}.orig.tar.xz", VERSION.replace('+', "%2b"));
    let mut fetch = Command::new(HELPER);
    fetch.arg("download-file").arg(&source).arg(&archive).arg(format!("SHA256:{CHECKSUM}"));
    run_quietly("fetch the Web Platform Tests", &paths.logs(), FETCH_LIMIT, &mut fetch)
        .with_context(|| format!("cannot fetch Node.js {VERSION} from the Debian mirror of this machine"))?;
    let mut unpack = Command::new("tar");
    unpack.arg("-xJf").arg(&archive).arg("-C").arg(&work);
    unpack.args(["--strip-components=1", "--wildcards", &format!("*/{INSIDE}")]);
    run_quietly("unpack the Web Platform Tests", &paths.logs(), FETCH_LIMIT, &mut unpack)?;
    fs::rename(work.join(INSIDE), &home).with_context(|| format!("Node.js {VERSION} has no {INSIDE}"))?;
    fs::remove_dir_all(&work)?;
    Ok(home)
}

/// The Debian archive that apt is set up with, whichever mirror that is.
fn mirror() -> Option<String> {
    let mut ask = Command::new("apt-get");
    // Also before the first `apt-get update`, when nothing is known of any archive but its address.
    ask.args(["indextargets", "--no-release-info", "--format", "$(REPO_URI)", "Created-By: Packages"]);
    mirror_among(&stdout_of(&mut ask)?)
}

/// Archives are told apart by their addresses: `.../debian` is Debian's, `.../debian-security` has updates only.
fn mirror_among(lines: &str) -> Option<String> {
    lines
        .lines()
        .map(|line| line.trim_end_matches('/'))
        .find(|line| line.ends_with("/debian"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_archive_itself_has_the_source() {
        let lines = "https://example.com/tools\nhttps://example.com/debian-security/\nhttps://example.org/x/debian/\n";
        assert_eq!(mirror_among(lines).as_deref(), Some("https://example.org/x/debian"));
        assert_eq!(mirror_among("https://example.com/ubuntu/\n"), None);
        assert_eq!(mirror_among(""), None);
    }
}
