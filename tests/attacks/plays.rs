//! How attacks are carried out and their answers read.

use crate::catalogue::{Attack, Play};
use crate::runner::LEAST;
use crate::stage::Stage;
use futures_util::future::{BoxFuture, join_all};
use reqwest::Response;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A spinning handler is ended so long past its limit, at most.
const PROMISED: Duration = Duration::from_millis(100);
/// What a busy machine may add to that before a test says that the promise is broken.
const NOISE: Duration = Duration::from_millis(150);
/// More of a body than this is not read: no limit of ours lets it grow so far.
const MOST: usize = 64 << 20;

/// A play that is no probe and no plain calls.
pub type Custom = for<'a> fn(&'a Stage, &'a Attack) -> BoxFuture<'a, Played>;

/// How a play went.
pub struct Played {
    /// What the caller got, in short.
    pub answer: String,
    /// What should not have happened.
    pub failures: Vec<String>,
    /// What took too long.
    pub late: Option<String>,
}

impl Played {
    /// A play that held, with the caller's answer.
    pub fn held(answer: impl Into<String>) -> Self {
        Self { answer: answer.into(), failures: Vec::new(), late: None }
    }

    /// A play that went wrong.
    pub fn failed(why: impl Into<String>) -> Self {
        Self { answer: String::new(), failures: vec![why.into()], late: None }
    }

    /// Adds a failure unless the condition holds.
    pub fn check(&mut self, holds: bool, why: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(why());
        }
    }
}

/// Carries out an attack.
pub async fn play(stage: &Stage, attack: &Attack) -> Played {
    match attack.play {
        Play::Probe => probe(stage, attack).await,
        Play::Calls { at_once, expect } => calls(stage, attack, at_once, expect).await,
        Play::Rounds { rounds, expect } => self::rounds(stage, attack, rounds, expect).await,
        Play::Custom(custom) => custom(stage, attack).await,
    }
}

/// Calls the probe until the neighbour was watched long enough, at least twice: what the first call patched, the second
/// one meets.
async fn probe(stage: &Stage, attack: &Attack) -> Played {
    let started = Instant::now();
    let mut played = Played::held("");
    let mut rounds = 0;
    while played.failures.is_empty() && (rounds < 2 || started.elapsed() < LEAST) {
        rounds += 1;
        let answer = stage.post(attack.name, "/").json(&stage.target()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        let results: Value = serde_json::from_str(&text).unwrap_or_default();
        let tried = results.as_object().map(|results| results.len()).unwrap_or_default();
        played.answer = format!("{} refused {tried}", status.as_u16());
        played.check(status == 200 && tried > 0, || format!("the probe answers {status} {text}"));
        if status != 200 {
            break;
        }
        for (what, result) in results.as_object().into_iter().flatten() {
            let refused = result.as_str().is_some_and(|result| result.starts_with("refused"));
            played.check(refused, || format!("{what} {}", result.as_str().unwrap_or_default()));
        }
    }
    played
}

/// Calls so many times at once and compares the answers.
async fn calls(stage: &Stage, attack: &Attack, at_once: usize, expect: &[&str]) -> Played {
    let started = Instant::now();
    let call = || async { (call(stage, attack.name, "/").await, started.elapsed()) };
    let answers = join_all((0..at_once).map(|_| call())).await;
    let mut played = Played::held(sum(answers.iter().map(|(answer, _)| answer.as_str())));
    for (answer, time) in answers {
        played.check(expect.contains(&answer.as_str()), || {
            format!("got {answer}, not {}", expect.join(" or "))
        });
        // Only of what does nothing but spin, and alone, is the end known.
        let spins = at_once == 1 && expect == ["503 cpu-limit"];
        if let Some(limit) = attack.limit_of("cpu_ms").filter(|_| spins && answer == "503 cpu-limit") {
            let over = time.saturating_sub(Duration::from_millis(limit));
            played.answer = format!("{answer} (+{} ms)", over.as_millis());
            played.late = (over > PROMISED + NOISE).then(|| format!("ended {over:?} past its limit"));
        }
    }
    played
}

/// Calls one after the other and compares the answers.
async fn rounds(stage: &Stage, attack: &Attack, rounds: usize, expect: &[&str]) -> Played {
    let mut answers = Vec::new();
    for _ in 0..rounds {
        answers.push(call(stage, attack.name, "/").await);
    }
    let mut played = Played::held(sum(answers.iter().map(String::as_str)));
    for (round, answer) in answers.iter().enumerate() {
        let expected = expect.contains(&answer.as_str());
        played.check(expected, || format!("round {round} got {answer}, not {}", expect.join(" or ")));
    }
    played
}

/// One call and its answer in short.
pub async fn call(stage: &Stage, handler: &str, path: &str) -> String {
    match stage.post(handler, path).json(&stage.target()).send().await {
        Ok(response) => brief(response).await,
        Err(error) if error.is_timeout() => "no answer".to_owned(),
        Err(_) => "no response".to_owned(),
    }
}

/// `503 cpu-limit` for a problem, else the status; and whether the body ended as it should.
pub async fn brief(mut response: Response) -> String {
    let status = response.status().as_u16();
    let is_problem =
        response.headers().get("content-type").is_some_and(|kind| kind == "application/problem+json");
    let mut body = Vec::new();
    let mut size = 0;
    loop {
        match response.chunk().await {
            Ok(None) => break,
            Err(_) => return format!("{status} broken off"),
            Ok(Some(chunk)) => {
                size += chunk.len();
                if body.len() < 4096 {
                    body.extend_from_slice(&chunk);
                }
            }
        }
        if size > MOST {
            return format!("{status} endless");
        }
    }
    let document: Value =
        if is_problem { serde_json::from_slice(&body).unwrap_or_default() } else { Value::Null };
    match document["type"].as_str().and_then(|kind| kind.strip_prefix("urn:tabmesh:problem:")) {
        Some(slug) => format!("{status} {slug}"),
        None => status.to_string(),
    }
}

/// `3 x 200, 1 x 503 cpu-limit`.
pub fn sum<'a>(answers: impl Iterator<Item = &'a str>) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for answer in answers {
        *counts.entry(answer).or_default() += 1;
    }
    if counts.len() == 1 && counts.values().all(|count| *count == 1) {
        return counts.into_keys().collect();
    }
    counts.iter().map(|(answer, count)| format!("{count} x {answer}")).collect::<Vec<_>>().join(", ")
}
