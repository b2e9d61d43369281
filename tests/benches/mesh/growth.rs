//! What a gateway takes while something grows: the same figures at every size, and whether the last step cost more for a
//! unit than the steps before.

use crate::figures::Figures;
use crate::load::{Target, run};
use crate::machine::resident_of;
use crate::mesh::Mesh;
use crate::stage::Pace;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tabmesh_tests::processes::cpu_time;

/// Milliseconds of load, with one connection and with many.
const ALONE: u64 = 600;
const TOGETHER: u64 = 1000;
const MANY: usize = 64;

/// Differences below these say nothing: what an allocator or a tick of the kernel's clock makes of nothing.
const MEMORY_STEP: f64 = 0.5;
const CPU_STEP: f64 = 0.5;

/// What one unit more costs is told in kB, and in microseconds of CPU a second.
const KB_OF_MB: f64 = 1000.0;
const MICROS_OF_PERCENT: f64 = 10_000.0;

/// A gateway at one size.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Tabs, handlers or streams.
    pub units: usize,
    /// Resident memory, in MB.
    pub memory: f64,
    /// CPU while nothing is asked of it, in percent of a core.
    pub idle_cpu: f64,
    /// A small request on one connection, in milliseconds.
    pub p50: f64,
    /// Small requests a second on 64 connections.
    pub per_second: f64,
    /// What each of those took of the gateway's CPU, in milliseconds.
    pub request_cpu: f64,
    /// What it took to get here, for each unit, in milliseconds.
    pub step: f64,
}

/// Measures the gateway at this size: idle for `idle`, then under load.
pub async fn measure(
    mesh: &Mesh,
    units: usize,
    step: f64,
    targets: &[Target],
    idle: Duration,
    pace: Pace,
) -> Result<Point> {
    let idle_cpu = idle_cpu(mesh, idle).await;
    let alone = run(targets.to_vec(), 1, pace.time(ALONE)).await?;
    let before = used(mesh);
    let started = Instant::now();
    let together = run(targets.to_vec(), MANY, pace.time(TOGETHER)).await?;
    let answers = together.per_second * started.elapsed().as_secs_f64();
    Ok(Point {
        units,
        memory: memory(mesh)?,
        idle_cpu,
        p50: alone.latencies.p50(),
        per_second: together.per_second,
        request_cpu: (used(mesh) - before).as_secs_f64() * 1000.0 / answers,
        step,
    })
}

/// CPU that the gateway uses while this much time passes, in percent of a core.
async fn idle_cpu(mesh: &Mesh, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    let (before, started) = (used(mesh), Instant::now());
    tokio::time::sleep(time).await;
    (used(mesh) - before).as_secs_f64() / started.elapsed().as_secs_f64() * 100.0
}

/// The gateway's resident memory, in MB.
pub fn memory(mesh: &Mesh) -> Result<f64> {
    resident_of(pid(mesh)).context("the gateway is gone")
}

fn used(mesh: &Mesh) -> Duration {
    cpu_time(pid(mesh))
}

fn pid(mesh: &Mesh) -> i32 {
    mesh.pid().as_raw_nonzero().get()
}

/// Names of the figures that a curve ends in: of the last step, and of those before.
pub struct Names {
    pub memory: [&'static str; 2],
    pub idle_cpu: [&'static str; 2],
    pub request_cpu: [&'static str; 2],
    pub step: [&'static str; 2],
}

/// Points of growing size.
#[derive(Debug, Default)]
pub struct Curve(Vec<Point>);

impl Curve {
    /// The next, larger one.
    pub fn push(&mut self, point: Point) {
        self.0.push(point);
    }

    /// Writes the points down under `name` and what a unit cost under `names`.
    pub fn report(&self, name: &'static str, names: &Names, figures: &mut Figures) {
        figures.curve(name, self.0.iter().map(describe).collect());
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return };
        let mut add = |names: [&'static str; 2], values: [f64; 2]| {
            figures.add(names[0], values[0]);
            figures.add(names[1], values[1]);
        };
        if let [.., before, _] = self.0[..] {
            let one_more = |of: fn(&Point) -> f64, least, unit| {
                [(before, *last), (*first, before)].map(|(from, to)| slope(&from, &to, of, least) * unit)
            };
            add(names.memory, one_more(|point| point.memory, MEMORY_STEP, KB_OF_MB));
            add(names.idle_cpu, one_more(|point| point.idle_cpu, CPU_STEP, MICROS_OF_PERCENT));
        }
        add(names.request_cpu, [last.request_cpu, first.request_cpu]);
        add(names.step, [last.step, first.step]);
    }
}

/// What one more unit costs between two points.
#[expect(clippy::cast_precision_loss)]
fn slope(from: &Point, to: &Point, of: fn(&Point) -> f64, least: f64) -> f64 {
    (of(to) - of(from)).max(least) / (to.units - from.units) as f64
}

fn describe(point: &Point) -> Value {
    json!({
        "units": point.units,
        "memory_mb": point.memory,
        "idle_cpu_percent": point.idle_cpu,
        "p50_ms": point.p50,
        "per_second": point.per_second,
        "request_cpu_ms": point.request_cpu,
        "step_ms": point.step,
    })
}
