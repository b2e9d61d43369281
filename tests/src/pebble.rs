//! Pebble, Let's Encrypt's own ACME server for tests, on loopback: it proves names as Let's Encrypt does, refuses what RFC 8555 refuses, and
//! forgets everything when it ends. Debian has it as a package.

mod dns;

use crate::ca::{PrivateCa, trusting};
use crate::child::Child;
use crate::gateway::environment;
use crate::{eventually, within};
use dns::Dns;
use reqwest::Client;
use rustix::process::Signal;
use serde_json::json;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use tempfile::TempDir;

/// Names the program; else it is looked for in `PATH`. The same in `xtask/src/pebble.rs`.
pub const VARIABLE: &str = "TABMESH_PEBBLE";

/// What one run of it does.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The port at which names are proved, in place of 443.
    pub port: u16,
    /// Names that it issues nothing for.
    pub blocked: &'a [&'a str],
    /// Names that lead to where no gateway is.
    pub astray: &'a [&'a str],
    /// How long a certificate is valid, in seconds.
    pub validity_s: u64,
}

impl Rules<'_> {
    /// It issues certificates of a month for whatever the gateway at this port proves.
    #[must_use]
    pub fn at(port: u16) -> Self {
        Self { port, blocked: &[], astray: &[], validity_s: 30 * 24 * 3600 }
    }
}

/// An authority that can be down and up again at the same address. Dropping it ends it.
pub struct Pebble {
    /// Dropped first: it reads files in the folder.
    child: Option<Child>,
    program: PathBuf,
    home: TempDir,
    ca: PrivateCa,
    port: u16,
    management: u16,
}

impl Pebble {
    /// One that is down. `None` where the program is not installed, which CI must not be.
    ///
    /// # Panics
    /// Without the program in CI.
    #[must_use]
    pub fn new() -> Option<Self> {
        let Some(program) = find() else {
            assert!(std::env::var_os("CI").is_none(), "pebble is missing (Debian: apt-get install pebble)");
            eprintln!("LEFT OUT: pebble is not installed (Debian: apt-get install pebble)");
            return None;
        };
        let home = tempfile::Builder::new().prefix("tabmesh-e2e-").tempdir().unwrap();
        let ca = PrivateCa::new();
        ca.certify(home.path(), &["localhost"]);
        Some(Self { child: None, program, home, ca, port: free_port(), management: free_port() })
    }

    /// The address of its directory.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// A file with the root of its own HTTPS, which is not the root of what it issues.
    #[must_use]
    pub fn ca_file(&self) -> String {
        self.home.path().join("ca.pem").display().to_string()
    }

    /// Starts it, after it was ended if it was up. It knows nothing of the run before.
    pub async fn start(&mut self, rules: Rules<'_>) {
        self.stop().await;
        let dns = Dns::start(rules.astray).await;
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{}", self.port),
            "managementListenAddress": format!("127.0.0.1:{}", self.management),
            "certificate": self.home.path().join("cert.pem"),
            "privateKey": self.home.path().join("key.pem"),
            "httpPort": 1, "tlsPort": rules.port,
            "domainBlocklist": rules.blocked, "certificateValidityPeriod": rules.validity_s,
        } });
        let path = self.home.path().join("pebble.json");
        std::fs::write(&path, config.to_string()).unwrap();
        let args =
            ["-config", &path.display().to_string(), "-dnsserver", &dns.to_string()].map(str::to_owned);
        let mut variables = environment(self.home.path());
        // Its proofs without pauses, its nonces good, no name proved by an earlier order.
        for (name, value) in [("VA_NOSLEEP", "1"), ("WFE_NONCEREJECT", "0"), ("AUTHZREUSE", "0")] {
            variables.push((format!("PEBBLE_{name}"), value.to_owned()));
        }
        let child = self.child.insert(Child::start(&self.program, &args, &variables));
        within("pebble starts", child.out.wait(0, &["ACME directory available"])).await;
        within("its management starts", child.out.wait(0, &["Root CA certificate available"])).await;
    }

    /// Ends it.
    pub async fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.signal(Signal::TERM);
            child.exited().await;
        }
    }

    /// Orders that were begun since it was started.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.asked("POST /order-plz ")
    }

    /// Accounts that it has.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.last_count("accounts in memory")
    }

    /// A caller who trusts what it issues, and nothing else.
    pub async fn client(&self) -> Client {
        let url = format!("https://localhost:{}/roots/0", self.management);
        let client = self.ca.client();
        let root = eventually("the root is told", || async {
            client.get(&url).send().await.ok()?.text().await.ok()
        });
        trusting(&root.await)
    }

    fn asked(&self, what: &str) -> usize {
        self.child.as_ref().map_or(0, |child| child.out.matching(0, &[what]).len())
    }

    fn last_count(&self, of: &str) -> usize {
        let lines = self.child.as_ref().map(|child| child.out.matching(0, &["There are now ", of]));
        let count = |line: &String| line.split("There are now ").nth(1)?.split(' ').next()?.parse().ok();
        lines.unwrap_or_default().last().and_then(count).unwrap_or(0)
    }
}

fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("pebble")).find(|file| Path::is_file(file))
}

/// A port for a program that must be told one. Below those that the kernel hands out by itself, so that nothing else here takes it first.
fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = (std::process::id() % u32::from(COUNT)) as u16;
    let port = |_| FIRST + (begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))) % COUNT;
    (0..COUNT).map(port).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
