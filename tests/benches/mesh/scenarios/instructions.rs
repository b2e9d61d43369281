//! What a request costs the gateway's processor: instructions, counted by valgrind's callgrind, which needs no counters of
//! the machine's. The same from run to run within a percent, whatever else the machine does; what the kernel does is not in
//! it. The gateway runs many times slower meanwhile: no time is measured here.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::http::Connection;
use crate::mesh::Mesh;
use crate::stage::{HELLO, Stage};
use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::process::Command;

const ALONE: &str = "gateway.instructions";
const TOGETHER: &str = "gateway.instructions_16";

/// Half of what the first profile counted.
const ROWS: &[Row] = &[
    Row::new("instructions", "hello, 1 connection: the gateway's instructions", "", ALONE).at_most(73_350.0),
    Row::new("instructions-16", "hello, 16 connections: the gateway's instructions", "", TOGETHER),
];

/// Requests in the shorter of two counts, and before anything is counted.
const COUNTED: usize = 320;

/// The profile ends where its functions are this much of all instructions, in percent.
const THRESHOLD: &str = "--threshold=95";

pub struct Instructions;

#[async_trait::async_trait]
impl Scenario for Instructions {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    /// One says all.
    fn most_rounds(&self) -> usize {
        1
    }

    async fn prepare(&mut self, _: &Stage) -> Result<()> {
        Ok(())
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        let valgrind = match stage.program("valgrind") {
            Ok(program) => program,
            Err(reason) => {
                ROWS.iter().for_each(|row| figures.missing(row.figure, &reason));
                return Ok(());
            }
        };
        let counter = Counter::start(stage, &valgrind).await?;
        let (alone, profile) = counter.count(1).await?;
        figures.add(ALONE, alone);
        figures.add(TOGETHER, counter.count(16).await?.0);
        for (name, inclusive) in [("instructions-self.txt", "no"), ("instructions-inclusive.txt", "yes")] {
            let mut command = Command::new(valgrind.with_file_name("callgrind_annotate"));
            command.args([THRESHOLD, "--auto=no"]).arg(format!("--inclusive={inclusive}")).arg(&profile);
            std::fs::write(stage.out.join(name), run(&mut command).await?)?;
        }
        Ok(())
    }
}

/// A gateway that callgrind runs.
struct Counter {
    mesh: Mesh,
    folder: tempfile::TempDir,
    control: PathBuf,
    /// Where gateway and control meet.
    pipes: String,
}

impl Counter {
    async fn start(stage: &Stage, valgrind: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let pipes = format!("--vgdb-prefix={}", folder.path().join("pipe").display());
        let dumps = format!("--callgrind-out-file={}", folder.path().join("dump").display());
        let mut launcher = vec![valgrind.display().to_string(), pipes.clone(), dumps];
        // Its threads run one at a time; without the last one of them may wait for long.
        launcher.extend(["--tool=callgrind", "--instr-atstart=no", "--fair-sched=yes"].map(str::to_owned));
        let mesh = stage.under(&launcher).await?;
        Ok(Self { mesh, folder, control: valgrind.with_file_name("callgrind_control"), pipes })
    }

    /// Instructions a request over so many connections, and the profile.
    async fn count(&self, connections: usize) -> Result<(f64, PathBuf)> {
        let request = self.mesh.target(HELLO, "/x").request;
        let open = (0..connections).map(|_| Connection::open(self.mesh.address()));
        let mut open = try_join_all(open).await?;
        self.say(&["--instr=on"]).await?;
        // Code is translated when it first runs counted.
        send(&mut open, &request, COUNTED).await?;
        self.say(&["--zero"]).await?;
        send(&mut open, &request, COUNTED).await?;
        let (once, _) = self.dump(&format!("once-{connections}")).await?;
        send(&mut open, &request, 2 * COUNTED).await?;
        let (twice, profile) = self.dump(&format!("twice-{connections}")).await?;
        self.say(&["--instr=off"]).await?;
        // What does not depend on the requests is in both.
        #[expect(clippy::cast_precision_loss)]
        let each = (twice - once) / COUNTED as f64;
        Ok((each, profile))
    }

    /// All instructions since the last dump, and the file that has them.
    async fn dump(&self, name: &str) -> Result<(f64, PathBuf)> {
        self.say(&[&format!("--dump={name}")]).await?;
        for entry in std::fs::read_dir(self.folder.path())? {
            let file = entry?.path();
            // A pipe has no end that could be read to; and a function's name may hold any bytes.
            let bytes = if file.is_file() { std::fs::read(&file)? } else { Vec::new() };
            let text = String::from_utf8_lossy(&bytes);
            if text.lines().any(|line| line.starts_with("desc: Trigger:") && line.ends_with(name)) {
                let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
                let total = total.and_then(|total| total.trim().parse().ok());
                return Ok((total.context("a dump without a total")?, file));
            }
        }
        anyhow::bail!("callgrind wrote no dump {name}")
    }

    async fn say(&self, args: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.control);
        command.arg(&self.pipes).args(args).arg(self.mesh.pid().as_raw_nonzero().to_string());
        run(&mut command).await.map(drop)
    }
}

/// Sends so many requests over all connections together, one at a time on each.
async fn send(connections: &mut [Connection], request: &Arc<[u8]>, requests: usize) -> Result<()> {
    let each = requests / connections.len();
    let callers = connections.iter_mut().map(async |connection| -> Result<()> {
        for _ in 0..each {
            connection.call(request).await?.ok()?;
        }
        Ok(())
    });
    try_join_all(callers).await.map(drop)
}

async fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.kill_on_drop(true).output().await.with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
