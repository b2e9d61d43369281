//! `cargo xtask api`: a gateway that runs, and schemathesis, which reads the API's document there and sends what the document
//! allows and what it does not. A server error, or an answer that the document does not describe, is a failure.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::paths::{Paths, on_path};
use crate::process::{run, run_quietly, say};
use crate::{apt, binaries};

/// What pip installs, with exact versions.
const REQUIREMENTS: &str = "tests/api/requirements.txt";
/// Parameters that lead to something.
const CONFIG: &str = "tests/api/schemathesis.toml";
/// Some ten packages over a slow line still arrive within this time.
const INSTALL_LIMIT: Duration = Duration::from_secs(5 * 60);
/// Seconds that one of the two runs may take.
const RUN_LIMIT: &str = "40";
/// What an answer is checked for.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth";
/// What schemathesis cannot ask: a live tail answers for as long as somebody listens, and no answer would ever be whole.
const ENDLESS: [&str; 4] =
    ["/handlers/{name}/tail", "/tail", "/tenants/{tenant}/handlers/{name}/tail", "/tenants/{tenant}/tail"];
/// A handler that the second run finds.
const HANDLER: &str = "export default { fetch: () => new Response('fuzzed') };";

/// Fuzzes the API of a gateway that this starts. `args` go to schemathesis (`--seed 7`, `--include-path-regex kv`).
pub fn api(paths: &Paths, args: &[String]) -> Result<()> {
    let schemathesis = obtain(paths)?;
    let tabmesh = binaries::build(paths, false)?;
    let home = paths.target.join("api");
    // What the run before left.
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("cannot remove {}", home.display()))?;
    }
    fs::create_dir_all(&home)?;
    let gateway = Gateway::start(&tabmesh, &home)?;
    // Whatever comes: unknown names, mostly.
    fuzz(&schemathesis, &gateway, "strangers", &[], args)?;
    gateway.fill()?;
    // And with what is there. Nothing takes it away.
    let config = paths.root.join(CONFIG).display().to_string();
    let known = ["--exclude-method", "DELETE"];
    fuzz(
        &schemathesis,
        &gateway,
        "what is there",
        &["--config-file", &config],
        &[&known.map(str::to_owned), args].concat(),
    )?;
    gateway.stop()
}

fn fuzz(schemathesis: &Path, gateway: &Gateway, label: &str, before: &[&str], args: &[String]) -> Result<()> {
    let mut command = Command::new(schemathesis);
    // What it keeps for later runs stays with what this one leaves.
    command
        .current_dir(&gateway.home)
        .args(before)
        .arg("run")
        .arg(format!("{}/_mesh/v1/openapi.json", gateway.url));
    command.args(["--header", &format!("Authorization: Bearer {}", gateway.token), "--checks", CHECKS]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--max-time", RUN_LIMIT]);
    // One worker: CPython before 3.12 counts the depth of what it parses for all threads together, and gives up where two do
    // (https://github.com/python/cpython/issues/106905).
    command.args(["--request-timeout", "10", "--workers", "1"]);
    command.args(["--warnings", "off", "--generation-database", "none"]);
    for path in ENDLESS {
        command.arg("--exclude-path").arg(format!("/_mesh/v1{path}"));
    }
    run(&format!("schemathesis: {label}"), command.args(args))
}

/// schemathesis in a folder of its own, installed where it is missing or of another version.
fn obtain(paths: &Paths) -> Result<PathBuf> {
    let requirements = paths.root.join(REQUIREMENTS);
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let home = paths.target.join("schemathesis");
    let (program, mark) = (home.join("bin/schemathesis"), home.join("installed.txt"));
    if program.is_file() && fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
        return Ok(program);
    }
    let python = on_path("python3").context("no python3 in PATH")?;
    let mut venv = Command::new(&python);
    venv.args(["-m", "venv", "--clear"]).arg(&home);
    if run_quietly("python3 -m venv", &paths.logs(), INSTALL_LIMIT, &mut venv).is_err() {
        // Debian has it apart.
        apt::install(&["python3-venv"], &paths.logs())?;
        run_quietly("python3 -m venv", &paths.logs(), INSTALL_LIMIT, &mut venv)?;
    }
    let mut install = Command::new(home.join("bin/pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
    run_quietly("pip install schemathesis", &paths.logs(), INSTALL_LIMIT, install.arg(requirements))?;
    fs::write(mark, wanted)?;
    Ok(program)
}

/// A gateway that asks for tokens, on a free port of loopback. Dropping it ends it.
struct Gateway {
    child: Child,
    url: String,
    token: String,
    log: PathBuf,
    home: PathBuf,
}

impl Gateway {
    fn start(tabmesh: &Path, home: &Path) -> Result<Self> {
        let (data, log) = (home.join("data"), home.join("gateway.log"));
        let mut command = Command::new(tabmesh);
        command.args(["serve", "--listen", "127.0.0.1:0", "--auth", "on", "--data"]).arg(&data);
        command.stdout(Stdio::piped()).stderr(fs::File::create(&log)?);
        let mut child = command.spawn().context("cannot start the gateway")?;
        let out = child.stdout.take().context("the gateway has no output")?;
        let mut lines = BufReader::new(out).lines();
        let url = lines.find_map(|line| line.ok()?.strip_prefix("listening: ").map(str::to_owned));
        // Reads on, so that the gateway never waits for somebody to read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        let url = url.with_context(|| format!("the gateway did not start: see {}", log.display()))?;
        let token = fs::read_to_string(data.join("admin-token"))?.trim().to_owned();
        Ok(Self { child, url, token, log, home: home.to_owned() })
    }

    /// Makes what the second run asks for.
    fn fill(&self) -> Result<()> {
        for (method, path, body) in [
            ("PUT", "/tenants/acme", "{\"quota\": {}, \"hosts\": []}"),
            ("PUT", "/handlers/hello", HANDLER),
            ("PUT", "/tenants/acme/handlers/hello", HANDLER),
            ("POST", "/kv", "{\"title\": \"fuzzed\"}"),
            ("POST", "/tenants/acme/kv", "{\"title\": \"fuzzed\"}"),
            ("POST", "/sql", "{\"name\": \"fuzzed\"}"),
            ("POST", "/tenants/acme/sql", "{\"name\": \"fuzzed\"}"),
        ] {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--show-error", "--fail", "--max-time", "10", "--output", "/dev/null"]);
            curl.args(["--request", method, "--data-binary", body]);
            curl.args(["--header", &format!("Authorization: Bearer {}", self.token)]);
            let status =
                curl.arg(format!("{}/_mesh/v1{path}", self.url)).status().context("cannot run curl")?;
            if !status.success() {
                bail!("{method} {path} failed: see {}", self.log.display());
            }
        }
        Ok(())
    }

    /// Looks whether it is still there, and whether anything in it panicked.
    fn stop(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the gateway ended ({status}): see {}", self.log.display());
        }
        let log = fs::read_to_string(&self.log)?;
        if log.contains("panicked at") {
            bail!("the gateway panicked: see {}", self.log.display());
        }
        say("the gateway took all of it");
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
