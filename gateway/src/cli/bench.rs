//! `tabmesh bench`: a small load test with a report. For figures to be compared with others' there is `cargo xtask bench`.
//!
//! Without `--rate` each connection sends its next request when the last one is answered: such figures hide waiting, for a
//! server that stalls is also asked less (coordinated omission). With `--rate` requests are planned at even times, and a latency counts
//! from the planned time, whether a connection was free then or not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::error::CliError;
use super::http as connections;
use super::out::{Out, count, size};
use super::progress::Progress;
use super::table::Align::{Left, Right};

/// Longest latency that is told apart, in microseconds: 10 minutes.
const MAX_US: u64 = 600_000_000;

/// Significant digits of latencies.
const DIGITS: u8 = 3;

/// Time after the end in which planned requests are still sent.
const OVERTIME: Duration = Duration::from_secs(1);

/// Most connections: each takes a file.
const MAX_CONNECTIONS: u64 = 10_000;

/// What `bench` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh bench http://hello.localhost:8787/
  tabmesh bench http://127.0.0.1:8787/shop/ --rate 500 --duration 30s
  tabmesh bench URL --method POST --header 'content-type: application/json' --body '{}' --json

Without --rate a server that stalls is asked less, and the waiting does not show; with it, latencies count from the planned time.
Exits with 1 when no request was answered with a status below 400.")]
pub struct BenchArgs {
    /// What to ask for
    url: String,

    /// Connections, each with one request at a time
    #[arg(long, short, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_CONNECTIONS))]
    connections: u64,

    /// How long
    #[arg(long, short, default_value = "10s", value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Duration,

    /// Requests a second, at even times [default: as many as are answered]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: Option<u64>,

    /// Longest wait for an answer
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Duration,

    /// Method
    #[arg(long, default_value = "GET")]
    method: Method,

    /// Field of the request, NAME: VALUE
    #[arg(long = "header", short = 'H', value_name = "FIELD", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// Body of the request
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,

    /// Certificates (PEM) to trust beside the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<std::path::PathBuf>,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("`{text}` is not NAME: VALUE"))?;
    let name = name.trim().parse().map_err(|_| format!("`{name}` is no name of a field"))?;
    let value = value.trim().parse().map_err(|_| format!("`{value}` is no value of a field"))?;
    Ok((name, value))
}

/// What one connection saw, or all of them.
struct Tally {
    /// Microseconds to the end of the body, of answers.
    latency: Histogram<u64>,
    bytes: u64,
    statuses: BTreeMap<u16, u64>,
    errors: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn new() -> Result<Self, CliError> {
        let latency =
            Histogram::new_with_max(MAX_US, DIGITS).map_err(|error| CliError::Failed(error.into()))?;
        Ok(Self { latency, bytes: 0, statuses: BTreeMap::new(), errors: BTreeMap::new() })
    }

    fn add(&mut self, other: &Tally) {
        // Both count to the same maximum.
        let _ = self.latency.add(&other.latency);
        self.bytes += other.bytes;
        other.statuses.iter().for_each(|(status, count)| *self.statuses.entry(*status).or_default() += count);
        other.errors.iter().for_each(|(kind, count)| *self.errors.entry(kind).or_default() += count);
    }

    fn answered(&mut self, status: u16, bytes: u64, took: Duration) {
        self.latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(MAX_US).max(1));
        self.bytes += bytes;
        *self.statuses.entry(status).or_default() += 1;
    }

    /// Answers that were no error of caller or server.
    fn good(&self) -> u64 {
        self.statuses.iter().filter(|(status, _)| **status < 400).map(|(_, count)| count).sum()
    }

    /// Latency in ms at a percentile.
    fn at(&self, percentile: f64) -> f64 {
        self.latency.value_at_percentile(percentile) as f64 / 1e3
    }
}

/// When requests are sent.
struct Plan {
    start: Instant,
    end: Instant,
    rate: Option<u64>,
    /// Requests that somebody took.
    next: AtomicU64,
    /// With a rate: one for each request whose time has come.
    due: Semaphore,
}

impl Plan {
    /// When the `n`th request is to be sent.
    fn time(&self, n: u64, rate: u64) -> Instant {
        self.start
            + Duration::from_nanos(
                u64::try_from(u128::from(n) * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX),
            )
    }

    /// How many requests are planned; 0 without a rate.
    fn total(&self) -> u64 {
        let nanos = (self.end - self.start).as_nanos() * u128::from(self.rate.unwrap_or(0));
        u64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
    }

