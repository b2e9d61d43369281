//! `cargo xtask test`: everything that must pass, step by step, with a summary at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::binaries::{self, EVERYTHING, QUICK};
use crate::paths::{Paths, on_path};
use crate::process::{run, run_quietly, say};
use crate::wasm::Route;
use crate::{api, apt, browser, deps, firefox, wasm, workerd, wpt};

/// The program of end-to-end tests. It and those below are started by name only: they need a browser, and more.
const E2E: &str = "e2e";
/// The program of hostile handlers.
const ATTACKS: &str = "attacks";
/// The program that compares with workerd.
const COMPAT: &str = "compat";
/// The program that runs the Web Platform Tests.
const WPT: &str = "wpt";
/// The program that deploys apps of npm packages.
const APPS: &str = "apps";
/// The program that runs wrangler against a gateway.
const WRANGLER: &str = "wrangler";
/// The time npm may take for one example.
const NPM_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Which steps are run, and what is passed on to the tests.
#[derive(Debug, Args)]
pub struct Test {
    /// Run these steps only (may be repeated)
    #[arg(long, value_enum)]
    only: Vec<Step>,
    /// Arguments for the test programs, such as a filter
    #[arg(last = true)]
    args: Vec<String>,
}

/// The steps, in the order they run: what fails fast comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// rustfmt
    Fmt,
    /// Dependencies against deny.toml
    Deny,
    /// Lints, on the host and for wasm
    Clippy,
    /// Unit and property tests
    Unit,
    /// The API, fuzzed by its own document
    Api,
    /// End-to-end tests in a real browser
    E2e,
    /// Real apps of npm packages
    Apps,
    /// Unmodified wrangler
    Wrangler,
    /// The same answers as workerd
    Compat,
    /// Hostile handlers in real browsers
    Attacks,
}

/// Runs the steps until one fails, and sums up.
pub fn test(paths: &Paths, options: &Test) -> Result<()> {
    let all = Step::value_variants().iter().copied();
    let steps: Vec<Step> =
        all.filter(|step| options.only.is_empty() || options.only.contains(step)).collect();
    let mut summary = Vec::new();
    let mut failure = None;
    for step in steps {
        let name = format!("{step:?}").to_lowercase();
        if failure.is_some() {
            summary.push(format!("  not run        {name}"));
            continue;
        }
        say(&format!("== {name}"));
        let start = Instant::now();
        let result = step.run(paths, &options.args);
        let mark = if result.is_ok() { "ok    " } else { "FAILED" };
        summary.push(format!("  {mark} {:6.1} s  {name}", start.elapsed().as_secs_f64()));
        failure = result.err();
    }
    eprintln!("\n{}", summary.join("\n"));
    failure.map_or(Ok(()), Err)
}

impl Step {
    fn run(self, paths: &Paths, args: &[String]) -> Result<()> {
        match self {
            Self::Fmt => run("rustfmt", paths.cargo().args(["fmt", "--all", "--check"])),
            Self::Deny => deps::check(paths),
            Self::Clippy => clippy(paths),
            Self::Unit => unit(paths, args),
            // The arguments are a filter for tests, which these are not.
            Self::Api => api::api(paths, &[]),
            Self::E2e => end_to_end(paths, args),
            Self::Apps => apps(paths, args),
            Self::Wrangler => wrangler(paths, args),
            Self::Compat => compat(paths, &[]),
            Self::Attacks => attacks(paths, &[]),
        }
    }
}

fn clippy(paths: &Paths) -> Result<()> {
    wasm::build(paths)?;
    let deny_warnings = ["--all-targets", "--", "-D", "warnings"];
    let mut cargo = paths.cargo();
    cargo.args(["clippy", "--profile", QUICK]).args(EVERYTHING);
    // The bench is a target that only its feature builds.
    cargo.args(["--features", "tabmesh-tests/bench"]).args(deny_warnings);
    run("clippy", &mut cargo)?;
    // No plain tests: `--all-targets` leaves them out.
    let mut cargo = paths.cargo();
    cargo.args(["clippy", "--profile", QUICK]).args(EVERYTHING);
    cargo.args([E2E, ATTACKS, COMPAT, WPT, APPS, WRANGLER].iter().flat_map(|name| ["--test", name]));
    run("clippy for what runs in browsers", cargo.args(&deny_warnings[1..]))?;
    // xtask stays in the profile it was just built in: its dependencies are nobody else's.
    run("clippy for xtask", paths.cargo().args(["clippy", "--package", "xtask"]).args(deny_warnings))?;
    if wasm::find(paths) == Some(Route::Rustup) {
        wasm::clippy(paths)
    } else {
        say("clippy for wasm is left out: it needs the toolchain's own wasm target");
        Ok(())
    }
}

