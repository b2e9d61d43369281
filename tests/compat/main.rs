//! The differential suite: the same handlers on workerd and on Tabmesh in a real browser must give the same answers.
//! `cargo xtask compat` runs it.
//!
//! A handler is a file in `handlers/` that also says what it is asked ([`catalogue`]). [`tabmesh_tests::workerd`] is what is right,
//! [`tabmesh_tests::answer`] compares, `known.txt` has the differences that are meant to be: handler, number of the request from 1, what
//! differs, and the reason. Nothing here may weaken a
//! comparison: what differs is either mended or stands in that list.
#![allow(missing_docs, clippy::unwrap_used)]

mod catalogue;

use crate::catalogue::{Ask, Handler};
use clap::Parser;
use futures_util::StreamExt as _;
use http::HeaderValue;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use std::net::SocketAddr;
use std::process::ExitCode;
use tabmesh_tests::answer::{Answer, Difference};
use tabmesh_tests::gateway::client;
use tabmesh_tests::known::Known;
use tabmesh_tests::workerd::{Oracle, Service};
use tabmesh_tests::{Gateway, Setup};

/// Handlers that are asked at once.
const AT_ONCE: usize = 4;

/// Asks the same handlers on workerd and on Tabmesh and compares the answers.
#[derive(Parser)]
#[command(name = "compat", bin_name = "cargo xtask compat --")]
struct Options {
    /// Only handlers whose name contains one of these
    filters: Vec<String>,
    /// Print the handlers
    #[arg(long)]
    list: bool,
    /// Show known differences, too
    #[arg(long)]
    known: bool,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let options = Options::parse();
    let wanted = |name: &str| {
        options.filters.is_empty() || options.filters.iter().any(|filter| name.contains(filter.as_str()))
    };
    let mut handlers = catalogue::all();
    handlers.retain(|handler| wanted(&handler.name));
    if handlers.is_empty() {
        eprintln!("error: no handler is called {}", options.filters.join(" or "));
        return ExitCode::FAILURE;
    }
    if options.list {
        for handler in &handlers {
            println!("{}", handler.name);
        }
        return ExitCode::SUCCESS;
    }
    let known = Known::read("compat/known.txt", 3);
    let service = |handler: &Handler| Service {
        name: handler.name.clone(),
        files: handler.files.clone(),
        ..Service::default()
    };
    let services: Vec<Service> = handlers.iter().map(service).collect();
    let (oracle, gateway) = tokio::join!(Oracle::start(&services), Setup::new().tabs(1).start());
    let client = client();
    let asking = handlers.iter().map(|handler| compare(&client, &oracle, &gateway, handler));
    let mut asking = futures_util::stream::iter(asking).buffered(AT_ONCE);
    let (mut requests, mut equal, mut failures) = (0, 0, 0);
    while let Some((handler, answers)) = asking.next().await {
        let mut is_equal = true;
        for (at, differences) in answers.into_iter().enumerate() {
            requests += 1;
            for difference in differences {
                let is_known = known.covers(&[&handler.name, &(at + 1).to_string(), &difference.what]);
                is_equal = false;
                failures += usize::from(!is_known);
                if !is_known || options.known {
                    show(handler, at, &difference, is_known);
                }
            }
        }
        equal += usize::from(is_equal);
    }
    let stale = known.stale(wanted);
    for line in &stale {
        println!("{line}");
    }
    println!(
        "{} handlers, {requests} requests: {equal} handlers answer the same in everything, {} differences are known, {} are not",
        handlers.len(),
        known.count(),
        failures + stale.len(),
    );
    if failures + stale.len() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show(handler: &Handler, at: usize, difference: &Difference, is_known: bool) {
    let Ask { method, path, .. } = &handler.asks[at];
    let mark = if is_known { "known" } else { "DIFFERS" };
    println!("{mark} {} {} ({method} {path}) {}", handler.name, at + 1, difference.what);
    println!("    workerd: {}\n    tabmesh: {}", difference.left, difference.right);
}

/// Asks one handler everything on both sides; the differences of each request.
async fn compare<'a>(
    client: &Client,
    oracle: &Oracle,
    gateway: &Gateway,
    handler: &'a Handler,
) -> (&'a Handler, Vec<Vec<Difference>>) {
    if let Err(refusal) = deploy(client, gateway, handler).await {
        let what = "deploy".to_owned();
        let difference = Difference { what, left: "accepted".to_owned(), right: refusal };
        return (handler, vec![vec![difference]]);
    }
    let mut all = Vec::new();
    for ask in &handler.asks {
        let theirs = answer(client, oracle.address(&handler.name), &handler.name, ask).await;
        let ours = answer(client, gateway.address(), &handler.name, ask).await;
        all.push(theirs.differences(&ours));
    }
    (handler, all)
}

async fn deploy(client: &Client, gateway: &Gateway, handler: &Handler) -> Result<(), String> {
    let mut form = Form::new().part("metadata", Part::text(r#"{"main_module":"main.js"}"#));
    for (file, content) in &handler.files {
        form = form.part(file.clone(), Part::bytes(content.clone()).file_name(file.clone()));
    }
    let sent = client.put(gateway.handler_url(&handler.name)).multipart(form).send().await.unwrap();
    if sent.status().is_success() { Ok(()) } else { Err(sent.text().await.unwrap()) }
}

/// The host is the same on both sides, so that URLs are.
async fn answer(client: &Client, address: SocketAddr, name: &str, ask: &Ask) -> Answer {
    let method = Method::from_bytes(ask.method.as_bytes()).unwrap();
    let mut request = client.request(method, format!("http://{address}{}", ask.path));
    request = request.header("host", format!("{name}.localhost"));
    for (name, value) in &ask.headers {
        // As bytes: callers send UTF-8 in headers, too.
        request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    if let Some(body) = &ask.body {
        request = request.body(body.clone());
    }
    Answer::read(request.send().await, ask.method == "HEAD").await
}
