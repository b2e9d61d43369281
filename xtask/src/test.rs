//! `cargo xtask test`: everything that must pass, step by step, with a summary at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::binaries::{self, QUICK};
use crate::paths::{Paths, on_path};
use crate::process::{run, run_quietly, say};
use crate::wasm::Route;
use crate::{api, apt, browser, deps, firefox, pebble, wasm, workerd, wpt};

/// The package of end-to-end tests: it needs a browser, so it is a step of its own.
const END_TO_END: &str = "tabmesh-tests";
/// The program of hostile handlers in it.
const ATTACKS: &str = "attacks";
/// The program that compares with workerd in it.
const COMPAT: &str = "compat";
/// The program that runs the Web Platform Tests in it.
const WPT: &str = "wpt";
/// The program that deploys apps of npm packages in it.
const APPS: &str = "apps";
/// The program that runs wrangler against a gateway in it.
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
    cargo.args(["clippy", "--profile", QUICK, "--workspace", "--exclude", "xtask"]);
    // The bench is a target that only its feature builds.
    cargo.args(["--features", "tabmesh-tests/bench"]).args(deny_warnings);
    run("clippy", &mut cargo)?;
    // No plain tests: `--all-targets` leaves them out.
    let mut cargo = paths.cargo();
    cargo.args(["clippy", "--profile", QUICK, "--package", END_TO_END]);
    cargo
        .args(["--test", ATTACKS, "--test", COMPAT, "--test", WPT, "--test", APPS, "--test", WRANGLER])
        .args(&deny_warnings[1..]);
    run("clippy for the attacks, the apps and the comparisons with workerd", &mut cargo)?;
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
    cargo.args(["test", "--profile", QUICK, "--workspace", "--exclude", END_TO_END, "--exclude", "xtask"]);
    run("unit tests", cargo.arg("--").args(args))?;
    run("unit tests of xtask", paths.cargo().args(["test", "--package", "xtask", "--"]).args(args))
}

fn end_to_end(paths: &Paths, args: &[String]) -> Result<()> {
    let browser = browser::obtain(paths)?;
    say(&format!("browser: {} ({})", browser.version, browser.program.display()));
    install_examples(paths)?;
    let tabmesh = binaries::build(paths, false)?;
    let mut cargo = paths.cargo();
    cargo.env(browser::VARIABLE, browser.program).env("TABMESH_BIN", tabmesh);
    if let Some(program) = pebble::obtain(paths) {
        cargo.env(pebble::VARIABLE, program);
    }
    cargo.args(["test", "--profile", QUICK, "--package", END_TO_END, "--"]).args(args);
    run("end-to-end tests", &mut cargo)
}

/// Runs hostile handlers in Chromium, and in Firefox where there is one; `args` are the suite's own.
pub fn attacks(paths: &Paths, args: &[String]) -> Result<()> {
    let browser = browser::obtain(paths)?;
    let tabmesh = binaries::build(paths, false)?;
    let mut cargo = paths.cargo();
    cargo.env(browser::VARIABLE, browser.program).env("TABMESH_BIN", tabmesh);
    if let Some(program) = firefox::obtain(paths) {
        cargo.env(firefox::VARIABLE, program);
    }
    cargo.args(["test", "--profile", QUICK, "--package", END_TO_END, "--test", ATTACKS, "--"]).args(args);
    run("hostile handlers", &mut cargo)
}

/// Asks the same handlers on workerd and on Tabmesh; `args` are the suite's own.
pub fn compat(paths: &Paths, args: &[String]) -> Result<()> {
    let browser = browser::obtain(paths)?;
    let workerd = workerd::obtain(paths)?;
    let tabmesh = binaries::build(paths, false)?;
    let mut cargo = paths.cargo();
    cargo.env(browser::VARIABLE, browser.program).env("TABMESH_BIN", tabmesh);
    cargo.env(workerd::VARIABLE, workerd);
    cargo.args(["test", "--profile", QUICK, "--package", END_TO_END, "--test", COMPAT, "--"]).args(args);
    run("the same answers as workerd", &mut cargo)
}

/// Runs the Web Platform Tests on workerd and on Tabmesh; `args` are the suite's own.
pub fn wpt(paths: &Paths, args: &[String]) -> Result<()> {
    let tests = wpt::obtain(paths)?;
    let browser = browser::obtain(paths)?;
    let workerd = workerd::obtain(paths)?;
    let tabmesh = binaries::build(paths, false)?;
    let mut cargo = paths.cargo();
    cargo.env(browser::VARIABLE, browser.program).env("TABMESH_BIN", tabmesh);
    cargo.env(workerd::VARIABLE, workerd).env(wpt::VARIABLE, tests);
    cargo.args(["test", "--profile", QUICK, "--package", END_TO_END, "--test", WPT, "--"]).args(args);
    run("the Web Platform Tests", &mut cargo)
}

/// Deploys apps of npm packages, and asks them and workerd; `args` are a filter.
pub fn apps(paths: &Paths, args: &[String]) -> Result<()> {
    let browser = browser::obtain(paths)?;
    let workerd = workerd::obtain(paths)?;
    install(paths, vec![paths.root.join("tests/apps")])?;
    let tabmesh = binaries::build(paths, false)?;
    let mut cargo = paths.cargo();
    cargo.env(browser::VARIABLE, browser.program).env("TABMESH_BIN", tabmesh);
    cargo.env(workerd::VARIABLE, workerd);
    cargo.args(["test", "--profile", QUICK, "--package", END_TO_END, "--test", APPS, "--"]).args(args);
    run("apps of npm packages", &mut cargo)
}

/// Runs wrangler's commands against a gateway; `args` are a filter.
pub fn wrangler(paths: &Paths, args: &[String]) -> Result<()> {
    let browser = browser::obtain(paths)?;
    install(paths, vec![paths.root.join("tests/wrangler")])?;
    let tabmesh = binaries::build(paths, false)?;
    let mut cargo = paths.cargo();
    cargo.env(browser::VARIABLE, browser.program).env("TABMESH_BIN", tabmesh);
    cargo.args(["test", "--profile", QUICK, "--package", END_TO_END, "--test", WRANGLER, "--"]).args(args);
    run("wrangler", &mut cargo)
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
