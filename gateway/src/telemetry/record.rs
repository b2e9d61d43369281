//! What one request does, written down while somebody looks. It is told when nobody holds it any more: see
//! [`crate::telemetry`]. Its texts are bounded, each record's and all together.

use super::otlp::Tracing;
use super::spans::{Called, Story, Try};
use super::trace::{self, Ids};
use super::{Outcome, redact};
use crate::mesh::call::Failure;
use crate::tail::{Event, Exception, Line, Subject, Tail};
use opentelemetry::trace::{SpanId, TraceId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tabmesh_protocol::{RequestHead, Target};

/// Most bytes of text in one record: console, exceptions, fields. As Workers' events.
const MAX_TEXT: usize = 128 << 10;

/// Calls of one request that become spans; the others are counted.
const MAX_CALLS: usize = 64;

/// What a line costs beside its text, in bytes.
const LINE_COST: usize = 64;

/// Fields that are between gateway and tab.
const INTERNAL: &str = "x-tabmesh-";

/// Where Workers code has the caller's address.
const CONNECTING_IP: &str = "cf-connecting-ip";

/// URL of a scheduled event, before its query.
const SCHEDULED: &str = "tabmesh:scheduled?";

/// Names of the console's levels.
const LEVELS: [&str; 4] = ["debug", "log", "warn", "error"];

/// What a tab says that a request used, as far as it is believed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// CPU time.
    pub cpu: Duration,
    /// Waiting for an isolate and its code.
    pub queued: Duration,
    /// From then until all its work was done.
    pub ran: Duration,
}

/// A call of a handler that is under way.
#[derive(Clone, Copy, Debug)]
pub struct Calling {
    /// Its span.
    pub span: SpanId,
    begun: Duration,
}

/// What a handler calls, as it may be shown.
#[derive(Clone, Debug)]
pub struct What {
    /// `fetch`, `kv`, `sql`, `service`, `assets`, `cache`.
    pub kind: &'static str,
    /// Method, or operation.
    pub method: String,
    /// URL, or the name of what is called.
    pub url: String,
}

/// See the module's page.
#[derive(Debug)]
pub struct Record {
    tail: Arc<Tail>,
    /// Somebody listens.
    is_heard: bool,
    traced: Option<(Arc<Tracing>, Ids)>,
    target: Arc<Target>,
    request_id: Arc<str>,
    at: SystemTime,
    begun: Instant,
    subject: Subject,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    logs: Vec<Line>,
    exceptions: Vec<Exception>,
    outcome: Outcome,
    status: u16,
    cpu: Duration,
    wall: Duration,
    used: Option<Used>,
    tries: Vec<Try>,
    calls: Vec<Called>,
    calls_left_out: u32,
    /// Bytes of text so far.
    size: usize,
    truncated: bool,
}

impl Record {
    /// Of the request that this head opens. It is told to the readers of `tail`, where they are said to listen, and exported where
    /// it is traced.
    #[must_use]
    pub fn new(
        tail: Arc<Tail>,
        is_heard: bool,
        traced: Option<(Arc<Tracing>, Ids)>,
        head: &RequestHead,
    ) -> Arc<Self> {
        let (target, request_id) = (Arc::clone(&head.target), Arc::clone(&head.request_id));
        let subject = subject(head);
        let written = Written {
            logs: vec![],
            exceptions: vec![],
            outcome: Outcome::Canceled,
            status: 0,
            cpu: Duration::ZERO,
            wall: Duration::ZERO,
            used: None,
            tries: vec![],
            calls: vec![],
            calls_left_out: 0,
            size: 0,
            truncated: false,
        };
        let record = Self {
            tail,
            is_heard,
            traced,
            target,
            request_id,
            at: SystemTime::now(),
            begun: Instant::now(),
            subject,
            written: Mutex::new(written),
        };
        if let Subject::Request { url, headers, .. } = &record.subject {
            let size =
                url.len() + headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            // A head is bounded; what it takes counts, so that no more texts come.
            record.takes(&mut record.lock(), size);
        }
        Arc::new(record)
    }

    /// A console line of the handler; level 0 debug to 3 error.
    pub fn line(&self, level: u8, text: &str) {
        let mut written = self.lock();
        if self.takes(&mut written, text.len() + LINE_COST) {
            let level = LEVELS[usize::from(level).min(LEVELS.len() - 1)];
            written.logs.push(Line { level, text: text.to_owned(), at: millis(SystemTime::now()) });
        }
    }

    /// What the handler threw, or why it failed.
    pub fn exception(&self, text: &str) {
        let mut written = self.lock();
        if self.takes(&mut written, text.len() + LINE_COST) {
            written.exceptions.push(Exception::parse(text, millis(SystemTime::now())));
        }
    }

