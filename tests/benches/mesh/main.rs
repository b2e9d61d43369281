//! The bench: Tabmesh and what it is compared with, side by side, on this machine. `cargo xtask bench` runs it.
//!
//! [`scenarios`] measure, [`stage`] has the stands, [`peers`] are the others, [`http`] and [`load`] the caller;
//! [`figures`] turns what was measured into rows, [`growth`] into curves, [`report`] shows them. Nothing here asserts a time: a machine that is
//! busy makes a slow row, never a red one. What fails is an answer that is wrong or does not come.
#![allow(missing_docs)]

mod figures;
mod growth;
mod http;
mod load;
mod machine;
mod mesh;
mod peers;
mod report;
mod scenarios;
mod stage;
mod stats;
mod swarm;

use crate::figures::{Figures, Row};
use crate::peers::Found;
use crate::report::Report;
use crate::scenarios::Scenario;
use crate::stage::{Pace, Stage};
use anyhow::{Result, anyhow};
use clap::Parser;
use futures_util::FutureExt as _;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use tabmesh::config::IceTransport;
use tabmesh_tests::gateway::workspace;

/// Measures Tabmesh beside what it is compared with.
#[derive(Parser)]
#[command(name = "mesh", bin_name = "cargo xtask bench")]
struct Options {
    /// Only rows whose name contains one of these
    filters: Vec<String>,
    /// Times that everything is measured
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// A glance: one short round, to see that everything works
    #[arg(long)]
    quick: bool,
    /// Grow handlers and streams to 10,000, which takes half a minute more
    #[arg(long, conflicts_with = "quick")]
    growth: bool,
    /// What carries the data channels, the raw one too
    #[arg(long, value_enum, default_value = "udp")]
    ice_transport: IceTransport,
    /// Print the rows' names
    #[arg(long)]
    list: bool,
    /// What was found of the others, as written by `cargo xtask bench`
    #[arg(long, hide = true)]
    peers: Option<PathBuf>,
    /// Where the report goes
    #[arg(long, hide = true, default_value_os_t = workspace().join("target/bench"))]
    out: PathBuf,
    /// Be a swarm of simulated tabs at this gateway instead
    #[arg(long, hide = true)]
    swarm: Option<SocketAddr>,
    /// How many of them
    #[arg(long, hide = true, default_value_t = 0)]
    swarm_tabs: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// Rounds of a full run: enough for a median, few enough for five minutes.
const ROUNDS: u16 = 3;

impl Options {
    fn wants(&self, row: &Row) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| row.id.contains(filter.as_str()))
    }

    fn rounds(&self) -> usize {
        usize::from(self.rounds.unwrap_or(if self.quick { 1 } else { ROUNDS }))
    }
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if let Some(gateway) = options.swarm {
        return swarm::run(gateway, options.swarm_tabs).map(|()| ExitCode::SUCCESS);
    }
    bench(&options)
}

#[tokio::main(worker_threads = 2)]
async fn bench(options: &Options) -> Result<ExitCode> {
    let mut scenarios = scenarios::all();
    scenarios.retain(|scenario| scenario.rows().iter().any(|row| options.wants(row)));
    if options.list || scenarios.is_empty() {
        for row in scenarios::all().iter().flat_map(|scenario| scenario.rows()) {
            println!("{:<20} {}", row.id, row.title);
        }
        return Ok(if options.list { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let found = Found::read(options.peers.as_deref())?;
    let mut report = Report {
        machine: machine::describe(&found),
        peers: found.describe().clone(),
        rounds: options.rounds(),
        quick: options.quick,
        transport: format!("{:?}", options.ice_transport).to_lowercase(),
        rows: vec![],
        failed: vec![],
        seconds: 0.0,
    };
    let started = Instant::now();
    let pace = Pace { quick: options.quick, growth: options.growth };
    let stage = Stage::new(pace, options.out.clone(), options.ice_transport, found);
    let mut figures = Figures::default();
    report::head();
    for mut scenario in scenarios {
        let measured = measure(scenario.as_mut(), &stage, &mut figures, options.rounds()).await;
        for row in scenario.rows().iter().filter(|row| options.wants(row)) {
            match (row.describe(&figures), &measured) {
                (Some(row), _) => {
                    report::row(&row);
                    report.rows.push(row);
                }
                (None, Err(error)) => {
                    println!("{:<54}  failed", row.title);
                    report.failed.push(format!("{}: {error:#}", row.id));
                }
                (None, Ok(())) => report.failed.push(format!("{}: not measured", row.id)),
            }
        }
        if let Err(error) = &measured {
            eprintln!("error: {error:#}");
        }
    }
    stage.close().await;
    report.seconds = started.elapsed().as_secs_f64();
    let file = report.write(&figures, &options.out)?;
    println!("\n{} rounds in {:.0} s; {}", options.rounds(), report.seconds, file.display());
    if options.quick {
        println!("a glance: these figures say little");
    }
    println!("{} rows failed", report.failed.len());
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All rounds of a scenario. The harness panics where a test would; here that ends the scenario.
async fn measure(
    scenario: &mut dyn Scenario,
    stage: &Stage,
    figures: &mut Figures,
    rounds: usize,
) -> Result<()> {
    let names: Vec<&str> = scenario.rows().iter().map(|row| row.id).collect();
    let name = names.join(", ");
    let started = Instant::now();
    let work = async {
        scenario.prepare(stage).await?;
        for _ in 0..rounds.min(scenario.most_rounds()) {
            scenario.round(stage, figures).await?;
        }
        Ok(())
    };
    let result = AssertUnwindSafe(work).catch_unwind().await;
    eprintln!("  [{:5.1} s] {name}", started.elapsed().as_secs_f64());
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(anyhow!(
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        ))
    })
}
