//! workerd, which runs Workers code on a server: what it answers is right by definition. One process serves all
//! handlers, each at a port of its own. For the suites that compare with it.

use crate::child::Child;
use crate::gateway::environment;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// The Workers of this day are the model. workerd knows the days up to its own version's.
const COMPATIBILITY_DATE: &str = "2026-11-01";
/// Names workerd's program; `cargo xtask` sets it.
const VARIABLE: &str = "TABMESH_WORKERD";
/// Compiling some hundred handlers on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(90);

/// What it is to run.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// The handler's name.
    pub name: String,
    /// Its files by name; the first one is its main module.
    pub files: Vec<(String, Vec<u8>)>,
    /// Compatibility flags.
    pub flags: Vec<String>,
    /// Variables, each as JSON.
    pub vars: Vec<(String, Value)>,
}

/// A running workerd.
pub struct Oracle {
    _child: Child,
    _home: TempDir,
    ports: HashMap<String, u16>,
}

impl Oracle {
    /// Whether there is one on this machine.
    #[must_use]
    pub fn is_here() -> bool {
        std::env::var_os(VARIABLE).is_some()
    }

    /// Starts it and waits until it listens for every handler.
    ///
    /// # Panics
    /// When it does not start: it refuses all handlers for one that it cannot load.
    pub async fn start(handlers: &[Service]) -> Self {
        let program = std::env::var_os(VARIABLE).map(PathBuf::from);
        let program = program.unwrap_or_else(|| panic!("{VARIABLE} is not set: use `cargo xtask`"));
        let home = tempfile::Builder::new().prefix("tabmesh-e2e-").tempdir().unwrap();
        std::fs::create_dir(home.path().join("tmp")).unwrap();
        let config = home.path().join("config.capnp");
        std::fs::write(&config, configuration(home.path(), handlers)).unwrap();
        let args = ["serve", "--control-fd=1"].map(str::to_owned);
        let args = [&args[..], &[config.display().to_string()]].concat();
        let mut variables = environment(home.path());
        variables.push(("TABMESH_E2E_HOME".to_owned(), home.path().display().to_string()));
        let mut child = Child::start(&program, &args, &variables);
        let start = Instant::now();
        let ports = loop {
            let ports = listening(&child.out.since(0));
            if ports.len() == handlers.len() {
                break ports;
            }
            if child.exit_code().is_some() || start.elapsed() > START_LIMIT {
                panic!("workerd does not start:\n{}", child.err.since(0).join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        Self { _child: child, _home: home, ports }
    }

    /// Where a handler answers.
    #[must_use]
    pub fn address(&self, handler: &str) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[handler]))
    }
}

/// Ports by handler, from the lines of the control channel.
fn listening(lines: &[String]) -> HashMap<String, u16> {
    let events = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events
        .filter_map(|event| {
            Some((event["socket"].as_str()?.to_owned(), u16::try_from(event["port"].as_u64()?).ok()?))
        })
        .collect()
}

/// Writes every handler's files and gives the configuration that names them.
fn configuration(home: &Path, handlers: &[Service]) -> String {
    let (mut services, mut sockets) = (String::new(), String::new());
    for handler in handlers {
        let name = &handler.name;
        let mut modules = String::new();
        for (file, content) in &handler.files {
            let path = home.join(name).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
            let kind = kind(file);
            // Writing into a String cannot fail.
            let _ = write!(modules, "(name = \"{file}\", {kind} = embed \"{name}/{file}\"), ");
        }
        let flags: String = handler.flags.iter().map(|flag| format!("\"{flag}\", ")).collect();
        // JSON's strings are Cap'n Proto's, as far as tests go.
        let binding = |(name, value): &(String, Value)| match value {
            Value::String(text) => format!("(name = \"{name}\", text = {}), ", Value::from(text.as_str())),
            other => format!("(name = \"{name}\", json = {}), ", Value::from(other.to_string())),
        };
        let bindings: String = handler.vars.iter().map(binding).collect();
        let _ = writeln!(
            services,
            "(name = \"{name}\", worker = (modules = [{modules}], compatibilityDate = \"{COMPATIBILITY_DATE}\", \
             compatibilityFlags = [{flags}], bindings = [{bindings}])),"
        );
        let _ = writeln!(
            sockets,
            "(name = \"{name}\", address = \"127.0.0.1:0\", http = (), service = \"{name}\"),"
        );
    }
    format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\
         const config :Workerd.Config = (services = [{services}], sockets = [{sockets}]);\n"
    )
}

fn kind(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("wasm") => "wasm",
        Some("txt" | "html" | "sql") => "text",
        Some("json") => "json",
        Some("bin") => "data",
        _ => "esModule",
    }
}
