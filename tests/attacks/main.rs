//! The hostile suite: handlers that try to hurt the contributor, the tab or another tenant, run against the real gateway
//! in real browsers. `cargo xtask attacks` runs it.
//!
//! An attack is a file in `handlers/` (what it tries stands in its first line) and a line in [`catalogue`] (how it is
//! called, what must come back). [`stage`] is a gateway with one tab; [`runner`] plays one attack on it while
//! [`neighbour`] calls another tenant's handler in the same tab; [`report`] says how it went. Nothing here may excuse an
//! attack that got through: what a browser does differently stands in the catalogue, with its reason.
#![allow(missing_docs, clippy::unwrap_used)]

mod catalogue;
mod customs;
mod memory;
mod mode;
mod neighbour;
mod plays;
mod report;
mod runner;
mod stage;
mod trap;

use crate::catalogue::{Attack, Group};
use crate::mode::Mode;
use crate::report::Report;
use crate::stage::Stage;
use clap::Parser;
use std::process::ExitCode;
use std::time::Instant;

/// Runs hostile handlers in real browsers and reports how each of them ended.
#[derive(Parser)]
#[command(name = "attacks", bin_name = "cargo xtask attacks --")]
struct Options {
    /// Only attacks whose name contains one of these
    filters: Vec<String>,
    /// Only in these modes (may be repeated); all that this machine can run by default
    #[arg(long, value_enum)]
    mode: Vec<Mode>,
    /// Print the attacks and what each of them tries
    #[arg(long)]
    list: bool,
    /// Show the gateway's log of attacks that got through
    #[arg(long)]
    log: bool,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let options = Options::parse();
    let wanted = |attack: &Attack| {
        options.filters.is_empty()
            || options.filters.iter().any(|filter| attack.name.contains(filter.as_str()))
    };
    let attacks: Vec<Attack> = catalogue::all().into_iter().filter(wanted).collect();
    if attacks.is_empty() {
        eprintln!("error: no attack is called {}", options.filters.join(" or "));
        return ExitCode::FAILURE;
    }
    if options.list {
        report::list(&attacks);
        return ExitCode::SUCCESS;
    }
    let mut report = Report::new();
    for mode in Mode::chosen(&options.mode) {
        let started = Instant::now();
        let mut stage = Stage::build(mode).await;
        report.stage(&stage);
        for group in Group::ALL {
            for attack in attacks.iter().filter(|attack| attack.group() == *group) {
                let outcome = runner::run(&mut stage, attack).await;
                report.add(mode, attack, outcome, options.log.then(|| stage.log()));
                if stage.is_broken {
                    stage = Stage::build(mode).await;
                    report.stage(&stage);
                }
            }
        }
        report.end_of_stage(mode, started.elapsed());
    }
    report.finish()
}
