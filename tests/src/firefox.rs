//! A Firefox that opens one page and stays: no driver, the page works by itself.
//!
//! It is told to keep off every network but the page's. `--marionette` makes `navigator.webdriver` true, which lets the
//! worker page start without a click; nobody connects to its port.

use crate::child::Child;
use crate::gateway::environment;
use std::path::PathBuf;
use tempfile::TempDir;

/// Names the browser; else the first of [`NAMES`] in `PATH` is taken.
pub const VARIABLE: &str = "TABMESH_FIREFOX";
/// Names under which distributions install it. The same list is in `xtask/src/firefox.rs`.
const NAMES: [&str; 2] = ["firefox-esr", "firefox"];

/// Written into a fresh profile: no calls home, no first-run pages, and WebRTC over loopback.
const PREFERENCES: &[(&str, &str)] = &[
    ("marionette.port", "0"),
    ("app.normandy.enabled", "false"),
    ("app.update.disabledForTesting", "true"),
    ("browser.aboutConfig.showWarning", "false"),
    ("browser.newtabpage.enabled", "false"),
    ("browser.region.network.url", "\"\""),
    ("browser.safebrowsing.malware.enabled", "false"),
    ("browser.safebrowsing.phishing.enabled", "false"),
    ("browser.safebrowsing.downloads.remote.enabled", "false"),
    ("browser.safebrowsing.update.enabled", "false"),
    ("browser.search.update", "false"),
    ("browser.shell.checkDefaultBrowser", "false"),
    ("browser.startup.homepage_override.mstone", "\"ignore\""),
    ("browser.topsites.contile.enabled", "false"),
    ("datareporting.healthreport.uploadEnabled", "false"),
    ("datareporting.policy.dataSubmissionEnabled", "false"),
    ("dom.ipc.processPriorityManager.enabled", "false"),
    ("dom.min_background_timeout_value", "4"),
    ("dom.push.connection.enabled", "false"),
    ("dom.timeout.enable_budget_timer_throttling", "false"),
    ("extensions.getAddons.cache.enabled", "false"),
    ("extensions.systemAddon.update.enabled", "false"),
    ("extensions.update.enabled", "false"),
    ("media.gmp-manager.updateEnabled", "false"),
    ("media.peerconnection.ice.loopback", "true"),
    ("media.peerconnection.ice.obfuscate_host_addresses", "false"),
    ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"),
    ("network.dns.disablePrefetch", "true"),
    ("network.prefetch-next", "false"),
    ("network.trr.mode", "5"),
    ("services.settings.server", "\"data:,#remote-settings-dummy/v1\""),
    ("toolkit.telemetry.enabled", "false"),
    ("toolkit.telemetry.server", "\"\""),
    ("toolkit.telemetry.unified", "false"),
];

/// A running Firefox. Dropping it ends it.
pub struct Firefox {
    /// Dropped first: the profile can go only when nobody writes to it.
    child: Child,
    _home: TempDir,
}

impl Firefox {
    /// Where it is installed, if it is.
    #[must_use]
    pub fn find() -> Option<PathBuf> {
        if let Some(named) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            return Some(named.into());
        }
        let path = std::env::var_os("PATH")?;
        let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
        NAMES.iter().find_map(|name| dirs.iter().map(|dir| dir.join(name)).find(|file| file.is_file()))
    }

    /// Starts it with a fresh profile and this page. Panics where none is installed.
    #[must_use]
    pub fn open(url: &str) -> Self {
        let program = Self::find().expect("Firefox is not installed (Debian: apt-get install firefox-esr)");
        let home = tempfile::Builder::new().prefix("tabmesh-e2e-").tempdir().unwrap();
        let profile = home.path().join("profile");
        for folder in [&profile, &home.path().join("tmp")] {
            std::fs::create_dir(folder).unwrap();
        }
        let lines: Vec<String> =
            PREFERENCES.iter().map(|(name, value)| format!("user_pref(\"{name}\", {value});\n")).collect();
        std::fs::write(profile.join("user.js"), lines.concat()).unwrap();
        let args = ["--headless", "--no-remote", "--marionette", "--profile"].map(str::to_owned);
        let args = [&args[..], &[profile.display().to_string(), url.to_owned()]].concat();
        let mut variables = environment(home.path());
        variables.push(("HOME".to_owned(), home.path().display().to_string()));
        variables.push(("MOZ_CRASHREPORTER_DISABLE".to_owned(), "1".to_owned()));
        variables.push(("TABMESH_E2E_HOME".to_owned(), home.path().display().to_string()));
        Self { child: Child::start(&program, &args, &variables), _home: home }
    }

    /// The process above all of this browser's.
    #[must_use]
    pub fn pid(&self) -> rustix::process::Pid {
        self.child.pid()
    }

    /// The last lines of what it wrote, for a failure's report.
    #[must_use]
    pub fn last_words(&self) -> String {
        let lines = self.child.err.since(0);
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}
