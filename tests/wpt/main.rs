//! The Web Platform Tests inside a handler: on Tabmesh in a real browser, and on workerd. `cargo xtask wpt` runs it.
//!
//! What workerd passes, Tabmesh must pass, or it stands in `known.txt`: test, part of the test, and the reason. What both
//! fail is only counted: there is no Worker that relies on it. [`catalogue`] says what is run and what is left out,
//! [`bundle`] makes a handler of a test, [`outcome`] compares. Nothing here may make a test easier for one side.
#![allow(missing_docs, clippy::unwrap_used)]

mod bundle;
mod catalogue;
mod outcome;

use crate::catalogue::{Catalogue, FOLDERS, Test};
use crate::outcome::{Count, Lack, Outcome};
use clap::Parser;
use futures_util::StreamExt as _;
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tabmesh_tests::gateway::client;
use tabmesh_tests::known::Known;
use tabmesh_tests::workerd::{Oracle, Service};
use tabmesh_tests::{Gateway, Setup};

/// Tests that are run at once, on both platforms.
const AT_ONCE: usize = 3;
/// Names the folder of the tests; `cargo xtask wpt` sets it.
const VARIABLE: &str = "TABMESH_WPT";
/// A test gives up on its own long before.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// One test an isolate, and time for thousands of keys: what is asked is not how fast it is.
const METADATA: &str =
    r#"{"main_module":"main.js","limits":{"cpu_ms":30000,"wall_ms":60000,"concurrency":1}}"#;

/// Runs the Web Platform Tests inside handlers of Tabmesh and workerd and compares.
#[derive(Parser)]
#[command(name = "wpt", bin_name = "cargo xtask wpt --")]
struct Options {
    /// Only tests whose path contains one of these
    filters: Vec<String>,
    /// Print the tests, and those left out with their reasons
    #[arg(long)]
    list: bool,
    /// Show known failures, and tests that ended early, too
    #[arg(long)]
    known: bool,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let options = Options::parse();
    let root = std::env::var_os(VARIABLE).map(PathBuf::from);
    let root = root.unwrap_or_else(|| panic!("{VARIABLE} is not set: use `cargo xtask wpt`"));
    let wanted = |name: &str| {
        options.filters.is_empty() || options.filters.iter().any(|filter| name.contains(filter.as_str()))
    };
    let mut catalogue = catalogue::read(&root);
    catalogue.tests.retain(|test| wanted(&test.name));
    catalogue.left_out.retain(|left_out| wanted(&left_out.file));
    if catalogue.tests.is_empty() {
        eprintln!("error: no test has {} in its path", options.filters.join(" or "));
        return ExitCode::FAILURE;
    }
    if options.list {
        list(&catalogue);
        return ExitCode::SUCCESS;
    }
    let handlers: Vec<_> =
        catalogue.tests.iter().enumerate().map(|(at, test)| Handler::of(&root, at, test)).collect();
    let known = Known::read("wpt/known.txt", 2);
    let service = |handler: &Handler| Service {
        name: handler.name.clone(),
        files: handler.files.clone(),
        ..Service::default()
    };
    let services: Vec<Service> = handlers.iter().map(service).collect();
    let (oracle, gateway) = tokio::join!(Oracle::start(&services), Setup::new().tabs(1).start());
    let client = client();
    let start = Instant::now();
    let running = handlers.iter().map(|handler| run(&client, &oracle, &gateway, handler));
    let mut running = futures_util::stream::iter(running).buffered(AT_ONCE);
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut unknown = 0;
    while let Some((test, theirs, ours)) = running.next().await {
        let (count, lacks) = outcome::compare(&theirs, &ours);
        counts.entry(test.folder).or_default().add(count);
        if options.known {
            show_ends(test, &theirs, &ours);
        }
        for lack in &lacks {
            let is_known = known.covers(&[&test.name, &lack.part]);
            unknown += usize::from(!is_known);
            if !is_known || options.known {
                show(test, lack, is_known);
            }
        }
    }
    let stale = known.stale(wanted);
    for line in &stale {
        println!("{line}");
    }
    summary(&catalogue, &counts);
    println!(
        "{} tests in {:.0} s: {} entries of known failures, {} failures are not known",
        catalogue.tests.len(),
        start.elapsed().as_secs_f64(),
        known.count(),
        unknown + stale.len(),
    );
    if unknown + stale.len() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A test as it is deployed.
struct Handler<'a> {
    test: &'a Test,
    name: String,
    files: Vec<(String, Vec<u8>)>,
}

impl<'a> Handler<'a> {
    fn of(root: &std::path::Path, at: usize, test: &'a Test) -> Self {
        Self { test, name: format!("test-{at}"), files: bundle::files(root, test) }
    }
}

/// Runs one test on both sides.
async fn run<'a>(
    client: &Client,
    oracle: &Oracle,
    gateway: &Gateway,
    handler: &Handler<'a>,
) -> (&'a Test, Outcome, Outcome) {
    let theirs = ask(client, format!("http://{}/", oracle.address(&handler.name)), &handler.name).await;
    let ours = match deploy(client, gateway, handler).await {
        Ok(()) => ask(client, gateway.url("/"), &handler.name).await,
        Err(refusal) => Outcome::broken(refusal),
    };
    (handler.test, theirs, ours)
}

async fn deploy(client: &Client, gateway: &Gateway, handler: &Handler<'_>) -> Result<(), String> {
    let mut form = Form::new().part("metadata", Part::text(METADATA));
    for (file, content) in &handler.files {
        form = form.part(file.clone(), Part::bytes(content.clone()).file_name(file.clone()));
    }
    let sent = client.put(gateway.handler_url(&handler.name)).multipart(form).send().await.unwrap();
    if sent.status().is_success() { Ok(()) } else { Err(sent.text().await.unwrap()) }
}

async fn ask(client: &Client, url: String, name: &str) -> Outcome {
    let asked = client.get(url).header("host", format!("{name}.localhost")).timeout(ANSWER_LIMIT);
    let answer = async { asked.send().await?.text().await };
    answer.await.map_or_else(|error| Outcome::broken(error.to_string()), |body| Outcome::read(&body))
}

fn show(test: &Test, lack: &Lack, is_known: bool) {
    let mark = if is_known { "known" } else { "FAILS" };
    println!("{mark} {} | {}\n    {}", test.name, lack.part, lack.message);
}

fn show_ends(test: &Test, theirs: &Outcome, ours: &Outcome) {
    for (side, outcome) in [("workerd", theirs), ("tabmesh", ours)] {
        if let Some(end) = outcome.end() {
            println!("ended early on {side}: {}: {end}", test.name);
        }
    }
}

fn list(catalogue: &Catalogue) {
    for test in &catalogue.tests {
        println!("{}", test.name);
    }
    for left_out in &catalogue.left_out {
        println!("left out: {} ({})", left_out.file, left_out.reason);
    }
}

fn summary(catalogue: &Catalogue, counts: &BTreeMap<&str, Count>) {
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