    /// This tab is asked, which is carried so.
    pub fn tries(&self, tab: u64, lane: &'static str) {
        let begun = self.begun.elapsed();
        self.lock().tries.push(Try { tab, lane, begun, failed: None });
    }

    /// The last try failed.
    pub fn failed(&self, failure: &Failure) {
        let why = match failure {
            // The handler's own words are an exception's, not a try's.
            Failure::Reset { code, .. } => format!("{code:?}"),
            Failure::TabLost => failure.to_string(),
        };
        let at = self.begun.elapsed();
        if let Some(tried) = self.lock().tries.last_mut() {
            tried.failed = Some((at, why));
        }
    }

    /// A tab is done with it and says that it used so much.
    pub fn used(&self, used: Used) {
        let mut written = self.lock();
        written.cpu += used.cpu;
        written.used = Some(used);
    }

    /// The handler makes a call; `None` where nobody wants to know.
    #[must_use]
    pub fn calls(&self) -> Option<Calling> {
        self.traced.as_ref().map(|_| Calling { span: trace::span_id(), begun: self.begun.elapsed() })
    }

    /// A call was answered with this status, or not at all.
    pub fn called(&self, calling: Calling, what: What, status: Option<u16>) {
        let What { kind, method, url } = what;
        let Calling { span, begun } = calling;
        let ended = self.begun.elapsed();
        let mut written = self.lock();
        if written.calls.len() < MAX_CALLS && self.takes(&mut written, url.len() + LINE_COST) {
            written.calls.push(Called { span, kind, method, url, begun, ended, status });
        } else {
            written.calls_left_out += 1;
        }
    }

    /// The trace, where it is in one.
    #[must_use]
    pub fn trace(&self) -> Option<TraceId> {
        self.traced.as_ref().map(|(_, ids)| ids.trace)
    }

    /// Its answer is over.
    pub fn ended(&self, outcome: Outcome, status: u16, wall: Duration) {
        let mut written = self.lock();
        (written.outcome, written.status, written.wall) = (outcome, status, wall);
    }

    /// Takes room for a text.
    fn takes(&self, written: &mut Written, bytes: usize) -> bool {
        let fits = written.size + bytes <= MAX_TEXT && self.tail.reserve(bytes);
        if fits {
            written.size += bytes;
        }
        written.truncated |= !fits;
        fits
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let written = self.written.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.tail.release(written.size);
        if let Some((tracing, ids)) = &self.traced {
            let story = Story {
                ids: *ids,
                scope: tracing.scope(),
                target: &self.target,
                request_id: &self.request_id,
                at: self.at,
                wall: written.wall,
                subject: &self.subject,
                outcome: written.outcome,
                status: written.status,
                used: written.used,
                tries: &written.tries,
                calls: &written.calls,
                exceptions: &written.exceptions,
                calls_left_out: written.calls_left_out,
            };
            tracing.take(story.spans());
        }
        if !self.is_heard {
            return;
        }
        let nobody = Subject::Cron { pattern: String::new(), at: 0 };
        self.tail.publish(Event {
            target: Arc::clone(&self.target),
            request_id: Arc::clone(&self.request_id),
            outcome: written.outcome,
            at: millis(self.at),
            subject: std::mem::replace(&mut self.subject, nobody),
            status: written.status,
            logs: std::mem::take(&mut written.logs),
            exceptions: std::mem::take(&mut written.exceptions),
            cpu: written.cpu,
            wall: written.wall,
            tab: written.tries.last().map_or(0, |tried| tried.tab),
            truncated: written.truncated,
        });
    }
}

/// What a head asks for, as it may be shown.
fn subject(head: &RequestHead) -> Subject {
    if let Some(query) = head.url.strip_prefix(SCHEDULED) {
        let (mut pattern, mut at) = (String::new(), 0);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "cron" => pattern = value.into_owned(),
                "time" => at = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        return Subject::Cron { pattern, at };
    }
    let mut headers: Vec<(String, String)> = vec![];
    for name in head.headers.keys().filter(|name| !name.as_str().starts_with(INTERNAL)) {
        let value = if redact::is_sensitive(name.as_str()) {
            redact::REDACTED.to_owned()
        } else {
            let values: Vec<_> = head
                .headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            match name.as_str() {
                "referer" | "location" => redact::url(&values.join(", ")),
                _ => values.join(", "),
            }
        };
        headers.push((name.as_str().to_owned(), value));
    }
    let ip = head.headers.get(CONNECTING_IP).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Subject::Request {
        method: head.method.to_string(),
        url: redact::url(&head.url),
        ip: ip.to_owned(),
        headers,
    }
}

fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
