//! One event: what a request to a handler did, as Workers' tail tells it, and some more. Data alone.

use crate::telemetry::Outcome;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tabmesh_protocol::Target;

/// A console line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `debug`, `log`, `warn` or `error`.
    pub level: &'static str,
    /// The line. A stranger's text.
    pub text: String,
    /// When it came; milliseconds since 1970.
    pub at: u64,
}

/// Something that the handler threw and did not catch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// `TypeError`, say.
    pub name: String,
    /// What it said.
    pub message: String,
    /// Where, by the developer's own files.
    pub stack: String,
    /// When it came; milliseconds since 1970.
    pub at: u64,
}

impl Exception {
    /// Of a text whose first line names and tells the error, as tabs send it.
    #[must_use]
    pub fn parse(text: &str, at: u64) -> Self {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let is_name = |name: &str| {
            !name.is_empty()
                && name.len() <= 64
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let (name, message) = match first.split_once(": ") {
            Some((name, message)) if is_name(name) => (name, message),
            _ => ("Error", first),
        };
        // The stack begins with the same words.
        let stack = if rest.is_empty() { first } else { rest };
        Self { name: name.to_owned(), message: message.to_owned(), stack: stack.to_owned(), at }
    }
}

/// What the handler was run for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A request.
    Request {
        /// Method.
        method: String,
        /// URL, without secrets.
        url: String,
        /// Fields, without secrets; several of one name are joined.
        headers: Vec<(String, String)>,
        /// Address of the caller, for filters.
        ip: String,
    },
    /// A cron trigger.
    Cron {
        /// Its pattern.
        pattern: String,
        /// The minute it was for; milliseconds since 1970.
        at: u64,
    },
}

/// What happened. See the module's page.
#[derive(Clone, Debug)]
pub struct Event {
    /// Whose it is.
    pub target: Arc<Target>,
    /// Its id; one that another handler caused has its id and a dot in front.
    pub request_id: Arc<str>,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began; milliseconds since 1970.
    pub at: u64,
    /// What it was.
    pub subject: Subject,
    /// What was answered; 0 for nothing.
    pub status: u16,
    /// Lines of the console, in order.
    pub logs: Vec<Line>,
    /// What was thrown.
    pub exceptions: Vec<Exception>,
    /// CPU time as far as the tab told it.
    pub cpu: Duration,
    /// From its arrival to the end of its answer.
    pub wall: Duration,
    /// The tab that was tried last; 0 for none.
    pub tab: u64,
    /// Some of it was left out: too much, or too many such events at once.
    pub truncated: bool,
}

impl Event {
    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let logs: usize = self.logs.iter().map(|line| line.text.len() + size_of::<Line>()).sum();
        let thrown: usize =
            self.exceptions.iter().map(|it| it.message.len() + it.stack.len() + size_of::<Exception>()).sum();
        let subject = match &self.subject {
            Subject::Request { url, headers, .. } => {
                url.len() + headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum::<usize>()
            }
            Subject::Cron { pattern, .. } => pattern.len(),
        };
        size_of::<Self>() + logs + thrown + subject
    }
}

/// An event as one reader gets it.
#[derive(Clone, Debug)]
pub struct Told {
    /// What happened.
    pub event: Arc<Event>,
    /// Events that this reader lost before it, for it read too slowly.
    pub dropped: u64,
}

impl Told {
    /// The event as JSON, in Cloudflare's shape and with what is ours.
    #[must_use]
    pub fn json(&self) -> Value {
        let Event {
            target,
            request_id,
            outcome,
            at,
            subject,
            status,
            logs,
            exceptions,
            cpu,
            wall,
            tab,
            truncated,
        } = &*self.event;
        let subject = match subject {
            Subject::Request { method, url, headers, .. } => {
                let headers: Map<String, Value> =
                    headers.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
                let mut event =
                    json!({ "request": { "url": url, "method": method, "headers": headers, "cf": {} } });
                if *status > 0 {
                    event["response"] = json!({ "status": status });
                }
                event
            }
            Subject::Cron { pattern, at } => json!({ "cron": pattern, "scheduledTime": at }),
        };
        let logs: Vec<Value> = logs
            .iter()
            .map(|Line { level, text, at }| json!({ "message": [text], "level": level, "timestamp": at }))
            .collect();
        let exceptions: Vec<Value> = exceptions
            .iter()
            .map(
                |it| json!({ "name": it.name, "message": it.message, "stack": it.stack, "timestamp": it.at }),
            )
            .collect();
        json!({
            "outcome": outcome.name(),
            "scriptName": target.handler,
            "scriptVersion": { "id": target.version },
            "exceptions": exceptions,
            "logs": logs,
            "eventTimestamp": at,
            "event": subject,
            "cpuTime": cpu.as_millis(),
            "wallTime": wall.as_millis(),
            "truncated": truncated,
            "requestId": **request_id,
            "tenant": target.tenant,
            "tab": (*tab > 0).then_some(tab),
            "dropped": self.dropped,
            "diagnosticsChannelEvents": [],
            "entrypoint": null,
        })
    }
}
