//! The Web Platform Tests inside a handler: on Tabmesh in a real browser, and on workerd. `cargo xtask wpt` runs it.
//!
//! What workerd passes, Tabmesh must pass, or it stands in `known.txt`: test, part of the test, and the reason. What both
//! fail is only counted: there is no Worker that relies on it. [`catalogue`] says what is run and what is left out,
//! [`bundle`] makes a handler of a test, [`outcome`] compares. Nothing here may make a test easier for one side.
#![allow(missing_docs, clippy::unwrap_used)]

mod bundle;
mod catalogue;
mod outcome;
mod report;

use crate::catalogue::{Catalogue, Test};
use crate::outcome::{Count, Outcome};
use clap::Parser;
use futures_util::StreamExt as _;
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tabmesh_tests::gateway::client;
use tabmesh_tests::known::Known;
use tabmesh_tests::workerd::{Oracle, Service};
use tabmesh_tests::{Gateway, Setup};

/// Tests that are run at once: more than there are processors, for some only wait until they are given up.
const AT_ONCE: usize = 6;
/// Names the folder of the tests; `cargo xtask wpt` sets it.
const VARIABLE: &str = "TABMESH_WPT";
/// A test gives up on its own long before.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// One test an isolate, and time for thousands of keys: what is asked is not how fast it is.
const METADATA: &str =
    r#"{"main_module":"main.js","limits":{"cpu_ms":240000,"wall_ms":60000,"concurrency":1}}"#;

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
    /// Show which tests took longest
    #[arg(long)]
    times: bool,
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
        report::list(&catalogue);
        return ExitCode::SUCCESS;
    }
    let handlers: Vec<_> =
        catalogue.tests.iter().enumerate().map(|(at, test)| Handler::of(&root, at, test)).collect();
    let service = |handler: &Handler| Service {
        name: handler.name.clone(),
        files: handler.files.clone(),
        ..Service::default()
    };
    let services: Vec<Service> = handlers.iter().map(service).collect();
    let gateway = Setup::new().tabs(1).args(&["--max-cpu-ms", "240000"]);
    let (oracle, gateway) = tokio::join!(Oracle::start(&services), gateway.start());
    let client = client();
    let start = Instant::now();
    let running = handlers.iter().map(|handler| run(&client, &oracle, &gateway, handler));
    let running = futures_util::stream::iter(running).buffer_unordered(AT_ONCE);
    let finished: Vec<_> = running.collect().await;
    let took = start.elapsed().as_secs_f64();
    let is_good = judge(&options, &catalogue, finished, wanted);
    println!("{} tests in {took:.0} s", catalogue.tests.len());
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what came of all, and says whether it is what is known.
fn judge(
    options: &Options,
    catalogue: &Catalogue,
    mut finished: Vec<Run<'_>>,
    wanted: impl Fn(&str) -> bool,
) -> bool {
    let known = Known::read("wpt/known.txt", 2);
    finished.sort_by_key(|run| &run.test.name);
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut failures = 0;
    for run in &finished {
        let (count, lacks) = outcome::compare(&run.theirs, &run.ours);
        counts.entry(run.test.folder).or_default().add(count);
        if options.known {
            report::show_ends(run);
        }
        for lack in &lacks {
            let is_known = known.covers(&[&run.test.name, &lack.part]);
            failures += usize::from(!is_known);
            if !is_known || options.known {
                report::show(run.test, lack, is_known);
            }
        }
    }
    let mut wrong = known.stale(wanted);
    if options.filters.is_empty() {
        // A suite that runs nothing finds nothing.
        let idle = counts.iter().filter(|(_, count)| count.theirs == 0);
        wrong.extend(idle.map(|(folder, _)| format!("{folder}: workerd passes nothing")));
    }
    for line in &wrong {
        println!("{line}");
    }
    if options.times {
        report::show_times(finished);
    }
    report::summary(catalogue, &counts);
    let unknown = failures + wrong.len();
    println!("{} entries of known failures; {unknown} failures are not known", known.count());
    unknown == 0
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

/// A test that was run, and what came of it.
struct Run<'a> {
    test: &'a Test,
    theirs: Outcome,
    ours: Outcome,
}

/// Runs one test on both sides.
async fn run<'a>(client: &Client, oracle: &Oracle, gateway: &Gateway, handler: &Handler<'a>) -> Run<'a> {
    let theirs = ask(client, format!("http://{}/", oracle.address(&handler.name)), &handler.name).await;
    let ours = match deploy(client, gateway, handler).await {
        Ok(()) => ask(client, gateway.url("/"), &handler.name).await,
        Err(refusal) => Outcome::broken(refusal),
    };
    Run { test: handler.test, theirs, ours }
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
    let start = Instant::now();
    let asked = client.get(url).header("host", format!("{name}.localhost")).timeout(ANSWER_LIMIT);
    let answer = async { asked.send().await?.text().await };
    let answer = answer.await;
    let mut outcome =
        answer.map_or_else(|error| Outcome::broken(error.to_string()), |body| Outcome::read(&body));
    outcome.took = start.elapsed();
    outcome
}
