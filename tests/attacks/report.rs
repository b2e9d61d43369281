//! What the suite says: a table while it runs, a sum at the end, and `target/attacks/report.json`.

use crate::catalogue::Attack;
use crate::mode::Mode;
use crate::runner::Outcome;
use crate::stage::{Stage, folder};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tabmesh_tests::gateway::workspace;

/// Outcomes so far.
pub struct Report {
    started: Instant,
    rows: Vec<Value>,
    stages: Vec<Value>,
    failed: Vec<String>,
}

impl Report {
    /// An empty one.
    pub fn new() -> Self {
        Self { started: Instant::now(), rows: Vec::new(), stages: Vec::new(), failed: Vec::new() }
    }

    /// The head of a stage's table.
    pub fn stage(&mut self, stage: &Stage) {
        let (p50, p99) = (stage.baseline.quantile(0.5), stage.baseline.quantile(0.99));
        println!(
            "\n{}: the neighbour in quiet: p50 {p50:.2} ms, p99 {p99:.2} ms ({} calls)",
            stage.mode,
            stage.baseline.calls()
        );
        println!(
            "{:<36} {:<8} {:<7} {:<30} {:>8}  neighbour p50/p99 ms",
            "attack", "mode", "", "answer", "time"
        );
        self.stages
            .push(json!({ "mode": stage.mode.to_string(), "neighbour": { "p50_ms": p50, "p99_ms": p99 } }));
    }

    /// One attack's row, with the log if it got through.
    pub fn add(&mut self, mode: Mode, attack: &Attack, outcome: Outcome, log: Option<Vec<String>>) {
        let Outcome { failures, answer, time, growth, latency, baseline, .. } = outcome;
        let (p50, p99) = (latency.quantile(0.5), latency.quantile(0.99));
        let ratios = (p50 / baseline.0.max(f64::MIN_POSITIVE), p99 / baseline.1.max(f64::MIN_POSITIVE));
        let mark = if failures.is_empty() { "held" } else { "FAILED" };
        println!(
            "{:<36} {mode:<8} {mark:<7} {answer:<30} {:>5} ms {:>8}  {p50:.1}/{p99:.1} ({:.1}x/{:.1}x)",
            attack.name,
            time.as_millis(),
            format!("+{growth} MiB"),
            ratios.0,
            ratios.1
        );
        for failure in &failures {
            println!("    {failure}");
            self.failed.push(format!("{} ({mode}): {failure}", attack.name));
        }
        if !failures.is_empty() {
            for line in log.unwrap_or_default() {
                println!("    | {line}");
            }
        }
        self.rows.push(json!({
            "attack": attack.name,
            "tries": tries(attack.name),
            "mode": mode.to_string(),
            "held": failures.is_empty(),
            "failures": failures,
            "answer": answer,
            "browser_growth_mib": growth,
            "time_ms": time.as_secs_f64() * 1000.0,
            "neighbour": {
                "calls": latency.calls(),
                "p50_ms": p50,
                "p99_ms": p99,
                "p50_ratio": ratios.0,
                "p99_ratio": ratios.1,
            },
        }));
    }

    /// Says how long a stage took.
    pub fn end_of_stage(&self, mode: Mode, time: Duration) {
        let rows: Vec<&Value> = self.rows.iter().filter(|row| row["mode"] == mode.to_string()).collect();
        let held = rows.iter().filter(|row| row["held"] == true).count();
        let worst = rows.iter().filter_map(|row| row["neighbour"]["p99_ratio"].as_f64()).fold(0.0, f64::max);
        println!(
            "{mode}: {held} of {} attacks held; worst p99 of the neighbour {worst:.1}x; {:.0} s",
            rows.len(),
            time.as_secs_f64()
        );
    }

    /// Writes the file, prints the sum, and gives the exit code.
    pub fn finish(self) -> ExitCode {
        let file = workspace().join("target/attacks/report.json");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let seconds = self.started.elapsed().as_secs_f64();
        let document = json!({ "seconds": seconds, "stages": self.stages, "attacks": self.rows });
        std::fs::write(&file, serde_json::to_vec_pretty(&document).unwrap()).unwrap();
        println!("\n{} runs in {seconds:.0} s; {}", self.rows.len(), file.display());
        if self.failed.is_empty() && !self.rows.is_empty() {
            println!("every attack held");
            return ExitCode::SUCCESS;
        }
        println!("{} failures:\n  {}", self.failed.len(), self.failed.join("\n  "));
        ExitCode::FAILURE
    }
}

/// What a handler's first line says that it tries.
fn tries(name: &str) -> String {
    let text = std::fs::read_to_string(folder().join(format!("{name}.js"))).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim_start_matches('/').trim().to_owned()
}

/// Names and first lines.
pub fn list(attacks: &[Attack]) {
    for attack in attacks {
        println!("{:<36} {}", attack.name, tries(attack.name));
    }
    println!("{} attacks", attacks.len());
}
