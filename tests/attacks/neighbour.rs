//! Another tenant's handler in the same tab, called at a steady rate. The attack must neither break nor slow it.
//!
//! The calls do not wait for each other, and a call's time begins when it was due: a tab that stands still for a second
//! shows as a hundred slow calls and not as one.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::Client;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// A call begins every so often.
const EVERY: Duration = Duration::from_millis(10);
/// Wrong answers that are kept for the report.
const KEPT: usize = 2;

/// Answers with the number it was called with, so that no answer can be another call's.
pub const SOURCE: &str =
    "export default { fetch: (request) => new Response('alice ' + new URL(request.url).search.slice(1)) };";

/// How long calls took.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// In milliseconds, sorted.
    times: Vec<f64>,
    /// Wrong answers.
    pub errors: Vec<String>,
}

impl Latency {
    /// The time in milliseconds that this share of the calls did not exceed; 0 without calls.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.times.len().saturating_sub(1);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = (last as f64 * share).ceil() as usize;
        self.times.get(at).copied().unwrap_or(0.0)
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.times.len()
    }
}

/// Calls under way.
pub struct Neighbour {
    stop: Arc<AtomicBool>,
    calls: JoinHandle<Latency>,
}

impl Neighbour {
    /// Begins to call.
    pub fn start(client: &Client, url: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let calls = tokio::spawn(call(client.clone(), url.to_owned(), Arc::clone(&stop)));
        Self { stop, calls }
    }

    /// Begins no more calls, and waits for those under way.
    pub async fn finish(self) -> Latency {
        self.stop.store(true, Ordering::Relaxed);
        self.calls.await.unwrap()
    }
}

async fn call(client: Client, url: String, stop: Arc<AtomicBool>) -> Latency {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = FuturesUnordered::new();
    let mut latency = Latency::default();
    let mut number = 0_u32;
    let mut take = |(time, error): (Duration, Option<String>)| {
        latency.times.push(time.as_secs_f64() * 1000.0);
        if let Some(error) = error.filter(|_| latency.errors.len() < KEPT) {
            latency.errors.push(error);
        }
    };
    while !stop.load(Ordering::Relaxed) {
        tokio::select! {
            due = clock.tick() => {
                number += 1;
                under_way.push(one(&client, &url, number, due.into_std()));
            }
            Some(done) = under_way.next() => take(done),
        }
    }
    while let Some(done) = under_way.next().await {
        take(done);
    }
    latency.times.sort_by(f64::total_cmp);
    latency
}

async fn one(client: &Client, url: &str, number: u32, due: Instant) -> (Duration, Option<String>) {
    let answer = async {
        let response = client.get(format!("{url}?{number}")).send().await?;
        Ok::<_, reqwest::Error>((response.status().as_u16(), response.text().await?))
    };
    let answer = answer.await;
    let error = match answer {
        Ok((200, text)) if text == format!("alice {number}") => None,
        Ok((status, text)) => Some(format!("{status} {}", text.chars().take(200).collect::<String>())),
        Err(error) => Some(format!("{:#}", anyhow::Error::from(error))),
    };
    (due.elapsed(), error)
}
