//! What may be stored, how long it is fresh and what it may serve afterwards (RFC 9111 for a shared cache, RFC 5861). Pure: the
//! time is given. Only what a response says itself counts: nothing is guessed from Last-Modified.

use super::directives::{Directives, speaks};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_cache_semantics::{CacheOptions, CachePolicy};
use std::time::{Duration, SystemTime};

/// Longest time that is believed. Sums of times cannot overflow then.
const MAX: u64 = 365 * 24 * 3600;

/// How long a stale response that can be revalidated is kept for that.
const KEPT_FOR_REVALIDATION: Duration = Duration::from_secs(24 * 3600);

/// Fields of a request that a response may depend on, at most.
const MAX_VARY: usize = 16;

/// Fields that the gateway sets itself and that differ by caller: a response that depends on them is not for others.
const CALLERS_OWN: [&str; 3] = ["x-forwarded-for", "cf-connecting-ip", "*"];

const OPTIONS: CacheOptions = CacheOptions {
    shared: true,
    cache_heuristic: 0.0,
    immutable_min_time_to_live: Duration::ZERO,
    ignore_cargo_cult: false,
};

/// How long a stored response may be used. Times count from `since`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    since: SystemTime,
    /// Of the response when it came.
    age: Duration,
    left: Duration,
    while_revalidate: Duration,
    if_error: Duration,
    can_be_revalidated: bool,
    /// Whether it may answer requests with credentials.
    pub for_authorized: bool,
}

/// What a stored response is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// For any request.
    Fresh,
    /// For any request, while it is asked for anew.
    Stale,
    /// To be revalidated first.
    Expired,
}

/// What to do with a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Store it, without these fields; it depends on the request's fields `vary`.
    Store {
        /// For how long.
        freshness: Freshness,
        /// Sorted, in lower case.
        vary: Vec<HeaderName>,
        /// Not to be stored.
        withheld: Vec<HeaderName>,
    },
    /// It says that it must not be stored, or something in it does.
    Forbidden,
    /// It does not say anything.
    Silent,
}

/// Judges the response to a GET with the fields `asked`.
pub fn judge(asked: &HeaderMap, status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Verdict {
    if !speaks(headers) {
        return Verdict::Silent;
    }
    let directives = Directives::of(headers);
    let withheld = directives.withheld();
    let cookie = headers.contains_key(header::SET_COOKIE) && !withheld.contains(&header::SET_COOKIE);
    let Some(vary) = vary(headers).filter(|_| !cookie && !directives.has("no-cache")) else {
        return Verdict::Forbidden;
    };
    match freshness(asked, status, headers, &directives, now) {
        Some(freshness) => Verdict::Store { freshness, vary, withheld },
        None => Verdict::Forbidden,
    }
}

/// `None` for what must not be stored or would be of no use.
fn freshness(
    asked: &HeaderMap,
    status: StatusCode,
    headers: &HeaderMap,
    directives: &Directives,
    now: SystemTime,
) -> Option<Freshness> {
    // The policy gets what it must know, and nothing that it might trip over: it reads names as written and splits
    // at quoted commas.
    let mut request = Request::new(());
    if let Some(value) = asked.get(header::AUTHORIZATION) {
        request.headers_mut().insert(header::AUTHORIZATION, value.clone());
    }
    let mut response = Response::new(());
    *response.status_mut() = status;
    let view = response.headers_mut();
    view.insert(header::CACHE_CONTROL, HeaderValue::from_str(&directives.plain()).ok()?);
    for name in [header::EXPIRES, header::DATE] {
        if let Some(value) = headers.get(&name) {
            view.insert(name, value.clone());
        }
    }
    let age = headers.get(header::AGE).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    view.insert(header::AGE, age.unwrap_or(0).min(MAX).into());
    let policy = CachePolicy::new_options(&request, &response, now, OPTIONS);
    if !policy.is_storable() {
        return None;
    }
    let must_revalidate = directives.has("must-revalidate") || directives.has("proxy-revalidate");
    let allowed = |name| {
        let seconds = directives.seconds(name).filter(|_| !must_revalidate).unwrap_or(0);
        Duration::from_secs(seconds.min(MAX))
    };
    let freshness = Freshness {
        since: now,
        age: policy.age(now),
        left: policy.time_to_live(now).min(Duration::from_secs(MAX)),
        while_revalidate: allowed("stale-while-revalidate"),
        if_error: allowed("stale-if-error"),
        can_be_revalidated: headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED),
        for_authorized: ["public", "s-maxage", "must-revalidate"].iter().any(|name| directives.has(name)),
    };
    let useful =
        [freshness.left, freshness.while_revalidate, freshness.if_error].iter().any(|time| !time.is_zero());
    useful.then_some(freshness)
}

/// The fields that a response depends on; `None` where it is for nobody else.
fn vary(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for value in headers.get_all(header::VARY) {
        for name in value.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if CALLERS_OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                return None;
            }
            names.push(HeaderName::from_bytes(name.as_bytes()).ok()?);
        }
    }
    // Part of the URL, which is the key.
    names.retain(|name| *name != header::HOST);
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    (names.len() <= MAX_VARY).then_some(names)
}

impl Freshness {
    /// One that holds for so long, for what says nothing itself.
    pub fn lasting(left: Duration, now: SystemTime) -> Self {
        Self {
            since: now,
            age: Duration::ZERO,
            left,
            while_revalidate: Duration::ZERO,
            if_error: Duration::ZERO,
            can_be_revalidated: false,
            for_authorized: true,
        }
    }

    fn elapsed(&self, now: SystemTime) -> Duration {
        // A clock that was set back must not make anything younger than it was.
        now.duration_since(self.since).unwrap_or_default()
    }

    /// What the response is good for now.
    pub fn state(&self, now: SystemTime) -> State {
        let elapsed = self.elapsed(now);
        if elapsed < self.left {
            State::Fresh
        } else if elapsed < self.left + self.while_revalidate {
            State::Stale
        } else {
            State::Expired
        }
    }

    /// Whether it may be served where its handler fails.
    pub fn serves_errors(&self, now: SystemTime) -> bool {
        self.elapsed(now) < self.left + self.if_error
    }

    /// Seconds since its handler made it.
    pub fn age(&self, now: SystemTime) -> u64 {
        (self.age + self.elapsed(now)).as_secs()
    }

    /// How long to keep it.
    pub fn kept(&self) -> Duration {
        let afterwards = if self.can_be_revalidated { KEPT_FOR_REVALIDATION } else { Duration::ZERO };
        self.left + self.while_revalidate.max(self.if_error).max(afterwards)
    }
}

#[cfg(test)]
mod tests;