    /// Lets requests go when they are due. On a thread of its own: the runtime's timer is only good to a millisecond.
    fn pace(&self, rate: u64) {
        let total = self.total();
        for n in 0..total {
            std::thread::sleep(self.time(n, rate).saturating_duration_since(Instant::now()));
            self.due.add_permits(1);
        }
        // Those that wait for a connection now are late, but count.
        let last = Instant::now() + OVERTIME;
        while self.next.load(Ordering::Relaxed) < total && Instant::now() < last {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.due.close();
    }

    /// Waits for the next request; gives the time from which its latency counts.
    async fn next(&self) -> Option<Instant> {
        let Some(rate) = self.rate else {
            let now = Instant::now();
            return (now < self.end).then_some(now);
        };
        // Closed at the end, it gives nothing more: what is left nobody could take in time, and the report says so.
        self.due.acquire().await.ok()?.forget();
        Some(self.time(self.next.fetch_add(1, Ordering::Relaxed), rate))
    }
}

/// `tabmesh bench`.
pub(super) async fn run(args: BenchArgs, out: Out) -> Result<(), CliError> {
    let url = url::Url::parse(&args.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| {
        CliError::usage(format!("`{}` is not a URL", args.url), "it is like http://hello.localhost:8787/")
    })?;
    let client = connections::builder(url.as_str(), args.ca.as_deref())?
        .redirect(reqwest::redirect::Policy::none())
        .timeout(args.timeout)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(usize::MAX)
        .build()
        .map_err(|error| CliError::Failed(error.into()))?;
    let mut request =
        client.request(args.method.clone(), url).headers(args.headers.iter().cloned().collect());
    if let Some(body) = args.body.clone() {
        request = request.body(body);
    }
    let request = request.build().map_err(|error| CliError::Failed(error.into()))?;
    // One before the others: whoever cannot be reached at all is no figure.
    if let Some(first) = request.try_clone()
        && let Err(error) = client.execute(first).await
        && error.is_connect()
    {
        let hint = "is a gateway running there?".to_owned();
        return Err(CliError::Unreachable { url: args.url, reason: connections::reason(&error), hint });
    }
    let start = Instant::now();
    let plan = Arc::new(Plan {
        start,
        end: start + args.duration,
        rate: args.rate,
        next: AtomicU64::new(0),
        due: Semaphore::new(0),
    });
    if let Some(rate) = args.rate {
        let plan = Arc::clone(&plan);
        std::thread::spawn(move || plan.pace(rate));
    }
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..args.connections {
        connections.spawn(connection(client.clone(), request.try_clone(), Arc::clone(&plan), Tally::new()?));
    }
    let progress = Progress::count("seconds", args.duration.as_secs(), out.json);
    let ticks = async {
        loop {
            progress.set(start.elapsed().as_secs());
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    let mut all = Tally::new()?;
    let gather = async {
        while let Some(done) = connections.join_next().await {
            if let Ok(tally) = done {
                all.add(&tally);
            }
        }
    };
    tokio::select! {
        () = gather => {}
        never = ticks => never,
    }
    let took = start.elapsed();
    drop(progress);
    let unsent = plan.total().saturating_sub(plan.next.load(Ordering::Relaxed));
    report(&args, &all, took, unsent, out)
}

async fn connection(
    client: reqwest::Client,
    request: Option<reqwest::Request>,
    plan: Arc<Plan>,
    mut tally: Tally,
) -> Tally {
    while let Some(from) = plan.next().await {
        let Some(request) = request.as_ref().and_then(reqwest::Request::try_clone) else { break };
        match exchange(&client, request).await {
            Ok((status, bytes)) => tally.answered(status, bytes, from.elapsed()),
            Err(error) => *tally.errors.entry(kind(&error)).or_default() += 1,
        }
    }
    tally
}

async fn exchange(client: &reqwest::Client, request: reqwest::Request) -> reqwest::Result<(u16, u64)> {
    let mut response = client.execute(request).await?;
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await? {
        bytes += chunk.len() as u64;
    }
    Ok((response.status().as_u16(), bytes))
}

fn kind(error: &reqwest::Error) -> &'static str {
    match () {
        () if error.is_timeout() => "timeout",
        () if error.is_connect() => "connect",
        () if error.is_body() || error.is_decode() => "broken answer",
        () => "other",
    }
}

fn report(args: &BenchArgs, all: &Tally, took: Duration, unsent: u64, out: Out) -> Result<(), CliError> {
    let answered = all.latency.len();
    let per_second = answered as f64 / took.as_secs_f64();
    let percentiles = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("max", 100.0)];
    if out.json {
        let latency: serde_json::Map<String, Value> =
            percentiles.iter().map(|(name, at)| ((*name).into(), all.at(*at).into())).collect();
        out.document(&json!({
            "url": args.url, "connections": args.connections, "rate": args.rate, "seconds": took.as_secs_f64(),
            "answered": answered, "good": all.good(), "unsent": unsent, "requests_per_second": per_second, "bytes": all.bytes,
            "latency_ms": latency, "latency_counts_from": if args.rate.is_some() { "planned" } else { "sent" },
            "statuses": all.statuses.iter().map(|(status, count)| (status.to_string(), json!(count))).collect::<serde_json::Map<_, _>>(),
            "errors": all.errors,
        }))?;
    } else {
        let how =
            args.rate.map_or_else(|| "as fast as answered".to_owned(), |rate| format!("{rate}/s planned"));
        let from = if args.rate.is_some() { "the planned time" } else { "sending" };
        out.line(&format!(
            "{}, {how}, {:.1} s; latencies count from {from}",
            count(args.connections, "connection"),
            took.as_secs_f64()
        ))?;
        out.line(&format!(
            "{}, {per_second:.1}/s, {}/s",
            count(answered, "answer"),
            size((all.bytes as f64 / took.as_secs_f64()) as u64)
        ))?;
        let row = |(name, at): &(&str, f64)| vec![(*name).to_owned(), format!("{:.2} ms", all.at(*at))];
        let rows: Vec<Vec<String>> = percentiles.iter().map(row).collect();
        out.table(&[("latency", Left), ("", Right)], &rows, "")?;
        let statuses =
            all.statuses.iter().map(|(status, count)| vec![format!("status {status}"), count.to_string()]);
        let errors = all.errors.iter().map(|(kind, count)| vec![format!("error: {kind}"), count.to_string()]);
        let unsent = (unsent > 0).then(|| vec!["not sent in time".to_owned(), unsent.to_string()]);
        let rows: Vec<Vec<String>> = statuses.chain(errors).chain(unsent).collect();
        out.table(&[("outcome", Left), ("requests", Right)], &rows, "nothing was sent")?;
    }
    if all.good() > 0 {
        return Ok(());
    }
    Err(CliError::Refused {
        message: "no request was answered with a status below 400".into(),
        frame: None,
        hint: Some("look at one answer: curl -i URL".into()),
        status: 0,
        kind: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planned_times_are_even_and_do_not_drift() {
        let start = Instant::now();
        let plan = Plan { start, end: start, rate: Some(3), next: AtomicU64::new(0), due: Semaphore::new(0) };
        assert_eq!(plan.time(0, 3), start);
        assert_eq!(plan.time(3_000_000, 3), start + Duration::from_secs(1_000_000));
        assert_eq!(plan.time(1, 3) - start, Duration::from_nanos(333_333_333));
        assert_eq!(plan.total(), 0);
        let plan = Plan { end: start + Duration::from_millis(1_100), ..plan };
        assert_eq!(plan.total(), 4, "at 0, 333, 667 and 1000 ms");
    }

    #[tokio::test]
    async fn a_latency_counts_from_the_planned_time_although_nobody_was_free() {
        let start = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
        let end = start + Duration::from_secs(2);
        let plan = Plan { start, end, rate: Some(1), next: AtomicU64::new(0), due: Semaphore::new(0) };
        plan.due.add_permits(2);
        assert_eq!(plan.next().await, Some(start));
        assert_eq!(plan.next().await, Some(start + Duration::from_secs(1)));
    }

    #[test]
    fn tallies_add_up() {
        let mut one = Tally::new().unwrap();
        one.answered(200, 10, Duration::from_millis(2));
        one.answered(503, 10, Duration::from_millis(4));
        let mut all = Tally::new().unwrap();
        all.add(&one);
        all.add(&one);
        assert_eq!((all.good(), all.bytes, all.latency.len()), (2, 40, 4));
        assert!((all.at(100.0) - 4.0).abs() < 0.01, "{}", all.at(100.0));
        assert!(header("a: b").is_ok() && header("a b").is_err());
    }
}
