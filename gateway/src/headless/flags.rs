//! Which browser is run and with which command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// Names under which distributions install Chromium and Chrome.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
/// Names the browser to use, before any search.
const VARIABLE: &str = "TABMESH_BROWSER";

/// Always given. Tabs must not be throttled: nobody looks at them, and they serve.
const ALWAYS: [&str; 16] = [
    "--headless=new",
    // No GPU work happens in a tab that renders nothing; software fallbacks only cost memory.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-breakpad",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    // A heap bomb ends its tenant's process at 1 GiB; the engine's own ceiling is 4 GiB, which few machines have to
    // spare for every tab. Pages and runtime stay far below.
    "--js-flags=--max-old-space-size=1024",
    // Sandboxes without an origin get a process each, as those with one do; by default those of a page share one.
    "--enable-features=IsolateSandboxedIframes:grouping/per-document",
    // The pipe whose end ends the browser, and over which it reports a crashed page.
    "--remote-debugging-pipe",
];
/// Chromium finds its address for WebRTC through the default route. Where there is none (a container with only
/// `lo`), it must be allowed to use loopback, and to name it instead of hiding it behind mDNS.
const LOOPBACK_ONLY: [&str; 2] =
    ["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"];

/// How a tab's browser is started; the profile folder is made new for each start.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) url: String,
    pub(super) profiles: PathBuf,
}

/// Our flags for this machine, then `extra`.
pub(super) fn chromium(extra: &[String]) -> Vec<String> {
    let mut args: Vec<String> = ALWAYS.map(String::from).into();
    if rustix::process::geteuid().is_root() {
        // Chromium refuses to start as root with its sandbox. Handler code then has only the renderer's own limits
        // around it, so say it.
        tracing::warn!(
            "running as root: Chromium starts without its sandbox; use an ordinary user in production"
        );
        args.push("--no-sandbox".into());
    }
    // No such file (not Linux): an ordinary desktop, which has a route.
    if std::fs::read_to_string("/proc/net/route").is_ok_and(|table| !has_default_route(&table)) {
        args.extend(LOOPBACK_ONLY.map(String::from));
    }
    args.extend_from_slice(extra);
    args
}

/// The browser `TABMESH_BROWSER` names, else the first known name in `PATH`.
pub(super) fn find_browser() -> Option<PathBuf> {
    let dirs: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let find = |name: OsString| dirs.iter().map(|dir| dir.join(&name)).find(|path| path.is_file());
    match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        // A path with a folder in it replaces `dir` in the join, so both a name and a path work.
        Some(named) if PathBuf::from(&named).components().count() > 1 => Some(named.into()),
        Some(named) => find(named),
        None => NAMES.iter().find_map(|name| find(name.into())),
    }
}

/// What [`find_browser`] looks for, for an error message.
pub(super) fn names() -> String {
    format!("${VARIABLE}, {}", NAMES.join(", "))
}

/// Whether a `/proc/net/route` table holds a default route that is up (destination and mask 0, flag 1).
fn has_default_route(table: &str) -> bool {
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace();
        let (destination, flags, mask) = (fields.nth(1), fields.nth(1), fields.nth(3));
        let up =
            flags.and_then(|flags| u32::from_str_radix(flags, 16).ok()).is_some_and(|flags| flags & 1 != 0);
        destination == Some("00000000") && mask == Some("00000000") && up
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_route_is_told_from_others() {
        let head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let default = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
        let local = "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let down = "eth0\t00000000\t010200C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n";
        assert!(has_default_route(&format!("{head}{local}{default}")));
        for table in [String::new(), head.into(), format!("{head}{local}"), format!("{head}{down}")] {
            assert!(!has_default_route(&table), "{table}");
        }
    }

    #[test]
    fn extra_flags_come_last() {
        let args = chromium(&["--user-agent=x".into()]);
        assert_eq!(args.last().map(String::as_str), Some("--user-agent=x"));
        assert!(args.iter().any(|arg| arg == "--remote-debugging-pipe"));
    }
}
