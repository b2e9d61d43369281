//! `cargo xtask up | test | api | attacks | compat | wpt | apps | wrangler | bench | build | node | doctor`: builds Tabmesh, runs it locally, tests it.
//!
//! Everything that happens at run time is the `tabmesh` binary's; this only prepares and calls it.

#![forbid(unsafe_code)]

mod api;
mod apt;
mod bench;
mod binaries;
mod bindgen;
mod browser;
mod deps;
mod doctor;
mod firefox;
mod node;
mod paths;
mod pebble;
mod process;
mod test;
mod up;
mod wasm;
mod workerd;
mod wpt;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::paths::Paths;

/// Builds, runs and tests Tabmesh.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build everything and run a gateway with headless tabs in the foreground
    Up(up::Up),
    /// Run all checks and tests
    Test(test::Test),
    /// Measure speed and memory beside what Tabmesh is compared with
    Bench(bench::Bench),
    /// Fuzz the API of a running gateway by its own OpenAPI document
    Api {
        /// Arguments of schemathesis, such as `--seed 7` or `--include-path-regex kv`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run hostile handlers in real browsers and report how each of them ended
    Attacks {
        /// Part of an attack's name, `--mode <MODE>`, `--list`, `--log`, `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Ask the same handlers on workerd and on Tabmesh and compare the answers
    Compat {
        /// Part of a handler's name, `--known`, `--list`, `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the Web Platform Tests inside a handler here and on workerd and compare
    Wpt {
        /// Part of a test's path, `--failures`, `--list`, `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Deploy apps of npm packages, and compare what they answer with workerd
    Apps {
        /// Part of a test's name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run unmodified wrangler against a gateway
    Wrangler {
        /// Part of a test's name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Build the tab's runtime (wasm) and the binaries
    Build {
        /// Build with all optimisations
        #[arg(long)]
        release: bool,
    },
    /// Bundle Node.js's modules for handlers anew (needs npm; what comes out is checked in)
    Node,
    /// Show what this machine has and what is missing
    Doctor,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `{:#}` is the chain of causes on one line; a backtrace of the build tool helps nobody.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let paths = Paths::find()?;
    match task {
        Task::Up(options) => up::up(&paths, &options),
        Task::Test(options) => test::test(&paths, &options),
        Task::Bench(options) => bench::bench(&paths, &options),
        Task::Api { args } => api::api(&paths, &args),
        Task::Attacks { args } => test::attacks(&paths, &args),
        Task::Compat { args } => test::compat(&paths, &args),
        Task::Wpt { args } => test::wpt(&paths, &args),
        Task::Apps { args } => test::apps(&paths, &args),
        Task::Wrangler { args } => test::wrangler(&paths, &args),
        Task::Build { release } => binaries::build(&paths, release).map(drop),
        Task::Node => node::node(&paths),
        Task::Doctor => doctor::doctor(&paths),
    }
}
