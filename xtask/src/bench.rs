//! `cargo xtask bench`: builds what is measured, fetches what it is compared with, and runs `tests/benches/mesh`.
//!
//! A peer that cannot be had is no error: the bench is told why and reports it as missing.

mod markdown;
mod micro;
mod plot;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::apt;
use crate::binaries::{self, QUICK};
use crate::browser;
use crate::paths::{Paths, on_path};
use crate::process::{run, run_quietly, say};
use crate::workerd;

/// Its version, so that two runs compare the same.
const JSRUN: &str = "0.3.0";
/// A package of 40 MB over a slow line still arrives within this time.
const FETCH_LIMIT: Duration = Duration::from_secs(5 * 60);

/// What is measured and how long.
#[derive(Debug, Args)]
pub struct Bench {
    /// Only rows whose name contains one of these
    rows: Vec<String>,
    /// Times that everything is measured
    #[arg(long)]
    rounds: Option<u16>,
    /// A glance: one short round, to see that everything works
    #[arg(long)]
    quick: bool,
    /// Grow handlers and streams to 10,000, which takes half a minute more
    #[arg(long, conflicts_with = "quick")]
    growth: bool,
    /// What carries the data channels: udp (the default), tcp or both
    #[arg(long)]
    ice_transport: Option<String>,
    /// Print the rows' names
    #[arg(long)]
    list: bool,
    /// Build with all optimisations
    #[arg(long)]
    release: bool,
    /// The crates' own micro-benchmarks instead; `rows` filters them too
    #[arg(long)]
    micro: bool,
    /// Print the last run's table as Markdown, measure nothing
    #[arg(long)]
    markdown: bool,
    /// Draw the last run's growth into docs/plots, measure nothing
    #[arg(long, conflicts_with = "markdown")]
    plot: bool,
}

/// Measures, or prints what was measured.
pub fn bench(paths: &Paths, options: &Bench) -> Result<()> {
    let folder = paths.target.join("bench");
    if options.markdown {
        print!("{}", markdown::render(&last_report(&folder)?));
        return Ok(());
    }
    if options.plot {
        return draw(&last_report(&folder)?, &paths.root.join("docs/plots"));
    }
    if options.micro {
        return micro::run(paths, &folder, &options.rows);
    }
    let browser = browser::obtain(paths)?;
    let tabmesh = binaries::build(paths, options.release)?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let peers = folder.join("peers.json");
    fs::write(&peers, serde_json::to_vec_pretty(&found(paths, &folder, &browser.program))?)?;

    let mut cargo = paths.cargo();
    cargo.env(browser::VARIABLE, browser.program).env("TABMESH_BIN", tabmesh);
    // Where it is timed, the caller must be no slower than need be.
    cargo.args(["--config", "profile.quick.package.tabmesh-tests.opt-level=2"]);
    cargo.args(["bench", "--profile", if options.release { "release" } else { QUICK }]);
    cargo.args(["--package", "tabmesh-tests", "--features", "bench", "--bench", "mesh", "--"]);
    cargo.args(&options.rows).arg("--peers").arg(peers).arg("--out").arg(folder);
    if let Some(rounds) = options.rounds {
        cargo.arg("--rounds").arg(rounds.to_string());
    }
    if let Some(transport) = &options.ice_transport {
        cargo.arg("--ice-transport").arg(transport);
    }
    for (flag, given) in [("--quick", options.quick), ("--growth", options.growth), ("--list", options.list)]
    {
        cargo.args(given.then_some(flag));
    }
    run("bench", &mut cargo)
}

fn last_report(folder: &Path) -> Result<Value> {
    let file = folder.join("report.json");
    let text = fs::read_to_string(&file)
        .with_context(|| format!("no report at {}; run `cargo xtask bench`", file.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// Writes the pictures of a report.
fn draw(report: &Value, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let pictures = plot::draw(report);
    ensure!(!pictures.is_empty(), "the last run measured no growth; run `cargo xtask bench growth`");
    for (name, text) in pictures {
        fs::write(folder.join(&name), text)?;
        say(&format!("docs/plots/{name}"));
    }
    Ok(())
}

/// Each peer's program, or why there is none.
fn found(paths: &Paths, folder: &Path, browser: &Path) -> Value {
    let peers = [
        ("browser", Ok(browser.to_owned()), None),
        ("node", on_path("node").ok_or_else(|| anyhow!("no node in PATH")), None),
        ("valgrind", valgrind(paths), None),
        ("workerd", workerd::obtain(paths), Some(workerd::VERSION)),
        ("jsrun", jsrun(paths, folder), Some(JSRUN)),
    ];
    let describe = |(name, program, version): (&str, Result<PathBuf>, Option<&str>)| {
        let entry = match program {
            Ok(program) => json!({ "program": program, "version": version }),
            Err(error) => {
                say(&format!("{name} is missing: {error:#}"));
                json!({ "missing": format!("{error:#}") })
            }
        };
        (name.to_owned(), entry)
    };
    Value::Object(peers.map(describe).into_iter().collect::<Map<_, _>>())
}

/// Counts instructions.
fn valgrind(paths: &Paths) -> Result<PathBuf> {
    if on_path("valgrind").is_none() {
        apt::install(&["valgrind"], &paths.logs())?;
    }
    on_path("valgrind").context("no valgrind in PATH")
}

/// A Python that has jsrun.
fn jsrun(paths: &Paths, folder: &Path) -> Result<PathBuf> {
    let home = folder.join(format!("jsrun-{JSRUN}"));
    let (python, done) = (home.join("bin/python"), home.join("done"));
    if done.is_file() {
        return Ok(python);
    }
    let system = on_path("python3").context("no python3 in PATH")?;
    let mut make = Command::new(system);
    run_quietly("python3 venv", &paths.logs(), FETCH_LIMIT, make.args(["-m", "venv"]).arg(&home))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet"]).arg(format!("jsrun=={JSRUN}"));
    run_quietly("pip install jsrun", &paths.logs(), FETCH_LIMIT, &mut install)?;
    fs::write(done, "")?;
    Ok(python)
}