fn unit(paths: &Paths, args: &[String]) -> Result<()> {
    wasm::build(paths)?;
    let mut cargo = paths.cargo();
    // The gateway's code for tests is nobody else's, and to optimise it takes longer than it saves.
    cargo.args(["--config", "profile.quick.package.tabmesh.opt-level=0"]);
    cargo.args(["test", "--profile", QUICK]).args(EVERYTHING);
    run("unit tests", cargo.arg("--").args(args))?;
    run("unit tests of xtask", paths.cargo().args(["test", "--package", "xtask", "--"]).args(args))
}

/// A program of the end-to-end tests, the browser and the gateway it starts being there; its arguments come next.
fn suite(paths: &Paths, name: &str) -> Result<Command> {
    let browser = browser::obtain(paths)?;
    say(&format!("browser: {} ({})", browser.version, browser.program.display()));
    let tabmesh = binaries::build(paths, false)?;
    let mut cargo = paths.cargo();
    cargo.env(browser::VARIABLE, browser.program).env("TABMESH_BIN", tabmesh);
    cargo.args(["test", "--profile", QUICK]).args(EVERYTHING).args(["--test", name, "--"]);
    Ok(cargo)
}

fn end_to_end(paths: &Paths, args: &[String]) -> Result<()> {
    install_examples(paths)?;
    run("end-to-end tests", suite(paths, E2E)?.args(args))
}

/// Runs hostile handlers in Chromium, and in Firefox where there is one; `args` are the suite's own.
pub fn attacks(paths: &Paths, args: &[String]) -> Result<()> {
    let mut suite = suite(paths, ATTACKS)?;
    if let Some(program) = firefox::obtain(paths) {
        suite.env(firefox::VARIABLE, program);
    }
    run("hostile handlers", suite.args(args))
}

/// Asks the same handlers on workerd and on Tabmesh; `args` are the suite's own.
pub fn compat(paths: &Paths, args: &[String]) -> Result<()> {
    let workerd = workerd::obtain(paths)?;
    let mut suite = suite(paths, COMPAT)?;
    run("the same answers as workerd", suite.env(workerd::VARIABLE, workerd).args(args))
}

/// Runs the Web Platform Tests on workerd and on Tabmesh; `args` are the suite's own.
pub fn wpt(paths: &Paths, args: &[String]) -> Result<()> {
    let tests = wpt::obtain(paths)?;
    let workerd = workerd::obtain(paths)?;
    let mut suite = suite(paths, WPT)?;
    suite.env(workerd::VARIABLE, workerd).env(wpt::VARIABLE, tests);
    run("the Web Platform Tests", suite.args(args))
}

/// Deploys apps of npm packages, and asks them and workerd; `args` are a filter.
pub fn apps(paths: &Paths, args: &[String]) -> Result<()> {
    let workerd = workerd::obtain(paths)?;
    install(paths, vec![paths.root.join("tests/apps")])?;
    let mut suite = suite(paths, APPS)?;
    run("apps of npm packages", suite.env(workerd::VARIABLE, workerd).args(args))
}

/// Runs wrangler's commands against a gateway; `args` are a filter.
pub fn wrangler(paths: &Paths, args: &[String]) -> Result<()> {
    install(paths, vec![paths.root.join("tests/wrangler")])?;
    run("wrangler", suite(paths, WRANGLER)?.args(args))
}

/// Installs the npm packages of every example that has a lockfile.
fn install_examples(paths: &Paths) -> Result<()> {
    let folder = paths.root.join("examples");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    install(paths, entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

/// Installs the npm packages of these folders, where there is a lockfile and they are not there already.
fn install(paths: &Paths, mut folders: Vec<PathBuf>) -> Result<()> {
    folders.retain(|path| path.join("package-lock.json").is_file() && !npm_is_done(path));
    folders.sort();
    if folders.is_empty() {
        return Ok(());
    }
    if on_path("npm").is_none() && apt::can_install() {
        apt::install(&["nodejs", "npm"], &paths.logs())?;
    }
    if on_path("npm").is_none() {
        bail!("npm is missing. Run: {}", apt::command_line(&["nodejs", "npm"]));
    }
    for folder in folders {
        let name = folder.strip_prefix(&paths.root).unwrap_or(&folder).display();
        let mut npm = Command::new("npm");
        npm.current_dir(&folder).args(["ci", "--no-audit", "--no-fund"]);
        run_quietly(&format!("npm ci in {name}"), &paths.logs(), NPM_LIMIT, &mut npm)?;
    }
    Ok(())
}

/// Whether npm's own record of what it installed is newer than the lockfile.
fn npm_is_done(folder: &Path) -> bool {
    let changed = |file: &str| fs::metadata(folder.join(file)).and_then(|meta| meta.modified()).ok();
    changed("node_modules/.package-lock.json") >= changed("package-lock.json")
}
