//! Simulated tabs in processes of their own, so that what they cost is not the gateway's: this very program, started again
//! with `--swarm`.

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tabmesh_tests::child::Child;

/// Longest that a swarm may take to join: a machine busy with other things gets some time, too.
const LIMIT: Duration = Duration::from_secs(120);
/// How often its word is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A process full of joined tabs. Dropping it kills them all, as a crash of their machine would.
pub struct Swarm {
    _child: Child,
    /// Tabs that joined.
    pub joined: usize,
    /// From the first tab's first step to the last's hello.
    pub seconds: f64,
    /// Why others did not, if any.
    pub failed: Vec<String>,
}

impl Swarm {
    /// Joins so many tabs to the gateway at `address`, each with one try.
    pub async fn join(address: SocketAddr, tabs: usize) -> Result<Self> {
        let args = ["--swarm".to_owned(), address.to_string(), "--swarm-tabs".to_owned(), tabs.to_string()];
        let mut child = Child::start(&std::env::current_exe()?, &args, &[]);
        let started = Instant::now();
        loop {
            if let Some(line) = child.out.matching(0, &["joined: "]).first() {
                let mut words = line.split(' ').skip(1);
                let joined = words.next().and_then(|word| word.parse().ok()).context("how many joined?")?;
                let seconds = words.next().and_then(|word| word.parse().ok()).context("how fast?")?;
                let failed = child.out.matching(0, &["failed: "]);
                return Ok(Self { _child: child, joined, seconds, failed });
            }
            ensure!(child.exit_code().is_none(), "the swarm ended: {}", child.err.since(0).join("; "));
            ensure!(started.elapsed() < LIMIT, "{tabs} tabs did not join within {LIMIT:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// What the child does: joins, says how it went, serves until it is killed or the gateway is gone.
pub fn run(address: SocketAddr, tabs: usize) -> Result<()> {
    raise_open_files()?;
    // One thread: what many tabs take is the same on every machine.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let swarm = tabmesh_tests::swarm::Swarm::join(address, tabs).await;
        for reason in &swarm.failed {
            println!("failed: {reason}");
        }
        println!("joined: {} {:.3}", tabs - swarm.failed.len(), swarm.took.as_secs_f64());
        swarm.ended().await;
        Ok(())
    })
}

/// Lets this process open as many files as the system allows: each tab takes two, each caller one.
pub fn raise_open_files() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
