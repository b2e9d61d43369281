//! What is printed.

use crate::Run;
use crate::catalogue::{Catalogue, FOLDERS, Test};
use crate::outcome::{Count, Lack};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Tests that [`show_times`] shows.
const SLOWEST: usize = 30;

/// A part that workerd passes and Tabmesh does not.
pub fn show(test: &Test, lack: &Lack, is_known: bool) {
    let mark = if is_known { "known" } else { "FAILS" };
    println!("{mark} {} | {}\n    {}", test.name, lack.part, lack.message);
}

/// What ended a test as a whole.
pub fn show_ends(Run { test, theirs, ours }: &Run<'_>) {
    for (side, outcome) in [("workerd", theirs), ("tabmesh", ours)] {
        if let Some(end) = outcome.end() {
            println!("ended early on {side}: {}: {end}", test.name);
        }
    }
}

/// What took longest.
pub fn show_times(mut finished: Vec<Run<'_>>) {
    finished.sort_by_key(|run| Reverse(run.theirs.took + run.ours.took));
    for Run { test, theirs, ours } in finished.iter().take(SLOWEST) {
        println!(
            "workerd {:5.1} s, tabmesh {:5.1} s: {}",
            theirs.took.as_secs_f64(),
            ours.took.as_secs_f64(),
            test.name
        );
    }
}

/// All tests, and those left out.
pub fn list(catalogue: &Catalogue) {
    for test in &catalogue.tests {
        println!("{}", test.name);
    }
    for left_out in &catalogue.left_out {
        println!("left out: {} ({})", left_out.file, left_out.reason);
    }
}

/// The table of folders.
pub fn summary(catalogue: &Catalogue, counts: &BTreeMap<&str, Count>) {
    println!("{:22} {:>6} {:>16} {:>16} {:>24}", "", "tests", "Tabmesh", "workerd", "of what workerd passes");
    let mut all = Count::default();
    let line = |folder: &str, tests: usize, count: Count| {
        let (ours, theirs) =
            (format!("{} / {}", count.ours, count.total), format!("{} / {}", count.theirs, count.total));
        let both = format!("{} / {} = {:.1} %", count.both, count.theirs, count.percent());
        println!("{folder:22} {tests:>6} {ours:>16} {theirs:>16} {both:>24}");
    };
    for folder in FOLDERS {
        if let Some(count) = counts.get(folder) {
            line(folder, catalogue.tests.iter().filter(|test| test.folder == folder).count(), *count);
            all.add(*count);
        } else if catalogue.missing.contains(&folder) {
            println!("{folder:22} not in this copy of the tests");
        }
    }
    line("all", catalogue.tests.len(), all);
    let reasons: BTreeSet<_> =
        catalogue.left_out.iter().map(|left_out| (left_out.folder, left_out.reason)).collect();
    for (folder, reason) in reasons {
        let count = catalogue
            .left_out
            .iter()
            .filter(|left_out| (left_out.folder, left_out.reason) == (folder, reason));
        println!("left out of {folder}: {} ({reason})", count.count());
    }
}
