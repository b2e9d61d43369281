//! Cron triggers: a handler's `scheduled` runs at the minutes that its patterns name, in UTC. What was missed while the gateway was
//! down, or while no tab was there, runs once. Patterns are Cloudflare's: five fields, Sunday is 1.

use crate::catalog::{Catalog, Handler};
use crate::invoke::{Caller, Invoker, request_id};
use axum::body::Body;
use chrono::{DateTime, NaiveDateTime};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use http::{Method, Request, Response, StatusCode};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tabmesh_protocol::Target;
use tokio::sync::Semaphore;

/// Most patterns of one handler.
pub const MAX_CRONS: usize = 10;

/// Runs at the same time.
const MAX_RUNNING: usize = 32;

/// Pause before a run is tried again that found no tab.
const AGAIN: Duration = Duration::from_secs(10);

const MINUTE: u64 = 60_000;

/// URL by which a tab knows a scheduled event. No caller can send it: theirs have a host.
const EVENT: &str = "tabmesh:scheduled";

/// Reads a pattern.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse(pattern: &str) -> Result<Cron, String> {
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .alternative_weekdays(true)
        .build();
    parser.parse(pattern).map_err(|error| {
        format!("`{}` is no cron pattern of five fields (`*/5 * * * *`): {error}", pattern.escape_debug())
    })
}

/// Checks a deployment's patterns.
///
/// # Errors
/// A sentence.
pub fn check(patterns: &[String]) -> Result<(), String> {
    if patterns.len() > MAX_CRONS {
        return Err(format!("a handler has at most {MAX_CRONS} cron triggers"));
    }
    patterns.iter().try_for_each(|pattern| parse(pattern).map(drop))
}

/// The last minute up to `now` that the pattern names, if it is later than `since`; in milliseconds since 1970.
fn due(pattern: &Cron, since: u64, now: u64) -> Option<u64> {
    let last = pattern.find_previous_occurrence(&date(now)?, true).ok()?.and_utc().timestamp_millis();
    u64::try_from(last).ok().filter(|last| *last > since)
}

fn date(millis: u64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_millis(i64::try_from(millis).ok()?).map(|date| date.naive_utc())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Runs them.
pub struct Scheduler {
    catalog: Arc<Catalog>,
    invoker: Arc<Invoker>,
    /// What runs, or waits for a tab.
    running: Mutex<HashSet<(Arc<Target>, String)>>,
    places: Semaphore,
}

impl Scheduler {
    /// For the handlers of `catalog`.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, invoker: Arc<Invoker>) -> Arc<Self> {
        Arc::new(Self { catalog, invoker, running: Mutex::default(), places: Semaphore::new(MAX_RUNNING) })
    }

    /// Looks at every minute, for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.look().await;
            let now = now();
            tokio::time::sleep(Duration::from_millis(MINUTE - now % MINUTE)).await;
        }
    }

    async fn look(self: &Arc<Self>) {
        for handler in self.catalog.scheduled() {
            for pattern in &handler.crons {
                let Ok(cron) = parse(pattern) else { continue };
                let key = (Arc::clone(&handler.target), pattern.clone());
                if self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
                    continue;
                }
                // A new trigger has missed nothing.
                let ran = self.catalog.cron_ran(key.0.clone(), key.1.clone()).await.ok().flatten();
                let since = ran.unwrap_or(handler.updated_at_ms);
                if let Some(at) = due(&cron, since, now()) {
                    self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
                    tokio::spawn(Arc::clone(self).run_one(key, at));
                }
            }
        }
    }

    /// One event, until a tab took it or the trigger is gone.
    async fn run_one(self: Arc<Self>, key: (Arc<Target>, String), at: u64) {
        let (target, pattern) = &key;
        // Never closed.
        let _place = self.places.acquire().await;
        while let Some(handler) = self.catalog.lookup(&target.tenant, &target.handler)
            && handler.crons.contains(pattern)
        {
            let status = self.trigger(&handler, pattern, at).await.status();
            tracing::info!(tenant = target.tenant, handler = target.handler, pattern, %status, "scheduled");
            if status == StatusCode::SERVICE_UNAVAILABLE {
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            if let Err(error) = self.catalog.note_cron(Arc::clone(target), pattern.clone(), at).await {
                tracing::error!(%error, "a scheduled run could not be noted; it will run again");
            }
            break;
        }
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Sends a handler a scheduled event now; 204 when it is done.
    pub async fn trigger(&self, handler: &Handler, pattern: &str, at: u64) -> Response<Body> {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("cron", pattern)
            .append_pair("time", &at.to_string())
            .finish();
        let mut request = Request::new(Body::empty());
        // Not one that may be repeated once it began.
        *request.method_mut() = Method::POST;
        let caller = Caller::handler(format!("{EVENT}?{query}"), request_id());
        self.invoker.invoke_now(handler, caller, request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * MINUTE;
    /// Saturday 2026-11-21, 00:00 UTC.
    const DAY: u64 = 1_795_219_200_000;

    #[test]
    fn only_the_last_of_what_was_missed_is_due() {
        let hourly = parse("0 * * * *").unwrap();
        assert_eq!(due(&hourly, DAY, DAY + 30 * MINUTE), None);
        assert_eq!(due(&hourly, DAY, DAY + HOUR), Some(DAY + HOUR));
        assert_eq!(due(&hourly, DAY, DAY + 5 * HOUR + 7), Some(DAY + 5 * HOUR));
        assert_eq!(due(&hourly, DAY + 5 * HOUR, DAY + 5 * HOUR + 7), None);
    }

    #[test]
    fn weekdays_count_from_sunday_and_have_names() {
        for (pattern, expected) in
            [("0 0 * * 7", true), ("0 0 * * SAT", true), ("0 0 * * 1", false), ("0 0 * * 6", false)]
        {
            let cron = parse(pattern).unwrap();
            assert_eq!(due(&cron, DAY - HOUR, DAY + 1).is_some(), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in ["", "* * * *", "* * * * * *", "61 * * * *", "hello"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(check(&vec!["* * * * *".to_owned(); MAX_CRONS + 1]).is_err());
    }
}
