//! Plays one attack and judges it: the caller's answer, what it left behind, and what the neighbour felt.

use crate::catalogue::{After, Attack};
use crate::memory::Watch;
use crate::neighbour::Latency;
use crate::plays::{self, Played};
use crate::stage::{MALLORY, Stage, files};
use futures_util::FutureExt as _;
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

/// The neighbour's p99 may be this many times what it is in quiet.
const SLOWER: f64 = 2.0;
/// ... and is not looked at below this, in milliseconds: two busy cores jitter by as much without any attack.
const FLOOR_MS: f64 = 150.0;
/// How often an attack may be played until the neighbour's latency is as it should be.
const TRIES: usize = 5;
/// How long the neighbour is measured before that.
const AGAIN: Duration = Duration::from_secs(1);
/// The neighbour is called for at least so long during an attack; short ones are repeated.
pub const LEAST: Duration = Duration::from_millis(200);
/// After an attack that keeps a processor busy the neighbour is called for this long.
const TAIL: Duration = Duration::from_millis(120);
/// No attack may keep the suite longer.
const LIMIT: Duration = Duration::from_secs(30);

/// How an attack ended.
pub struct Outcome {
    /// Why it did not hold; empty if it did.
    pub failures: Vec<String>,
    /// If anything was wrong, it was only that something took too long.
    slow: bool,
    /// What the caller got.
    pub answer: String,
    /// From the first call of the attack to the end of it.
    pub time: Duration,
    /// How much the browser grew meanwhile, in MiB.
    pub growth: u64,
    /// The neighbour's calls meanwhile.
    pub latency: Latency,
    /// Those of the stage in quiet.
    pub baseline: (f64, f64),
}

impl Outcome {
    fn not_started(why: String, baseline: (f64, f64)) -> Self {
        let latency = Latency::default();
        Self {
            failures: vec![why],
            slow: false,
            answer: "not run".to_owned(),
            time: Duration::ZERO,
            growth: 0,
            latency,
            baseline,
        }
    }
}

/// Deploys the attack, plays it, looks at what is left. Again where nothing but times were wrong: other programs of this
/// machine take time, too, but not every time; so the neighbour is measured anew, as well.
pub async fn run(stage: &mut Stage, attack: &Attack) -> Outcome {
    let mut outcome = run_once(stage, attack).await;
    for _ in 1..TRIES {
        if outcome.failures.is_empty() || !outcome.slow || stage.is_broken {
            break;
        }
        stage.measure(AGAIN).await;
        outcome = run_once(stage, attack).await;
    }
    outcome
}

async fn run_once(stage: &mut Stage, attack: &Attack) -> Outcome {
    let baseline = (stage.baseline.quantile(0.5), stage.baseline.quantile(0.99));
    let files = files(attack.name);
    let limits = attack.limits();
    let deploying = AssertUnwindSafe(stage.deploy(MALLORY, attack.name, &files, &limits)).catch_unwind();
    if deploying.await.is_err() {
        return Outcome::not_started("it cannot be deployed; see above".to_owned(), baseline);
    }
    let before = match attack.after {
        After::Other => None,
        After::Same | After::Replaced => match warm_up(stage, attack.name).await {
            Ok(born) => Some(born),
            Err(error) => return Outcome::not_started(format!("before the attack: {error}"), baseline),
        },
    };

    let told = Told::so_far(stage).await;
    let watch = Watch::start(stage.browser());
    let neighbour = stage.neighbour();
    let started = Instant::now();
    let play = AssertUnwindSafe(plays::play(stage, attack)).catch_unwind();
    let mut played = match tokio::time::timeout(LIMIT, play).await {
        Ok(Ok(played)) => played,
        Ok(Err(_)) => Played::failed("the play panicked; see above"),
        Err(_) => Played::failed(format!("it did not end within {LIMIT:?}")),
    };
    let time = started.elapsed();
    tokio::time::sleep(LEAST.saturating_sub(time)).await;

    played.failures.sort();
    played.failures.dedup();
    let mut failures = played.failures;
    failures.extend(told.lacks(stage, attack.name, &played.answer).await);
    if let Some(before) = before {
        failures.extend(aftermath(stage, attack, &before).await);
    }
    failures.extend(stage.damage().await);
    // The end of an attack must not hurt either.
    if attack.is_heavy() {
        tokio::time::sleep(TAIL).await;
    }
    let latency = neighbour.finish().await;
    failures.extend(latency.errors.iter().map(|error| format!("the neighbour got: {error}")));
    failures.extend(watch.given_back().await.err());
    let growth = watch.growth();
    if growth > attack.may_grow {
        failures.push(format!("the browser grew by {growth} MiB"));
    }
    let (p99, bound) = (latency.quantile(0.99), (SLOWER * baseline.1).max(FLOOR_MS));
    let slow = failures.is_empty();
    failures.extend(played.late);
    if p99 > bound {
        failures.push(format!("the neighbour's p99 was {p99:.0} ms, over {bound:.0} ms"));
    }
    Outcome { failures, slow, answer: played.answer, time, growth, latency, baseline }
}

/// Problems that say that a limit was exceeded, and the limit's name in metrics and logs.
const LIMITS: [(&str, &str); 4] = [
    ("cpu-limit", "cpu"),
    ("memory-limit", "memory"),
    ("handler-timeout", "wall"),
    ("response-too-large", "response-bytes"),
];

/// What metrics and log told when an attack began.
struct Told {
    metrics: String,
    log_mark: usize,
}

impl Told {
    async fn so_far(stage: &Stage) -> Self {
        Self { metrics: stage.metrics().await, log_mark: stage.gateway.log().count() }
    }

    /// Whether the limit that the caller was told of got into the metrics and the log, too.
    async fn lacks(&self, stage: &Stage, handler: &str, answer: &str) -> Option<String> {
        let (_, limit) = LIMITS.iter().find(|(problem, _)| answer.contains(problem))?;
        let parts = ["limit exceeded", &format!("handler=\"{handler}"), &format!("limit=\"{limit}\"")];
        stage.gateway.log().wait(self.log_mark, &parts).await;
        let line = format!("tabmesh_limit_breaches_total{{limit=\"{limit}\"}} ");
        let count = |metrics: &str| -> f64 {
            let value = metrics.lines().find_map(|text| text.strip_prefix(&line)?.parse().ok());
            value.unwrap_or(0.0)
        };
        let is_counted = count(&stage.metrics().await) > count(&self.metrics);
        (!is_counted).then(|| format!("the metric of {limit} did not count it"))
    }
}

/// What is wrong with the attacking handler now.
async fn aftermath(stage: &Stage, attack: &Attack, before: &str) -> Option<String> {
    match born(stage, attack.name).await {
        Err(error) => Some(format!("afterwards: {error}")),
        Ok(now) if attack.after == After::Replaced && now == before => {
            Some("its isolate was not replaced".to_owned())
        }
        Ok(_) => None,
    }
}

/// Loads the handler. Twice if need be: a process that still gives back what the attack before took may stand still for
/// longer than a handler's time.
async fn warm_up(stage: &Stage, handler: &str) -> Result<String, String> {
    match born(stage, handler).await {
        Err(_) => born(stage, handler).await,
        born => born,
    }
}

/// Which isolate answers, by the number it drew when it loaded its code.
pub async fn born(stage: &Stage, handler: &str) -> Result<String, String> {
    let (status, text) = stage.look(handler, "/sane").await?;
    let born =
        serde_json::from_str::<Value>(&text).ok().and_then(|value| Some(value["born"].as_str()?.to_owned()));
    born.ok_or_else(|| format!("its sane path answers {status} {text}"))
}
